//! `workloadidentity` and `azurepipelines`: a token of another issuer, which the application trusts, is
//! exchanged for one of Entra ID.
//!
//! Source: learn.microsoft.com, "Workload identity federation"; docs.github.com, "OpenID Connect
//! reference"; Azure DevOps REST API, "Oidctoken - Create".

use super::session::{Session, http};
use crate::cache::{Key, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::form;
use crate::http::message::{Body, Request, Response};
use crate::http::url::HttpsUrl;
use crate::mode::Mode;
use crate::oauth::authority::AuthorityKind;
use crate::oauth::grant;
use crate::oauth::jwt;
use crate::oauth::token::{self, Token, TokenFailure};
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use crate::sys::http::Http;
use crate::time::{UnixTime, rfc3339};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// No issuer's token is larger.
const MAX_TOKEN: u64 = 256 << 10;

/// A sign-in with another issuer's token.
pub struct Federated<'a> {
    session: Session<'a>,
    client_id: String,
    source: AssertionSource,
    /// To the other issuer; apart from the authority's so that nothing is shared but the settings.
    http: Http,
}

/// Who issues the token.
enum AssertionSource {
    /// A file that its issuer keeps fresh, such as a pod's projected service account token.
    File(PathBuf),
    /// GitHub Actions.
    Github { url: String, token: Secret },
    /// Azure Pipelines.
    Pipelines { url: String, token: Secret, connection: String },
}

impl<'a> Federated<'a> {
    /// Takes what `workloadidentity` needs. A `--federated-token-file` flag wins over GitHub's variables,
    /// which win over `AZURE_FEDERATED_TOKEN_FILE`; where flag and variable both name a file, the variable's
    /// is read, as everywhere.
    ///
    /// # Errors
    /// A missing client id, tenant id or token file, an address of GitHub's that is not https.
    pub fn workload_identity(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
        let github =
            ctx.env.text("ACTIONS_ID_TOKEN_REQUEST_URL").zip(ctx.env.text("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
        let names_file = options.args().last(Id::FederatedTokenFile).is_some_and(|path| !path.is_empty());
        let source = match github {
            Some((url, token)) if !names_file => {
                check_https(url, "ACTIONS_ID_TOKEN_REQUEST_URL")?;
                ctx.log(1, || "federated token from GitHub Actions".to_owned());
                AssertionSource::Github { url: url.to_owned(), token: Secret::from(token) }
            }
            _ => {
                options.required(Id::FederatedTokenFile, "federated token file")?;
                let path = options.path(Id::FederatedTokenFile).unwrap_or(Path::new("")).to_owned();
                ctx.log(1, || format!("federated token from the file {}", path.display()));
                AssertionSource::File(path)
            }
        };
        Self::new(ctx, options, client_id, source)
    }

    /// Takes what `azurepipelines` needs.
    ///
    /// # Errors
    /// A missing client id, tenant id, service connection id or system access token; an OIDC request
    /// address that is not https.
    pub fn azure_pipelines(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
        let connection = options
            .required(Id::PipelinesServiceConnectionId, "Azure Pipelines service connection ID")?
            .to_owned();
        let token = ctx.env.text("SYSTEM_ACCESSTOKEN").map(Secret::from).ok_or_else(|| {
            Error::new("SYSTEM_ACCESSTOKEN environment variable not set")
                .hint("map it in the pipeline's step: env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)")
        })?;
        let url = ctx.env.text("SYSTEM_OIDCREQUESTURI").ok_or_else(|| {
            Error::new("SYSTEM_OIDCREQUESTURI environment variable not set").hint(
                "run this in a step of Azure Pipelines that names the service connection, such as AzureCLI@2",
            )
        })?;
        check_https(url, "SYSTEM_OIDCREQUESTURI")?;
        let source = AssertionSource::Pipelines { url: url.to_owned(), token, connection };
        Self::new(ctx, options, client_id, source)
    }

    /// Federated credentials are Entra ID's: AD FS knows an application by its own keys only.
    fn new(
        ctx: &'a Context,
        options: &'a Options,
        client_id: String,
        source: AssertionSource,
    ) -> Result<Self> {
        let session = Session::new(ctx, options);
        if session.as_ref().is_ok_and(|session| session.authority.kind() == AuthorityKind::Adfs) {
            return Err(Error::new("AD FS takes no other issuer's token for an application's")
                .hint("sign in with a secret or a certificate: --login spn"));
        }
        options.required(Id::TenantId, "tenant ID")?;
        Ok(Self { session: session?, client_id, source, http: http(options) })
    }

    /// What its token is kept under, where it is kept at all.
    pub fn key(&self) -> Key {
        let (mode, source) = match &self.source {
            AssertionSource::File(path) => {
                (Mode::WorkloadIdentity, fingerprint(&[b"file", path.as_os_str().as_encoded_bytes()]))
            }
            AssertionSource::Github { .. } => (Mode::WorkloadIdentity, fingerprint(&[b"github"])),
            AssertionSource::Pipelines { connection, .. } => {
                (Mode::AzurePipelines, fingerprint(&[b"connection", connection.as_bytes()]))
            }
        };
        Key { credential: Some(source), ..self.session.key(mode, &self.client_id) }
    }

    /// Signs in; the other issuer's token is got anew each time, because it rotates.
    ///
    /// # Errors
    /// No token of the other issuer, or the authority's refusal; the latter shows issuer, subject,
    /// audience and expiry of that token, never the token.
    pub fn acquire(&self) -> Result<Token> {
        let assertion = self.assertion()?;
        let endpoints = self.session.endpoints()?;
        let request = grant::client_assertion(&endpoints, &self.client_id, &assertion, &self.session.server);
        let response = self.session.http.send(self.session.ctx, &request)?;
        token::read(&response, self.session.ctx.now()).map_err(|failure| {
            let codes = match &failure {
                TokenFailure::Oauth(error) => error.codes(),
                TokenFailure::Other(_) => Vec::new(),
            };
            let error = self.session.explain(failure, &response);
            if codes.iter().any(|code| is_federation_failure(*code)) {
                error.hint(described(&assertion))
            } else {
                error
            }
        })
    }

    /// Where the other issuer's token comes from, and whether it can be used at `now`. Only a file is looked
    /// at; nobody is asked.
    ///
    /// # Errors
    /// A token file that cannot be used.
    pub fn described(&self, now: UnixTime) -> Result<(String, bool)> {
        let path = match &self.source {
            AssertionSource::File(path) => path,
            AssertionSource::Github { .. } => {
                return Ok(("GitHub Actions issues the token".to_owned(), true));
            }
            AssertionSource::Pipelines { connection, .. } => {
                return Ok((
                    format!("Azure Pipelines issues the token for the service connection {connection}"),
                    true,
                ));
            }
        };
        let assertion = read_token_file(path)?;
        let expiry = jwt::claims(assertion.expose()).and_then(|claims| claims.get("exp")?.as_u64());
        let text = format!("the token in {} has {}", path.display(), summary(&assertion));
        Ok((text, expiry.is_none_or(|expiry| expiry > now)))
    }

    fn assertion(&self) -> Result<Secret> {
        match &self.source {
            AssertionSource::File(path) => read_token_file(path),
            AssertionSource::Github { url, token } => self.github(url, token),
            AssertionSource::Pipelines { url, token, connection } => self.pipelines(url, token, connection),
        }
    }

    fn github(&self, url: &str, token: &Secret) -> Result<Secret> {
        let separator = if url.contains('?') { '&' } else { '?' };
        let audience = form::percent_encode(exchange_audience(self.session.authority.host()));
        let mut request = Request::get(format!("{url}{separator}audience={audience}"));
        request.headers = vec![
            ("Authorization", Secret::new(format!("bearer {}", token.expose()))),
            ("Accept", Secret::from("application/json; api-version=2.0")),
        ];
        let response = self.http.send(self.session.ctx, &request)?;
        issued(&response, "value", "GitHub Actions", "the job needs the permission id-token: write")
    }

    fn pipelines(&self, url: &str, token: &Secret, connection: &str) -> Result<Secret> {
        let query = form::encode([("api-version", "7.1"), ("serviceConnectionId", connection)]);
        let mut request = Request::get(format!("{url}?{query}"));
        request.body = Body::Empty;
        request.headers = vec![("Authorization", Secret::new(format!("Bearer {}", token.expose())))];
        let response = self.http.send(self.session.ctx, &request)?;
        let html = response.body.trim_ascii_start().starts_with(b"<");
        if (300..400).contains(&response.status) || (response.status == 203 || response.is_success()) && html
        {
            return Err(Error::new(format!(
                "Azure Pipelines answered with its sign-in page (HTTP {}): SYSTEM_ACCESSTOKEN has no rights there",
                response.status
            ))
            .hint("map $(System.AccessToken) into the step's environment and let the job's identity use the service connection"));
        }
        issued(
            &response,
            "oidcToken",
            "Azure Pipelines",
            "check the service connection's id and that this pipeline may use it",
        )
    }
}

/// Where the GitHub token has to be meant for; each cloud has its own.
///
/// Source: learn.microsoft.com, "Important considerations … for federated identity credentials".
fn exchange_audience(authority_host: &str) -> &'static str {
    match authority_host {
        "login.chinacloudapi.cn" | "login.partner.microsoftonline.cn" => "api://AzureADTokenExchangeChina",
        "login.microsoftonline.us" | "login-us.microsoftonline.com" | "login.usgovcloudapi.net" => {
            "api://AzureADTokenExchangeUSGov"
        }
        _ => "api://AzureADTokenExchange",
    }
}

fn check_https(url: &str, variable: &str) -> Result<()> {
    HttpsUrl::parse_endpoint(url).map(drop).map_err(|e| e.context(format!("{variable} cannot be used")))
}

fn is_federation_failure(code: u32) -> bool {
    // The last two speak of a key, which is the other issuer's here.
    matches!(code, 700_021..=700_024 | 70021 | 700_211..=700_213 | 700_027 | 7_000_272)
}

/// What a person needs to compare with the application's federated credential.
fn described(assertion: &Secret) -> String {
    format!(
        "no federated credential of the app matches this token, or it has expired; the token has {}",
        summary(assertion)
    )
}

/// The claims that decide, never the token.
fn summary(assertion: &Secret) -> String {
    let claims = jwt::claims(assertion.expose()).unwrap_or_default();
    let text = |name: &str| match claims.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    };
    let expiry = claims.get("exp").and_then(Value::as_u64).map_or_else(|| "unknown".to_owned(), rfc3339);
    format!("issuer {}, subject {}, audience {}, expiry {expiry}", text("iss"), text("sub"), text("aud"))
}

/// Reads a token file; white space and a byte order mark around the token do not matter.
fn read_token_file(path: &Path) -> Result<Secret> {
    let failed =
        |why: &str| Error::new(format!("cannot use the federated token file {}: {why}", path.display()));
    let bytes = read_bounded(path, MAX_TOKEN).map_err(|e| failed(&e.to_string()))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| failed("it is not text"))?.trim();
    if text.is_empty() {
        return Err(failed("it is empty"));
    }
    if !jwt::looks_like_one(text) {
        return Err(failed("it does not hold a JWT (three base64url parts with dots between)"));
    }
    Ok(Secret::from(text))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_audience() {
        assert_eq!(exchange_audience("login.microsoftonline.com"), "api://AzureADTokenExchange");
        assert_eq!(exchange_audience("login.chinacloudapi.cn"), "api://AzureADTokenExchangeChina");
        assert_eq!(exchange_audience("login.microsoftonline.us"), "api://AzureADTokenExchangeUSGov");
    }

    #[test]
    fn a_refused_token_is_described_but_not_shown() {
        let assertion = Secret::from(
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJzIiwiYXVkIjpbImEiXSwiZXhwIjoxNzY3MzIzMDQ1fQ.c2ln",
        );
        let text = described(&assertion);
        assert!(
            text.contains("issuer https://i, subject s, audience [\"a\"], expiry 2026-01-02T03:04:05Z"),
            "{text}"
        );
        assert!(!text.contains("eyJ"));
        assert!(described(&Secret::from("x")).contains("issuer none"));
    }
}
