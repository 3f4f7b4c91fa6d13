//! An HTTP request to send and the answer that came, as plain data.

use crate::secret::Secret;
use zeroize::Zeroize;

/// What a request asks for and how it may travel.
#[derive(Debug)]
pub struct Request {
    /// The full address.
    pub url: String,
    /// Headers beside those that every request has.
    pub headers: Vec<(&'static str, Secret)>,
    /// The user's own headers; they take the place of ours of the same name.
    pub extra_headers: Vec<(String, Secret)>,
    /// The user's own fields of the form.
    pub extra_fields: Vec<(String, Secret)>,
    /// GET, or POST with its body.
    pub body: Body,
    /// What is tried again.
    pub retry: Retry,
    /// How it reaches its peer.
    pub route: Route,
}

/// A request's method with its body.
#[derive(Debug)]
pub enum Body {
    /// GET.
    None,
    /// POST, `application/x-www-form-urlencoded`.
    Form(Vec<(&'static str, Secret)>),
    /// POST with an empty body.
    Empty,
}

/// Which failures are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Refused and reset connections, 408, 429, 500, 502, 503, 504.
    Usual,
    /// The same and 404, 410, which the instance metadata service answers while an identity is not ready: until the time
    /// is over.
    Metadata,
    /// Only what the service cannot have read (a refused connection) or asks us to repeat (429 and 503 with
    /// Retry-After): the request spends a code or a refresh token.
    Spending,
    /// Nothing: the caller does it (polling).
    Never,
}

/// How a request reaches its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// TLS, through a proxy where the environment names one.
    Internet,
    /// The same to an OpenID provider: without Entra ID's request ids, and plain HTTP to a loopback host is allowed.
    Provider,
    /// Never a proxy; plain HTTP is allowed. For managed identity endpoints only.
    Local,
}

impl Request {
    /// A GET over TLS.
    pub fn get(url: String) -> Self {
        Self {
            url,
            headers: Vec::new(),
            extra_headers: Vec::new(),
            extra_fields: Vec::new(),
            body: Body::None,
            retry: Retry::Usual,
            route: Route::Internet,
        }
    }

    /// A form POST over TLS.
    pub fn post(url: String, form: Vec<(&'static str, Secret)>) -> Self {
        Self { body: Body::Form(form), ..Self::get(url) }
    }
}

/// The answer, whole: at most 1 MiB of body, which may hold a token and is wiped when dropped.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The `client-request-id` that was sent.
    pub request_id: String,
}

impl Drop for Response {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl Response {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The other cloud whose metadata service answered, by its header.
    pub fn other_cloud(&self) -> Option<&'static str> {
        let has = |name: &str, value: &str| self.header(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
        if has("metadata-flavor", "Google") {
            return Some("Google Cloud");
        }
        has("server", "EC2ws").then_some("Amazon EC2")
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
