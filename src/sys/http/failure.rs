//! Why an exchange failed, in words that name the host and what to do.

use super::FailedAttempt;
use super::proxy::Proxy;
use super::tls_error;
use crate::error::{Class, Error};
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

    /// The failed try that `error` stands for. `limit` is how long it was given.
    pub fn attempt(
        &self,
        error: &ureq::Error,
        host: &str,
        proxy: Option<&Proxy>,
        limit: Duration,
    ) -> FailedAttempt {
        let via = proxy.map_or(String::new(), |proxy| format!(" through the proxy {}", proxy.address()));
        // The name that this machine looks up.
        let peer = proxy.map_or(host.to_owned(), |proxy| format!("the proxy {}", proxy.inner.host()));
        let transient = |message: String| Error::transient(message).hint(network_hint(proxy));
        let failed =
            |error: Error, retryable: bool| FailedAttempt { retryable, ..FailedAttempt::permanent(error) };
        match error {
            ureq::Error::HostNotFound => {
                failed(transient(format!("cannot find the address of {peer}")), false)
            }
            ureq::Error::Timeout(ureq::Timeout::Resolve) => {
                failed(transient(format!("looking up the address of {peer} took too long")), false)
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
            ureq::Error::ConnectProxyFailed(why) => {
                by_proxy(why, host, &via, proxy.map_or("HTTPS_PROXY", |proxy| proxy.variable))
            }
            ureq::Error::LargeResponseHeader(..) => {
                failed(Error::new(format!("the headers of the answer from {host}{via} are too large")), false)
            }
            ureq::Error::Other(other) => {
                match (other.downcast_ref::<Error>(), other.downcast_ref::<rustls::Error>()) {
                    (Some(error), _) => failed(error.clone(), false),
                    (None, Some(tls)) => {
                        failed(tls_error::explain(tls, host, &via, self.issuer_name().as_deref()), false)
                    }
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

    fn io(&self, error: &io::Error, host: &str, via: &str, proxy: Option<&Proxy>) -> FailedAttempt {
        use io::ErrorKind as Kind;
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return FailedAttempt::permanent(tls_error::explain(
                tls,
                host,
                via,
                self.issuer_name().as_deref(),
            ));
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
}

/// The proxy's answer to CONNECT: a busy one may let the next try through, a refusal stays one.
fn by_proxy(why: &str, host: &str, via: &str, variable: &str) -> FailedAttempt {
    // ureq says it in words: "proxy server responded 503/503", or "… did not respond".
    let status = why.rsplit('/').next().and_then(|digits| digits.parse::<u16>().ok());
    let message = match status {
        Some(status) => format!("the proxy refused the connection to {host}{via} (HTTP {status})"),
        None => format!("the proxy refused the connection to {host}{via}: it closed its own"),
    };
    let (error, hint) = match status {
        None | Some(408 | 429 | 500..) => (
            Error::transient(message),
            format!("try again later; if it stays so, ask the operator of the proxy in {variable}"),
        ),
        Some(407) => {
            (Error::new(message), format!("check user name and password of the proxy in {variable}"))
        }
        Some(_) => (
            Error::new(message),
            format!(
                "check whether the proxy in {variable} lets this host through; or except the host with NO_PROXY"
            ),
        ),
    };
    let retryable = error.class() == Class::Transient;
    FailedAttempt { retryable, ..FailedAttempt::permanent(error.hint(hint)) }
}

/// Seconds to a tenth: what is left of a limit is a little less than the limit.
fn tenths(limit: Duration) -> f64 {
    (limit.as_secs_f64() * 10.0).round() / 10.0
}

fn network_hint(proxy: Option<&Proxy>) -> String {
    match proxy {
        Some(proxy) => format!("check the proxy in {} and whether it lets this host through", proxy.variable),
        None => "check the network; behind a company proxy set HTTPS_PROXY".to_owned(),
    }
}
