//! `client_credentials` by secret or assertion (RFC 6749 section 4.4, RFC 7523 section 2.2).

use super::{EntraError, TokenRequest, Version, assertion};
use serde_json::Value;

const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub fn grant(request: &mut TokenRequest) -> Result<Value, EntraError> {
    let server_field = if request.version == Version::V2 { "scope" } else { "resource" };
    request.only(&[
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion_type",
        "client_assertion",
        "token_type",
        "req_cnf",
        server_field,
    ]);
    request.client()?;
    match (request.field("client_secret"), request.field("client_assertion")) {
        (Some(secret), None) => {
            if secret != request.state.secret {
                return Err(EntraError(401, "invalid_client", 7_000_215, "Invalid client secret provided."));
            }
        }
        (None, Some(assertion)) => {
            if request.field("client_assertion_type") != Some(BEARER) {
                return Err(EntraError(
                    400,
                    "invalid_request",
                    900_144,
                    "The request body must contain: 'client_assertion_type'.",
                ));
            }
            let assertion = assertion.to_owned();
            let is_federated = request.state.federated.as_ref() == Some(&assertion);
            if !is_federated && !request.state.certificates.is_empty() {
                let host = request.request.header("host").unwrap_or_default();
                let endpoint = format!("https://{host}{}", request.request.path());
                assertion::check(request.state, &assertion, request.version, &endpoint)?;
            } else if !is_federated {
                return Err(EntraError(
                    401,
                    "invalid_client",
                    700_213,
                    "No matching federated identity record found.",
                ));
            }
        }
        _ => {
            return Err(EntraError(
                401,
                "invalid_client",
                7_000_218,
                "The request body must contain 'client_assertion' or 'client_secret'.",
            ));
        }
    }
    let audience = request.audience()?;
    if request.version == Version::V2 && request.field("scope").is_some_and(|scope| scope.contains(' ')) {
        return Err(EntraError(400, "invalid_scope", 70011, "Application scopes must be one /.default."));
    }
    Ok(request.issue(&audience))
}
