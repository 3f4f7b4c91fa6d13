//! `ropc`: user name and password (RFC 6749 section 4.3).

use super::pop::Pop;
use super::user_client::UserClient;
use super::{Finding, SignIn};
use crate::cache::{Entry, Key, RefreshError};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::authority::AuthorityKind;
use crate::oauth::token::Token;
use crate::oauth::{realm, user_grant};
use crate::secret::Secret;

struct Password<'a> {
    client: UserClient<'a>,
    username: String,
    password: Secret,
}

/// The sign-in that the options describe. That there is a password is checked before it signs in: the cache
/// needs none.
///
/// # Errors
/// As [`UserClient::new`]; the user name is missing.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    options.required(Id::ClientId, "client ID")?;
    let username = options.required(Id::Username, "username")?.to_owned();
    let password = options.secret(Id::Password).unwrap_or_else(|| Secret::from(""));
    Ok(Box::new(Password { client: UserClient::new(ctx, options)?, username, password }))
}

impl SignIn for Password<'_> {
    fn key(&self) -> Option<Key> {
        Some(self.client.key(Some(&self.username)))
    }

    fn acquire(&self) -> Result<Token> {
        let session = &self.client.session;
        let endpoints = self.client.endpoints()?;
        if session.authority.kind() == AuthorityKind::Entra && self.is_federated() {
            return Err(Error::new(format!(
                "{} belongs to a federated domain: its password cannot be used directly",
                self.username
            ))
            .hint("use the interactive login: kubelogin convert-kubeconfig -l interactive"));
        }
        session.token(user_grant::password(
            &endpoints,
            &self.client.client_id,
            &session.server,
            &self.username,
            &self.password,
        ))
    }

    fn shares_refresh_tokens(&self) -> bool {
        self.client.shares_refresh_tokens()
    }

    fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError> {
        self.client.refresh_with_relative(ctx, relative)
    }

    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        self.client.refresh(ctx, cached)
    }

    fn pop(&self) -> Option<&Pop> {
        self.client.session.pop.as_ref()
    }

    fn check(&self) -> Result<Finding> {
        Ok(Finding::Good("everything that it needs is there".to_owned()))
    }
}

impl Password<'_> {
    /// A realm service that cannot be reached does not stop the sign-in.
    fn is_federated(&self) -> bool {
        let (session, ctx) = (&self.client.session, self.client.session.ctx);
        match session.http.send(ctx, &realm::request(&session.authority, &self.username)) {
            Ok(response) => realm::is_federated(&response),
            Err(error) => {
                ctx.log(1, || format!("the account's realm is not known: {}", error.message()));
                false
            }
        }
    }
}
