//! The answer of a token endpoint (OpenID Connect Core 1.0, section 3.1.3.3; RFC 6749 section 5).

use super::id_token::seconds;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::oauth::jwt;
use crate::oauth::token::{MAX_EXPIRY, OauthError, TokenFailure, read_error, seconds_of};
use crate::secret::Secret;
use crate::time::UnixTime;
use serde::Deserialize;
use serde_json::Value;

/// What a provider issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// For APIs.
    pub access_token: Option<Secret>,
    /// Who signed in.
    pub id_token: Option<Secret>,
    /// Gets the next ones without the user.
    pub refresh_token: Option<Secret>,
    /// How long the access token lives, in seconds.
    pub expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<Value>,
    access_token: Option<String>,
    id_token: Option<String>,
    refresh_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

/// Reads the answer.
///
/// # Errors
/// [`TokenFailure::Oauth`] for a refusal, also one with status 200; [`TokenFailure::Other`] for an answer that is
/// neither that nor tokens. No error shows a token.
pub fn read(response: &Response) -> std::result::Result<Tokens, TokenFailure> {
    if !response.is_success() {
        return Err(read_error(response));
    }
    let other = |why: &str| TokenFailure::Other(Error::new(format!("the provider's answer {why}")));
    // serde's message could quote the answer.
    let answer: Answer = serde_json::from_slice(&response.body)
        .map_err(|_| other("cannot be read: it is no JSON of tokens"))?;
    if answer.error.is_some_and(|error| !error.is_null()) {
        return Err(match serde_json::from_slice::<OauthError>(&response.body) {
            Ok(error) if !error.error.is_empty() => TokenFailure::Oauth(Box::new(error)),
            _ => other("is an error that cannot be read"),
        });
    }
    let token_type = answer.token_type.unwrap_or_default();
    if !token_type.is_empty() && !token_type.eq_ignore_ascii_case("bearer") {
        return Err(other(&format!("has an unknown token type \"{token_type}\"")));
    }
    let secret = |token: Option<String>| token.filter(|token| !token.is_empty()).map(Secret::new);
    let tokens = Tokens {
        access_token: secret(answer.access_token),
        id_token: secret(answer.id_token),
        refresh_token: secret(answer.refresh_token),
        expires_in: answer.expires_in.as_ref().and_then(seconds_of),
    };
    // Either goes into an HTTP header of kubectl's.
    let is_sendable = |token: &Secret| token.expose().bytes().all(|b| b.is_ascii_graphic());
    if ![&tokens.access_token, &tokens.id_token].into_iter().flatten().all(is_sendable) {
        return Err(other("has a token that contains invalid characters"));
    }
    Ok(tokens)
}

/// When an access token expires: its own word, else the answer's.
///
/// # Errors
/// Neither says.
pub fn access_expiry(token: &Secret, expires_in: Option<u64>, now: UnixTime) -> Result<UnixTime> {
    let claims = jwt::claims(token.expose()).unwrap_or_default();
    let expiry = seconds(&claims, "exp").or_else(|| expires_in.map(|seconds| now.saturating_add(seconds)));
    expiry
        .filter(|expiry| *expiry <= MAX_EXPIRY)
        .ok_or_else(|| Error::new("the provider does not say when the access token expires"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::jws;
    use serde_json::json;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), request_id: String::new() }
    }

    #[test]
    fn tokens_are_read() {
        let body = r#"{"access_token":"a","id_token":"i","refresh_token":"","token_type":"bearer","expires_in":"60"}"#;
        let tokens = read(&answer(200, body)).unwrap();
        let expected = Tokens {
            access_token: Some(Secret::from("a")),
            id_token: Some(Secret::from("i")),
            refresh_token: None,
            expires_in: Some(60),
        };
        assert_eq!(tokens, expected);
        assert_eq!(read(&answer(200, "{}")).unwrap(), Tokens::default());
    }

    #[test]
    fn a_refusal_is_one_whatever_its_status() {
        for status in [200, 400, 401] {
            let Err(TokenFailure::Oauth(error)) = read(&answer(status, r#"{"error":"invalid_grant"}"#))
            else {
                panic!("{status}")
            };
            assert_eq!(error.error, "invalid_grant");
        }
    }

    #[test]
    fn no_error_shows_a_token() {
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"access_token":7,"refresh_token":"hunter2"}"#,
            r#"{"access_token":"hunter2","id_token":["hunter2"]}"#,
            r#"{"access_token":"hunter2","token_type":"DPoP"}"#,
            r#"{"access_token":"hunter2\r\nX: y"}"#,
            r#"{"id_token":"hunter2 "}"#,
            r#"{"error":{"a":"hunter2"},"access_token":"hunter2"}"#,
            r#"{"error":"","access_token":"hunter2"}"#,
        ] {
            let Err(TokenFailure::Other(error)) = read(&answer(200, body)) else { panic!("{body}") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_opaque_token_lives_as_long_as_the_answer_says() {
        let jwt = jws::compact(&jws::signing_input(&json!({}), &json!({ "exp": 500 })), b"s");
        assert_eq!(access_expiry(&jwt, Some(60), 100), Ok(500));
        assert_eq!(access_expiry(&Secret::from("opaque"), Some(60), 100), Ok(160));
        assert!(access_expiry(&Secret::from("opaque"), None, 100).is_err());
        assert!(access_expiry(&Secret::from("opaque"), Some(u64::MAX), 100).is_err());
    }
}
