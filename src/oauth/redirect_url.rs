//! The address on this machine to which the browser is sent back (RFC 8252 section 7.3).

use crate::error::{Error, Result};
use crate::http::url::without_userinfo;
use std::net::IpAddr;

/// Where the browser is sent back to: `http://localhost`, which is what public clients have registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectUrl {
    /// The port; `None` for any free one (RFC 8252 section 7.3).
    pub port: Option<u16>,
}

impl RedirectUrl {
    /// Reads `--redirect-url`, of which only the port counts. The original drops scheme, host and path, and app
    /// registrations follow that. It also drops the port of `localhost:8400`, which counts here.
    ///
    /// # Errors
    /// A host that is not this machine; a port that is none; text that is no address.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Error::new(format!("redirect URL \"{}\" is not valid: {why}", without_userinfo(text)))
                .hint("pass http://localhost with the port to listen on, such as http://localhost:8400")
        };
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if ["http", "https"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) => rest,
            Some(_) => return Err(refuse("its scheme is not http")),
            None => text,
        };
        let address = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (address, None),
        };
        if !is_this_machine(host) {
            return Err(refuse("its host is not this machine"));
        }
        let port = match port {
            None => None,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse::<u16>().map_err(|_| refuse("its port is not between 0 and 65535"))?)
            }
            Some(_) => return Err(refuse("its port is not a number")),
        };
        // Port 0 is any free one, as for a listener.
        Ok(Self { port: port.filter(|port| *port != 0) })
    }

    /// The `redirect_uri` to send, with `port` where none was given.
    pub fn text(&self, port: u16) -> String {
        format!("http://localhost:{}", self.port.unwrap_or(port))
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_counts() {
        for (given, sent) in [
            ("http://localhost", "http://localhost:7"),
            ("http://localhost:0", "http://localhost:7"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://localhost:8400/", "http://localhost:8400"),
            ("https://127.0.0.1:8400/x", "http://localhost:8400"),
            ("http://[::1]/", "http://localhost:7"),
            ("http://[::1]:8400", "http://localhost:8400"),
            ("HTTP://LocalHost:1?a:2#b", "http://localhost:1"),
            ("localhost:8400", "http://localhost:8400"),
            ("127.0.0.1:8400/a", "http://localhost:8400"),
        ] {
            assert_eq!(RedirectUrl::parse(given).map(|url| url.text(7)).as_deref(), Ok(sent), "{given}");
        }
    }

    #[test]
    fn other_machines_and_other_texts_are_refused() {
        for bad in [
            "",
            "8400",
            "x",
            "http://",
            "http://example.com",
            "https://example.com:8400/",
            "http://localhost.evil",
            "http://0.0.0.0:1",
            "http://10.0.0.1",
            "http://localhost:",
            "http://localhost:65536",
            "http://localhost:99999999999999999999",
            "http://localhost:+1",
            "http://localhost:1:2",
            "http://u@localhost",
            "http://u:hunter2@localhost",
            "ftp://localhost",
            "urn:ietf:wg:oauth:2.0:oob",
            "http://localhost\u{e4}",
        ] {
            let error = RedirectUrl::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
