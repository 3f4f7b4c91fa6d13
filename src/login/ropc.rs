//! `ropc`: user name and password.

use super::person::Person;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::error::{Error, Result};
use crate::oauth::authority::AuthorityKind;
use crate::oauth::token::Token;
use crate::oauth::{realm, user_grant};
use crate::secret::Secret;

/// A user with a password.
pub struct Password {
    /// The user principal name.
    pub username: String,
    password: Secret,
}

impl Password {
    /// Takes them from the options. That a password is there is checked by [`super::Login::new`]: what a token
    /// is kept under is known without it.
    ///
    /// # Errors
    /// The user name is missing.
    pub fn new(options: &Options) -> Result<Self> {
        let username = options.required(Id::Username, "username")?.to_owned();
        Ok(Self { username, password: options.secret(Id::Password).unwrap_or_else(|| Secret::from("")) })
    }

    /// Signs in.
    ///
    /// # Errors
    /// An account whose password another server checks; the service's refusal, or what kept it from
    /// being asked.
    pub fn sign_in(&self, person: &Person) -> Result<Token> {
        let session = &person.session;
        let endpoints = person.endpoints()?;
        if session.authority.kind() == AuthorityKind::Entra && self.is_federated(person) {
            return Err(Error::new(format!(
                "{} belongs to a federated domain: its password cannot be used directly",
                self.username
            ))
            .hint("use the interactive login: kubelogin convert-kubeconfig -l interactive"));
        }
        session.token(user_grant::password(
            &endpoints,
            &person.client_id,
            &session.server,
            &self.username,
            &self.password,
        ))
    }

    /// A realm service that cannot be asked keeps nobody from signing in.
    fn is_federated(&self, person: &Person) -> bool {
        let (session, ctx) = (&person.session, person.session.ctx);
        match session.http.send(ctx, &realm::request(&session.authority, &self.username)) {
            Ok(response) => realm::is_federated(&response),
            Err(error) => {
                ctx.log(1, || format!("the account's realm is not known: {}", error.message()));
                false
            }
        }
    }
}
