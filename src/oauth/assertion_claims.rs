//! The claims of a federated token that decide whether Entra ID trusts it, for people.

use super::jwt;
use crate::secret::Secret;
use crate::time::{UnixTime, rfc3339};
use serde_json::Value;

/// Issuer, subject, audience and expiry; never the token.
pub fn summary(assertion: &Secret) -> String {
    let claims = jwt::claims(assertion.expose()).unwrap_or_default();
    let text = |name: &str| match claims.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    };
    let expiry = expiry(assertion).map_or_else(|| "unknown".to_owned(), rfc3339);
    format!("issuer {}, subject {}, audience {}, expiry {expiry}", text("iss"), text("sub"), text("aud"))
}

/// The `exp` claim, if there is one (RFC 7519 section 4.1.4).
pub fn expiry(assertion: &Secret) -> Option<UnixTime> {
    jwt::claims(assertion.expose())?.get("exp")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_described_but_not_shown() {
        let assertion = Secret::from(
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJzIiwiYXVkIjpbImEiXSwiZXhwIjoxNzY3MzIzMDQ1fQ.c2ln",
        );
        let text = summary(&assertion);
        assert_eq!(text, "issuer https://i, subject s, audience [\"a\"], expiry 2026-01-02T03:04:05Z");
        assert!(summary(&Secret::from("x")).contains("issuer none"));
    }
}
