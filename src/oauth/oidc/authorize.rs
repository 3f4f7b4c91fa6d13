//! The authorization request: the address of the page on which the user signs in (OpenID Connect Core 1.0, section
//! 3.1.2.1; RFC 7636 section 4.3).

use crate::error::{Error, Result};
use crate::http::form;
use crate::oauth::pkce::{Pkce, State};
use std::collections::BTreeMap;

/// What ties the answer to the request, and who is asked for what: never a parameter of the command line.
const FIXED: &[&str] = &[
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "client_id",
    "response_type",
    "grant_type",
    "client_secret",
];

/// Refuses parameters of the command line that must not be replaced.
///
/// # Errors
/// Which one; a response mode that no listener of ours reads.
pub fn check_parameters(parameters: &[(String, String)]) -> Result<()> {
    for (name, value) in parameters {
        if FIXED.contains(&name.as_str()) {
            return Err(Error::new(format!("--oidc-auth-request-extra-params cannot set {name}"))
                .hint("leave it out: kubelogin sets it"));
        }
        if name == "response_mode" && !["query", "form_post"].contains(&value.as_str()) {
            return Err(Error::new(
                "--oidc-auth-request-extra-params: response_mode must be query or form_post",
            ));
        }
    }
    Ok(())
}

/// The `scope` parameter: the extra scopes in order, then `openid`.
pub fn scope(extra: &[String]) -> String {
    let words = extra.iter().map(String::as_str).chain(["openid"]);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// One authorization request.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// The page.
    pub endpoint: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// What is asked for.
    pub scope: &'a str,
    /// Where the answer goes; `None` where the provider shows it.
    pub redirect_uri: Option<&'a str>,
    /// Ties the answer to this process.
    pub state: &'a State,
    /// Ties the ID token to this request.
    pub nonce: &'a str,
    /// Ties the code to this process.
    pub pkce: Option<&'a Pkce>,
    /// Those of the command line.
    pub parameters: &'a [(String, String)],
}

impl AuthorizationRequest<'_> {
    /// The page's address. For a user who copies the answer out of the address bar, the answer stands in the query.
    pub fn url(&self, for_copying: bool) -> String {
        let challenge = self.pkce.map(Pkce::challenge);
        // Google gives a refresh token only for this; others ignore it (RFC 6749 section 3.1).
        let mut query = BTreeMap::from([
            ("access_type", "offline"),
            ("client_id", self.client_id),
            ("nonce", self.nonce),
            ("response_type", "code"),
            ("scope", self.scope),
            ("state", self.state.expose()),
        ]);
        query.extend(self.redirect_uri.map(|uri| ("redirect_uri", uri)));
        if let Some(challenge) = &challenge {
            query.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
        }
        query.extend(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if for_copying {
            query.entry("response_mode").and_modify(|mode| *mode = "query");
        }
        let joint = if self.endpoint.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.endpoint, form::encode(query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_and_some_replaced() {
        let (state, pkce) = (State::new([1; 32]), Pkce::new([2; 32]));
        let parameters = [("prompt", "login"), ("access_type", "online"), ("response_mode", "form_post")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = AuthorizationRequest {
            endpoint: "https://a/auth?x=1",
            client_id: "c d",
            scope: &scope(&["email".to_owned(), "a b".to_owned()]),
            redirect_uri: Some("http://localhost:8000"),
            state: &state,
            nonce: "n",
            pkce: Some(&pkce),
            parameters: &parameters,
        };
        let (state, challenge) = (state.expose(), pkce.challenge());
        let expected = format!(
            "https://a/auth?x=1&access_type=online&client_id=c%20d&code_challenge={challenge}&code_challenge_method=S256\
&nonce=n&prompt=login&redirect_uri=http%3A%2F%2Flocalhost%3A8000&response_mode=form_post&response_type=code\
&scope=email%20a%20b%20openid&state={state}"
        );
        assert_eq!(request.url(false), expected);
        assert_eq!(request.url(true), expected.replace("form_post", "query"));
        let bare = AuthorizationRequest { redirect_uri: None, pkce: None, parameters: &[], ..request };
        assert!(!bare.url(true).contains("redirect_uri") && !bare.url(true).contains("response_mode"));
        assert!(bare.url(true).contains("access_type=offline"));
    }

    #[test]
    fn what_ties_the_answer_to_the_request_is_not_set() {
        let of = |name: &str, value: &str| check_parameters(&[(name.to_owned(), value.to_owned())]);
        for name in FIXED {
            assert!(of(name, "x").unwrap_err().message().contains(name), "{name}");
        }
        for (name, value) in [
            ("scope", "x"),
            ("prompt", "none"),
            ("response_mode", "query"),
            ("login_hint", "u"),
            ("State", "x"),
        ] {
            assert_eq!(of(name, value), Ok(()), "{name}");
        }
        assert!(of("response_mode", "fragment").is_err());
        assert_eq!(scope(&[]), "openid");
        assert_eq!(scope(&[String::new(), "openid".to_owned()]), "openid openid");
    }
}
