//! What the modes in which a user signs in share: the client application, its endpoints, the refresh token.

use super::session::{Refusal, Session};
use crate::cache::{Entry, Key, RefreshError};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::authority::{AuthorityKind, Endpoints};
use crate::oauth::token::TokenFailure;
use crate::oauth::user_grant;

/// Where Entra ID issues tokens; another provider's configuration document names other paths.
const ENTRA_TOKEN_PATH: &str = "/oauth2/v2.0/token";

/// A client application through which a user signs in.
pub struct UserClient<'a> {
    /// The authority and the way to it.
    pub session: Session<'a>,
    /// The application.
    pub client_id: String,
    legacy: bool,
}

impl<'a> UserClient<'a> {
    /// Takes it from the options.
    ///
    /// # Errors
    /// A missing client id or tenant id, an authority that cannot be used.
    pub fn new(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
        let legacy = options.is_on(Id::Legacy) && super::modes::row(options.login()).takes_legacy;
        Ok(Self { session: Session::new(ctx, options)?.with_pop()?, client_id, legacy })
    }

    /// What its token is cached under; `user` where the settings name one.
    pub fn key(&self, user: Option<&str>) -> Key {
        Key { legacy: self.legacy, user: user.map(str::to_owned), ..self.session.key(&self.client_id) }
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

    /// Whether a refresh token of this client may serve its other servers too. Entra ID's do; those of AD FS and of
    /// other providers are for one server, or end with their first use.
    pub fn shares_refresh_tokens(&self) -> bool {
        self.session.authority.kind() == AuthorityKind::Entra
    }

    /// Exchanges the refresh token of another server's entry. Another provider's is refused without being sent.
    ///
    /// # Errors
    /// As [`UserClient::refresh`].
    pub fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError> {
        let endpoints = self.session.endpoints().map_err(RefreshError::Unreachable)?;
        if !self.shares_refresh_tokens() || !endpoints.token.ends_with(ENTRA_TOKEN_PATH) {
            return Err(RefreshError::Rejected(Error::new(
                "this provider's refresh tokens are for one server",
            )));
        }
        self.refresh(ctx, relative)
    }

    /// Exchanges an entry's refresh token for the next tokens (RFC 6749 section 6).
    ///
    /// # Errors
    /// Whether the service refused or was not reached.
    pub fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        let Some(refresh_token) = &cached.refresh_token else {
            return Err(RefreshError::Rejected(Error::new("there is no refresh token")));
        };
        let endpoints = self.endpoints().map_err(RefreshError::Unreachable)?;
        let request = user_grant::refresh(&endpoints, &self.client_id, &self.session.server, refresh_token);
        match self.session.exchange(request) {
            Ok(token) => Ok(Entry::new(token, ctx.now())),
            Err(Refusal::Unreachable(error)) => Err(RefreshError::Unreachable(error)),
            Err(Refusal::Answer(failure, response)) => {
                let is_permanent =
                    matches!(&failure, TokenFailure::Oauth(error) if !error.is_transient(&response));
                let error = self.session.explain(failure, &response);
                Err(match is_permanent {
                    true => RefreshError::Rejected(error),
                    false => RefreshError::Unreachable(error),
                })
            }
        }
    }
}
