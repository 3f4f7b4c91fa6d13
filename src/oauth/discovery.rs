//! Discovery: whether an authority that is not well known may be trusted, and where its endpoints are.

use super::authority::{Authority, Endpoints};
use super::token::{TokenFailure, read_error};
use crate::error::{Error, Result};
use crate::http::form;
use crate::http::message::{Request, Response};
use crate::http::url::HttpsUrl;
use serde::Deserialize;

/// Asks Entra ID's public cloud whether it knows the authority.
///
/// Source: MSAL's "instance discovery", `api-version=1.1`.
pub fn instance_request(authority: &Authority) -> Request {
    let query = form::encode([
        ("api-version", "1.1"),
        ("authorization_endpoint", authority.endpoints().authorize.as_str()),
    ]);
    Request::get(format!("https://login.microsoftonline.com/common/discovery/instance?{query}"))
}

/// What a validated authority's answer always has: where its OpenID configuration is.
#[derive(Deserialize)]
struct Instance {
    #[serde(rename = "tenant_discovery_endpoint")]
    _tenant_discovery_endpoint: String,
}

/// Reads that answer. A success that is something else, such as a page of a proxy or of a Wi-Fi, validates
/// nothing: a secret must not go to a host on its word.
///
/// # Errors
/// `invalid_instance`: the authority is not one of Microsoft's; and any other failure.
pub fn read_instance(response: &Response, authority: &Authority) -> Result<()> {
    if response.is_success() {
        // serde would take an array for the object.
        let object = response.body.trim_ascii_start().starts_with(b"{");
        if object && serde_json::from_slice::<Instance>(&response.body).is_ok() {
            return Ok(());
        }
        return Err(Error::new(format!(
            "validating the authority host {} failed: login.microsoftonline.com's answer is not one of Microsoft Entra ID",
            authority.host()
        ))
        .or_hint(SKIP_HINT));
    }
    Err(match read_error(response) {
        TokenFailure::Oauth(error) if error.error == "invalid_instance" => Error::new(format!(
            "the authority host {} is not known to Microsoft Entra ID (invalid_instance)",
            authority.host()
        )),
        TokenFailure::Oauth(error) => error.into_error(response, "validating the authority host failed"),
        TokenFailure::Other(error) => error.context("validating the authority host failed"),
    }
    .or_hint(SKIP_HINT))
}

/// What to do when the public cloud cannot be asked.
pub const SKIP_HINT: &str =
    "if you trust this authority host, pass --disable-instance-discovery: the public cloud is not asked then";

#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    token_endpoint: String,
    authorization_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
}

/// Reads the OpenID configuration document (OpenID Connect Discovery 1.0, section 4.2); 404 means the
/// default paths.
///
/// # Errors
/// Any other failure; a document that cannot be read; an endpoint that is not https or whose host is
/// neither the authority's nor its issuer's.
pub fn read_configuration(response: &Response, authority: &Authority) -> Result<Endpoints> {
    let url = authority.openid_configuration();
    if response.status == 404 {
        return Ok(authority.endpoints());
    }
    if !response.is_success() {
        return Err(match read_error(response) {
            TokenFailure::Oauth(error) => error.into_error(response, &format!("reading {url} failed")),
            TokenFailure::Other(error) => error.context(format!("reading {url} failed")),
        });
    }
    let document: Document = serde_json::from_slice(&response.body)
        .map_err(|e| Error::new(format!("{url} is not an OpenID configuration document: {e}")))?;
    let issuer_host = document
        .issuer
        .as_deref()
        .and_then(|issuer| HttpsUrl::parse(issuer).ok())
        .map(|issuer| issuer.host().to_owned());
    let check = |endpoint: String| -> Result<String> {
        let parsed = HttpsUrl::parse_endpoint(&endpoint)
            .map_err(|e| e.context(format!("{url} names an endpoint that cannot be used")))?;
        if parsed.host() == authority.host() || Some(parsed.host()) == issuer_host.as_deref() {
            // A scheme may be written in capitals; the transport looks for the usual form.
            let after_scheme = endpoint.split_once(':').map_or("", |(_, rest)| rest);
            Ok(format!("https:{after_scheme}"))
        } else {
            Err(Error::new(format!("{url} names an endpoint on another host, {}: refused", parsed.host())))
        }
    };
    let default = authority.endpoints();
    Ok(Endpoints {
        token: check(document.token_endpoint)?,
        authorize: document.authorization_endpoint.map_or(Ok(default.authorize), check)?,
        device_code: document.device_authorization_endpoint.map_or(Ok(default.device_code), check)?,
        wants_resource: default.wants_resource,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> Authority {
        Authority::new("https://idp.example:8443/", Some("t")).unwrap()
    }

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), request_id: String::new() }
    }

    #[test]
    fn endpoints_of_the_authority_and_of_its_issuer_are_taken() {
        let body = r#"{"issuer":"https://issuer.example/t","token_endpoint":"https://idp.example/tok","authorization_endpoint":"https://issuer.example/auth"}"#;
        let endpoints = read_configuration(&answer(200, body), &authority()).unwrap();
        assert_eq!(endpoints.token, "https://idp.example/tok");
        assert_eq!(endpoints.authorize, "https://issuer.example/auth");
        assert_eq!(endpoints.device_code, authority().endpoints().device_code);
        let query = answer(200, r#"{"token_endpoint":"https://idp.example/tok?p=B2C_1&q=%20"}"#);
        assert_eq!(
            read_configuration(&query, &authority()).unwrap().token,
            "https://idp.example/tok?p=B2C_1&q=%20"
        );
        let capitals = answer(200, r#"{"token_endpoint":"HTTPS://idp.example/tok"}"#);
        assert_eq!(read_configuration(&capitals, &authority()).unwrap().token, "https://idp.example/tok");
    }

    #[test]
    fn other_hosts_and_other_documents_are_refused() {
        for body in [
            r#"{"token_endpoint":"https://evil.example/tok"}"#,
            r#"{"token_endpoint":"http://idp.example/tok"}"#,
            r#"{"token_endpoint":"https://idp.example@evil.example/"}"#,
            r#"{"token_endpoint":"https://idp.example/tok","authorization_endpoint":"https://idp.example/a?x=\u001b]0;y\u0007"}"#,
            r#"{"token_endpoint":"https://idp.example/tok","authorization_endpoint":"https://idp.example/a?x=1#"}"#,
            r#"{"token_endpoint":"https://idp.example/tok","authorization_endpoint":"https://idp.example/a?x=`id`"}"#,
            r#"{"issuer":"https://x","token_endpoint":7}"#,
            "{}",
            "<html>",
        ] {
            assert!(read_configuration(&answer(200, body), &authority()).is_err(), "{body}");
        }
        assert!(read_configuration(&answer(500, "{}"), &authority()).is_err());
    }

    #[test]
    fn no_document_means_the_default_paths() {
        assert_eq!(read_configuration(&answer(404, ""), &authority()).unwrap(), authority().endpoints());
    }

    #[test]
    fn instance_discovery() {
        assert!(instance_request(&authority()).url.ends_with(
            "?api-version=1.1&authorization_endpoint=https%3A%2F%2Fidp.example%3A8443%2Ft%2Foauth2%2Fv2.0%2Fauthorize"
        ));
        let known =
            r#" {"tenant_discovery_endpoint":"https://idp.example:8443/t/.well-known/openid-configuration"}"#;
        assert!(read_instance(&answer(200, known), &authority()).is_ok());
        for other in [
            "",
            "{",
            "{}",
            "[]",
            "true",
            "<html>",
            r#"["https://idp.example/"]"#,
            r#"{"tenant_discovery_endpoint":7}"#,
            r#"{"tenant_discovery_endpoint":null}"#,
            r#"{"error":"invalid_instance"}"#,
        ] {
            let error = read_instance(&answer(200, other), &authority()).unwrap_err().to_string();
            assert!(
                error.contains("idp.example") && error.contains("--disable-instance-discovery"),
                "{other}: {error}"
            );
        }
        let error = read_instance(&answer(400, r#"{"error":"invalid_instance"}"#), &authority()).unwrap_err();
        assert!(error.to_string().contains("invalid_instance") && error.to_string().contains("Hint: "));
    }
}
