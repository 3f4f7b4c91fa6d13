//! Addresses that a provider names: which of them may be asked, and which may be opened in a browser.

use crate::error::{Error, Result};
use crate::http::url::{HttpsUrl, without_userinfo};
use std::net::IpAddr;

/// Whether a host is this machine by its own words: a literal loopback address or `localhost` (RFC 8252 section 7.3).
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address to send requests to: https, or http on a loopback host.
///
/// # Errors
/// Another scheme or host, userinfo, a fragment, characters that no address has.
pub fn check_endpoint(text: &str) -> Result<()> {
    let refused = |why: &str| Err(Error::new(format!("the address \"{}\" {why}", without_userinfo(text))));
    if text.contains('\\') {
        return refused("contains a backslash");
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("https") => HttpsUrl::parse_endpoint(text).map(drop),
        Some("http") => {
            // The same grammar, then the host.
            let rest = text.get("http".len()..).unwrap_or_default();
            let parsed = HttpsUrl::parse_endpoint(&format!("https{rest}"))?;
            match is_loopback(parsed.host()) {
                true => Ok(()),
                false => refused("is not https: tokens travel only over TLS"),
            }
        }
        _ => refused("is not an https address"),
    }
}

/// The host of an address that [`check_endpoint`] has accepted, in lower case.
pub fn host(text: &str) -> String {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    host.to_ascii_lowercase()
}

/// An address to hand to an opener or to write into a Location header, written anew; `None` for anything that is not
/// https, or http on a loopback host: a server's text may be `file:`, a program's option or a share.
pub fn openable(text: &str) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\`{}|^".contains(&b);
    if text.len() > 32 << 10 || !text.bytes().all(is_plain) {
        return None;
    }
    let (address, fragment) = match text.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (text, None),
    };
    if fragment.is_some_and(|fragment| fragment.contains('#')) {
        return None;
    }
    check_endpoint(address).ok()?;
    let (scheme, rest) = address.split_once("://")?;
    let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
    Some(format!("{}://{rest}{fragment}", scheme.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_this_machine_only() {
        for good in [
            "https://idp.example/realms/a",
            "http://127.0.0.1:8080/x",
            "http://127.1.2.3/",
            "http://[::1]:8080/x?y=z",
            "http://localhost:5556/dex",
            "HTTP://LOCALHOST/",
        ] {
            assert!(check_endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "idp.example",
            "http://keycloak.internal/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://user@localhost/",
            "https://user:secret@idp.example/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "https://idp.example/#x",
            "https://idp.example/a b",
            "https://idp.example\\@evil/",
        ] {
            let error = check_endpoint(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{bad}: {error}");
        }
    }

    #[test]
    fn what_is_opened_is_a_web_page() {
        assert_eq!(
            openable("HTTPS://idp.example/d?user_code=A-B").as_deref(),
            Some("https://idp.example/d?user_code=A-B")
        );
        assert_eq!(openable("http://localhost:8080/d#x").as_deref(), Some("http://localhost:8080/d#x"));
        for bad in [
            "file:///etc/passwd",
            "\\\\host\\share",
            "vscode://x",
            "-option",
            "javascript:alert(1)",
            "http://evil.example/",
            "https://idp.example/\u{1b}[2J",
            "https://idp.example/ --x",
            "https://idp.example/'x",
            "https://u@idp.example/",
        ] {
            assert_eq!(openable(bad), None, "{bad}");
        }
    }
}
