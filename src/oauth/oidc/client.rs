//! How a client proves who it is to the token endpoint (RFC 6749 section 2.3, OpenID Connect Core 1.0 section 9).

use super::provider::Provider;
use crate::error::{Error, Result};
use crate::http::form::percent_encode;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A header or a form field.
pub type Field = (&'static str, Secret);

/// The client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret; public clients have none.
    pub secret: Option<Secret>,
}

/// How it authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By nothing: its id is in the form.
    Public,
    /// `client_secret_basic`: id and secret in a header.
    Basic,
    /// `client_secret_post`: id and secret in the form.
    Post,
}

impl Client {
    /// The way that the provider takes. Where it does not say, it takes Basic (Discovery section 3).
    ///
    /// # Errors
    /// It takes only ways that there is no secret for: keys and certificates.
    pub fn auth(&self, provider: &Provider) -> Result<ClientAuth> {
        if self.secret.is_none() {
            return Ok(ClientAuth::Public);
        }
        let Some(methods) = &provider.auth_methods else { return Ok(ClientAuth::Basic) };
        let takes = |method: &str| methods.iter().any(|one| one == method);
        match (takes("client_secret_basic"), takes("client_secret_post")) {
            (true, _) => Ok(ClientAuth::Basic),
            (false, true) => Ok(ClientAuth::Post),
            (false, false) => Err(Error::new(format!(
                "the provider takes no client secret, only: {}",
                methods.join(", ")
            ))
            .hint("use a public client (without --oidc-client-secret), or let the provider take client_secret_basic")),
        }
    }

    /// The header and the form fields of a request.
    pub fn fields(&self, auth: ClientAuth) -> (Option<Field>, Vec<Field>) {
        let id = || ("client_id", Secret::from(self.id.as_str()));
        match (&self.secret, auth) {
            (Some(secret), ClientAuth::Basic) => (Some(self.basic(secret)), Vec::new()),
            (Some(secret), ClientAuth::Post) => (None, vec![id(), ("client_secret", secret.clone())]),
            (None, _) | (_, ClientAuth::Public) => (None, vec![id()]),
        }
    }

    /// Id and secret are form-encoded first (RFC 6749 section 2.3.1), a space as `+`: some servers undo only that.
    fn basic(&self, secret: &Secret) -> Field {
        let encoded = |text: &str| Zeroizing::new(percent_encode(text).replace("%20", "+"));
        let pair = Zeroizing::new(format!("{}:{}", *encoded(&self.id), *encoded(secret.expose())));
        ("Authorization", Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(secret: Option<&str>) -> Client {
        Client { id: "a b".to_owned(), secret: secret.map(Secret::from) }
    }

    fn provider(methods: Option<&[&str]>) -> Provider {
        let auth_methods = methods.map(|methods| methods.iter().map(|one| (*one).to_owned()).collect());
        Provider { auth_methods, ..Provider::default() }
    }

    #[test]
    fn basic_first_then_post_then_an_error() {
        for (methods, auth) in [
            (None, ClientAuth::Basic),
            (Some(&["client_secret_post", "client_secret_basic"][..]), ClientAuth::Basic),
            (Some(&["private_key_jwt", "client_secret_post"]), ClientAuth::Post),
        ] {
            assert_eq!(client(Some("s")).auth(&provider(methods)), Ok(auth), "{methods:?}");
        }
        for methods in [&["private_key_jwt", "tls_client_auth"][..], &[]] {
            let error = client(Some("s")).auth(&provider(Some(methods))).unwrap_err();
            assert!(error.message().contains(&methods.join(", ")), "{error}");
            assert_eq!(client(None).auth(&provider(Some(methods))), Ok(ClientAuth::Public));
        }
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_base64() {
        let (header, form) = client(Some("s3cr&t+/= \u{fc}")).fields(ClientAuth::Basic);
        let (name, value) = header.unwrap();
        let encoded = STANDARD.encode("a+b:s3cr%26t%2B%2F%3D+%C3%BC");
        assert_eq!((name, value.expose().as_str()), ("Authorization", format!("Basic {encoded}").as_str()));
        assert!(form.is_empty());
        assert_eq!(client(Some("s")).fields(ClientAuth::Post).1.len(), 2);
        assert_eq!(client(None).fields(ClientAuth::Basic).1.len(), 1);
    }
}
