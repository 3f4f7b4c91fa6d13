//! What every login mode that talks to an authority shares: the authority, its endpoints, the way to it.
//! The words for its failures are in `explain`.

use super::pop::Pop;
use crate::cache::Key;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::cloud::{self, Origin};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::{Request, Response};
use crate::oauth::authority::{Authority, AuthorityKind, Endpoints};
use crate::oauth::discovery;
use crate::oauth::grant::Server;
use crate::oauth::token::{self, Token, TokenFailure};
use crate::sys::http::{Http, Settings};
use std::cell::OnceCell;

/// Why a token request gave no token.
pub enum Refusal {
    /// There was no answer.
    Unreachable(Error),
    /// There was one, without a token.
    Answer(TokenFailure, Box<Response>),
}

/// One authority, and how to ask it.
pub struct Session<'a> {
    /// The world.
    pub ctx: &'a Context,
    /// The server application that the token is for.
    pub server: Server,
    /// The authority.
    pub authority: Authority,
    /// The way to it.
    pub http: Http,
    /// The key to which its tokens are bound, where they are.
    pub pop: Option<Pop>,
    pub(super) origin: Origin,
    pub(super) options: &'a Options,
    asks_public_cloud: bool,
    endpoints: OnceCell<Endpoints>,
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
            pop: None,
            endpoints: OnceCell::new(),
        })
    }

    /// With proof of possession, where the options ask for it.
    ///
    /// # Errors
    /// As [`Pop::new`]; an authority that issues no such tokens.
    pub fn with_pop(mut self) -> Result<Self> {
        self.pop = Pop::new(self.ctx, self.options)?;
        if self.pop.is_some() && self.authority.kind() == AuthorityKind::Adfs {
            return Err(Error::new("AD FS issues no proof-of-possession tokens").hint("drop --pop-enabled"));
        }
        Ok(self)
    }

    /// What a token of this session is kept under; the mode adds what else tells one from another.
    pub fn key(&self, client_id: &str) -> Key {
        Key {
            authority: self.authority.base(),
            tenant: self.authority.tenant().to_owned(),
            client: client_id.to_owned(),
            server: self.server.resource().to_owned(),
            mode: self.options.login().name().to_owned(),
            pop_key: self.pop.as_ref().map(|pop| pop.jwk.id.clone()),
            ..Key::default()
        }
    }

    /// The authority's endpoints; asks for them, once, where they are not known.
    ///
    /// # Errors
    /// The authority is not known to the public cloud, or its configuration document cannot be used.
    pub fn endpoints(&self) -> Result<Endpoints> {
        if let Some(endpoints) = self.endpoints.get() {
            return Ok(endpoints.clone());
        }
        let endpoints = self.discover()?;
        Ok(self.endpoints.get_or_init(|| endpoints).clone())
    }

    fn discover(&self) -> Result<Endpoints> {
        let is_known = self.origin != Origin::AuthorityHost || self.authority.is_well_known();
        if is_known || self.authority.kind() == AuthorityKind::Adfs {
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
    /// Why there is no token, in the service's words and with a remedy.
    pub fn token(&self, request: Request) -> Result<Token> {
        self.exchange(request).map_err(|refusal| match refusal {
            Refusal::Unreachable(error) => error,
            Refusal::Answer(failure, response) => self.explain(failure, &response),
        })
    }

    /// Sends a token request, bound to the key of proof where there is one, and reads the answer.
    ///
    /// # Errors
    /// No answer, or one without a token.
    pub fn exchange(&self, mut request: Request) -> std::result::Result<Token, Refusal> {
        if let Some(pop) = &self.pop {
            pop.jwk.bind(&mut request);
        }
        let response = self.http.send(self.ctx, &request).map_err(Refusal::Unreachable)?;
        let key_id = self.pop.as_ref().map(|pop| pop.jwk.id.as_str());
        token::read_bound(&response, self.ctx.now(), key_id)
            .map_err(|failure| Refusal::Answer(failure, Box::new(response)))
    }
}

/// The way to the network that the options ask for.
pub fn http(options: &Options) -> Http {
    Http::new(network(options))
}

/// The settings of that way.
pub fn network(options: &Options) -> Settings {
    Settings {
        extra_roots: options.paths(Id::CertificateAuthority),
        ..Settings::new(options.duration(Id::Timeout))
    }
}
