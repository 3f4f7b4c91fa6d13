//! HTTP over TLS: the only modules that name ureq and rustls.
//!
//! Owns how a request travels: which proxy, whom to trust, how long to wait, what to try again. Nothing
//! of it is set up before the first request is sent.

mod connect;
mod failure;
mod proxy;
mod retry;
mod tls_error;
pub mod trust;
mod tunnel;
mod verify;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::form::encode_secret;
use crate::http::message::{Body, Request, Response, Route};
use crate::http::url::without_userinfo;
use crate::secret::Secret;
use crate::sys::notice::WaitNoticeThread;
use crate::time::parse_http_date;
use crate::waiting::WaitNotice;
use retry::Next;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http;

/// Waits for one connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Waits for one exchange, from the name's resolution to the body's last byte.
const EXCHANGE: Duration = Duration::from_secs(30);
/// The most that is read of an answer.
const MAX_BODY: u64 = 1 << 20;
/// More than a token response is long.
const MAX_TOKEN: usize = 64 << 10;
/// A clock that differs from the service's by more is worth a remark.
const CLOCK_SKEW: u64 = 5 * 60;

/// How requests are to be sent.
pub struct Settings {
    /// Bounds each [`Http::send`], retries included (`--timeout`).
    pub timeout: Duration,
    /// Bounds one connection, TLS included.
    pub connect: Duration,
    /// Files of certificate authorities to trust besides the others.
    pub extra_roots: Vec<PathBuf>,
    /// The SHA-1 of the one certificate that is accepted, of any issuer (Service Fabric).
    pub pinned: Option<[u8; 20]>,
    /// Certificate authorities in PEM, besides those files.
    pub root_data: Vec<Vec<u8>>,
    /// Where files or data name certificate authorities, only those are trusted.
    pub only_these_roots: bool,
    /// Any certificate is accepted (`--insecure-skip-tls-verify`).
    pub skips_verification: bool,
}

impl Settings {
    /// The usual ones.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            connect: CONNECT,
            extra_roots: Vec::new(),
            pinned: None,
            root_data: Vec::new(),
            only_these_roots: false,
            skips_verification: false,
        }
    }
}

/// Sends requests.
pub struct Http {
    settings: Settings,
    agent: OnceCell<ureq::Agent>,
    failure: failure::ConnectionNotes,
    skew: Cell<Option<i64>>,
    asked_to_wait: Cell<bool>,
}

impl Http {
    /// Remembers the settings; costs nothing until something is sent.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            agent: OnceCell::new(),
            failure: failure::ConnectionNotes::default(),
            skew: Cell::new(None),
            asked_to_wait: Cell::new(false),
        }
    }

    /// By how many seconds this machine's clock is ahead of the service's, if by more than five minutes.
    pub fn clock_skew(&self) -> Option<i64> {
        self.skew.get()
    }

    /// Whether a service was reached and asked for a longer pause than there was time for.
    pub fn was_asked_to_wait(&self) -> bool {
        self.asked_to_wait.get()
    }

    /// The proxy that a request to this address takes, as `host:port`.
    ///
    /// # Errors
    /// A proxy address that cannot be read.
    pub fn proxy(&self, ctx: &Context, url: &str) -> Result<Option<String>> {
        let uri = url.parse().map_err(|_| Error::new(format!("{url} is not an address")))?;
        Ok(proxy::select(ctx, &uri)?.map(|proxy| proxy.address()))
    }

    /// Who issued the certificate of the last server.
    pub fn tls_issuer(&self) -> Option<String> {
        self.failure.issuer_name()
    }

    /// Sends a request and reads the whole answer, whatever its status; tries again what is transient (`retry`).
    ///
    /// # Errors
    /// No connection, no trust, no answer in time, an answer over 1 MiB, a service that wants too long a pause. The errors name the host and
    /// never contain anything of the request's body.
    pub fn send(&self, ctx: &Context, request: &Request) -> Result<Response> {
        let deadline = ctx.clock.monotonic().saturating_add(self.settings.timeout);
        let mut waiting = WaitNotice::new(ctx);
        let mut attempt = 0;
        loop {
            let outcome = self.exchange(ctx, request, deadline.saturating_sub(ctx.clock.monotonic()));
            let left = deadline.saturating_sub(ctx.clock.monotonic());
            let pause = match (retry::next(ctx, request.retry, attempt, left, &outcome)?, outcome) {
                (Next::Wait(pause), _) => pause,
                (Next::AsksFor(asked), Ok(response)) => {
                    self.asked_to_wait.set(true);
                    return Err(retry::wait_error(host_of(&request.url), &response, asked));
                }
                (_, outcome) => return outcome.map_err(|attempt| attempt.error),
            };
            ctx.log(2, || format!("trying again in {} ms", pause.as_millis()));
            waiting.sleep(pause, || {
                format!("{}, which is unreachable or asked us to retry later", host_of(&request.url))
            });
            attempt += 1;
        }
    }

    fn exchange(
        &self,
        ctx: &Context,
        request: &Request,
        remaining: Duration,
    ) -> std::result::Result<Response, FailedAttempt> {
        let request_id = if request.route == Route::Provider { String::new() } else { ctx.uuid()? };
        // Wiped when dropped, unlike a body that is given away.
        let form = match &request.body {
            Body::Form(pairs) => {
                let extra = request.extra_fields.iter().map(|(name, value)| (name.as_str(), value));
                encode_secret(pairs.iter().map(|(name, value)| (*name, value)).chain(extra))
            }
            Body::None | Body::Empty => Secret::from(""),
        };
        let built = build(request, &request_id, form.expose().as_bytes())?;
        let host = built.uri().host().unwrap_or_default().to_owned();
        let proxy = match request.route {
            Route::Internet | Route::Provider => proxy::select(ctx, built.uri())?,
            Route::Local => None,
        };
        ctx.log(5, || {
            let via = proxy
                .as_ref()
                .map_or(String::new(), |proxy| format!(" through the proxy {}", proxy.address()));
            let id =
                if request_id.is_empty() { String::new() } else { format!(" (request id {request_id})") };
            format!("{} {}{via}{id}", built.method(), redacted(&request.url))
        });
        let limit = remaining.min(EXCHANGE);
        let failed = |e: &ureq::Error| self.failure.attempt(e, &host, proxy.as_ref(), limit);
        let _watched = WaitNoticeThread::new(ctx, format!("an answer from {host}"));
        let agent = self.agent(ctx);
        let sent = connect::configure(
            agent,
            built,
            proxy.clone().map(|proxy| proxy.inner),
            limit,
            remaining.min(self.settings.connect),
        );
        let mut answer = agent.run(sent).map_err(|e| failed(&e))?;
        // Roomy, so that no token is left behind when it grows.
        let mut body = Vec::with_capacity(MAX_TOKEN);
        answer
            .body_mut()
            .as_reader()
            .take(MAX_BODY + 1)
            .read_to_end(&mut body)
            .map_err(|e| failed(&ureq::Error::from(e)))?;
        if u64::try_from(body.len()).unwrap_or(u64::MAX) > MAX_BODY {
            return Err(FailedAttempt::permanent(Error::new(format!(
                "{host} answered with more than {MAX_BODY} bytes"
            ))));
        }
        let response = Response {
            status: answer.status().as_u16(),
            headers: answer
                .headers()
                .iter()
                .map(|(name, value)| {
                    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            body,
            request_id,
        };
        ctx.log(5, || format!("{host} answered {}, {} bytes", response.status, response.body.len()));
        self.note_clock(ctx, &response);
        Ok(response)
    }

    /// The agent, made for the first request.
    fn agent(&self, ctx: &Context) -> &ureq::Agent {
        self.agent.get_or_init(|| {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .proxy(None)
                .user_agent(user_agent())
                .accept("application/json")
                .accept_encoding("")
                .build();
            connect::agent(config, connect::Tls::new(ctx, &self.settings, self.failure.clone()))
        })
    }

    /// Remembers a clock that differs from the service's `Date` header: signed assertions and fresh
    /// tokens fail on a wrong clock.
    fn note_clock(&self, ctx: &Context, response: &Response) {
        if let Some(theirs) = response.header("date").and_then(parse_http_date) {
            let ours = ctx.now();
            let skewed = ours.abs_diff(theirs) > CLOCK_SKEW;
            let difference = i64::try_from(ours).unwrap_or(0) - i64::try_from(theirs).unwrap_or(0);
            self.skew.set(skewed.then_some(difference));
        }
    }
}

/// A try that failed.
struct FailedAttempt {
    error: Error,
    /// Whether the next try may go better.
    retryable: bool,
    /// Nothing listens there.
    connection_refused: bool,
}

impl FailedAttempt {
    fn permanent(error: Error) -> Self {
        Self { error, retryable: false, connection_refused: false }
    }
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        Self::permanent(error)
    }
}

fn build<'b>(request: &Request, request_id: &str, form: &'b [u8]) -> Result<http::Request<&'b [u8]>> {
    let is_tls = request.url.starts_with("https://");
    let is_allowed = match request.route {
        Route::Internet => is_tls,
        Route::Provider => is_tls || proxy::is_loopback(&request.url),
        Route::Local => true,
    };
    if !is_allowed {
        return Err(Error::new("a request that is not https was refused: tokens travel only over TLS"));
    }
    let mut builder = http::Request::builder().uri(&request.url);
    if request.route != Route::Provider {
        builder = builder.header("client-request-id", request_id).header("return-client-request-id", "true");
    }
    let is_replaced =
        |name: &str| request.extra_headers.iter().any(|(extra, _)| extra.eq_ignore_ascii_case(name));
    for (name, value) in request.headers.iter().filter(|(name, _)| !is_replaced(name)) {
        builder = builder.header(*name, value.expose());
    }
    for (name, value) in &request.extra_headers {
        builder = builder.header(name.as_str(), value.expose());
    }
    let method = match &request.body {
        Body::None => "GET",
        Body::Empty => "POST",
        Body::Form(_) => {
            builder = builder.header("content-type", "application/x-www-form-urlencoded");
            "POST"
        }
    };
    // The builder's own error may quote a header's value.
    builder.method(method).body(form).map_err(|_| {
        let address = redacted(&request.url);
        Error::new(format!(
            "cannot ask {address}: the address or a header has characters that HTTP does not allow"
        ))
    })
}

fn user_agent() -> String {
    format!("kubelogin/{} ({}; {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}

/// An address's host, for messages.
fn host_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// An address without user and query, which may hold what a log must not.
fn redacted(url: &str) -> Cow<'_, str> {
    without_userinfo(url.split('?').next().unwrap_or_default())
}
