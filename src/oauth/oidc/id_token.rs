//! The checks of an ID token (OpenID Connect Core 1.0 section 3.1.3.7).
//!
//! Its signature is not checked: the token came from the token endpoint over TLS (rule 6 there), and the API server
//! checks it.

use super::provider::is_issuer;
use crate::error::{Error, Result};
use crate::oauth::jwt;
use crate::time::UnixTime;
use serde_json::{Map, Value};

/// How much clocks may differ for `nbf` and `iat`, in seconds.
const LEEWAY: u64 = 300;

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// The application.
    pub client_id: &'a str,
    /// What was sent to the authorization endpoint, if that was asked.
    pub nonce: Option<&'a str>,
    /// Whose token a refresh replaces (OpenID Connect Core 1.0 section 12.2).
    pub subject: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub now: UnixTime,
}

/// Checks an ID token and returns its claims.
///
/// # Errors
/// What is wrong with it; the token is not shown.
pub fn check(token: &str, expected: &Expected) -> Result<Map<String, Value>> {
    let failed = |why: String| Err(Error::new(format!("could not verify the ID token: {why}")));
    let Some(claims) = Some(token).filter(|token| jwt::looks_like_one(token)).and_then(jwt::claims) else {
        return failed("it is not a JWT".to_owned());
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let issuer = text("iss").unwrap_or_default();
    if !is_issuer(issuer, expected.issuer) {
        let wanted = expected.issuer;
        return failed(format!(
            "oidc: id token issued by a different provider, expected \"{wanted}\" got \"{issuer}\""
        ));
    }
    let audiences = audiences(&claims);
    if !audiences.contains(&expected.client_id) {
        return failed(format!("oidc: expected audience \"{}\" got {audiences:?}", expected.client_id));
    }
    if audiences.len() > 1 && text("azp").is_some_and(|party| party != expected.client_id) {
        return failed("it was issued to another application (azp)".to_owned());
    }
    match time(&claims, "exp") {
        Some(expiry) if expiry > expected.now => {}
        _ => return failed("oidc: token is expired".to_owned()),
    }
    for name in ["nbf", "iat"] {
        if time(&claims, name).is_some_and(|time| time > expected.now.saturating_add(LEEWAY)) {
            return failed(format!("its {name} is in the future; check this machine's clock"));
        }
    }
    if expected.nonce.is_some_and(|nonce| text("nonce") != Some(nonce)) {
        return failed("nonce did not match".to_owned());
    }
    if expected.subject.is_some_and(|subject| text("sub") != Some(subject)) {
        return failed("it is another user's".to_owned());
    }
    Ok(claims)
}

/// A time among the claims, in whole seconds; a fraction is cut.
pub fn time(claims: &Map<String, Value>, name: &str) -> Option<UnixTime> {
    let value = claims.get(name)?;
    let whole = value.as_f64().filter(|time| (0.0..1e15).contains(time)).map(|time| time as u64);
    value.as_u64().or(whole)
}

fn audiences(claims: &Map<String, Value>) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    const NOW: UnixTime = 1_767_323_045;

    fn token(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims))
    }

    fn verdict(claims: Value, nonce: Option<&str>, subject: Option<&str>) -> String {
        let expected = Expected { issuer: "https://i", client_id: "c", nonce, subject, now: NOW };
        match check(&token(&claims), &expected) {
            Ok(_) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn each_claim_is_checked() {
        let good =
            json!({ "iss": "https://i", "aud": "c", "exp": NOW + 1, "iat": NOW, "sub": "s", "nonce": "n" });
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            verdict(claims, Some("n"), Some("s"))
        };
        assert_eq!(with("x", json!(1)), "");
        assert_eq!(with("aud", json!(["a", "c"])), "");
        assert_eq!(with("iat", json!(NOW + 299)), "");
        assert!(with("iss", json!("https://i/")).contains("a different provider"));
        assert!(with("iss", json!(null)).contains("a different provider"));
        assert!(with("aud", json!("other")).contains("expected audience \"c\" got [\"other\"]"));
        assert!(with("aud", json!([])).contains("expected audience"));
        assert!(with("exp", json!(NOW)).contains("expired"), "no leeway");
        assert!(with("exp", json!("soon")).contains("expired"));
        assert!(with("nbf", json!(NOW + 301)).contains("nbf is in the future"));
        assert!(with("iat", json!(NOW + 301)).contains("iat is in the future"));
        assert!(with("nonce", json!("other")).contains("nonce did not match"));
        assert!(with("nonce", json!(null)).contains("nonce did not match"));
        assert!(with("sub", json!("other")).contains("another user's"));
        let mut parties = good.clone();
        parties["aud"] = json!(["c", "d"]);
        parties["azp"] = json!("d");
        assert!(verdict(parties, Some("n"), None).contains("another application"));
        assert_eq!(verdict(good, None, None), "");
    }

    #[test]
    fn what_is_no_token_is_not_shown() {
        let expected = Expected { issuer: "https://i", client_id: "c", nonce: None, subject: None, now: NOW };
        for bad in ["", "opaque-secret", "a.b", "..", "a.!.c", "e30.e30.", &"x.".repeat(1 << 20)] {
            let error = check(bad, &expected).unwrap_err().to_string();
            assert!(!error.contains("opaque-secret"), "{error}");
        }
    }
}
