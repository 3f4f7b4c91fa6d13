//! `spn`: an application signs in with a secret or a certificate of its own.

use super::pop::Pop;
use super::session::{Refusal, Session};
use super::{Finding, SignIn};
use crate::cache::{Key, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::keys::ClientCertificate;
use crate::oauth::assertion::Assertion;
use crate::oauth::authority::{AuthorityKind, Endpoints};
use crate::oauth::grant;
use crate::oauth::jws;
use crate::oauth::token::Token;
use crate::secret::Secret;
use crate::sys::files;
use crate::sys::notice::WaitNoticeThread;
use crate::time::rfc3339;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A PFX with a long chain is some ten kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// A sign-in of an application.
struct ServicePrincipal<'a> {
    session: Session<'a>,
    client_id: String,
    legacy: bool,
    credential: Credential,
}

/// How the application proves who it is.
enum Credential {
    Secret(Secret),
    Certificate(CertificateFile),
}

/// Opened only for a sign-in: a cached token needs no more than its bytes.
struct CertificateFile {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    password: Secret,
}

/// The sign-in that the options describe.
///
/// # Errors
/// A missing client id, tenant id or secret; a certificate file that cannot be read.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
    let credential = match options.path(Id::ClientCertificate) {
        Some(path) => Credential::Certificate(CertificateFile::read(ctx, options, path)?),
        None => {
            options.required(Id::ClientSecret, "client secret")?;
            let secret = options.secret(Id::ClientSecret);
            Credential::Secret(secret.unwrap_or_else(|| Secret::from("")))
        }
    };
    let legacy = options.is_on(Id::Legacy);
    let session = Session::new(ctx, options)?.with_pop()?;
    Ok(Box::new(ServicePrincipal { session, client_id, legacy, credential }))
}

impl SignIn for ServicePrincipal<'_> {
    /// Another secret or certificate misses.
    fn key(&self) -> Option<Key> {
        Some(Key {
            legacy: self.legacy,
            credential: Some(match &self.credential {
                Credential::Secret(secret) => fingerprint(&[b"secret", secret.expose().as_bytes()]),
                Credential::Certificate(file) => fingerprint(&[b"certificate", &file.bytes]),
            }),
            ..self.session.key(&self.client_id)
        })
    }

    fn acquire(&self) -> Result<Token> {
        let endpoints = match self.legacy {
            true => self.session.legacy_endpoints()?,
            false => self.session.endpoints()?,
        };
        let server = &self.session.server;
        match &self.credential {
            Credential::Secret(secret) => {
                self.session.token(grant::client_secret(&endpoints, &self.client_id, secret, server))
            }
            Credential::Certificate(file) => {
                let certificate = file.open(self.session.ctx)?;
                let assertion = self.assertion(&certificate, &endpoints).map_err(|e| file.failed(e))?;
                let request = grant::client_assertion(&endpoints, &self.client_id, &assertion, server);
                self.session.exchange(request).map_err(|refusal| match refusal {
                    Refusal::Unreachable(error) => error,
                    Refusal::Answer(failure, response) => {
                        let described = certificate.certificate.described();
                        self.session.explain_certificate(failure, &response, described)
                    }
                })
            }
        }
    }

    fn pop(&self) -> Option<&Pop> {
        self.session.pop.as_ref()
    }

    fn check(&self) -> Result<Finding> {
        let Credential::Certificate(file) = &self.credential else {
            return Ok(Finding::Good("a client secret is set".to_owned()));
        };
        let now = self.session.ctx.now();
        let opened = ClientCertificate::read(&file.bytes, &file.password, now).map_err(|e| file.failed(e))?;
        let certificate = &opened.certificate;
        let text = format!(
            "the certificate of {} has {}, valid from {}",
            file.path.display(),
            certificate.described(),
            rfc3339(certificate.not_before)
        );
        match certificate.validity_problem(now) {
            None => Ok(Finding::Good(text)),
            Some(problem) => Err(Error::new(format!("{text}; it {problem}")).hint(
                "register a new certificate with the app, or set this machine's clock if that is wrong",
            )),
        }
    }
}

impl ServicePrincipal<'_> {
    fn assertion(&self, certificate: &ClientCertificate, endpoints: &Endpoints) -> Result<Secret> {
        let ctx = self.session.ctx;
        let is_adfs = self.session.authority.kind() == AuthorityKind::Adfs;
        let algorithm = certificate.algorithm(self.legacy || is_adfs).ok_or_else(|| {
            Error::new(format!(
                "its key is on P-256, and {} takes RSA only",
                if is_adfs { "AD FS" } else { "--legacy" }
            ))
        })?;
        let said = Assertion {
            client_id: &self.client_id,
            token_endpoint: &endpoints.token,
            id: &ctx.uuid()?,
            now: ctx.now(),
        };
        let input = said.signing_input(algorithm, &certificate.certificate, &certificate.chain);
        Ok(jws::compact(&input, &certificate.sign(algorithm, input.expose().as_bytes())?))
    }
}

impl CertificateFile {
    fn read(ctx: &Context, options: &Options, path: &Path) -> Result<Self> {
        let password = options.secret(Id::ClientCertificatePassword).unwrap_or_else(|| Secret::from(""));
        let file = Self { path: path.to_owned(), bytes: Zeroizing::default(), password };
        let read = files::read_bounded(path, MAX_FILE);
        let bytes = Zeroizing::new(read.map_err(|e| file.failed(Error::new(e.to_string())))?);
        if files::is_readable_by_others(path) {
            ctx.warn(&format!("other users of this machine can read {}", path.display()));
        }
        Ok(Self { bytes, ..file })
    }

    fn open(&self, ctx: &Context) -> Result<ClientCertificate> {
        let now = ctx.now();
        // A file may ask for so many rounds of key derivation that it takes seconds.
        let watched =
            WaitNoticeThread::new(ctx, format!("the client certificate {} to open", self.path.display()));
        let opened = ClientCertificate::read(&self.bytes, &self.password, now).map_err(|e| self.failed(e))?;
        drop(watched);
        if let Some(problem) = opened.certificate.validity_problem(now) {
            ctx.warn(&format!("the client certificate {} {problem}", self.path.display()));
        }
        Ok(opened)
    }

    fn failed(&self, error: Error) -> Error {
        error.context(format!("cannot use the client certificate {}", self.path.display()))
    }
}
