//! Addresses of OpenID providers, and of pages that a browser is sent to: https, or http on the loopback interface.
//!
//! An address from outside is parsed and written anew before a program opens it or a `Location` names it: to an
//! opener, `file:`, `\\host\share`, `vscode:` and `-option` are commands.

use super::url::{is_host, without_userinfo};
use crate::error::{Error, Result};
use std::net::IpAddr;

/// Longer addresses are no page's.
const MAX_BYTES: usize = 16 << 10;

/// An https address of any host, or an http address of this machine, without userinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl {
    is_https: bool,
    host: String,
    port: Option<u16>,
    /// Path, query and fragment.
    rest: String,
}

impl WebUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Another scheme; http on another machine; userinfo; a host or a port that is none; characters that an address
    /// cannot have, and quotes.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::new(format!("the address \"{}\" {why}", without_userinfo(text))));
        if text.len() > MAX_BYTES {
            return Err(Error::new("the address is too long"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("is not an absolute URL");
        };
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return refuse("is neither https nor http");
        }
        let is_plain = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\`{}|^".contains(&b);
        if !rest.bytes().all(is_plain) {
            return refuse("has characters that must be percent-encoded");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return refuse("contains a user name or password");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => match port.parse::<u16>() {
                // A number's sign is none of a port's.
                Ok(number @ 1..) if port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(number)),
                _ => return refuse("has no valid port"),
            },
            _ => (authority, None),
        };
        if !is_host(host) {
            return refuse("has no valid host name (write an international name in its xn-- form)");
        }
        let host = host.to_ascii_lowercase();
        if !is_https && !is_loopback(&host) {
            return refuse("is not https: tokens travel only over TLS");
        }
        let usual = if is_https { 443 } else { 80 };
        let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        Ok(Self { is_https, host, port: port.filter(|port| *port != usual), rest })
    }

    /// Reads the address of an endpoint.
    ///
    /// # Errors
    /// As [`WebUrl::parse`]; a fragment (RFC 6749 section 3.1).
    pub fn parse_endpoint(text: &str) -> Result<Self> {
        if text.contains('#') {
            return Err(Error::new(format!("the address \"{}\" has a fragment", without_userinfo(text))));
        }
        Self::parse(text)
    }

    /// Whether it is https.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host name in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.is_https { 443 } else { 80 })
    }

    /// The path; begins with a slash.
    pub fn path(&self) -> &str {
        self.rest.split(['?', '#']).next().unwrap_or("/")
    }

    /// Whether it has a query or a fragment.
    pub fn has_query(&self) -> bool {
        self.rest.contains(['?', '#'])
    }

    /// `scheme://host[:port]`
    pub fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{}{port}", self.host)
    }

    /// The whole address, written anew.
    pub fn text(&self) -> String {
        self.origin() + &self.rest
    }
}

/// Whether a host is this machine by its name alone: 127.0.0.0/8, `[::1]`, `localhost`.
pub fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_opened_is_written_anew() {
        for (text, anew) in [
            ("HTTPS://Idp.Example/a?b=c#d", "https://idp.example/a?b=c#d"),
            ("https://a:443?x", "https://a/?x"),
            ("https://a:8443#/device", "https://a:8443/#/device"),
            ("http://localhost:8000", "http://localhost:8000/"),
            ("http://LOCALHOST:80/", "http://localhost/"),
            ("http://127.9.9.9:1/x", "http://127.9.9.9:1/x"),
            ("http://[::1]:443/", "http://[::1]:443/"),
        ] {
            assert_eq!(WebUrl::parse(text).unwrap().text(), anew, "{text}");
        }
    }

    #[test]
    fn what_no_browser_is_sent_to() {
        for bad in [
            "",
            "-option",
            "--help",
            "file:///etc/passwd",
            "FILE://x/y",
            r"\\host\share",
            "vscode://x",
            "javascript:alert(1)",
            "data:text/html,x",
            "ms-msdt:/id",
            "https:/a",
            "https://",
            "https:///x",
            "https://?x",
            "https://u@a/",
            "https://u:hunter2@a/",
            "https://a/\" --x",
            "https://a/'x",
            "https://a/`id`",
            "https://a/ b",
            "https://a/\tb",
            "https://a/\nb",
            "https://a/\u{1b}[2J",
            "https://a/\u{e4}",
            "https://\u{e4}/",
            "https://a:0/",
            "https://a:/",
            "https://a:+1/",
            "https://a:99999/",
            "https://[::1/",
            "http://a/",
            "http://192.168.0.1/",
            "http://localhost.evil/",
            "http://127.0.0.1.evil/",
            "http://[::2]/",
            "http://0.0.0.0/",
            " https://a/",
        ] {
            let error = WebUrl::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(WebUrl::parse(&format!("https://a/{}", "x".repeat(MAX_BYTES))).is_err());
        assert!(WebUrl::parse_endpoint("https://a/#x").is_err());
    }
}
