//! `oidc`: any OpenID provider, by the command lines of int128's program of the same name.
//!
//! ```text
//! the entry's endpoints, at most a day old, or discovery -> one grant -> the ID token's checks -> token
//! ```

mod grants;
mod settings;

use super::session::network;
use super::{Finding, SignIn};
use crate::cache::{Entry, Key, RefreshError, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::{Request, Response};
use crate::mode::Mode;
use crate::oauth::oidc::client::{self, Tokens};
use crate::oauth::oidc::id_token::{self, Expected};
use crate::oauth::oidc::provider::{self, ClientAuthentication, Provider};
use crate::oauth::oidc::remedy::{Facts, remedy};
use crate::oauth::oidc::web_address::{check_endpoint, host};
use crate::oauth::owner::Owner;
use crate::oauth::token::{Token, TokenFailure};
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use crate::sys::http::Http;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use settings::{Grant, PkceMethod, Settings};
use std::cell::{Cell, OnceCell, RefCell};

/// How often the configuration document may redirect.
const MAX_REDIRECTS: usize = 3;
/// How long an entry's endpoints are used, in seconds.
const ENDPOINTS_LIFE: u64 = 86_400;
/// A PEM bundle is smaller.
const MAX_BUNDLE: u64 = 16 << 20;

/// A sign-in to a provider.
struct Oidc<'a> {
    ctx: &'a Context,
    settings: Settings,
    http: Http,
    /// Of the certificate authorities, for the cache key.
    trust: String,
    provider: OnceCell<Provider>,
    /// How the application proved who it is, once that worked.
    authentication: Cell<Option<ClientAuthentication>>,
    /// For the entry.
    learned: RefCell<Option<Learned>>,
}

/// What an entry keeps of a provider: a refresh is then one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Learned {
    provider: Provider,
    authentication: Option<ClientAuthentication>,
    /// When the document was read.
    read_on: u64,
    /// The user's `sub`.
    subject: Option<String>,
}

/// The sign-in that the options describe.
///
/// # Errors
/// A missing issuer or client id, a setting that cannot be used, a file of certificates that cannot be read.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let settings = Settings::new(ctx, options)?;
    let trust = trust(options, &settings)?;
    if settings.skips_verification && ctx.console.stderr_terminal().is_terminal {
        ctx.warn("the provider's TLS certificate is not verified (--insecure-skip-tls-verify)");
    }
    let http = Http::new(crate::sys::http::Settings {
        root_data: settings.authority_data.clone(),
        only_these_roots: true,
        skips_verification: settings.skips_verification,
        ..network(options)
    });
    Ok(Box::new(Oidc {
        ctx,
        settings,
        http,
        trust,
        provider: OnceCell::new(),
        authentication: Cell::new(None),
        learned: RefCell::default(),
    }))
}

/// A hash of the certificate authorities that the flags name: another authority may mean another provider. A file that
/// cannot be read is an error only once a connection needs it.
fn trust(options: &Options, settings: &Settings) -> Result<String> {
    let files: Vec<Vec<u8>> = options
        .paths(Id::CertificateAuthority)
        .iter()
        .map(|path| {
            read_bounded(path, MAX_BUNDLE).unwrap_or_else(|_| path.as_os_str().as_encoded_bytes().to_vec())
        })
        .collect();
    let parts: Vec<&[u8]> = files.iter().chain(&settings.authority_data).map(Vec::as_slice).collect();
    Ok(fingerprint(&parts))
}

impl SignIn for Oidc<'_> {
    fn key(&self) -> Option<Key> {
        let of = &self.settings;
        let secret = of.client.secret.as_ref().map_or("", |secret| secret.expose());
        let mut pairs: Vec<String> = of.extra.iter().map(|(k, v)| format!("param {k}={v}")).collect();
        pairs.extend(of.client.headers.iter().map(|(k, v)| format!("header {k}={}", v.expose())));
        pairs.sort_unstable();
        let family = match of.grant {
            Grant::Password => "password",
            Grant::ClientCredentials => "client-credentials",
            Grant::AuthorizationCode | Grant::Keyboard | Grant::DeviceCode => "person",
        };
        let switches = format!("{:?} {} {} {family}", of.pkce, of.uses_access_token, of.skips_verification);
        let redirect = of.redirect_url.as_deref().unwrap_or_default();
        let mut parts: Vec<&[u8]> = vec![
            of.issuer.as_bytes(),
            of.client.id.as_bytes(),
            secret.as_bytes(),
            of.scope.as_bytes(),
            redirect.as_bytes(),
            switches.as_bytes(),
            self.trust.as_bytes(),
        ];
        parts.extend(pairs.iter().map(String::as_bytes));
        Some(Key {
            authority: of.issuer.clone(),
            client: of.client.id.clone(),
            server: of.scope.clone(),
            mode: Mode::Oidc.name().to_owned(),
            user: of.username.clone().filter(|_| of.grant == Grant::Password),
            credential: Some(fingerprint(&parts)),
            ..Key::default()
        })
    }

    fn acquire(&self) -> Result<Token> {
        match self.settings.grant {
            Grant::AuthorizationCode => grants::browser(self),
            Grant::Keyboard => grants::keyboard(self),
            Grant::Password => grants::password(self),
            Grant::DeviceCode => grants::device_code(self),
            Grant::ClientCredentials => grants::client_credentials(self),
        }
    }

    fn prompts(&self) -> bool {
        self.settings.grant != Grant::ClientCredentials
    }

    fn extra(&self) -> Option<Value> {
        serde_json::to_value(self.learned.borrow().as_ref()?).ok()
    }

    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        let Some(refresh_token) = &cached.refresh_token else {
            return Err(RefreshError::Rejected(Error::new("there is no refresh token")));
        };
        self.renew(refresh_token, cached.extra.as_ref()).map(|token| Entry::new(token, ctx.now()))
    }

    fn check(&self) -> Result<Finding> {
        let provider = self.provider()?;
        let mut text = format!("the OpenID provider {} answers", provider.issuer);
        if self.settings.skips_verification {
            text += "; its TLS certificate is not verified (--insecure-skip-tls-verify)";
        }
        if self.settings.grant == Grant::AuthorizationCode {
            text += &format!("; the browser is redirected to {}", grants::listener(self)?.1);
        }
        Ok(Finding::Good(text))
    }
}

impl Oidc<'_> {
    /// The provider, from its configuration document, which is read once.
    fn provider(&self) -> Result<&Provider> {
        if let Some(provider) = self.provider.get() {
            return Ok(provider);
        }
        let provider = self.discover()?;
        Ok(self.provider.get_or_init(|| provider))
    }

    fn discover(&self) -> Result<Provider> {
        let issuer = &self.settings.issuer;
        let mut request = self.settings.client.with_headers(provider::request(issuer)?);
        let first_host = host(&request.url);
        for _ in 0..=MAX_REDIRECTS {
            let response =
                self.http.send(self.ctx, &request).map_err(|e| e.context("oidc discovery error"))?;
            let target = match response.status {
                301 | 302 | 303 | 307 | 308 => response.header("location").map(str::to_owned),
                _ => None,
            };
            let Some(target) = target else {
                return provider::read(&response, issuer, &request.url);
            };
            check_endpoint(&target).map_err(|e| e.context("oidc discovery error: a redirect"))?;
            if request.url.starts_with("https://") && !target.starts_with("https://") {
                return Err(Error::new("oidc discovery error: a redirect leads away from https"));
            }
            let headers = if host(&target) == first_host { request.extra_headers } else { Vec::new() };
            request = Request {
                extra_headers: headers,
                route: crate::http::message::Route::Provider,
                ..Request::get(target)
            };
        }
        Err(Error::new(format!("oidc discovery error: {issuer} redirects again and again")))
    }

    /// Whether PKCE is sent.
    fn sends_pkce(&self, provider: &Provider) -> bool {
        match self.settings.pkce {
            PkceMethod::Auto => provider.has_s256,
            PkceMethod::No => false,
            PkceMethod::S256 => true,
        }
    }

    /// Sends a token request, with the secret where the provider takes it.
    fn exchange(&self, build: impl Fn(&Provider, ClientAuthentication) -> Request) -> Result<Tokens> {
        let (failure, response) = match self.try_exchange(build)? {
            Ok(tokens) => return Ok(tokens),
            Err(refusal) => refusal,
        };
        Err(self.explain(failure, &response))
    }

    #[allow(clippy::type_complexity)] // Two failures: of the way there, and of the answer.
    fn try_exchange(
        &self,
        build: impl Fn(&Provider, ClientAuthentication) -> Request,
    ) -> Result<std::result::Result<Tokens, (TokenFailure, Response)>> {
        let provider = self.provider()?;
        let has_secret = self.settings.client.secret.is_some();
        let first = match self.authentication.get().or(provider.authentication) {
            Some(first) => first,
            None if !has_secret => ClientAuthentication::Post,
            None => {
                return Err(Error::new(
                    "the provider takes no client secret, only keys or certificates of the client (private_key_jwt, tls_client_auth), which kubelogin does not support",
                ));
            }
        };
        let response = self.http.send(self.ctx, &build(provider, first))?;
        let failure = match client::read(&response) {
            Ok(tokens) => {
                self.authentication.set(Some(first));
                return Ok(Ok(tokens));
            }
            Err(failure) => failure,
        };
        let is_about_client = response.status == 401
            || matches!(&failure, TokenFailure::Oauth(e) if e.error == "invalid_client");
        if !(has_secret && first == ClientAuthentication::Basic && is_about_client) {
            return Ok(Err((failure, response)));
        }
        let response = self.http.send(self.ctx, &build(provider, ClientAuthentication::Post))?;
        Ok(match client::read(&response) {
            Ok(tokens) => {
                self.authentication.set(Some(ClientAuthentication::Post));
                Ok(tokens)
            }
            Err(failure) => Err((failure, response)),
        })
    }

    fn explain(&self, failure: TokenFailure, response: &Response) -> Error {
        let error = match failure {
            TokenFailure::Oauth(error) => *error,
            TokenFailure::Other(error) => return error.context("sign-in failed"),
        };
        let hint = remedy(&error.error, &error.error_description, &self.facts());
        // Entra ID's request id is not sent here.
        let response =
            Response { request_id: String::new(), headers: Vec::new(), body: Vec::new(), ..*response };
        let error = error.into_error(&response, "sign-in failed");
        match hint {
            Some(hint) => error.or_hint(hint),
            None => error,
        }
    }

    fn facts(&self) -> Facts {
        let of = &self.settings;
        Facts {
            grant: of.grant.name(),
            redirect_uri: of.redirect_url.clone().unwrap_or_else(|| "http://localhost:8000".to_owned()),
            scope: of.scope.clone(),
            has_secret: of.client.secret.is_some(),
            has_pkce: self.provider.get().is_some_and(|provider| self.sends_pkce(provider)),
        }
    }

    /// The token for the cluster, after its checks.
    fn token(&self, tokens: Tokens, nonce: Option<&str>, subject: Option<&str>) -> Result<Token> {
        let (ctx, of) = (self.ctx, &self.settings);
        let now = ctx.now();
        let expected = Expected { issuer: &of.issuer, client_id: &of.client.id, nonce, subject, now };
        let claims =
            tokens.id_token.as_ref().map(|token| id_token::check(token.expose(), &expected)).transpose()?;
        let access_claims = crate::oauth::jwt::claims(tokens.access_token.expose());
        let (handed, expires_on) = if of.uses_access_token {
            let expiry = access_claims.and_then(|claims| id_token::time(&claims, "exp"));
            let expiry = expiry.or_else(|| Some(now.saturating_add(tokens.expires_in?)));
            (tokens.access_token.clone(), expiry)
        } else {
            let token = tokens.id_token.clone().ok_or_else(|| self.no_id_token())?;
            (token, claims.as_ref().and_then(|claims| id_token::time(claims, "exp")))
        };
        let expires_on = expires_on
            .ok_or_else(|| Error::new("the provider's answer does not say when the token expires"))?
            .min(crate::oauth::token::MAX_EXPIRY);
        let id_token = tokens.id_token.as_ref().map(|token| token.expose().as_str());
        let owner = Owner::of(tokens.access_token.expose(), id_token, None);
        let found = claims.as_ref().and_then(|claims| claims.get("sub")?.as_str()).map(str::to_owned);
        self.learn(found.or_else(|| subject.map(str::to_owned)));
        Ok(Token { access_token: handed, expires_on, refresh_token: tokens.refresh_token, owner })
    }

    fn no_id_token(&self) -> Error {
        let issuer = &self.settings.issuer;
        let error = Error::new(format!("id_token is missing in the token response of {issuer}"));
        error.hint("the provider issues one only with the scope openid; to use the access token in its place, pass --oidc-use-access-token")
    }

    /// Keeps what the next refresh can use, unless the document came over a connection that was not verified.
    fn learn(&self, subject: Option<String>) {
        let Some(provider) = self.provider.get().filter(|_| !self.settings.skips_verification) else {
            return;
        };
        *self.learned.borrow_mut() = Some(Learned {
            provider: provider.clone(),
            authentication: self.authentication.get(),
            read_on: self.ctx.now(),
            subject,
        });
    }

    /// Exchanges a refresh token; `extra` is what the entry kept.
    fn renew(
        &self,
        refresh_token: &Secret,
        extra: Option<&Value>,
    ) -> std::result::Result<Token, RefreshError> {
        let kept = extra.and_then(|extra| serde_json::from_value::<Learned>(extra.clone()).ok());
        let subject = kept.as_ref().and_then(|kept| kept.subject.clone());
        let is_young = |kept: &Learned| self.ctx.now().abs_diff(kept.read_on) < ENDPOINTS_LIFE;
        if let Some(kept) = kept.filter(is_young).filter(|_| !self.settings.skips_verification) {
            self.authentication.set(kept.authentication);
            let _ = self.provider.set(kept.provider);
        }
        let request = |scope: Option<&str>| {
            self.try_exchange(|provider, how| {
                self.settings.client.refresh_request(provider, how, refresh_token, scope)
            })
        };
        let mut answer = request(None).map_err(RefreshError::Unreachable)?;
        if !self.settings.uses_access_token && matches!(&answer, Ok(tokens) if tokens.id_token.is_none()) {
            // Some providers issue an ID token only where the scope says so again.
            answer = request(Some(&self.settings.scope)).map_err(RefreshError::Unreachable)?;
        }
        match answer {
            Ok(tokens) => self.token(tokens, None, subject.as_deref()).map_err(RefreshError::Rejected),
            Err((failure, response)) => {
                let needs_sign_in = matches!(&failure, TokenFailure::Oauth(e) if matches!(
                    e.error.as_str(),
                    "invalid_grant" | "interaction_required" | "login_required" | "consent_required"
                ));
                let error = self.explain(failure, &response);
                Err(match needs_sign_in {
                    true => RefreshError::Rejected(error),
                    false => RefreshError::Unreachable(error),
                })
            }
        }
    }
}
