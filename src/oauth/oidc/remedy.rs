//! What to do about a provider's refusal: the one home of remedies for providers other than Entra ID's own modes.
//!
//! Sources: RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5; the documentation of Keycloak, Dex, Google and
//! Okta for what the settings are called.

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// The code of a browser sign-in.
    #[default]
    Code,
    /// A device code.
    DeviceCode,
    /// A token for a password.
    Password,
    /// A token for the client itself.
    ClientCredentials,
    /// The next token.
    Refresh,
}

/// The sign-in, as far as remedies name it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What was asked for.
    pub asked: Asked,
    /// The redirect address that was sent; empty where none was.
    pub redirect_uri: String,
    /// A client secret was sent.
    pub has_secret: bool,
    /// PKCE was sent.
    pub has_pkce: bool,
    /// The scopes.
    pub scope: String,
}

/// What to do about this error.
pub fn remedy(error: &str, description: &str, facts: &Facts) -> Option<String> {
    let description = description.to_ascii_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| description.contains(word));
    if mentions(&["redirect_uri", "redirect uri", "redirect url"]) && !facts.redirect_uri.is_empty() {
        return Some(format!(
            "register the redirect addresses http://localhost:8000 and http://localhost:18000 with the provider; {} was sent now",
            facts.redirect_uri
        ));
    }
    if mentions(&["pkce", "code_challenge", "code challenge", "code_verifier", "code verifier"])
        && !facts.has_pkce
    {
        return Some("the provider demands PKCE: add --oidc-pkce-method=S256".to_owned());
    }
    // Keycloak's word for a wrong secret.
    let error = match mentions(&["client credentials"]) {
        true if error == "unauthorized_client" => "invalid_client",
        _ => error,
    };
    let text = match (error, facts.asked) {
        ("invalid_scope" | "not_allowed", _)
            if facts.scope.split(' ').any(|scope| scope == "offline_access") =>
        {
            "the provider does not allow a scope: leave offline_access out (Google wants access_type=offline, which is sent anyway)"
        }
        ("invalid_scope", _) => "the provider does not allow a scope: check --oidc-extra-scope",
        ("unauthorized_client" | "unsupported_grant_type", Asked::Password) => {
            "enable the password grant for this client (Keycloak: \"Direct access grants\"), or leave --username out to use the browser"
        }
        ("unauthorized_client" | "unsupported_grant_type", Asked::DeviceCode) => {
            "enable the device code grant for this client (Keycloak: \"OAuth 2.0 Device Authorization Grant\"), or leave --grant-type out to use the browser"
        }
        ("unauthorized_client" | "unsupported_grant_type", Asked::ClientCredentials) => {
            "enable the client credentials grant for this client (Keycloak: \"Service accounts roles\")"
        }
        ("unauthorized_client", _) => {
            "enable the authorization code grant for this client (Keycloak: \"Standard flow\"), and check --oidc-client-secret"
        }
        ("invalid_client", _) if facts.has_secret => "check --oidc-client-id and the client secret",
        ("invalid_client", _) => {
            "check --oidc-client-id; if the client has a secret, pass --oidc-client-secret-file"
        }
        ("invalid_grant", Asked::Password) => "check the user name and the password",
        ("invalid_grant", Asked::Code) => "sign in again; a code is valid once, for a short time",
        ("access_denied", _) => {
            "the sign-in was declined: sign in again and accept, or ask who runs the provider"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_decides_the_advice() {
        let facts =
            |asked| Facts { asked, redirect_uri: "http://localhost:8000".to_owned(), ..Facts::default() };
        for (error, description, asked, advice) in [
            ("invalid_request", "Invalid parameter: redirect_uri", Asked::Code, "http://localhost:18000"),
            (
                "invalid_request",
                "Missing parameter: code_challenge_method",
                Asked::Code,
                "--oidc-pkce-method=S256",
            ),
            ("unauthorized_client", "", Asked::Password, "Direct access grants"),
            ("unauthorized_client", "", Asked::DeviceCode, "leave --grant-type out"),
            ("unauthorized_client", "", Asked::ClientCredentials, "Service accounts"),
            ("invalid_client", "", Asked::Code, "--oidc-client-secret-file"),
            ("invalid_scope", "", Asked::Code, "--oidc-extra-scope"),
        ] {
            let remedy = remedy(error, description, &facts(asked)).unwrap();
            assert!(remedy.contains(advice), "{error}: {remedy}");
        }
        let secret = Facts { has_secret: true, ..facts(Asked::Password) };
        let wrong = remedy("unauthorized_client", "Invalid client or Invalid client credentials", &secret);
        assert!(wrong.unwrap().contains("client secret"));
        let offline = Facts { scope: "offline_access openid".to_owned(), ..Facts::default() };
        assert!(remedy("invalid_scope", "", &offline).unwrap().contains("offline_access"));
        assert_eq!(remedy("server_error", "", &Facts::default()), None);
    }
}
