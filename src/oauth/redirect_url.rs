//! The address on this machine to which the browser is sent back (RFC 8252 section 7.3).

use crate::error::{Error, Result};
use crate::http::url::without_userinfo;

/// Which loopback addresses a redirect address means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// `localhost`: IPv4 or IPv6, as the browser pleases.
    Localhost,
    /// `127.0.0.1`
    V4,
    /// `[::1]`
    V6,
}

/// Where the browser is sent back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUrl {
    /// The host.
    pub host: Host,
    /// The port; `None` for any free one (RFC 8252 section 7.3).
    pub port: Option<u16>,
    path: String,
}

impl Default for RedirectUrl {
    /// `http://localhost` on any port: what public clients have registered.
    fn default() -> Self {
        Self { host: Host::Localhost, port: None, path: String::new() }
    }
}

impl RedirectUrl {
    /// Reads `--redirect-url`.
    ///
    /// # Errors
    /// Anything but `http://` with localhost, 127.0.0.1 or [::1], an optional port and path.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = || {
            Error::new(format!("redirect URL \"{}\" is not valid", without_userinfo(text)))
                .hint("give http://localhost, http://127.0.0.1 or http://[::1], with any port and path")
        };
        let rest = text.strip_prefix("http://").ok_or_else(refuse)?;
        let path_start = rest.find('/').unwrap_or(rest.len());
        let (address, path) = rest.split_at_checked(path_start).ok_or_else(refuse)?;
        let hosts = [("localhost", Host::Localhost), ("127.0.0.1", Host::V4), ("[::1]", Host::V6)];
        let (port, host) = hosts
            .into_iter()
            .find_map(|(name, host)| Some((address.strip_prefix(name)?, host)))
            .ok_or_else(refuse)?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(refuse)?)
            }
            _ => return Err(refuse()),
        };
        if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&b)) {
            return Err(refuse());
        }
        Ok(Self { host, port, path: path.to_owned() })
    }

    /// The `redirect_uri` to send: as it was given, with `port` where it named none.
    pub fn text(&self, port: u16) -> String {
        let host = match self.host {
            Host::Localhost => "localhost",
            Host::V4 => "127.0.0.1",
            Host::V6 => "[::1]",
        };
        format!("http://{host}:{}{}", self.port.unwrap_or(port), self.path)
    }

    /// The path that a browser asks for.
    pub(super) fn request_path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_urls() {
        for (given, sent) in [
            ("http://localhost", "http://localhost:7"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:1/a/b", "http://127.0.0.1:1/a/b"),
            ("http://[::1]/", "http://[::1]:7/"),
        ] {
            assert_eq!(RedirectUrl::parse(given).unwrap().text(7), sent);
        }
        for bad in [
            "",
            "localhost",
            "https://localhost",
            "http://example.com",
            "http://localhost.evil",
            "http://localhost:",
            "http://localhost:0",
            "http://localhost:65536",
            "http://localhost:+1",
            "http://u@localhost",
            "http://::1",
            "http://localhost?x",
            "http://localhost/#x",
            "http://localhost/ x",
            "http://127.0.0.2",
            "HTTP://localhost",
            "http://localhost:1:2",
            "http://localhost/\u{e4}",
        ] {
            assert!(RedirectUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
