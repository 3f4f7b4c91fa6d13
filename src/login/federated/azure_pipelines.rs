//! `azurepipelines`: Azure Pipelines issues the federated token for a service connection.
//!
//! Source: Azure DevOps REST API, "Oidctoken - Create".

use super::{AssertionSource, Exchange, Federated, check_https, issued};
use crate::cache::fingerprint;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::form;
use crate::http::message::{Body, Request};
use crate::login::{Finding, SignIn};
use crate::secret::Secret;

struct Pipelines {
    /// `SYSTEM_OIDCREQUESTURI`
    url: String,
    /// `SYSTEM_ACCESSTOKEN`
    token: Secret,
    connection: String,
}

/// The sign-in that the options describe.
///
/// # Errors
/// A missing client id, tenant id, service connection id or system access token; an OIDC request address that is
/// not https.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
    let connection = options
        .required(Id::PipelinesServiceConnectionId, "Azure Pipelines service connection ID")?
        .to_owned();
    let token = ctx.env.try_text("SYSTEM_ACCESSTOKEN")?.map(Secret::from).ok_or_else(|| {
        Error::new("SYSTEM_ACCESSTOKEN environment variable not set")
            .hint("map it in the pipeline's step: env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)")
    })?;
    let url = ctx.env.try_text("SYSTEM_OIDCREQUESTURI")?.ok_or_else(|| {
        Error::new("SYSTEM_OIDCREQUESTURI environment variable not set").hint(
            "run this in a step of Azure Pipelines that names the service connection, such as AzureCLI@2",
        )
    })?;
    check_https(url, "SYSTEM_OIDCREQUESTURI")?;
    Federated::build(ctx, options, client_id, Pipelines { url: url.to_owned(), token, connection })
}

impl AssertionSource for Pipelines {
    fn fingerprint(&self) -> String {
        fingerprint(&[b"connection", self.connection.as_bytes()])
    }

    fn assertion(&self, exchange: &Exchange) -> Result<Secret> {
        let query = form::encode([("api-version", "7.1"), ("serviceConnectionId", &self.connection)]);
        let mut request = Request::get(format!("{}?{query}", self.url));
        request.body = Body::Empty;
        request.headers = vec![
            ("Authorization", Secret::new(format!("Bearer {}", self.token.expose()))),
            // Without it an unauthorised call is redirected to a sign-in page.
            ("X-TFS-FedAuthRedirect", Secret::from("Suppress")),
        ];
        let response = exchange.ask(&request)?;
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

    fn check(&self, _: &Context) -> Result<Finding> {
        Ok(Finding::Good(format!(
            "Azure Pipelines issues the token for the service connection {}",
            self.connection
        )))
    }
}
