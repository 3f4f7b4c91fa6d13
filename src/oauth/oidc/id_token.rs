//! The checks of an ID token (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Its signature is not checked: it came from the token endpoint over TLS (point 6 there), and the API server
//! checks it. The sentences are those of int128/kubelogin, which people search for.

use super::provider::is_issuer;
use crate::error::{Error, Result};
use crate::oauth::jwt;
use crate::oauth::token::MAX_EXPIRY;
use crate::time::{UnixTime, rfc3339};
use serde_json::{Map, Value};

/// How far `nbf` and `iat` may lie ahead of this machine's clock, in seconds.
const LEEWAY: u64 = 300;

/// What an ID token must say.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The nonce, where one was sent.
    pub nonce: Option<&'a str>,
}

/// What a good ID token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    /// Who signed in.
    pub subject: String,
    /// When it expires.
    pub expires_on: UnixTime,
}

/// Checks an ID token.
///
/// # Errors
/// The first check that it does not pass. The error shows no part of the token but issuer, audience and times.
pub fn check(token: &str, wanted: &Wanted, now: UnixTime) -> Result<IdClaims> {
    let claims = jwt::looks_like_one(token).then(|| jwt::claims(token)).flatten();
    let claims = claims.ok_or_else(|| Error::new("malformed jwt: the ID token cannot be read"))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let issuer = text("iss").unwrap_or_default();
    if !is_issuer(wanted.issuer, issuer) {
        return Err(Error::new(format!(
            "id token issued by a different provider, expected \"{}\" got \"{issuer}\"",
            wanted.issuer
        )));
    }
    check_audience(&claims, wanted.client_id)?;
    let expires_on = seconds(&claims, "exp").ok_or_else(|| Error::new("the ID token has no valid expiry"))?;
    if expires_on <= now {
        return Err(Error::new(format!("token is expired (Token Expiry: {})", rfc3339(expires_on)))
            .hint("check this machine's clock"));
    }
    for name in ["nbf", "iat"] {
        if claims.get(name).is_some_and(|claim| !claim.is_null()) {
            let time = seconds(&claims, name)
                .ok_or_else(|| Error::new(format!("the ID token's {name} is not a time")))?;
            if time > now.saturating_add(LEEWAY) {
                let (now, time) = (rfc3339(now), rfc3339(time.min(MAX_EXPIRY)));
                return Err(Error::new(format!("current time {now} before the {name} time: {time}"))
                    .hint("check this machine's clock"));
            }
        }
    }
    if wanted.nonce.is_some_and(|nonce| text("nonce") != Some(nonce)) {
        return Err(Error::new("nonce did not match"));
    }
    let subject = text("sub").filter(|subject| !subject.is_empty());
    let subject = subject.ok_or_else(|| Error::new("the ID token has no subject"))?.to_owned();
    Ok(IdClaims { subject, expires_on })
}

/// The client is among the audiences; of several, the token was issued to it.
fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<()> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audiences.contains(&client_id) {
        let audiences: Vec<String> = audiences.iter().map(|one| format!("\"{one}\"")).collect();
        return Err(Error::new(format!("expected audience \"{client_id}\" got [{}]", audiences.join(" "))));
    }
    match claims.get("azp") {
        Some(azp) if audiences.len() > 1 && azp.as_str() != Some(client_id) => {
            Err(Error::new("the ID token has several audiences, and was issued to another client (azp)"))
        }
        _ => Ok(()),
    }
}

/// A claim's time.
pub fn seconds(claims: &Map<String, Value>, name: &str) -> Option<UnixTime> {
    let number = claims.get(name)?.as_number()?;
    let whole =
        number.as_u64().or_else(|| number.as_f64().filter(|f| (0.0..1e15).contains(f)).map(|f| f as u64));
    whole.filter(|time| *time <= MAX_EXPIRY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::jws;
    use serde_json::json;

    const NOW: u64 = 1_000_000;

    fn check_claims(claims: &Value) -> Result<IdClaims> {
        let token = jws::compact(&jws::signing_input(&json!({ "alg": "RS256" }), claims), b"s");
        check(token.expose(), &Wanted { issuer: "https://a", client_id: "c", nonce: Some("n") }, NOW)
    }

    fn good() -> Value {
        json!({ "iss": "https://a", "aud": "c", "exp": NOW + 1, "iat": NOW, "nonce": "n", "sub": "s" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    #[test]
    fn a_good_one() {
        let claims = IdClaims { subject: "s".to_owned(), expires_on: NOW + 1 };
        assert_eq!(check_claims(&good()), Ok(claims));
        for good in [
            with("aud", json!(["c"])),
            with("aud", json!(["x", "c"])),
            with("azp", json!("x")),
            with("nbf", json!(NOW + 300)),
            with("iat", json!(NOW + 300)),
            with("iat", Value::Null),
            with("exp", json!(1_000_001.5)),
        ] {
            assert!(check_claims(&good).is_ok(), "{good}");
        }
    }

    #[test]
    fn each_check_refuses() {
        for (claims, why) in [
            (
                with("iss", json!("https://b")),
                "issued by a different provider, expected \"https://a\" got \"https://b\"",
            ),
            (with("iss", json!("https://a/")), "different provider"),
            (with("iss", json!(null)), "different provider"),
            (with("iss", json!(["https://a"])), "different provider"),
            (with("aud", json!("x")), "expected audience \"c\" got [\"x\"]"),
            (with("aud", json!(["x", "y"])), "expected audience \"c\" got [\"x\" \"y\"]"),
            (with("aud", json!([])), "got []"),
            (with("aud", json!({ "c": 1 })), "got []"),
            (
                json!({ "iss": "https://a", "aud": ["c", "x"], "azp": "x", "exp": NOW + 1, "sub": "s", "nonce": "n" }),
                "azp",
            ),
            (with("exp", json!(NOW)), "token is expired (Token Expiry: 1970-01-12T13:46:40Z)"),
            (with("exp", json!(null)), "no valid expiry"),
            (with("exp", json!("1000001")), "no valid expiry"),
            (with("exp", json!(-1)), "no valid expiry"),
            (with("exp", json!(1e300)), "no valid expiry"),
            (with("exp", json!(u64::MAX)), "no valid expiry"),
            (with("nbf", json!(NOW + 301)), "before the nbf time"),
            (with("iat", json!(NOW + 301)), "before the iat time"),
            (with("iat", json!("x")), "iat is not a time"),
            (with("nonce", json!("m")), "nonce did not match"),
            (with("nonce", json!(null)), "nonce did not match"),
            (with("sub", json!("")), "no subject"),
            (with("sub", json!(7)), "no subject"),
        ] {
            let error = check_claims(&claims).unwrap_err();
            assert!(error.message().contains(why), "{claims}: {error}");
        }
    }

    #[test]
    fn text_that_is_no_token_is_refused() {
        let whole = jws::compact(&jws::signing_input(&json!({}), &good()), b"s").expose().clone();
        let wanted = Wanted { issuer: "https://a", client_id: "c", nonce: None };
        for end in 0..whole.len() - 1 {
            let _ = check(whole.get(..end).unwrap(), &wanted, NOW);
        }
        for bad in ["", ".", "..", "a.b", "a.b.c", "e30.W10.s", "a.b.c.d", "e30.e30.", "\u{e4}.e30.x"] {
            assert!(check(bad, &wanted, NOW).is_err(), "{bad}");
        }
        let huge = format!("e30.{}.s", "A".repeat(1 << 20));
        assert!(check(&huge, &wanted, NOW).is_err());
    }
}
