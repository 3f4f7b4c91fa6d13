//! The part of URLs that authorities need: `https://host[:port]/path`, nothing else. An address that was
//! refused may hold a password, so nothing shows one as it came.

use crate::error::{Error, Result};
use std::borrow::Cow;

/// An absolute https address without userinfo, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsUrl {
    host: String,
    port: Option<u16>,
    path: String,
}

impl HttpsUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Another scheme (tokens travel only over TLS), userinfo, a query, a fragment, a host that is not
    /// plain ASCII (an international name is written in its `xn--` form), a bad port.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_shown_as(text, text)
    }

    /// Reads an address that may have a query, which is kept out of it.
    ///
    /// # Errors
    /// As [`HttpsUrl::parse`]; characters that no address has anywhere (RFC 3986 section 2).
    pub fn parse_endpoint(text: &str) -> Result<Self> {
        let is_plain = |b: u8| b.is_ascii_graphic() && !b"#\"<>\\`{}|^".contains(&b);
        if !text.bytes().all(is_plain) {
            let shown = without_userinfo(text);
            return Err(Error::new(format!(
                "the address \"{shown}\" has a fragment, or characters that must be percent-encoded"
            )));
        }
        Self::parse_shown_as(text.split('?').next().unwrap_or_default(), text)
    }

    /// Reads `text`, a part of the address `shown`.
    fn parse_shown_as(text: &str, shown: &str) -> Result<Self> {
        let refuse =
            |why: &str| Err(Error::new(format!("the address \"{}\" {why}", without_userinfo(shown))));
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("is not an absolute URL");
        };
        if scheme.eq_ignore_ascii_case("http") {
            return refuse("is not https: tokens travel only over TLS");
        }
        if !scheme.eq_ignore_ascii_case("https") {
            return refuse("is not https");
        }
        if rest.contains(['?', '#']) {
            return refuse("must have neither query nor fragment");
        }
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        if authority.contains('@') {
            return Err(Error::new("an authority's address must not contain a user name or password"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => match port.parse::<u16>() {
                Ok(port) if port != 0 => (host, Some(port)),
                _ => return refuse("has no valid port"),
            },
            _ => (authority, None),
        };
        if !is_host(host) {
            return refuse("has no valid host name (write an international name in its xn-- form)");
        }
        if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&b)) {
            return refuse("has a path with characters that must be percent-encoded");
        }
        Ok(Self { host: host.to_ascii_lowercase(), port: port.filter(|port| *port != 443), path })
    }

    /// The host name in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path; always starts with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `https://host[:port]`
    pub fn origin(&self) -> String {
        match self.port {
            Some(port) => format!("https://{}:{port}", self.host),
            None => format!("https://{}", self.host),
        }
    }
}

/// An address to show: what stands before its last `@`, which may be a user name and a password, is masked.
///
/// Any text can be shown so, an address or not: what cannot be told from a password is taken for one.
pub fn without_userinfo(text: &str) -> Cow<'_, str> {
    let Some((before, after)) = text.rsplit_once('@') else {
        return Cow::Borrowed(text);
    };
    match before.split_once("://") {
        Some((scheme, _)) if is_scheme(scheme) => Cow::Owned(format!("{scheme}://***@{after}")),
        _ => Cow::Owned(format!("***@{after}")),
    }
}

/// Whether it has a scheme's characters (RFC 3986 section 3.1).
pub fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

pub(super) fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty()
        && host.len() <= 253
        && !host.starts_with(['.', '-'])
        && !host.contains("..")
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_port_and_path() {
        let url = HttpsUrl::parse("HTTPS://Login.Example:8443/adfs/").unwrap();
        assert_eq!((url.host(), url.path()), ("login.example", "/adfs/"));
        assert_eq!(url.origin(), "https://login.example:8443");
        assert_eq!(HttpsUrl::parse("https://a:443").unwrap().origin(), "https://a");
        assert_eq!(HttpsUrl::parse("https://[::1]:9/").unwrap().origin(), "https://[::1]:9");
    }

    #[test]
    fn refuses_what_is_no_plain_https_address() {
        for bad in [
            "",
            "x",
            "http://a/",
            "ftp://a/",
            "https://",
            "https:///x",
            "https://u:p@a/",
            "https://a/?q",
            "https://a/#f",
            "https://a:0/",
            "https://a:x/",
            "https://a:99999/",
            "https://münchen.de/",
            "https://a b/",
            "https://a/ b",
            "https://.a/",
            "https://a..b/",
            "https://[::1/",
            "https://[x]/",
            "https://-a/",
            "https://a\n/",
        ] {
            assert!(HttpsUrl::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_endpoint_may_have_a_query_of_plain_characters() {
        let url = HttpsUrl::parse_endpoint("https://a/t?p=B2C_1&x=%20@/?").unwrap();
        assert_eq!((url.host(), url.path()), ("a", "/t"));
        for bad in
            ["#", "\"", "<", ">", "\\", "`", "{", "}", "|", "^", " ", "\n", "\u{1b}", "\u{7}", "\u{e4}"]
        {
            assert!(HttpsUrl::parse_endpoint(&format!("https://a/t?x={bad}y")).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_userinfo() {
        for (text, shown) in [
            ("https://a/b?c", "https://a/b?c"),
            ("https://user:hunter2@a/", "https://***@a/"),
            ("https://user:hun/ter2@a/?b", "https://***@a/?b"),
            ("https://user:hun@ter2@a", "https://***@a"),
            ("user:hunter2@a", "***@a"),
            ("user:x://hunter2@a", "***@a"),
            ("", ""),
        ] {
            assert_eq!(without_userinfo(text), shown);
        }
        for refused in ["https://user:hunter2@a/", "https://user:hunter2@a/?x", "http://user:hunter2@a/"] {
            assert!(!HttpsUrl::parse(refused).unwrap_err().to_string().contains("hunter2"), "{refused}");
        }
        let query = HttpsUrl::parse_endpoint("https://user:hunter?2@a/").unwrap_err();
        assert!(!query.to_string().contains("hunter"), "{query}");
    }
}
