//! `msi`: a machine in Azure, or one connected by Azure Arc, signs in with the identity assigned to it.
//!
//! These endpoints are on the machine or its own link: no proxy is ever used, and they are the only ones
//! that may be plain HTTP.

mod arc;
mod rejection;
mod source;

use super::explain::name_of_source;
use super::{Finding, SignIn};
use crate::cache::{Key, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::{Options, SettingSource};
use crate::context::Context;
use crate::error::{Class, Error, Result};
use crate::http::message::{Request, Response};
use crate::mode::Mode;
use crate::oauth::grant::Server;
use crate::oauth::token::{self, Token};
use crate::sys::http::{Http, Settings};
use rejection::Asked;
use serde_json::Value;
use source::{Identity, IdentitySource};
use std::time::Duration;

/// A machine that is not in Azure has nothing at these addresses; it should say so quickly.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an identity may take to be ready, where `--timeout` does not say.
///
/// Source: learn.microsoft.com, "How to use managed identities … to acquire an access token", Retry guidance: 410 lasts
/// up to 70 s.
const READY: Duration = Duration::from_secs(75);

/// A sign-in of the machine.
struct ManagedIdentity<'a> {
    ctx: &'a Context,
    http: Http,
    source: IdentitySource,
    identity: Identity,
    /// The flag or variable that names the identity.
    named_by: String,
    server: Server,
}

/// The sign-in that the options describe.
///
/// # Errors
/// An unusable Service Fabric thumbprint.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let source = IdentitySource::detect(&ctx.env, arc::agent_is_there(&ctx.env))?;
    let (identity, named_by) = match (options.text(Id::ClientId), options.text(Id::IdentityResourceId)) {
        (Some(id), _) => (Identity::Client(id.to_owned()), name_of_source(options, Id::ClientId)),
        (None, Some(id)) => {
            (Identity::Resource(id.to_owned()), name_of_source(options, Id::IdentityResourceId))
        }
        (None, None) => (Identity::System, String::new()),
    };
    ctx.log(1, || format!("managed identity from {} at {}", source.name(), source.shown_endpoint()));
    let http = Http::new(Settings {
        connect: CONNECT,
        pinned: match &source {
            IdentitySource::ServiceFabric { thumbprint, .. } => Some(*thumbprint),
            _ => None,
        },
        ..Settings::new(match options.source(Id::Timeout) {
            SettingSource::Default => READY,
            SettingSource::Flag | SettingSource::Env(_) => options.duration(Id::Timeout),
        })
    });
    let server = Server::new(options.text(Id::ServerId).unwrap_or_default());
    Ok(Box::new(ManagedIdentity { ctx, http, source, identity, named_by, server }))
}

impl SignIn for ManagedIdentity<'_> {
    fn key(&self) -> Option<Key> {
        let (kind, id) = match &self.identity {
            Identity::System => ("system", ""),
            Identity::Client(id) => ("client", id.as_str()),
            Identity::Resource(id) => ("resource", id.as_str()),
        };
        let (source, endpoint) = (self.source.name(), self.source.endpoint());
        Some(Key {
            server: self.server.resource().to_owned(),
            mode: Mode::Msi.name().to_owned(),
            credential: Some(fingerprint(&[source, endpoint, kind, id].map(str::as_bytes))),
            ..Key::default()
        })
    }

    fn acquire(&self) -> Result<Token> {
        let mut request = self.request()?;
        let mut response = self.http.send(self.ctx, &request).map_err(|e| self.unreachable_error(e))?;
        if matches!(self.source, IdentitySource::Arc { .. }) && response.status == 401 {
            request.headers.push(("Authorization", arc::authorization(&self.ctx.env, &response)?));
            response = self.http.send(self.ctx, &request)?;
        }
        if !response.is_success() {
            return Err(self.asked().error(&response));
        }
        if let Some(error) = self.asked().other_cloud(&response) {
            return Err(error);
        }
        if matches!(self.source, IdentitySource::Arc { .. }) {
            self.verify_identity(&response)?;
        }
        token::read_cached_by_service(&response, self.ctx.now()).map_err(|_| {
            Error::new(format!(
                "{} did not answer with a token (HTTP {})",
                self.source.name(),
                response.status
            ))
            .hint("something else may answer at that address: see -v 1")
        })
    }

    /// Asks the instance metadata service whether it is there; the other sources are known by their variables.
    fn check(&self) -> Result<Finding> {
        self.request()?;
        if let Some(request) = self.source.probe_request() {
            let response = self.http.send(self.ctx, &request).map_err(|e| self.unreachable_error(e))?;
            if let Some(error) = self.asked().other_cloud(&response) {
                return Err(error);
            }
            if !response.is_success() {
                return Err(Error::new(format!(
                    "something at {} answers, but not as Azure's metadata service does (HTTP {})",
                    self.source.shown_endpoint(),
                    response.status
                ))
                .hint("this machine is probably not in Azure: use another --login"));
            }
        }
        Ok(Finding::Good(format!("{} is at {}", self.source.name(), self.source.shown_endpoint())))
    }
}

impl ManagedIdentity<'_> {
    fn asked(&self) -> Asked<'_> {
        let server = self.server.resource();
        Asked { source: &self.source, identity: &self.identity, named_by: &self.named_by, server }
    }

    fn request(&self) -> Result<Request> {
        self.source.request(&self.identity, self.server.resource()).map_err(|e| {
            let way = self.asked().way_to_drop();
            e.or_hint(format!("{way} to use the identity that is assigned there"))
        })
    }

    fn unreachable_error(&self, error: Error) -> Error {
        if error.class() != Class::Transient || self.http.was_asked_to_wait() {
            return error;
        }
        let (name, endpoint) = (self.source.name(), self.source.shown_endpoint());
        Error::transient(format!("no managed identity here: tried {name} at {endpoint}: {}", error.message()))
            .hint("run this on a machine in Azure, or on one connected by Azure Arc, that has an identity assigned; elsewhere use another --login")
    }

    /// A source that does not know user-assigned identities answers with the machine's own one.
    fn verify_identity(&self, response: &Response) -> Result<()> {
        let (field, wanted) = match &self.identity {
            Identity::System => return Ok(()),
            Identity::Client(id) => ("client_id", id),
            Identity::Resource(id) => ("msi_res_id", id),
        };
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        match answer.get(field).and_then(Value::as_str) {
            Some(echoed) if echoed.eq_ignore_ascii_case(wanted) => Ok(()),
            _ => Err(Error::new(format!(
                "{} gave the token of another identity than the one asked for ({wanted})",
                self.source.name()
            ))
            .hint(format!(
                "update the agent, or {} to use the machine's own identity",
                self.asked().way_to_drop()
            ))),
        }
    }
}
