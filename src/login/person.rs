//! The modes in which a person signs in: device code, browser, password. They share the client
//! application, the refresh token and the cache.

use super::session::{Refusal, Session};
use super::{browser::Browser, device_code, ropc::Password};
use crate::cache::{Entry, Key, RefreshError, TokenSource};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::mode::Mode;
use crate::oauth::authority::{AuthorityKind, Endpoints};
use crate::oauth::token::{Token, TokenFailure};
use crate::oauth::user_grant;
use crate::secret::Secret;

/// A sign-in of a person.
pub struct Person<'a> {
    /// The authority and the way to it.
    pub session: Session<'a>,
    /// The client application.
    pub client_id: String,
    mode: Mode,
    legacy: bool,
    how: How,
}

enum How {
    DeviceCode,
    Browser(Browser),
    Password(Password),
}

impl<'a> Person<'a> {
    /// Takes what the mode needs from the options.
    ///
    /// # Errors
    /// A missing client id, tenant id, user name or password; a redirect URL that cannot be used.
    pub fn new(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
        let mode = options.login();
        let how = match mode {
            Mode::Interactive => How::Browser(Browser::new(options)?),
            Mode::Ropc => How::Password(Password::new(options)?),
            _ => How::DeviceCode,
        };
        let legacy = options.is_on(Id::Legacy) && mode != Mode::Interactive;
        if options.is_on(Id::Legacy) && !legacy {
            ctx.log(1, || "--legacy is ignored in interactive login".to_owned());
        }
        Ok(Self { session: Session::new(ctx, options)?.with_pop()?, client_id, mode, legacy, how })
    }

    /// What its token is kept under.
    pub fn key(&self) -> Key {
        Key {
            legacy: self.legacy,
            user: match &self.how {
                How::DeviceCode => None,
                How::Browser(browser) => browser.login_hint.clone(),
                How::Password(password) => Some(password.username.clone()),
            },
            ..self.session.key(self.mode, &self.client_id)
        }
    }

    /// Where its requests go.
    ///
    /// # Errors
    /// As [`Session::endpoints`].
    pub fn endpoints(&self) -> Result<Endpoints> {
        if self.legacy { self.session.legacy_endpoints() } else { self.session.endpoints() }
    }

    /// Whether the v1 endpoints of Entra ID are used.
    pub fn is_v1(&self) -> bool {
        self.legacy && self.session.authority.kind() == AuthorityKind::Entra
    }

    /// Signs in, whatever is cached.
    ///
    /// # Errors
    /// Whatever keeps a token from being had.
    pub fn acquire(&self) -> Result<Token> {
        match &self.how {
            How::DeviceCode => device_code::sign_in(self),
            How::Browser(browser) => browser.sign_in(self),
            How::Password(password) => password.sign_in(self),
        }
    }
}

impl TokenSource for Person<'_> {
    fn refresh(&self, ctx: &Context, refresh_token: &Secret) -> std::result::Result<Entry, RefreshError> {
        let endpoints = self.endpoints().map_err(RefreshError::Unreachable)?;
        let request = user_grant::refresh(&endpoints, &self.client_id, &self.session.server, refresh_token);
        match self.session.exchange(request) {
            Ok(token) => Ok(Entry::new(token, ctx.now())),
            Err(Refusal::Unreachable(error)) => Err(RefreshError::Unreachable(error)),
            Err(Refusal::Answer(failure, response)) => {
                let is_final =
                    matches!(&failure, TokenFailure::Oauth(error) if !error.is_transient(&response));
                let error = self.session.explain(failure, &response);
                Err(if is_final { RefreshError::Rejected(error) } else { RefreshError::Unreachable(error) })
            }
        }
    }

    fn sign_in(&self, ctx: &Context) -> Result<Entry> {
        self.acquire().map(|token| Entry::new(token, ctx.now()))
    }
}
