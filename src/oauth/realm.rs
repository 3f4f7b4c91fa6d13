//! Home realm discovery: whether an account's password is checked by Entra ID itself.
//!
//! Source: MSAL's user realm request, `api-version=1.0`.

use super::authority::Authority;
use crate::http::form::percent_encode;
use crate::http::message::{Request, Response, Retry};
use serde::Deserialize;

/// Asks about an account.
pub fn request(authority: &Authority, username: &str) -> Request {
    let url = format!("{}common/UserRealm/{}?api-version=1.0", authority.base(), percent_encode(username));
    // The answer only improves an error message.
    Request { retry: Retry::Never, ..Request::get(url) }
}

#[derive(Deserialize)]
struct RealmResponse {
    account_type: String,
}

/// Whether the account's domain is federated: its passwords are another server's business. An answer
/// that says nothing is taken for "no".
pub fn is_federated(response: &Response) -> bool {
    response.is_success()
        && serde_json::from_slice::<RealmResponse>(&response.body)
            .is_ok_and(|answer| answer.account_type.eq_ignore_ascii_case("federated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_counts() {
        let answer = |status, body: &str| {
            is_federated(&Response {
                status,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
                request_id: String::new(),
            })
        };
        assert!(answer(200, "{\"account_type\":\"Federated\",\"x\":1}"));
        assert!(!answer(200, "{\"account_type\":\"Managed\"}"));
        assert!(!answer(200, "<html>") && !answer(404, "{\"account_type\":\"Federated\"}"));
    }

    #[test]
    fn a_user_name_cannot_change_the_path() {
        let authority = Authority::new("https://a/", Some("t")).unwrap();
        assert_eq!(
            request(&authority, "../a b@c?d").url,
            "https://a/common/UserRealm/..%2Fa%20b%40c%3Fd?api-version=1.0"
        );
    }
}
