//! Answers of token endpoints: a token, or an OAuth error (RFC 6749 section 5).

use super::jwt;
use super::owner::Owner;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::secret::Secret;
use crate::time::{UnixTime, parse_rfc3339, parse_us_date};
use serde::Deserialize;
use serde_json::Value;

/// The end of the year 9999, the last that RFC 3339 can write.
pub const MAX_EXPIRY: UnixTime = 253_402_300_799;

/// A token as it was issued.
#[derive(Clone, Debug)]
pub struct Token {
    /// What the API server takes.
    pub access_token: Secret,
    /// When it expires.
    pub expires_on: UnixTime,
    /// What gets the next one without the user.
    pub refresh_token: Option<Secret>,
    /// Whose it is.
    pub owner: Owner,
}

impl Token {
    /// One that came alone.
    pub fn new(access_token: Secret, expires_on: UnixTime) -> Self {
        Self { access_token, expires_on, refresh_token: None, owner: Owner::default() }
    }
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    expires_on: Option<Value>,
    refresh_token: Option<String>,
    // Only read for the owner's names: another type there is no reason to refuse the token.
    id_token: Option<Value>,
    client_info: Option<Value>,
}

/// An error of the OAuth kind, with Entra's additions.
///
/// Source: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct OauthError {
    /// The code that programs act on: `invalid_grant`, `authorization_pending`, …
    pub error: String,
    /// Text for people, with the AADSTS code.
    #[serde(deserialize_with = "tolerant_text")]
    pub error_description: String,
    /// The AADSTS numbers.
    #[serde(deserialize_with = "tolerant_codes")]
    pub error_codes: Vec<u32>,
    /// Finds the request in the service's logs.
    #[serde(deserialize_with = "tolerant_text")]
    pub trace_id: String,
    /// Finds the sign-in in the tenant's logs.
    #[serde(deserialize_with = "tolerant_text")]
    pub correlation_id: String,
    /// A finer code: `consent_required`, `bad_token`, …
    #[serde(deserialize_with = "tolerant_text")]
    pub suberror: String,
}

// An error must be readable even where a field that is not needed has another type.
fn tolerant_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        _ => String::new(),
    })
}

fn tolerant_codes<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<u32>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(codes) => {
            codes.iter().filter_map(|code| code.as_u64().and_then(|c| u32::try_from(c).ok())).collect()
        }
        _ => Vec::new(),
    })
}

/// Reads the answer of a token endpoint.
///
/// # Errors
/// [`TokenFailure::Oauth`] for an error of the OAuth kind; [`TokenFailure::Other`] for an answer that is neither
/// that nor a token.
pub fn read(response: &Response, now: UnixTime) -> std::result::Result<Token, TokenFailure> {
    read_bound(response, now, None)
}

/// Reads the answer of a service that hands out tokens it has kept, as those of managed identities do: its
/// `expires_in` counts from the token's issuance, so `expires_on` decides where it is there.
///
/// # Errors
/// As [`read`].
///
/// Source: learn.microsoft.com, "How to use managed identities … to acquire an access token".
pub fn read_cached_by_service(
    response: &Response,
    now: UnixTime,
) -> std::result::Result<Token, TokenFailure> {
    let mut answer = read_answer(response)?;
    if answer.expires_on.as_ref().is_some_and(|time| seconds_of(time).is_some()) {
        answer.expires_in = None;
    }
    token(answer, now, None).map_err(TokenFailure::Other)
}

/// Reads the answer to a request for a token that is bound to the key of this id: the token's type is `pop`,
/// or the token names the key itself.
///
/// # Errors
/// As [`read`]; a token that is not bound to the key.
pub fn read_bound(
    response: &Response,
    now: UnixTime,
    key_id: Option<&str>,
) -> std::result::Result<Token, TokenFailure> {
    token(read_answer(response)?, now, key_id).map_err(TokenFailure::Other)
}

fn read_answer(response: &Response) -> std::result::Result<TokenResponse, TokenFailure> {
    if !response.is_success() {
        return Err(read_error(response));
    }
    serde_json::from_slice(&response.body).map_err(|e| TokenFailure::Other(not_json(response, &e)))
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub enum TokenFailure {
    /// The service refused, in OAuth's words.
    Oauth(Box<OauthError>),
    /// Something else answered, or the answer makes no sense.
    Other(Error),
}

fn token(answer: TokenResponse, now: UnixTime, key_id: Option<&str>) -> Result<Token> {
    let access_token = Secret::new(answer.access_token.unwrap_or_default());
    let text = access_token.expose();
    if text.is_empty() {
        return Err(Error::new("the service's answer has no access token"));
    }
    // It goes into an HTTP header of kubectl's.
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::new("the service's access token contains invalid characters"));
    }
    let token_type = answer.token_type.unwrap_or_default().to_ascii_lowercase();
    match (token_type.as_str(), key_id) {
        ("bearer", None) | ("pop", Some(_)) => {}
        ("bearer", Some(key_id)) if is_bound_to(text, key_id) => {}
        ("bearer", Some(_)) => {
            return Err(Error::new(
                "the service answered with a token that is not bound to this machine's key: it does not do proof of possession",
            ));
        }
        _ => {
            return Err(Error::new(format!(
                "the service answered with an unknown token type \"{token_type}\""
            )));
        }
    }
    let expires_on = match (answer.expires_in, answer.expires_on) {
        (Some(seconds), _) => seconds_of(&seconds).map(|seconds| now.saturating_add(seconds)),
        (None, Some(time)) => seconds_of(&time),
        (None, None) => None,
    }
    .ok_or_else(|| Error::new("the service's answer does not say when the token expires"))?;
    if expires_on > MAX_EXPIRY {
        return Err(Error::new("the service's answer names an impossible expiry time"));
    }
    let text_of = |value: &'_ Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let (id_token, client_info) = (text_of(&answer.id_token), text_of(&answer.client_info));
    Ok(Token {
        owner: Owner::of(text, id_token.as_deref(), client_info.as_deref()),
        access_token,
        expires_on,
        refresh_token: answer.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
    })
}

/// Whether the token's own `cnf` names the key (RFC 7800 section 3.4).
fn is_bound_to(token: &str, key_id: &str) -> bool {
    let claims = jwt::claims(token).unwrap_or_default();
    claims.get("cnf").and_then(|cnf| cnf.get("kid")).and_then(Value::as_str) == Some(key_id)
}

/// A number, or a string of digits: v1 endpoints and managed identities send strings, some of those a date.
pub(crate) fn seconds_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_f64().filter(|f| (0.0..1e15).contains(f)).map(|f| f as u64))
        }
        Value::String(text) => {
            text.trim().parse().ok().or_else(|| parse_us_date(text)).or_else(|| parse_rfc3339(text))
        }
        _ => None,
    }
}

/// Reads an answer that is not a success.
pub fn read_error(response: &Response) -> TokenFailure {
    match serde_json::from_slice::<OauthError>(&response.body) {
        Ok(error) if !error.error.is_empty() => TokenFailure::Oauth(Box::new(error)),
        _ => TokenFailure::Other(unexpected(response, "the service answered with an unexpected error")),
    }
}

fn not_json(response: &Response, error: &serde_json::Error) -> Error {
    let what = if error.is_eof() { "incomplete JSON" } else { "not a token response" };
    unexpected(response, &format!("the service's answer is {what}"))
}

fn unexpected(response: &Response, what: &str) -> Error {
    let status = response.status;
    let looks_like_html =
        response.header("content-type").is_some_and(|t| t.to_ascii_lowercase().contains("text/html"))
            || response.body.trim_ascii_start().starts_with(b"<");
    let message = format!("{what} (HTTP {status}{})", if looks_like_html { ", an HTML page" } else { "" });
    let error = if status >= 500 || status == 429 || status == 408 {
        Error::transient(message)
    } else {
        Error::new(message)
    };
    if looks_like_html || (300..400).contains(&status) {
        return error
            .hint("a proxy or sign-in portal may have answered instead of the authority: check HTTPS_PROXY and the authority's address")
            .id("Request ID", response.request_id.clone());
    }
    error.id("Request ID", response.request_id.clone())
}

impl OauthError {
    /// The AADSTS numbers, also from the description where the list is missing.
    pub fn codes(&self) -> Vec<u32> {
        if !self.error_codes.is_empty() {
            return self.error_codes.clone();
        }
        let digits: String = self
            .error_description
            .split_once("AADSTS")
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
            .unwrap_or_default();
        digits.parse().ok().into_iter().collect()
    }

    /// Whether the same request may get a token later.
    pub fn is_transient(&self, response: &Response) -> bool {
        response.status >= 500
            || matches!(response.status, 408 | 429)
            || matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
    }

    /// Whether the person declined or cancelled the sign-in (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5; Entra's
    /// device codes have `authorization_declined`).
    fn is_unanswered(&self) -> bool {
        matches!(self.error.as_str(), "access_denied" | "authorization_declined")
    }

    /// The error to show: the description's first line, the code, all ids.
    pub fn into_error(self, response: &Response, doing: &str) -> Error {
        let first_line = self.error_description.lines().next().unwrap_or_default().trim();
        let message = if first_line.is_empty() {
            format!("{doing}: {}", self.error)
        } else {
            format!("{doing}: {first_line} ({})", self.error)
        };
        let mut error = if self.is_transient(response) {
            Error::transient(message)
        } else if self.is_unanswered() {
            Error::unanswered(message)
        } else {
            Error::new(message)
        };
        let trace = self.id_of("Trace ID", &self.trace_id);
        let correlation = self.id_of("Correlation ID", &self.correlation_id);
        for (name, value) in
            [("Trace ID", trace), ("Correlation ID", correlation), ("Request ID", &response.request_id)]
        {
            let repeated = name == "Request ID" && value == correlation;
            if !value.is_empty() && !repeated {
                error = error.id(name, value);
            }
        }
        error
    }

    /// An id; a refusal that a browser brings has it only in the later lines of the description.
    fn id_of<'a>(&'a self, name: &str, field: &'a str) -> &'a str {
        if !field.is_empty() {
            return field;
        }
        let value = |line: &'a str| line.trim().strip_prefix(name)?.strip_prefix(':').map(str::trim);
        self.error_description.lines().skip(1).find_map(value).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), request_id: "r".to_owned() }
    }

    fn expiry(fields: &str) -> Option<u64> {
        let body = format!("{{\"access_token\":\"t\",\"token_type\":\"Bearer\"{fields}}}");
        read(&response(200, &body), 1000).ok().map(|token| token.expires_on)
    }

    #[test]
    fn expiry_comes_as_number_or_digits_relative_or_absolute() {
        assert_eq!(expiry(",\"expires_in\":3599"), Some(4599));
        assert_eq!(expiry(",\"expires_in\":\"3599\""), Some(4599));
        assert_eq!(expiry(",\"expires_in\":3599.0"), Some(4599));
        assert_eq!(expiry(",\"expires_on\":\"5000\""), Some(5000));
        assert_eq!(expiry(",\"expires_on\":5000"), Some(5000));
        assert_eq!(expiry(",\"expires_on\":\"01/02/2026 03:04:05 +00:00\""), Some(1_767_323_045));
        assert_eq!(expiry(",\"expires_on\":\"2026-01-02T03:04:05Z\""), Some(1_767_323_045));
        assert_eq!(expiry(",\"expires_in\":\"10\",\"expires_on\":\"9\""), Some(1010));
        for bad in [
            "",
            ",\"expires_in\":-1",
            ",\"expires_in\":\"x\"",
            ",\"expires_in\":[]",
            ",\"expires_in\":1e300",
            ",\"expires_in\":18446744073709551615",
        ] {
            assert_eq!(expiry(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_must_be_tokens() {
        for body in [
            "{}",
            "[]",
            "{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":1}",
            "{\"access_token\":\"a b\",\"token_type\":\"Bearer\",\"expires_in\":1}",
            "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\",\"expires_in\":1}",
            "{\"access_token\":\"a\",\"token_type\":\"mac\",\"expires_in\":1}",
            "{\"access_token\":\"a\",\"expires_in\":1}",
            "<html>",
            "",
        ] {
            assert!(matches!(read(&response(200, body), 0), Err(TokenFailure::Other(_))), "{body}");
        }
    }

    #[test]
    fn oauth_errors_keep_code_description_and_ids() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace ID: x","error_codes":[7000215],"trace_id":"tr","correlation_id":"co","claims":{"odd":1}}"#;
        let answer = response(401, body);
        let Err(TokenFailure::Oauth(error)) = read(&answer, 0) else { panic!("no OAuth error") };
        assert_eq!(error.codes(), [7_000_215]);
        assert_eq!(
            error.into_error(&answer, "sign-in failed").to_string(),
            "Error: sign-in failed: AADSTS7000215: Invalid client secret. (invalid_client)\nTrace ID: tr\nCorrelation ID: co\nRequest ID: r"
        );
    }

    #[test]
    fn ids_are_found_in_the_description_too() {
        let description = "AADSTS65004: Declined.\r\nTrace ID: tr\r\nCorrelation ID: co\r\nTimestamp: x";
        let error = OauthError {
            error: "access_denied".to_owned(),
            error_description: description.to_owned(),
            ..Default::default()
        };
        assert_eq!(
            error.into_error(&response(400, ""), "x").to_string(),
            "Error: x: AADSTS65004: Declined. (access_denied)\nTrace ID: tr\nCorrelation ID: co\nRequest ID: r"
        );
    }

    #[test]
    fn an_error_is_read_whatever_stands_in_its_other_fields() {
        for odd in ["null", "7", "[]", "{}"] {
            let body = format!(
                r#"{{"error":"authorization_pending","error_description":{odd},"error_codes":{odd},"trace_id":{odd},"correlation_id":{odd},"suberror":{odd}}}"#
            );
            let Err(TokenFailure::Oauth(error)) = read(&response(400, &body), 0) else { panic!("{odd}") };
            assert_eq!(error.error, "authorization_pending");
        }
    }

    #[test]
    fn codes_are_found_in_the_description_too() {
        let error = OauthError { error_description: "AADSTS50126: x".to_owned(), ..Default::default() };
        assert_eq!(error.codes(), [50126]);
        assert!(OauthError::default().codes().is_empty());
    }

    #[test]
    fn a_page_instead_of_json_is_named() {
        let TokenFailure::Other(error) = read_error(&response(502, "<html>bad gateway")) else {
            panic!("OAuth error")
        };
        assert!(error.message().ends_with("(HTTP 502, an HTML page)"));
        assert_eq!(error.class(), crate::error::Class::Transient);
    }
}
