//! A federated token of GitHub Actions.
//!
//! Source: docs.github.com, "OpenID Connect reference".

use super::{AssertionSource, Exchange, issued};
use crate::cache::fingerprint;
use crate::context::Context;
use crate::error::Result;
use crate::http::form;
use crate::http::message::Request;
use crate::login::Finding;
use crate::secret::Secret;

pub struct Github {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`
    pub url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
    pub token: Secret,
}

impl AssertionSource for Github {
    fn fingerprint(&self) -> String {
        fingerprint(&[b"github"])
    }

    fn assertion(&self, exchange: &Exchange) -> Result<Secret> {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let audience = form::percent_encode(exchange_audience(exchange.session.authority.host()));
        let mut request = Request::get(format!("{}{separator}audience={audience}", self.url));
        request.headers = vec![
            ("Authorization", Secret::new(format!("bearer {}", self.token.expose()))),
            ("Accept", Secret::from("application/json; api-version=2.0")),
        ];
        let response = exchange.ask(&request)?;
        issued(&response, "value", "GitHub Actions", "the job needs the permission id-token: write")
    }

    fn check(&self, _: &Context) -> Result<Finding> {
        Ok(Finding::Good("GitHub Actions issues the token".to_owned()))
    }
}

/// The audience of the token: each cloud has its own.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_audience() {
        assert_eq!(exchange_audience("login.microsoftonline.com"), "api://AzureADTokenExchange");
        assert_eq!(exchange_audience("login.chinacloudapi.cn"), "api://AzureADTokenExchangeChina");
        assert_eq!(exchange_audience("login.microsoftonline.us"), "api://AzureADTokenExchangeUSGov");
    }
}
