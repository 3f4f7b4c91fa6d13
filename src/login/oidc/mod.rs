//! `oidc`: any OpenID provider, with the command line of int128's kubelogin.
//!
//! ```text
//! document (remembered for a day) ──> browser │ keyboard │ device code │ password │ the client itself
//!                                            └───────────────┬──────────────────────────────┘
//!                                                            v
//!                  token request ──> checks of the ID token ──> the cluster's token, and the next refresh token
//! ```

mod browser;
mod device;
mod password;
mod session;
mod settings;

use super::sign_in_page::check_openers;
use super::{Finding, SignIn};
use crate::cache::{Entry, Key, RefreshError};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Class, Error, Result};
use crate::oauth::oidc::grant::Grant;
use crate::oauth::oidc::id_token::{self, IdClaims, Wanted};
use crate::oauth::oidc::provider::Provider;
use crate::oauth::oidc::remedy::{Asked, Facts};
use crate::oauth::oidc::tokens::{Tokens, access_expiry};
use crate::oauth::owner::Owner;
use crate::oauth::pkce::Pkce;
use crate::oauth::token::{Token, TokenFailure};
use crate::secret::Secret;
use crate::sys::loopback::Loopback;
use serde_json::Value;
use session::{Refusal, Session};
use settings::{GrantType, PkceMethod, Settings};

struct Oidc<'a> {
    session: Session<'a>,
    opens: bool,
    command: Option<String>,
    /// The keyring was asked for.
    wants_keyring: bool,
}

/// The sign-in that the options describe.
///
/// # Errors
/// A setting that is missing or cannot be used.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let settings = Settings::new(ctx, options)?;
    let wants_keyring = options.text(Id::TokenCacheStorage) == Some("keyring");
    if wants_keyring {
        ctx.log(1, || KEYRING.to_owned());
    }
    if settings.skips_verification && ctx.console.stderr_terminal().is_terminal {
        ctx.warn(SKIPS_VERIFICATION);
    }
    let session = Session::new(ctx, settings, options.duration(Id::Timeout));
    let opens = !options.is_on(Id::SkipOpenBrowser);
    let command = options.text(Id::BrowserCommand).map(str::to_owned);
    Ok(Box::new(Oidc { session, opens, command, wants_keyring }))
}

const KEYRING: &str = "tokens are cached on disk: this program does not use a keyring";
const SKIPS_VERIFICATION: &str = "the provider's certificate is not verified (--insecure-skip-tls-verify)";

impl SignIn for Oidc<'_> {
    fn key(&self) -> Option<Key> {
        Some(self.session.settings.key())
    }

    fn prompts(&self) -> bool {
        match self.session.settings.grant {
            GrantType::AuthCode | GrantType::Keyboard | GrantType::DeviceCode => true,
            // It says itself as whom: a user name need not be the account's name.
            GrantType::Password | GrantType::ClientCredentials => false,
        }
    }

    fn extra(&self) -> Option<Value> {
        serde_json::to_value(self.session.remembered()).ok()
    }

    fn acquire(&self) -> Result<Token> {
        match self.session.settings.grant {
            GrantType::AuthCode => self.browser(),
            GrantType::Keyboard => self.keyboard(),
            GrantType::Password => self.password(),
            GrantType::DeviceCode => self.device_code(),
            GrantType::ClientCredentials => self.client_credentials(),
        }
    }

    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        let settings = &self.session.settings;
        let Some(refresh_token) = &cached.refresh_token else {
            return Err(RefreshError::Rejected(Error::new("there is no refresh token")));
        };
        self.session.recall(cached.extra.clone().and_then(|extra| serde_json::from_value(extra).ok()));
        let mut tokens = self.refreshed(refresh_token, None)?;
        if tokens.id_token.is_none() && !settings.uses_access_token {
            // F5 and PingFederate give one only where the scope is named again. The refresh token may be a new one.
            let next = tokens.refresh_token.clone().unwrap_or_else(|| refresh_token.clone());
            tokens =
                Tokens { refresh_token: Some(next.clone()), ..self.refreshed(&next, Some(&settings.scope))? };
            if tokens.id_token.is_none() {
                return Err(RefreshError::Rejected(Error::new("the provider refreshes no ID token")));
            }
        }
        let first = self.session.known.borrow().subject.clone();
        let token = self.checked(tokens, None).map_err(RefreshError::Failed)?;
        let now = self.session.known.borrow().subject.clone();
        if first.is_some() && first != now {
            self.session.known.borrow_mut().subject = None;
            return Err(RefreshError::Rejected(Error::new("the provider refreshed another user's token")));
        }
        Ok(Entry::new(token, ctx.now()))
    }

    fn check(&self) -> Result<Finding> {
        let session = &self.session;
        let provider = session.discover()?;
        let issuer = &session.settings.issuer;
        let certificate = session
            .http
            .tls_issuer()
            .map_or(String::new(), |name| format!("; its certificate was issued by {name}"));
        let text = format!("{issuer} answers, and its issuer is the one that was given{certificate}");
        if session.settings.grant == GrantType::DeviceCode && provider.device_endpoint.is_none() {
            return Err(no_device_endpoint());
        }
        Ok(match session.settings.skips_verification {
            true => Finding::Doubtful(
                format!("{text}; {SKIPS_VERIFICATION}"),
                "name the provider's certificate authority with --certificate-authority instead",
            ),
            false => Finding::Good(text),
        })
    }

    fn remarks(&self) -> Vec<Finding> {
        let settings = &self.session.settings;
        let mut remarks = Vec::new();
        if settings.grant == GrantType::AuthCode {
            remarks.push(check_openers(self.session.ctx, self.opens, self.command.as_deref()));
            remarks.push(match Loopback::bind_first(&settings.places) {
                Ok(loopback) => Finding::Good(format!(
                    "the browser can return to {}",
                    settings.redirect_uri(loopback.port())
                )),
                Err(error) => Finding::Doubtful(
                    error.message().to_owned(),
                    "end the program that uses the port, or name another with --listen-address",
                ),
            });
        }
        if self.wants_keyring {
            remarks.push(Finding::Doubtful(KEYRING.to_owned(), "leave --token-cache-storage out"));
        }
        remarks
    }
}

impl Oidc<'_> {
    /// Signs in as the client itself (RFC 6749 section 4.4).
    fn client_credentials(&self) -> Result<Token> {
        let settings = &self.session.settings;
        let grant = Grant::ClientCredentials(&settings.scope, &settings.parameters);
        let tokens = self
            .session
            .exchange(&grant)
            .map_err(|refusal| self.session.explain(refusal, &self.session.facts()))?;
        self.checked(tokens, None)
    }

    fn refreshed(
        &self,
        refresh_token: &Secret,
        scope: Option<&str>,
    ) -> std::result::Result<Tokens, RefreshError> {
        const GONE: &[&str] =
            &["invalid_grant", "interaction_required", "login_required", "consent_required"];
        self.session.exchange(&Grant::Refresh(refresh_token, scope)).map_err(|refusal| {
            let (is_gone, is_transient) = match &refusal {
                Refusal::Unreachable(error) => (false, error.class() == Class::Transient),
                Refusal::Answer(TokenFailure::Oauth(error), response) => {
                    (GONE.contains(&error.error.as_str()), error.is_transient(response))
                }
                Refusal::Answer(TokenFailure::Other(error), _) => (false, error.class() == Class::Transient),
            };
            let error =
                self.session.explain(refusal, &Facts { asked: Asked::Refresh, ..self.session.facts() });
            match (is_gone, is_transient) {
                (true, _) => RefreshError::Rejected(error),
                (false, true) => RefreshError::Unreachable(error),
                (false, false) => RefreshError::Failed(error),
            }
        })
    }

    /// The cluster's token, once the ID token has passed its checks.
    fn checked(&self, tokens: Tokens, nonce: Option<&str>) -> Result<Token> {
        let (settings, now) = (&self.session.settings, self.session.ctx.now());
        let wanted = Wanted { issuer: &settings.issuer, client_id: &settings.client.id, nonce };
        let check = |token: &Secret| id_token::check(token.expose(), &wanted, now);
        let claims = tokens.id_token.as_ref().map(check).transpose()?;
        if let Some(IdClaims { subject, .. }) = &claims {
            self.session.known.borrow_mut().subject = Some(subject.clone());
        }
        let text = |token: &Option<Secret>| token.as_ref().map(|token| token.expose().clone());
        let (access, id) = (text(&tokens.access_token), text(&tokens.id_token));
        let owner = Owner::of(access.as_deref().unwrap_or_default(), id.as_deref(), None);
        let refresh_token = tokens.refresh_token;
        if settings.uses_access_token {
            let access_token = tokens
                .access_token
                .ok_or_else(|| Error::new("access_token is missing in the token response"))?;
            let expires_on = access_expiry(&access_token, tokens.expires_in, now)?;
            return Ok(Token { access_token, expires_on, refresh_token, owner });
        }
        match (tokens.id_token, claims) {
            (Some(access_token), Some(claims)) => {
                Ok(Token { access_token, expires_on: claims.expires_on, refresh_token, owner })
            }
            _ => Err(Error::new("id_token is missing in the token response").hint(self.no_id_token())),
        }
    }

    fn no_id_token(&self) -> String {
        let issuer = &self.session.settings.issuer;
        match self.session.settings.grant {
            GrantType::ClientCredentials => format!(
                "{issuer} gives a client only an access token, as most providers do: add --oidc-use-access-token"
            ),
            _ => format!(
                "let {issuer} issue ID tokens to this client (scope openid), or add --oidc-use-access-token if the cluster takes access tokens"
            ),
        }
    }

    /// The secret of one sign-in, where PKCE is wanted.
    fn pkce(&self, provider: &Provider) -> Result<Option<Pkce>> {
        let is_sent = match self.session.settings.pkce {
            PkceMethod::Auto => provider.has_s256,
            PkceMethod::No => false,
            PkceMethod::S256 => true,
        };
        is_sent.then(|| self.session.ctx.random().map(Pkce::new)).transpose()
    }
}

fn no_device_endpoint() -> Error {
    Error::new("the provider does not do the device code grant: it names no device_authorization_endpoint")
        .hint("leave --grant-type out to use the browser")
}
