//! Token requests, one function per grant (RFC 6749 section 4).

use super::authority::Endpoints;
use crate::http::message::Request;
use crate::secret::Secret;

/// The server application that the token is for, as `--server-id` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(String);

impl Server {
    /// Takes the id as given; a `/.default` at its end is the same server.
    pub fn new(server_id: &str) -> Self {
        let id = server_id.trim_end_matches('/');
        Self(id.strip_suffix("/.default").unwrap_or(id).trim_end_matches('/').to_owned())
    }

    /// The id itself: the `resource` of v1, AD FS and managed identities.
    pub fn resource(&self) -> &str {
        &self.0
    }

    /// The scope of an application's token.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.0)
    }

    /// The form field that names the server to these endpoints, for a person's token: with the scopes
    /// that bring a refresh token.
    pub(super) fn user_field(&self, endpoints: &Endpoints) -> (&'static str, Secret) {
        if endpoints.wants_resource {
            ("resource", Secret::from(self.resource()))
        } else {
            ("scope", Secret::new(format!("{} openid offline_access profile", self.scope())))
        }
    }

    /// The form field that names the server to these endpoints.
    fn field(&self, endpoints: &Endpoints) -> (&'static str, Secret) {
        if endpoints.wants_resource {
            ("resource", Secret::from(self.resource()))
        } else {
            ("scope", Secret::new(self.scope()))
        }
    }
}

/// Client credentials with a shared secret (RFC 6749 section 4.4).
pub fn client_secret(endpoints: &Endpoints, client_id: &str, secret: &Secret, server: &Server) -> Request {
    Request::post(
        endpoints.token.clone(),
        vec![
            ("grant_type", Secret::from("client_credentials")),
            ("client_id", Secret::from(client_id)),
            ("client_secret", secret.clone()),
            server.field(endpoints),
        ],
    )
}

/// Client credentials with a signed assertion of one's own or of a federated issuer (RFC 7523 section 2.2).
pub fn client_assertion(
    endpoints: &Endpoints,
    client_id: &str,
    assertion: &Secret,
    server: &Server,
) -> Request {
    Request::post(
        endpoints.token.clone(),
        vec![
            ("grant_type", Secret::from("client_credentials")),
            ("client_id", Secret::from(client_id)),
            ("client_assertion_type", Secret::from("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")),
            ("client_assertion", assertion.clone()),
            server.field(endpoints),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_scope_is_not_doubled() {
        for id in
            ["api://x", "api://x/", "api://x//", "api://x/.default", "api://x/.default/", "api://x//.default"]
        {
            assert_eq!(Server::new(id).scope(), "api://x/.default", "{id}");
            assert_eq!(Server::new(id).resource(), "api://x", "{id}");
        }
    }
}
