//! What every login mode that talks to an authority shares: the authority, its endpoints, the way to it,
//! and the words for its failures.

use super::Mode;
use crate::cli::flags::Id;
use crate::cli::options::{Options, Source};
use crate::cloud::{self, Origin};
use crate::context::Context;
use crate::error::{Class, Error, Result};
use crate::oauth::authority::{Authority, Endpoints, Kind};
use crate::oauth::discovery;
use crate::oauth::grant::Server;
use crate::oauth::message::{Request, Response};
use crate::oauth::remedy::{Facts, remedy};
use crate::oauth::token::{self, Failure, OauthError, Token};
use crate::sys::http::{Http, Settings};

/// One authority, and how to ask it.
pub struct Session<'a> {
    /// The world.
    pub ctx: &'a Context,
    /// The server application whose token is asked for.
    pub server: Server,
    /// The authority.
    pub authority: Authority,
    /// The way to it.
    pub http: Http,
    origin: Origin,
    asks_public_cloud: bool,
    options: &'a Options,
}

impl<'a> Session<'a> {
    /// Works out the authority; sends nothing yet.
    ///
    /// # Errors
    /// An unknown cloud, an unusable environment file or authority host, a missing tenant.
    pub fn new(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let (base, origin) =
            cloud::authority_base(options.text(Id::Environment), options.text(Id::AuthorityHost), &ctx.env)?;
        let authority = Authority::new(&base, options.text(Id::TenantId))?;
        let server = Server::new(options.text(Id::ServerId).unwrap_or_default());
        ctx.log(1, || format!("authority {}, tenant {}", authority.base(), authority.tenant()));
        Ok(Self {
            ctx,
            server,
            origin,
            asks_public_cloud: !options.is_on(Id::DisableInstanceDiscovery),
            options,
            authority,
            http: http(options),
        })
    }

    /// The authority's endpoints; asks for them where they are not known.
    ///
    /// # Errors
    /// The authority is not known to the public cloud, or its configuration document cannot be used.
    pub fn endpoints(&self) -> Result<Endpoints> {
        let known = self.origin != Origin::AuthorityHost || self.authority.is_well_known();
        if known || self.authority.kind() == Kind::Adfs {
            return Ok(self.authority.endpoints());
        }
        if self.asks_public_cloud {
            let response = self
                .http
                .send(self.ctx, &discovery::instance_request(&self.authority))
                .map_err(|e| e.context("cannot validate the authority host").hint(discovery::SKIP_HINT))?;
            discovery::read_instance(&response, &self.authority)?;
        }
        let response = self.http.send(self.ctx, &Request::get(self.authority.openid_configuration()))?;
        discovery::read_configuration(&response, &self.authority)
    }

    /// The v1 endpoints, of an authority that has passed the same validation.
    ///
    /// # Errors
    /// As [`Session::endpoints`].
    pub fn legacy_endpoints(&self) -> Result<Endpoints> {
        self.endpoints()?;
        Ok(self.authority.legacy_endpoints())
    }

    /// Sends a token request and reads the token.
    ///
    /// # Errors
    /// Whatever keeps the token from being had, in the service's words and with a remedy.
    pub fn token(&self, request: &Request) -> Result<Token> {
        let response = self.http.send(self.ctx, request)?;
        token::read(&response, self.ctx.now()).map_err(|failure| self.explain(failure, &response))
    }

    /// The error to show for a failed answer.
    pub fn explain(&self, failure: Failure, response: &Response) -> Error {
        match failure {
            Failure::Oauth(error) => self.explain_oauth(*error, response),
            Failure::Other(error) => error.context("sign-in failed"),
        }
    }

    fn explain_oauth(&self, error: OauthError, response: &Response) -> Error {
        let codes = error.codes();
        let error = error.into_error(response, "sign-in failed");
        match remedy(&codes, &self.facts()) {
            Some(hint) => error.or_hint(hint),
            None => self.clock_hint(error),
        }
    }

    /// What a remedy may have to show; worked out only when something failed.
    fn facts(&self) -> Facts {
        Facts {
            tenant: with_source(self.options, Id::TenantId),
            client: with_source(self.options, Id::ClientId),
            server: self.server.resource().to_owned(),
            authority: self.authority.base(),
            in_browser: self.options.login() == Mode::Interactive,
        }
    }

    fn clock_hint(&self, error: Error) -> Error {
        match self.http.clock_skew() {
            Some(seconds) if error.class() == Class::Final => error.or_hint(format!(
                "this machine's clock is {} s {} the service's: set it, signed assertions and fresh tokens fail on a wrong clock",
                seconds.unsigned_abs(),
                if seconds > 0 { "ahead of" } else { "behind" },
            )),
            _ => error,
        }
    }
}

/// The way to the network that the options ask for.
pub fn http(options: &Options) -> Http {
    Http::new(Settings {
        extra_roots: options.paths(Id::CertificateAuthority),
        ..Settings::new(options.duration(Id::Timeout))
    })
}

fn with_source(options: &Options, id: Id) -> String {
    let value = options.text(id).unwrap_or("none");
    match options.source(id) {
        Source::Flag => format!("{value} (from {})", id.dashed()),
        Source::Env(name) => format!("{value} (from {name})"),
        Source::Default => value.to_owned(),
    }
}
