//! `workloadidentity` and `azurepipelines`: a token of another issuer, which the application trusts, is
//! exchanged for one of Entra ID.
//!
//! Source: learn.microsoft.com, "Workload identity federation".

pub mod azure_pipelines;
mod github;
mod token_file;
pub mod workload_identity;

use super::session::{Session, http};
use super::{Finding, SignIn};
use crate::cache::Key;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::{Request, Response};
use crate::http::url::HttpsUrl;
use crate::oauth::assertion_claims::summary;
use crate::oauth::authority::AuthorityKind;
use crate::oauth::grant;
use crate::oauth::jwt;
use crate::oauth::token::{self, Token};
use crate::secret::Secret;
use crate::sys::http::Http;
use serde_json::Value;

/// Who issues the token that is exchanged.
trait AssertionSource {
    /// What the cache key has of it: never the token.
    fn fingerprint(&self) -> String;

    /// Gets the token, which is done anew for each sign-in because it rotates.
    ///
    /// # Errors
    /// The issuer gives none.
    fn assertion(&self, exchange: &Exchange) -> Result<Secret>;

    /// What doctor says about it. Only files are read; no issuer is asked.
    ///
    /// # Errors
    /// A token file that cannot be used.
    fn check(&self, ctx: &Context) -> Result<Finding>;
}

/// The token exchange: the application, its authority, and the way to the other issuer.
struct Exchange<'a> {
    session: Session<'a>,
    client_id: String,
    /// To the other issuer: apart from the authority's, so that nothing is shared but the settings.
    http: Http,
}

/// A sign-in with another issuer's token.
struct Federated<'a, S> {
    exchange: Exchange<'a>,
    source: S,
}

impl<'a, S: AssertionSource + 'a> Federated<'a, S> {
    /// Federated credentials are Entra ID's: AD FS knows an application by its own keys only.
    fn build(
        ctx: &'a Context,
        options: &'a Options,
        client_id: String,
        source: S,
    ) -> Result<Box<dyn SignIn + 'a>> {
        let session = Session::new(ctx, options);
        if session.as_ref().is_ok_and(|session| session.authority.kind() == AuthorityKind::Adfs) {
            return Err(Error::new("AD FS does not support federated credentials")
                .hint("sign in with a secret or a certificate: --login spn"));
        }
        options.required(Id::TenantId, "tenant ID")?;
        let exchange = Exchange { session: session?, client_id, http: http(options) };
        Ok(Box::new(Self { exchange, source }))
    }
}

impl<S: AssertionSource> SignIn for Federated<'_, S> {
    fn key(&self) -> Option<Key> {
        let Exchange { session, client_id, .. } = &self.exchange;
        Some(Key { credential: Some(self.source.fingerprint()), ..session.key(client_id) })
    }

    /// The authority's refusal shows issuer, subject, audience and expiry of the other token, never the token.
    fn acquire(&self) -> Result<Token> {
        let Exchange { session, client_id, .. } = &self.exchange;
        let assertion = self.source.assertion(&self.exchange)?;
        let endpoints = session.endpoints()?;
        let request = grant::client_assertion(&endpoints, client_id, &assertion, &session.server);
        let response = session.http.send(session.ctx, &request)?;
        token::read(&response, session.ctx.now())
            .map_err(|failure| session.explain_assertion(failure, &response, summary(&assertion)))
    }

    fn check(&self) -> Result<Finding> {
        self.source.check(self.exchange.session.ctx)
    }
}

impl Exchange<'_> {
    /// Asks the other issuer.
    ///
    /// # Errors
    /// It could not be reached.
    fn ask(&self, request: &Request) -> Result<Response> {
        self.http.send(self.session.ctx, request)
    }
}

fn check_https(url: &str, variable: &str) -> Result<()> {
    HttpsUrl::parse_endpoint(url).map(drop).map_err(|e| e.context(format!("{variable} cannot be used")))
}

/// The token in an issuer's answer.
fn issued(response: &Response, field: &str, issuer: &str, hint: &str) -> Result<Secret> {
    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    match answer.get(field).and_then(Value::as_str) {
        Some(token) if response.is_success() && jwt::looks_like_one(token) => Ok(Secret::from(token)),
        _ => {
            let message = format!("{issuer} issued no OIDC token (HTTP {})", response.status);
            let error = if response.status >= 500 { Error::transient(message) } else { Error::new(message) };
            Err(error.hint(hint))
        }
    }
}
