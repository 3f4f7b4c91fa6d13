//! `spn`: an application signs in with its own secret.

use super::Mode;
use super::session::Session;
use crate::cache::{Key, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::grant;
use crate::oauth::token::Token;
use crate::secret::Secret;

/// A sign-in of an application.
pub struct ServicePrincipal<'a> {
    session: Session<'a>,
    client_id: String,
    credential: Credential,
}

/// How the application proves who it is.
enum Credential {
    Secret(Secret),
}

impl<'a> ServicePrincipal<'a> {
    /// Takes what the mode needs from the options.
    ///
    /// # Errors
    /// A missing client id, tenant id or secret.
    pub fn new(ctx: &'a Context, options: &Options) -> Result<Self> {
        let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
        if options.path(Id::ClientCertificate).is_some() {
            return Err(Error::new(
                "signing in with a client certificate is not available in this version yet",
            ));
        }
        options.required(Id::ClientSecret, "client secret")?;
        let secret = options.secret(Id::ClientSecret).unwrap_or_else(|| Secret::from(""));
        if options.is_on(Id::Legacy) || options.is_on(Id::PopEnabled) {
            return Err(Error::new("--legacy and --pop-enabled are not available in this version yet"));
        }
        Ok(Self { session: Session::new(ctx, options)?, client_id, credential: Credential::Secret(secret) })
    }

    /// What its token is kept under, where it is kept at all: another secret misses.
    pub fn key(&self) -> Key {
        let Credential::Secret(secret) = &self.credential;
        Key {
            authority: self.session.authority.base(),
            tenant: self.session.authority.tenant().to_owned(),
            client: self.client_id.clone(),
            server: self.session.server.resource().to_owned(),
            mode: Mode::ServicePrincipal.name().to_owned(),
            credential: Some(fingerprint(&[b"secret", secret.expose().as_bytes()])),
            ..Key::default()
        }
    }

    /// Signs in.
    ///
    /// # Errors
    /// The service's refusal, or what kept it from being asked.
    pub fn acquire(&self) -> Result<Token> {
        let endpoints = self.session.endpoints()?;
        let request = match &self.credential {
            Credential::Secret(secret) => {
                grant::client_secret(&endpoints, &self.client_id, secret, &self.session.server)
            }
        };
        self.session.token(&request)
    }
}
