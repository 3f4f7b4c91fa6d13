//! A provider's configuration document (OpenID Connect Discovery 1.0 sections 3 and 4).

use super::web_address::check_endpoint;
use crate::error::{Error, Result};
use crate::http::message::{Request, Response, Route};
use serde::{Deserialize, Serialize};

/// Google's tokens and answers may leave out the scheme of its issuer.
const GOOGLE: &str = "https://accounts.google.com";

/// How an application proves who it is at the token endpoint (OpenID Connect Core 1.0 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// In the Authorization header.
    Basic,
    /// In the form.
    Post,
}

/// What a sign-in needs of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// Where the browser goes.
    pub authorization_endpoint: Option<String>,
    /// Where tokens come from.
    pub token_endpoint: String,
    /// Where device codes come from (RFC 8628 section 4).
    pub device_authorization_endpoint: Option<String>,
    /// Whether PKCE with S256 is announced (RFC 8414 section 2).
    pub has_s256: bool,
    /// Whether the answer of the authorization endpoint has `iss` (RFC 9207 section 3).
    pub sends_issuer: bool,
    /// What to use where the application has a secret; `None` where the provider takes no secret.
    pub authentication: Option<ClientAuthentication>,
}

#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// The request for the document.
///
/// # Errors
/// An issuer that is not https, nor http on a loopback host.
pub fn request(issuer: &str) -> Result<Request> {
    check_endpoint(issuer).map_err(|e| {
        e.context("--oidc-issuer-url cannot be used").hint(
            "use the https address of the provider; for one without TLS on another machine, forward its port: ssh -L",
        )
    })?;
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    Ok(Request { route: Route::Provider, ..Request::get(format!("{base}/.well-known/openid-configuration")) })
}

/// Reads the document.
///
/// # Errors
/// No document, another issuer's, one whose endpoints must not be asked.
pub fn read(response: &Response, issuer: &str, asked: &str) -> Result<Provider> {
    let failed = |why: String| Error::new(format!("oidc discovery error: {asked} {why}"));
    if !response.is_success() {
        let error = failed(format!("answered with HTTP {}", response.status));
        let error = if response.status >= 500 { Error::transient(error.message()) } else { error };
        return Err(error.hint(
            "--oidc-issuer-url is the address whose .well-known/openid-configuration the provider serves; for Keycloak it ends in /realms/NAME",
        ));
    }
    let document: Document = serde_json::from_slice(&response.body)
        .map_err(|_| failed("is not a provider's configuration document".to_owned()))?;
    let named = document.issuer.unwrap_or_default();
    if named != issuer {
        let error = Error::new(format!(
            "oidc: issuer URL provided to client (\"{issuer}\") did not match the issuer URL returned by provider (\"{named}\")"
        ));
        return Err(match named.trim_end_matches('/') == issuer.trim_end_matches('/') {
            true if named.ends_with('/') => error.hint("add the slash at the end of --oidc-issuer-url"),
            true => error.hint("leave out the slash at the end of --oidc-issuer-url"),
            false => {
                error.hint("pass the issuer that the provider names, or check that you asked the right one")
            }
        });
    }
    let endpoint = |name: &str, address: Option<String>| -> Result<Option<String>> {
        let Some(address) = address.filter(|address| !address.is_empty()) else { return Ok(None) };
        check_endpoint(&address).map_err(|e| e.context(format!("the provider's {name} cannot be used")))?;
        if issuer.starts_with("https://") && !address.to_ascii_lowercase().starts_with("https://") {
            return Err(failed(format!("names a {name} that is not https")));
        }
        Ok(Some(address))
    };
    let methods = document.token_endpoint_auth_methods_supported;
    let announces = |name: &str| methods.as_ref().is_some_and(|methods| methods.iter().any(|m| m == name));
    let authentication =
        match (methods.is_none() || announces("client_secret_basic"), announces("client_secret_post")) {
            (true, _) => Some(ClientAuthentication::Basic),
            (false, true) => Some(ClientAuthentication::Post),
            (false, false) => None,
        };
    Ok(Provider {
        authorization_endpoint: endpoint("authorization_endpoint", document.authorization_endpoint)?,
        token_endpoint: endpoint("token_endpoint", document.token_endpoint)?
            .ok_or_else(|| failed("names no token_endpoint".to_owned()))?,
        device_authorization_endpoint: endpoint(
            "device_authorization_endpoint",
            document.device_authorization_endpoint,
        )?,
        has_s256: document
            .code_challenge_methods_supported
            .is_some_and(|methods| methods.iter().any(|method| method == "S256")),
        sends_issuer: document.authorization_response_iss_parameter_supported == Some(true),
        authentication,
        issuer: named,
    })
}

/// Whether a token's `iss` is the issuer.
pub fn is_issuer(named: &str, issuer: &str) -> bool {
    named == issuer || issuer == GOOGLE && GOOGLE.strip_prefix("https://") == Some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), request_id: String::new() }
    }

    fn read_text(issuer: &str, body: &str) -> Result<Provider> {
        read(&response(200, body), issuer, "https://i/.well-known/openid-configuration")
    }

    #[test]
    fn the_document_of_a_provider() {
        let provider = read_text(
            "https://i",
            r#"{"issuer":"https://i","token_endpoint":"https://other/t","authorization_endpoint":"https://i/a",
                "code_challenge_methods_supported":["plain","S256"],"authorization_response_iss_parameter_supported":true,
                "token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt"]}"#,
        )
        .unwrap();
        assert_eq!(provider.token_endpoint, "https://other/t", "any host, as Google does it");
        assert!(provider.has_s256 && provider.sends_issuer);
        assert_eq!(provider.authentication, Some(ClientAuthentication::Post));
        let least =
            read_text("https://i", r#"{"issuer":"https://i","token_endpoint":"https://i/t"}"#).unwrap();
        assert_eq!(least.authentication, Some(ClientAuthentication::Basic));
        assert!(!least.has_s256 && least.device_authorization_endpoint.is_none());
        let other = r#"{"issuer":"https://i","token_endpoint":"https://i/t","token_endpoint_auth_methods_supported":["private_key_jwt"]}"#;
        assert_eq!(read_text("https://i", other).unwrap().authentication, None);
    }

    #[test]
    fn documents_that_are_refused() {
        for (issuer, body, why) in [
            ("https://i", "", "not a provider's"),
            ("https://i", "<html>", "not a provider's"),
            ("https://i", "[]", "not a provider's"),
            ("https://i", r#"{"issuer":"https://i"}"#, "names no token_endpoint"),
            ("https://i", r#"{"issuer":"https://evil","token_endpoint":"https://i/t"}"#, "did not match"),
            ("https://i", r#"{"issuer":"https://i","token_endpoint":"http://i/t"}"#, "not https"),
            ("https://i", r#"{"issuer":"https://i","token_endpoint":"http://127.0.0.1/t"}"#, "not https"),
            ("https://i", r#"{"issuer":"https://i","token_endpoint":"file:///t"}"#, "not an https address"),
            ("https://i", r#"{"issuer":"https://i","token_endpoint":"https://u:p@i/t"}"#, "user name"),
        ] {
            let error = read_text(issuer, body).unwrap_err().to_string();
            assert!(error.contains(why), "{body}: {error}");
        }
        let slash = r#"{"issuer":"https://i/","token_endpoint":"https://i/t"}"#;
        assert!(read_text("https://i", slash).unwrap_err().to_string().contains("add the slash"));
        assert!(
            read(&response(404, ""), "https://i", "https://i/x")
                .unwrap_err()
                .to_string()
                .contains("HTTP 404")
        );
        assert!(request("http://keycloak.internal/realms/x").unwrap_err().to_string().contains("ssh -L"));
    }

    #[test]
    fn google_s_tokens_may_leave_out_the_scheme() {
        assert!(is_issuer("accounts.google.com", GOOGLE) && is_issuer(GOOGLE, GOOGLE));
        assert!(!is_issuer("i", "https://i"));
    }
}
