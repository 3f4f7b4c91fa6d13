//! Which proxy a request takes, by the rules that Go's tools follow: a proxy that kubectl uses is used
//! here, a host that kubectl reaches directly is reached directly.
//!
//! Source: golang.org/x/net/http/httpproxy. `ALL_PROXY` stands in for an unset `HTTPS_PROXY`, as in curl.

use crate::context::{Context, Env};
use crate::error::{Error, Result};
use crate::http::url::is_scheme;
use std::net::IpAddr;
use ureq::http::Uri;

/// A proxy, and the variable that names it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// The proxy.
    pub inner: ureq::Proxy,
    /// `HTTPS_PROXY` or one of its stand-ins.
    pub variable: &'static str,
}

impl Proxy {
    /// `host:port`, without the credentials.
    pub fn address(&self) -> String {
        format!("{}:{}", self.inner.host(), self.inner.port())
    }
}

/// The proxy for `uri`, if it takes one.
///
/// # Errors
/// A proxy address that cannot be read; its text may hold a password and is not shown. A variable that is not UTF-8:
/// the request must not go out directly as if there were none.
pub fn select(ctx: &Context, uri: &Uri) -> Result<Option<Proxy>> {
    let host = uri.host().unwrap_or_default();
    if is_local(host) || bypasses(no_proxy(&ctx.env)?, host, uri.port_u16().unwrap_or(443)) {
        return Ok(None);
    }
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let Some(address) = ctx.env.try_text(variable)? else { continue };
        match address_for_ureq(address.trim()) {
            Ok(address) => return read(&address, variable).map(Some),
            // Desktops export one for all their programs. Go's tools, kubectl too, do not read it.
            Err(scheme) if variable.eq_ignore_ascii_case("ALL_PROXY") => ctx.log(1, || {
                format!("{variable} is ignored: it names a proxy of the unsupported kind {scheme}://")
            }),
            Err(scheme) => {
                return Err(Error::new(format!(
                    "{variable} names a proxy of the unsupported kind {scheme}://"
                ))
                .hint("use http://, https:// or socks5://"));
            }
        }
    }
    Ok(None)
}

/// The address as ureq reads it; the scheme if that is none of ours.
fn address_for_ureq(address: &str) -> std::result::Result<String, String> {
    // What has no scheme's characters is no scheme but a piece of a user name and password.
    let Some((scheme, rest)) = address.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return Ok(format!("http://{address}"));
    };
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        // Go resolves the name at the proxy for both. GNOME writes socks.
        "socks" | "socks5" | "socks5h" => Ok(format!("socks5h://{rest}")),
        "http" | "https" => Ok(format!("{scheme}://{rest}")),
        _ => Err(scheme),
    }
}

fn read(address: &str, variable: &'static str) -> Result<Proxy> {
    match ureq::Proxy::new(address) {
        Ok(inner) if !inner.host().is_empty() => Ok(Proxy { inner, variable }),
        _ => Err(Error::new(format!("{variable} is not a proxy address"))
            .hint("write it as http://[user:password@]host:port, with special characters percent-encoded")),
    }
}

/// Whether an address leads to this machine by its own words.
pub fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
    host.eq_ignore_ascii_case("localhost") || address_of(host).is_some_and(|address| address.is_loopback())
}

fn no_proxy(env: &Env) -> Result<&str> {
    let capital = env.try_text("NO_PROXY")?;
    Ok(capital.map_or_else(|| env.try_text("no_proxy"), |text| Ok(Some(text)))?.unwrap_or_default())
}

fn address_of(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// This machine, or its own link: never behind a proxy.
fn is_local(host: &str) -> bool {
    match address_of(host) {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Some(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether an entry of `NO_PROXY` covers `host:port`.
fn bypasses(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = address_of(&host);
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if entry.is_empty() {
            return false;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return matches!(
                (address, network.parse(), bits.parse()),
                (Some(address), Ok(network), Ok(bits)) if in_network(address, network, bits)
            );
        }
        let (name, wanted_port) = split_port(&entry);
        if wanted_port.is_some_and(|wanted| wanted != port) {
            return false;
        }
        if let Some(entry_address) = address_of(name) {
            return address == Some(entry_address);
        }
        match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
            Some(suffix) => host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
            None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

/// `host:port`, where an IPv6 address needs brackets to have a port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    bits <= width && (bits == 0 || (address ^ network) >> (width - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_forms() {
        for (entry, host, covered) in [
            ("example.com", "example.com", true),
            ("example.com", "login.example.com", true),
            ("example.com", "badexample.com", false),
            (".example.com", "example.com", false),
            (".example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("EXAMPLE.com", "Example.COM.", true),
            ("*", "anything", true),
            ("a,b ,  example.com", "example.com", true),
            ("", "example.com", false),
            (",,", "example.com", false),
            ("example.com:443", "example.com", true),
            ("example.com:8443", "example.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("[fd12::1]:443", "[fd12::1]", true),
            ("fd12::1", "[fd12::1]", true),
            ("10.0.0.0/8", "ten.example", false),
        ] {
            assert_eq!(bypasses(entry, host, 443), covered, "{entry} {host}");
        }
    }

    fn choose(env: &[(&str, &str)], uri: &str) -> Result<Option<Proxy>> {
        select(&Context::real().with_env(env.iter().copied().collect()), &uri.parse().unwrap())
    }

    fn selected(env: &[(&str, &str)], uri: &str) -> Option<String> {
        choose(env, uri).unwrap().map(|proxy| proxy.address())
    }

    #[test]
    fn variables_in_their_order() {
        let uri = "https://login.example/";
        assert_eq!(selected(&[("HTTP_PROXY", "http://p:1")], uri), None);
        assert_eq!(selected(&[("https_proxy", "http://p:1")], uri).as_deref(), Some("p:1"));
        assert_eq!(
            selected(&[("https_proxy", "http://p:1"), ("HTTPS_PROXY", "http://q:2")], uri).as_deref(),
            Some("q:2")
        );
        assert_eq!(selected(&[("ALL_PROXY", "p:3")], uri).as_deref(), Some("p:3"));
        assert_eq!(selected(&[("HTTPS_PROXY", "socks5://p:4")], uri).as_deref(), Some("p:4"));
        assert_eq!(selected(&[("HTTPS_PROXY", "http://p:1"), ("no_proxy", "example")], uri), None);
    }

    #[test]
    fn schemes_have_no_case_and_socks_is_socks5() {
        for scheme in ["socks", "SOCKS", "Socks5", "SOCKS5H", "socks5h"] {
            let address = format!("{scheme}://user:pass@p:7897/");
            let proxy = choose(&[("ALL_PROXY", &address)], "https://x.example/").unwrap().unwrap();
            assert_eq!((proxy.address().as_str(), proxy.variable), ("p:7897", "ALL_PROXY"), "{address}");
            assert_eq!(proxy.inner.protocol(), ureq::ProxyProtocol::Socks5h, "{address}");
        }
        for (address, protocol) in
            [("HTTP://p:1", ureq::ProxyProtocol::Http), ("Https://p:1", ureq::ProxyProtocol::Https)]
        {
            let proxy = choose(&[("https_proxy", address)], "https://x.example/").unwrap().unwrap();
            assert_eq!(proxy.inner.protocol(), protocol);
        }
    }

    #[test]
    fn an_unknown_kind_is_an_error_but_for_all_programs() {
        let uri = "https://x.example/";
        for kind in ["socks4", "socks4a", "ftp", "quic", "pac+http"] {
            let address = format!("{kind}://p:1");
            assert_eq!(selected(&[("ALL_PROXY", &address)], uri), None, "{kind}");
            assert_eq!(
                selected(&[("ALL_PROXY", &address), ("all_proxy", "p:2")], uri).as_deref(),
                Some("p:2")
            );
            let error = choose(&[("HTTPS_PROXY", &address), ("ALL_PROXY", "p:2")], uri).unwrap_err();
            assert!(error.message().contains(kind), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_text_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
            let odd = std::ffi::OsString::from_vec(b"http://127.0.0.1:9/\xff".to_vec());
            let ctx = Context::real().with_env([(std::ffi::OsString::from(name), odd)].into_iter().collect());
            let chosen = |uri: &str| select(&ctx, &uri.parse().unwrap());
            assert!(chosen("https://x.example/").unwrap_err().message().contains(name), "{name}");
            let is_exception = name.eq_ignore_ascii_case("NO_PROXY");
            assert!(is_exception || chosen("https://localhost/").unwrap().is_none(), "{name}");
        }
    }

    #[test]
    fn this_machine_is_never_behind_a_proxy() {
        for uri in
            ["https://localhost:1/", "https://127.0.0.2/", "https://[::1]:2/", "http://169.254.169.254/x"]
        {
            assert_eq!(selected(&[("HTTPS_PROXY", "http://p:1")], uri), None, "{uri}");
        }
    }

    #[test]
    fn a_bad_address_is_an_error_that_shows_no_password() {
        for address in [
            "ftp://user:hunter2@p",
            "http://user:hunter2@",
            "http:// user:hunter2@p",
            "user:a://hunter2@p",
            "hunter2@://p",
        ] {
            let error = choose(&[("HTTPS_PROXY", address)], "https://x.example/").unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    /// Found by fuzzing.
    #[test]
    fn a_proxy_has_a_host() {
        for address in [":1080", "http://:1080", "socks5://:1080", "http://user@:1080"] {
            let error = choose(&[("HTTPS_PROXY", address)], "https://x.example/").unwrap_err();
            assert_eq!(error.message(), "HTTPS_PROXY is not a proxy address", "{address}");
        }
    }
}
