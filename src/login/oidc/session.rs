//! The way to a provider: its document, token requests, and what is remembered of both.

use super::settings::{GrantType, Settings};
use crate::context::Context;
use crate::error::{Class, Error, Result};
use crate::http::message::{Request, Response, Route};
use crate::http::web_url::WebUrl;
use crate::oauth::oidc::client::ClientAuth;
use crate::oauth::oidc::grant::{Grant, token_request};
use crate::oauth::oidc::provider::{self, Known, Provider, check_issuer, document_url};
use crate::oauth::oidc::remedy::{Asked, Facts, remedy};
use crate::oauth::oidc::tokens::{self, Tokens};
use crate::oauth::token::TokenFailure;
use crate::sys::http::{Http, Settings as HttpSettings};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// How long a provider's document is remembered, in seconds.
const DOCUMENT_LIFE: u64 = 24 * 60 * 60;
/// So many redirects of the document are followed.
const MAX_REDIRECTS: usize = 3;

/// Why there are no tokens.
pub enum Refusal {
    /// There was no answer.
    Unreachable(Error),
    /// There was one, without tokens.
    Answer(TokenFailure, Box<Response>),
}

/// One provider, and how to ask it.
pub struct Session<'a> {
    /// The world.
    pub ctx: &'a Context,
    /// What was asked for.
    pub settings: Settings,
    /// The way to it.
    pub http: Http,
    /// What is remembered.
    pub known: RefCell<Known>,
    /// The document was read by this process.
    is_current: Cell<bool>,
}

impl<'a> Session<'a> {
    /// Sends nothing yet.
    pub fn new(ctx: &'a Context, settings: Settings, timeout: Duration) -> Self {
        let http = Http::new(HttpSettings {
            root_data: settings.roots.clone().unwrap_or_default(),
            only_these_roots: true,
            skips_verification: settings.skips_verification,
            ..HttpSettings::new(timeout)
        });
        Self { ctx, settings, http, known: RefCell::default(), is_current: Cell::new(false) }
    }

    /// Takes over what an earlier call has learned.
    pub fn recall(&self, known: Option<Known>) {
        if let Some(known) = known {
            *self.known.borrow_mut() = known;
        }
    }

    /// What the next call may use. Of a provider that was not verified nothing is.
    pub fn remembered(&self) -> Known {
        let known = self.known.borrow().clone();
        if self.settings.skips_verification { Known { provider: None, ..known } } else { known }
    }

    /// The provider's endpoints: those that are remembered, else from its document.
    ///
    /// # Errors
    /// The document cannot be had or used.
    pub fn provider(&self) -> Result<Provider> {
        let now = self.ctx.now();
        let is_recent = |known: &Known| now.checked_sub(known.read_on).is_some_and(|age| age < DOCUMENT_LIFE);
        let known = self.known.borrow().clone();
        let is_trusted = self.is_current.get() || (is_recent(&known) && !self.settings.skips_verification);
        match known.provider.filter(|_| is_trusted).and_then(|p| p.check(&self.settings.issuer).ok()) {
            Some(provider) => Ok(provider),
            None => self.discover(),
        }
    }

    /// Reads the provider's document anew.
    ///
    /// # Errors
    /// The document cannot be had or used.
    pub fn discover(&self) -> Result<Provider> {
        let issuer = &self.settings.issuer;
        let home = check_issuer(issuer)?;
        let mut url = WebUrl::parse(&document_url(issuer))?;
        let mut response = self.get(&url, true)?;
        for _ in 0..MAX_REDIRECTS {
            let Some(to) = provider::redirect(&url, &response) else { break };
            self.ctx.log(1, || format!("the provider's document is at {}", to.text()));
            response = self.get(&to, to.origin() == home.origin())?;
            url = to;
        }
        let provider = provider::read(&response, issuer)?;
        let mut known = self.known.borrow_mut();
        known.provider = Some(provider.clone());
        known.read_on = self.ctx.now();
        self.is_current.set(true);
        Ok(provider)
    }

    fn get(&self, url: &WebUrl, is_own: bool) -> Result<Response> {
        let request = Request { route: Route::Provider, ..Request::get(url.text()) };
        if is_own { self.send(request) } else { self.http.send(self.ctx, &request) }
    }

    /// Sends a request to the provider, with the headers of the command line.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub fn send(&self, mut request: Request) -> Result<Response> {
        request.extra_headers.clone_from(&self.settings.headers);
        self.http.send(self.ctx, &request)
    }

    /// Asks for tokens. Where a remembered endpoint is gone, the document is read anew, once.
    ///
    /// # Errors
    /// No answer, or one without tokens.
    pub fn exchange(&self, grant: &Grant) -> std::result::Result<Tokens, Refusal> {
        let provider = self.provider().map_err(Refusal::Unreachable)?;
        let result = self.exchange_at(&provider, grant);
        let may_have_moved = match &result {
            // Another server has the name now: no TLS.
            Err(Refusal::Unreachable(error)) => error.class() == Class::Permanent,
            Err(Refusal::Answer(_, response)) => matches!(response.status, 404 | 405),
            Ok(_) => false,
        };
        if !may_have_moved || self.is_current.get() {
            return result;
        }
        match self.discover() {
            Ok(moved) if moved.token_endpoint != provider.token_endpoint => self.exchange_at(&moved, grant),
            _ => result,
        }
    }

    fn exchange_at(&self, provider: &Provider, grant: &Grant) -> std::result::Result<Tokens, Refusal> {
        let client = &self.settings.client;
        let remembered = self.known.borrow().auth.filter(|_| client.secret.is_some());
        let auth = match remembered.filter(|auth| *auth != ClientAuth::Public) {
            Some(auth) => auth,
            None => client.auth(provider).map_err(Refusal::Unreachable)?,
        };
        let result = self.ask(provider, auth, grant);
        if auth == ClientAuth::Basic && is_about_client(&result) {
            self.ctx.log(1, || "the provider refuses the client in a header: trying the form".to_owned());
            return self.ask(provider, ClientAuth::Post, grant);
        }
        result
    }

    fn ask(
        &self,
        provider: &Provider,
        auth: ClientAuth,
        grant: &Grant,
    ) -> std::result::Result<Tokens, Refusal> {
        let request = token_request(provider, &self.settings.client, auth, grant);
        let response = self.send(request).map_err(Refusal::Unreachable)?;
        let tokens =
            tokens::read(&response).map_err(|failure| Refusal::Answer(failure, Box::new(response)))?;
        self.known.borrow_mut().auth = Some(auth);
        Ok(tokens)
    }

    /// The error to show for a refusal.
    pub fn explain(&self, refusal: Refusal, facts: &Facts) -> Error {
        let (failure, response) = match refusal {
            Refusal::Unreachable(error) => return error,
            Refusal::Answer(failure, response) => (failure, response),
        };
        match failure {
            TokenFailure::Other(error) => error.context("sign-in failed"),
            TokenFailure::Oauth(error) => {
                let hint = remedy(&error.error, &error.error_description, facts);
                let error = error.into_error(&response, "sign-in failed");
                match hint {
                    Some(hint) => error.or_hint(hint),
                    None => error,
                }
            }
        }
    }

    /// The facts for a remedy, but for what the browser was sent.
    pub fn facts(&self) -> Facts {
        Facts {
            asked: match self.settings.grant {
                GrantType::AuthCode | GrantType::Keyboard => Asked::Code,
                GrantType::DeviceCode => Asked::DeviceCode,
                GrantType::Password => Asked::Password,
                GrantType::ClientCredentials => Asked::ClientCredentials,
            },
            has_secret: self.settings.client.secret.is_some(),
            scope: self.settings.scope.clone(),
            ..Facts::default()
        }
    }
}

/// Whether the provider does not take how the client authenticates.
fn is_about_client(result: &std::result::Result<Tokens, Refusal>) -> bool {
    match result {
        Err(Refusal::Answer(TokenFailure::Oauth(error), response)) => {
            error.error == "invalid_client" || response.status == 401
        }
        Err(Refusal::Answer(TokenFailure::Other(_), response)) => response.status == 401,
        Err(Refusal::Unreachable(_)) | Ok(_) => false,
    }
}
