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
    legacy: bool,
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
    pub fn new(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
        if options.path(Id::ClientCertificate).is_some() {
            return Err(Error::new(
                "signing in with a client certificate is not available in this version yet",
            ));
        }
        options.required(Id::ClientSecret, "client secret")?;
        let secret = options.secret(Id::ClientSecret).unwrap_or_else(|| Secret::from(""));
        let legacy = options.is_on(Id::Legacy);
        if options.is_on(Id::PopEnabled) {
            if !legacy {
                return Err(Error::new("--pop-enabled is not available in this version yet"));
            }
            ctx.log(1, || "--pop-enabled is ignored with --legacy".to_owned());
        }
        Ok(Self {
            session: Session::new(ctx, options)?,
            client_id,
            legacy,
            credential: Credential::Secret(secret),
        })
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
            legacy: self.legacy,
            credential: Some(fingerprint(&[b"secret", secret.expose().as_bytes()])),
            ..Key::default()
        }
    }

    /// Signs in.
    ///
    /// # Errors
    /// The service's refusal, or what kept it from being asked.
    pub fn acquire(&self) -> Result<Token> {
        let endpoints = match self.legacy {
            true => self.session.legacy_endpoints()?,
            false => self.session.endpoints()?,
        };
        let request = match &self.credential {
            Credential::Secret(secret) => {
                grant::client_secret(&endpoints, &self.client_id, secret, &self.session.server)
            }
        };
        self.session.token(&request)
    }
}
