//! Why an exchange failed, in words that name the host and what to do.

use super::FailedAttempt;
use crate::error::{Class, Error};
use rustls::CertificateError;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the connection's own code knows of a failure and ureq's error cannot carry.
#[derive(Clone, Debug, Default)]
pub struct ConnectionNotes {
    issuer: Arc<Mutex<Option<String>>>,
}

impl ConnectionNotes {
    /// Remembers who issued the certificate that a server has shown.
    pub fn set_issuer(&self, issuer: Option<String>) {
        if let Ok(mut note) = self.issuer.lock() {
            *note = issuer;
        }
    }

    /// Who issued the last server's certificate.
    pub fn issuer_name(&self) -> Option<String> {
        self.issuer.lock().ok()?.clone()
    }

    fn issuer(&self) -> String {
        match self.issuer_name() {
            Some(issuer) => format!("issued by \"{issuer}\""),
            None => "of an unknown issuer".to_owned(),
        }
    }

    /// The failed try that `error` stands for. `limit` is how long it was given.
    pub fn attempt(
        &self,
        error: &ureq::Error,
        host: &str,
        proxy: Option<&str>,
        limit: Duration,
    ) -> FailedAttempt {
        let via = proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}"));
        let transient = |message: String| Error::transient(message).hint(network_hint(proxy));
        let failed =
            |error: Error, retryable: bool| FailedAttempt { retryable, ..FailedAttempt::permanent(error) };
        match error {
            ureq::Error::HostNotFound => {
                failed(transient(format!("cannot find the address of {}", proxy.unwrap_or(host))), false)
            }
            ureq::Error::Timeout(ureq::Timeout::Resolve) => {
                failed(transient(format!("looking up the address of {host} took too long")), false)
            }
            ureq::Error::Timeout(ureq::Timeout::Connect) => {
                failed(transient(format!("cannot connect to {host}{via}: timed out")), false)
            }
            ureq::Error::Timeout(_) => failed(
                transient(format!("no complete answer from {host}{via} within {} s", tenths(limit))),
                false,
            ),
            ureq::Error::Io(error) => self.io(error, host, &via, proxy),
            ureq::Error::Tls(why) => {
                failed(Error::new(format!("no TLS connection to {host}{via}: {why}")), false)
            }
            ureq::Error::ConnectProxyFailed(why) => by_proxy(why, host, &via),
            ureq::Error::LargeResponseHeader(..) => {
                failed(Error::new(format!("the headers of the answer from {host}{via} are too large")), false)
            }
            ureq::Error::Other(other) => {
                match (other.downcast_ref::<Error>(), other.downcast_ref::<rustls::Error>()) {
                    (Some(error), _) => failed(error.clone(), false),
                    (None, Some(tls)) => failed(self.tls(tls, host, &via), false),
                    (None, None) => {
                        failed(Error::new(format!("no connection to {host}{via}: {other}")), false)
                    }
                }
            }
            other => {
                failed(Error::new(format!("the answer from {host}{via} is not valid HTTP: {other}")), false)
            }
        }
    }

    fn io(&self, error: &io::Error, host: &str, via: &str, proxy: Option<&str>) -> FailedAttempt {
        use io::ErrorKind as Kind;
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return FailedAttempt::permanent(self.tls(tls, host, via));
        }
        let (message, retryable) = match error.kind() {
            Kind::ConnectionRefused => (format!("cannot connect to {host}{via}: connection refused"), true),
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
                (format!("{host}{via} closed the connection: connection reset"), true)
            }
            Kind::UnexpectedEof => {
                (format!("{host}{via} closed the connection before its answer was complete"), true)
            }
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
                (format!("cannot reach {host}{via}: {error}"), false)
            }
            _ => (format!("the connection to {host}{via} failed: {error}"), false),
        };
        let connection_refused = error.kind() == Kind::ConnectionRefused;
        FailedAttempt {
            error: Error::transient(message).hint(network_hint(proxy)),
            retryable,
            connection_refused,
        }
    }

    fn tls(&self, error: &rustls::Error, host: &str, via: &str) -> Error {
        let start = format!("the TLS certificate of {host}{via}");
        match error {
            rustls::Error::InvalidCertificate(why) => match why {
                CertificateError::UnknownIssuer => Error::new(format!("{start}, {}, is not trusted", self.issuer()))
                    .hint("if that is your company's proxy, put its root certificate (PEM) into a file and name it in SSL_CERT_FILE or --certificate-authority"),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Error::new(format!("{start}, {}, has expired", self.issuer()))
                        .hint("check this machine's clock; if it is right, the service has to renew its certificate")
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Error::new(format!("{start}, {}, is not valid yet", self.issuer())).hint("check this machine's clock")
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Error::new(format!("{start}, {}, is for another host name", self.issuer()))
                        .hint("check the authority's address; a proxy that intercepts TLS may have answered")
                }
                CertificateError::ApplicationVerificationFailure => {
                    Error::new(format!("{start} is not the one that IDENTITY_SERVER_THUMBPRINT names"))
                }
                other => Error::new(format!("{start}, {}, cannot be used: {other}", self.issuer())),
            },
            rustls::Error::InvalidMessage(_) => {
                Error::new(format!("{host}{via} does not speak TLS on this port")).hint("check address and port of the authority")
            }
            rustls::Error::AlertReceived(alert) => {
                Error::new(format!("{host}{via} refused the TLS connection: {alert:?}"))
            }
            other => Error::new(format!("no TLS connection to {host}{via}: {other}")),
        }
    }
}

/// The proxy's answer to CONNECT: a busy one may let the next try through, a refusal stays one.
fn by_proxy(why: &str, host: &str, via: &str) -> FailedAttempt {
    // ureq says it in words: "proxy server responded 503/503", or "… did not respond".
    let status = why.rsplit('/').next().and_then(|digits| digits.parse::<u16>().ok());
    let message = match status {
        Some(status) => format!("the proxy refused the connection to {host}{via} (HTTP {status})"),
        None => format!("the proxy refused the connection to {host}{via}: it closed its own"),
    };
    let (error, hint) = match status {
        None | Some(408 | 429 | 500..) => (
            Error::transient(message),
            "try again later; if it stays so, ask whoever runs the proxy in HTTPS_PROXY",
        ),
        Some(407) => (Error::new(message), "check user name and password of the proxy in HTTPS_PROXY"),
        Some(_) => (
            Error::new(message),
            "check whether the proxy in HTTPS_PROXY lets this host through; or except the host with NO_PROXY",
        ),
    };
    let retryable = error.class() == Class::Transient;
    FailedAttempt { retryable, ..FailedAttempt::permanent(error.hint(hint)) }
}

/// Seconds to a tenth: what is left of a limit is a little less than the limit.
fn tenths(limit: Duration) -> f64 {
    (limit.as_secs_f64() * 10.0).round() / 10.0
}

fn network_hint(proxy: Option<&str>) -> &'static str {
    match proxy {
        Some(_) => "check the proxy in HTTPS_PROXY and whether it lets this host through",
        None => "check the network; behind a company proxy set HTTPS_PROXY",
    }
}
