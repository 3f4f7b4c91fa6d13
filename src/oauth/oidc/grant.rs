//! The requests of each grant (RFC 6749 sections 4 and 6, RFC 8628 sections 3.1 and 3.4).

use super::client::{Client, ClientAuth, Field};
use super::provider::Provider;
use crate::http::message::{Body, Request, Retry, Route};
use crate::oauth::pkce::Pkce;
use crate::secret::Secret;

/// What a token request spends.
#[derive(Debug)]
pub enum Grant<'a> {
    /// The browser's code, with the redirect address that was sent.
    Code {
        /// The code.
        code: &'a Secret,
        /// The redirect address.
        redirect_uri: Option<&'a str>,
        /// Its verifier.
        pkce: Option<&'a Pkce>,
    },
    /// A refresh token; the scope only where the provider wants it again.
    Refresh(&'a Secret, Option<&'a str>),
    /// A user's name and password.
    Password {
        /// The name.
        username: &'a str,
        /// The password.
        password: &'a Secret,
        /// The scope.
        scope: &'a str,
    },
    /// The client itself, with the parameters of the command line.
    ClientCredentials(&'a str, &'a [(String, String)]),
    /// A device code that the user enters elsewhere.
    DeviceCode(&'a Secret, Option<&'a Pkce>),
}

impl Grant<'_> {
    fn fields(&self) -> Vec<Field> {
        let field = |name: &'static str, value: &str| (name, Secret::from(value));
        let secret = |name: &'static str, value: &Secret| (name, value.clone());
        let verifier = |pkce: &Option<&Pkce>| pkce.map(|pkce| secret("code_verifier", pkce.verifier()));
        let grant_type = |name: &str| field("grant_type", name);
        match self {
            Self::Code { code, redirect_uri, pkce } => {
                let mut form = vec![grant_type("authorization_code"), secret("code", code)];
                form.extend(redirect_uri.map(|uri| field("redirect_uri", uri)));
                form.extend(verifier(pkce));
                form
            }
            Self::Refresh(token, scope) => {
                let mut form = vec![grant_type("refresh_token"), secret("refresh_token", token)];
                form.extend(scope.map(|scope| field("scope", scope)));
                form
            }
            Self::Password { username, password, scope } => vec![
                grant_type("password"),
                field("username", username),
                secret("password", password),
                field("scope", scope),
            ],
            Self::ClientCredentials(scope, parameters) => {
                let replaces = |name: &str| parameters.iter().any(|(one, _)| one == name);
                let mut form = vec![grant_type("client_credentials")];
                form.extend((!replaces("scope")).then(|| field("scope", scope)));
                form
            }
            Self::DeviceCode(code, pkce) => {
                let mut form = vec![
                    grant_type("urn:ietf:params:oauth:grant-type:device_code"),
                    secret("device_code", code),
                ];
                form.extend(verifier(pkce));
                form
            }
        }
    }

    /// Those of the command line.
    fn parameters(&self) -> Vec<(String, Secret)> {
        let Self::ClientCredentials(_, parameters) = self else { return Vec::new() };
        parameters.iter().map(|(name, value)| (name.clone(), Secret::from(value.as_str()))).collect()
    }

    /// A code and a refresh token are gone once they were read; polling repeats itself.
    fn retry(&self) -> Retry {
        match self {
            Self::Code { .. } | Self::Refresh(..) => Retry::Spending,
            Self::DeviceCode(..) => Retry::Never,
            Self::Password { .. } | Self::ClientCredentials(..) => Retry::Usual,
        }
    }
}

/// Asks for tokens.
pub fn token_request(provider: &Provider, client: &Client, auth: ClientAuth, grant: &Grant) -> Request {
    let (header, own) = client.fields(auth);
    let form = grant.fields().into_iter().chain(own).collect();
    Request {
        headers: header.into_iter().collect(),
        body: Body::Form(form),
        extra_fields: grant.parameters(),
        retry: grant.retry(),
        route: Route::Provider,
        ..Request::get(provider.token_endpoint.clone())
    }
}

/// Asks for a device code. Id and secret stand in the form.
pub fn device_request(endpoint: &str, client: &Client, scope: &str, pkce: Option<&Pkce>) -> Request {
    let (_, mut form) = client.fields(ClientAuth::Post);
    form.push(("scope", Secret::from(scope)));
    if let Some(pkce) = pkce {
        form.push(("code_challenge", Secret::new(pkce.challenge())));
        form.push(("code_challenge_method", Secret::from("S256")));
    }
    Request { body: Body::Form(form), route: Route::Provider, ..Request::get(endpoint.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(grant: &Grant, auth: ClientAuth) -> (usize, String) {
        let client = Client { id: "c".to_owned(), secret: Some(Secret::from("s")) };
        let provider = Provider { token_endpoint: "https://a/t".to_owned(), ..Provider::default() };
        let request = token_request(&provider, &client, auth, grant);
        let Body::Form(form) = &request.body else { panic!("no form") };
        let own = form.iter().map(|(name, value)| (*name, value));
        let extra = request.extra_fields.iter().map(|(name, value)| (name.as_str(), value));
        let form: Vec<String> =
            own.chain(extra).map(|(name, value)| format!("{name}={}", value.expose())).collect();
        (request.headers.len(), form.join("&"))
    }

    #[test]
    fn each_grant_has_its_fields() {
        let (secret, pkce) = (Secret::from("x"), Pkce::new([1; 32]));
        let verifier = pkce.verifier().expose();
        let parameters = [("audience".to_owned(), "k".to_owned())];
        for (grant, fields) in [
            (
                Grant::Code { code: &secret, redirect_uri: Some("http://r"), pkce: Some(&pkce) },
                format!(
                    "grant_type=authorization_code&code=x&redirect_uri=http://r&code_verifier={verifier}"
                ),
            ),
            (
                Grant::Code { code: &secret, redirect_uri: None, pkce: None },
                "grant_type=authorization_code&code=x".to_owned(),
            ),
            (Grant::Refresh(&secret, None), "grant_type=refresh_token&refresh_token=x".to_owned()),
            (
                Grant::Refresh(&secret, Some("o")),
                "grant_type=refresh_token&refresh_token=x&scope=o".to_owned(),
            ),
            (
                Grant::Password { username: "u", password: &secret, scope: "openid" },
                "grant_type=password&username=u&password=x&scope=openid".to_owned(),
            ),
            (
                Grant::ClientCredentials("openid", &parameters),
                "grant_type=client_credentials&scope=openid".to_owned(),
            ),
            (
                Grant::DeviceCode(&secret, Some(&pkce)),
                format!(
                    "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=x&code_verifier={verifier}"
                ),
            ),
        ] {
            let more = if matches!(grant, Grant::ClientCredentials(..)) { "&audience=k" } else { "" };
            assert_eq!(form(&grant, ClientAuth::Basic), (1, format!("{fields}{more}")));
            let post = format!("{fields}&client_id=c&client_secret=s{more}");
            assert_eq!(form(&grant, ClientAuth::Post), (0, post));
        }
        let scope = [("scope".to_owned(), "k".to_owned())];
        let (_, replaced) = form(&Grant::ClientCredentials("openid", &scope), ClientAuth::Basic);
        assert_eq!(replaced, "grant_type=client_credentials&scope=k");
    }

    #[test]
    fn what_is_spent_is_not_sent_twice() {
        let secret = Secret::from("x");
        assert_eq!(Grant::Refresh(&secret, None).retry(), Retry::Spending);
        assert_eq!(Grant::Code { code: &secret, redirect_uri: None, pkce: None }.retry(), Retry::Spending);
    }
}
