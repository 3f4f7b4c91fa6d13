//! Requests that get a person's token: the browser's address, the authorization code, the password, the
//! refresh token.

use super::authority::Endpoints;
use super::grant::Server;
use super::pkce::{Pkce, State};
use crate::http::form;
use crate::http::message::Request;
use crate::secret::Secret;

/// How the answer comes back from the authorization endpoint (OAuth 2.0 Form Post Response Mode; OAuth 2.0 Multiple
/// Response Type Encoding Practices section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// As a form that the browser posts: nothing stays in its history. For what a program opens.
    FormPost,
    /// In the address to which the browser is sent, where a user can copy it. For what is printed.
    Query,
}

/// The address that the browser opens (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
pub fn authorize_url(
    endpoints: &Endpoints,
    client_id: &str,
    server: &Server,
    redirect_uri: &str,
    (pkce, state): (&Pkce, &State),
    login_hint: Option<&str>,
    response_mode: ResponseMode,
) -> String {
    let challenge = pkce.challenge();
    let (name, audience) = server.user_field(endpoints);
    let response_mode = match response_mode {
        ResponseMode::FormPost => "form_post",
        ResponseMode::Query => "query",
    };
    let mut query = vec![
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        (name, audience.expose()),
        ("state", state.expose()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("response_mode", response_mode),
        ("prompt", "select_account"),
    ];
    query.extend(login_hint.map(|hint| ("login_hint", hint)));
    let joint = if endpoints.authorize.contains('?') { '&' } else { '?' };
    format!("{}{joint}{}", endpoints.authorize, form::encode(query))
}

/// Redeems the code that the browser brought (RFC 6749 section 4.1.3).
pub fn authorization_code(
    endpoints: &Endpoints,
    client_id: &str,
    server: &Server,
    redirect_uri: &str,
    code: &Secret,
    pkce: &Pkce,
) -> Request {
    let own = vec![
        ("code", code.clone()),
        ("code_verifier", pkce.verifier().clone()),
        ("redirect_uri", Secret::from(redirect_uri)),
        server.user_field(endpoints),
    ];
    token_request(endpoints, "authorization_code", client_id, own)
}

/// Signs in with user name and password (RFC 6749 section 4.3).
pub fn password(
    endpoints: &Endpoints,
    client_id: &str,
    server: &Server,
    username: &str,
    password: &Secret,
) -> Request {
    let own = vec![
        ("username", Secret::from(username)),
        ("password", password.clone()),
        server.user_field(endpoints),
    ];
    token_request(endpoints, "password", client_id, own)
}

/// Gets the next token (RFC 6749 section 6).
pub fn refresh(endpoints: &Endpoints, client_id: &str, server: &Server, refresh_token: &Secret) -> Request {
    let own = vec![("refresh_token", refresh_token.clone()), server.user_field(endpoints)];
    token_request(endpoints, "refresh_token", client_id, own)
}

/// What the token requests of all these grants share.
pub(super) fn token_request(
    endpoints: &Endpoints,
    grant_type: &str,
    client_id: &str,
    own: Vec<(&'static str, Secret)>,
) -> Request {
    let mut form = vec![("grant_type", Secret::from(grant_type)), ("client_id", Secret::from(client_id))];
    form.extend(own);
    // v1 and AD FS do not know it.
    if !endpoints.wants_resource {
        form.push(("client_info", Secret::from("1")));
    }
    Request::post(endpoints.token.clone(), form)
}

#[cfg(test)]
mod tests {
    use super::super::authority::Authority;
    use super::*;
    use crate::http::message::Body;

    fn authority() -> Authority {
        Authority::new("https://a/", Some("t")).unwrap()
    }

    fn fields(request: &Request) -> Vec<(&'static str, String)> {
        let Body::Form(form) = &request.body else { panic!("no form") };
        form.iter().map(|(name, value)| (*name, value.expose().clone())).collect()
    }

    #[test]
    fn the_browsers_address_has_everything() {
        let (pkce, state) = (Pkce::new([1; 32]), State::new([2; 32]));
        let url = |mode| {
            authorize_url(
                &authority().endpoints(),
                "c",
                &Server::new("s"),
                "http://localhost:1",
                (&pkce, &state),
                Some("u@x"),
                mode,
            )
        };
        let printed = url(ResponseMode::Query);
        assert_eq!(
            printed.replace("response_mode=query", "response_mode=form_post"),
            url(ResponseMode::FormPost)
        );
        assert_eq!(
            url(ResponseMode::FormPost),
            format!(
                "https://a/t/oauth2/v2.0/authorize?client_id=c&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A1\
&scope=s%2F.default%20openid%20offline_access%20profile&state={}&code_challenge={}&code_challenge_method=S256\
&response_mode=form_post&prompt=select_account&login_hint=u%40x",
                state.expose(),
                pkce.challenge()
            )
        );
    }

    #[test]
    fn v2_asks_with_scope_and_client_info_v1_with_resource() {
        let (server, token) = (Server::new("s"), Secret::from("r"));
        let v2 = fields(&refresh(&authority().endpoints(), "c", &server, &token));
        assert_eq!(
            v2,
            [
                ("grant_type", "refresh_token".to_owned()),
                ("client_id", "c".to_owned()),
                ("refresh_token", "r".to_owned()),
                ("scope", "s/.default openid offline_access profile".to_owned()),
                ("client_info", "1".to_owned()),
            ]
        );
        let v1 = fields(&refresh(&authority().legacy_endpoints(), "c", &server, &token));
        assert!(v1.contains(&("resource", "s".to_owned())) && v1.len() == 4);
    }
}
