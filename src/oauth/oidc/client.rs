//! The requests of a client of any OpenID provider, and the tokens in the answers.

use super::provider::{ClientAuthentication, Provider};
use crate::error::{Error, Result};
use crate::http::form;
use crate::http::message::{Body, Request, Response, Retry, Route};
use crate::oauth::jwt;
use crate::oauth::pkce::{Pkce, State};
use crate::oauth::token::{self, TokenFailure};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

/// Parameters of the authorization request that its answer is checked by: no flag may set them.
const RESERVED: &[&str] = &[
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "client_id",
    "response_type",
    "grant_type",
    "client_secret",
];

/// Headers that belong to the transport.
const RESERVED_HEADERS: &[&str] = &["host", "content-length", "content-type"];

/// An application of a provider's.
#[derive(Debug)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
    /// `--oidc-request-header`: for the issuer and its endpoints.
    pub headers: Vec<(String, Secret)>,
}

/// The tokens of an answer.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For the API server, usually.
    pub id_token: Option<Secret>,
    /// For the API server with `--oidc-use-access-token`.
    pub access_token: Secret,
    /// For the next ones.
    pub refresh_token: Option<Secret>,
    /// How many seconds the access token is good for.
    pub expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
    error: Option<String>,
}

/// Refuses parameters that the answer is checked by.
///
/// # Errors
/// Which one.
pub fn check_parameters(pairs: &[(String, String)]) -> Result<()> {
    match pairs.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
        Some((name, _)) => Err(Error::new(format!(
            "--oidc-auth-request-extra-params must not set {name}: the answer is checked by it"
        ))),
        None => Ok(()),
    }
}

/// Refuses headers that belong to the transport, and characters that would begin another one.
///
/// # Errors
/// Which one.
pub fn check_headers(pairs: &[(String, String)]) -> Result<()> {
    for (name, value) in pairs {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            return Err(Error::new("--oidc-request-header has characters that no header has"));
        }
        if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::new(format!("--oidc-request-header must not set {name}")));
        }
    }
    Ok(())
}

/// What an authorization request is made of (OpenID Connect Core 1.0 section 3.1.2.1).
#[derive(Debug)]
pub struct Authorization<'a> {
    /// Where the answer goes; without one the provider uses the only one that is registered.
    pub redirect_uri: Option<&'a str>,
    /// Space-separated.
    pub scope: &'a str,
    /// Ties the answer to this process.
    pub state: &'a State,
    /// Ties the ID token to this request.
    pub nonce: &'a str,
    /// Ties the code to this process.
    pub pkce: Option<&'a Pkce>,
    /// `--oidc-auth-request-extra-params`
    pub extra: &'a [(String, String)],
}

impl Client {
    /// The address that the browser opens.
    pub fn authorize_url(&self, endpoint: &str, of: &Authorization) -> String {
        let challenge = of.pkce.map(Pkce::challenge);
        let mut query: Vec<(&str, &str)> = vec![
            ("access_type", "offline"),
            ("client_id", &self.id),
            ("nonce", of.nonce),
            ("response_type", "code"),
            ("scope", of.scope),
            ("state", of.state.expose()),
        ];
        query.extend(of.redirect_uri.map(|uri| ("redirect_uri", uri)));
        if let Some(challenge) = &challenge {
            query.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
        }
        query.retain(|(name, _)| !of.extra.iter().any(|(extra, _)| extra == name));
        query.extend(of.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{joint}{}", form::encode(query))
    }

    /// Redeems a code (RFC 6749 section 4.1.3).
    pub fn code_request(
        &self,
        provider: &Provider,
        how: ClientAuthentication,
        (code, redirect_uri, pkce): (&Secret, Option<&str>, Option<&Pkce>),
    ) -> Request {
        let mut fields = vec![("grant_type", Secret::from("authorization_code")), ("code", code.clone())];
        fields.extend(redirect_uri.map(|uri| ("redirect_uri", Secret::from(uri))));
        fields.extend(pkce.map(|pkce| ("code_verifier", pkce.verifier().clone())));
        self.token_request(provider, how, fields, Retry::Spending)
    }

    /// Gets the next tokens (RFC 6749 section 6), without a scope unless one is given.
    pub fn refresh_request(
        &self,
        provider: &Provider,
        how: ClientAuthentication,
        refresh_token: &Secret,
        scope: Option<&str>,
    ) -> Request {
        let mut fields =
            vec![("grant_type", Secret::from("refresh_token")), ("refresh_token", refresh_token.clone())];
        fields.extend(scope.map(|scope| ("scope", Secret::from(scope))));
        self.token_request(provider, how, fields, Retry::Spending)
    }

    /// Signs in with user name and password (RFC 6749 section 4.3).
    pub fn password_request(
        &self,
        provider: &Provider,
        how: ClientAuthentication,
        (username, password): (&str, &Secret),
        scope: &str,
    ) -> Request {
        let fields = vec![
            ("grant_type", Secret::from("password")),
            ("username", Secret::from(username)),
            ("password", password.clone()),
            ("scope", Secret::from(scope)),
        ];
        self.token_request(provider, how, fields, Retry::Usual)
    }

    /// Signs the application itself in (RFC 6749 section 4.4).
    pub fn client_credentials_request(
        &self,
        provider: &Provider,
        how: ClientAuthentication,
        scope: &str,
        extra: &[(String, String)],
    ) -> Request {
        let mut fields =
            vec![("grant_type", Secret::from("client_credentials")), ("scope", Secret::from(scope))];
        fields.retain(|(name, _)| !extra.iter().any(|(extra, _)| extra == name));
        let mut request = self.token_request(provider, how, fields, Retry::Usual);
        request.extra_fields =
            extra.iter().map(|(name, value)| (name.clone(), Secret::from(value.as_str()))).collect();
        request
    }

    /// Asks for a device code (RFC 8628 section 3.1); id and secret go in the form.
    pub fn device_request(&self, endpoint: &str, scope: &str, pkce: Option<&Pkce>) -> Request {
        let mut fields = vec![("client_id", Secret::from(self.id.as_str())), ("scope", Secret::from(scope))];
        fields.extend(self.secret.clone().map(|secret| ("client_secret", secret)));
        if let Some(pkce) = pkce {
            fields.push(("code_challenge", Secret::new(pkce.challenge())));
            fields.push(("code_challenge_method", Secret::from("S256")));
        }
        self.request(endpoint, fields, Retry::Usual)
    }

    /// Asks whether the user has entered the code (RFC 8628 section 3.4).
    pub fn poll_request(&self, provider: &Provider, code: &Secret, pkce: Option<&Pkce>) -> Request {
        let mut fields = vec![
            ("grant_type", Secret::from("urn:ietf:params:oauth:grant-type:device_code")),
            ("device_code", code.clone()),
        ];
        fields.extend(pkce.map(|pkce| ("code_verifier", pkce.verifier().clone())));
        self.token_request(provider, ClientAuthentication::Post, fields, Retry::Never)
    }

    fn token_request(
        &self,
        provider: &Provider,
        how: ClientAuthentication,
        mut fields: Vec<(&'static str, Secret)>,
        retry: Retry,
    ) -> Request {
        let basic = self.secret.as_ref().filter(|_| how == ClientAuthentication::Basic);
        if basic.is_none() {
            fields.push(("client_id", Secret::from(self.id.as_str())));
            fields.extend(self.secret.clone().map(|secret| ("client_secret", secret)));
        }
        let mut request = self.request(&provider.token_endpoint, fields, retry);
        if let Some(secret) = basic {
            // RFC 6749 section 2.3.1: both are form-encoded first.
            let encoded = |text: &str| form::percent_encode(text).replace("%20", "+");
            let pair = Secret::new(format!("{}:{}", encoded(&self.id), encoded(secret.expose())));
            let header = format!("Basic {}", STANDARD.encode(pair.expose()));
            request.headers.push(("Authorization", Secret::new(header)));
        }
        request
    }

    fn request(&self, url: &str, fields: Vec<(&'static str, Secret)>, retry: Retry) -> Request {
        self.with_headers(Request { body: Body::Form(fields), retry, ..Request::get(url.to_owned()) })
    }

    /// A request to the issuer or one of its endpoints.
    pub fn with_headers(&self, request: Request) -> Request {
        Request { route: Route::Provider, extra_headers: self.headers.clone(), ..request }
    }
}

/// Reads the tokens of an answer.
///
/// # Errors
/// An OAuth error, in whatever status; an answer without an access token; a token that cannot be a header.
pub fn read(response: &Response) -> std::result::Result<Tokens, TokenFailure> {
    let other = |why: &str| TokenFailure::Other(Error::new(format!("the provider's answer {why}")));
    if !response.is_success() {
        return Err(token::read_error(response));
    }
    let answer: Answer =
        serde_json::from_slice(&response.body).map_err(|_| other("is not a token response"))?;
    if answer.error.is_some() {
        return Err(token::read_error(response));
    }
    // They go into an HTTP header of kubectl's.
    let secret = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
        Some(text) if !text.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(other("has a token with invalid characters"))
        }
        text => Ok(text.map(Secret::new)),
    };
    Ok(Tokens {
        id_token: secret(answer.id_token)?,
        access_token: secret(answer.access_token)?.ok_or_else(|| other("has no access token"))?,
        refresh_token: secret(answer.refresh_token)?,
        expires_in: answer.expires_in.as_ref().and_then(token::seconds_of),
    })
}

/// The code and the answer's issue in what a user typed: the code or the whole address.
pub fn is_opaque(token: &Secret) -> bool {
    !jwt::looks_like_one(token.expose())
}
