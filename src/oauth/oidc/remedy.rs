//! What to do about a provider's refusal: one row each, like Entra ID's in [`remedy`](crate::oauth::remedy).

/// What the sign-in was about.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The grant, as `--grant-type` names it.
    pub grant: &'static str,
    /// The redirect address that was sent.
    pub redirect_uri: String,
    /// The scopes that were asked for.
    pub scope: String,
    /// Whether a secret was sent.
    pub has_secret: bool,
    /// Whether PKCE was sent.
    pub has_pkce: bool,
}

/// The remedy for an error code and its description (RFC 6749 sections 4.1.2.1 and 5.2).
pub fn remedy(code: &str, description: &str, facts: &Facts) -> Option<String> {
    let said = description.to_ascii_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| said.contains(word));
    Some(match code {
        _ if about(&["redirect_uri", "redirect uri", "redirect url"]) => format!(
            "register {} (and http://localhost:8000 and http://localhost:18000) as redirect addresses of the client",
            facts.redirect_uri
        ),
        _ if about(&["code_challenge", "pkce", "code challenge", "code_verifier"]) && !facts.has_pkce => {
            "the provider demands PKCE: pass --oidc-pkce-method=S256".to_owned()
        }
        "invalid_scope" if facts.scope.contains("offline_access") => {
            "leave offline_access out of --oidc-extra-scope; Google wants --oidc-auth-request-extra-params=access_type=offline in its place".to_owned()
        }
        "invalid_scope" => format!("the provider refuses one of these scopes: {}", facts.scope),
        "unauthorized_client" | "unsupported_grant_type" if facts.grant == "password" => {
            "enable the password grant for the client (Keycloak: \"Direct access grants\")".to_owned()
        }
        "unauthorized_client" | "unsupported_grant_type" if facts.grant == "device-code" => {
            "enable the device authorization grant for the client, or leave --grant-type out".to_owned()
        }
        "unauthorized_client" | "unsupported_grant_type" if facts.grant == "client-credentials" => {
            "enable service accounts for the client, and give it a secret".to_owned()
        }
        "unauthorized_client" => "allow this grant for the client at the provider".to_owned(),
        "invalid_client" if facts.has_secret => "check --oidc-client-id and the client's secret".to_owned(),
        "invalid_client" => "the client needs its secret: pass --oidc-client-secret-file or --oidc-client-secret-env".to_owned(),
        "access_denied" => "the sign-in was declined, at the provider or by the user".to_owned(),
        "invalid_grant" if facts.grant == "password" => "check the user name and the password".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grant_decides_the_advice() {
        let facts =
            |grant| Facts { grant, redirect_uri: "http://localhost:8000".to_owned(), ..Facts::default() };
        let of = |code, said, grant| remedy(code, said, &facts(grant)).unwrap_or_default();
        assert!(of("unauthorized_client", "", "password").contains("Direct access grants"));
        assert!(of("unauthorized_client", "", "device-code").contains("device authorization"));
        assert!(
            of("invalid_request", "Invalid parameter: redirect_uri", "authcode")
                .contains("http://localhost:8000")
        );
        assert!(
            of("invalid_request", "Missing parameter: code_challenge_method", "authcode").contains("S256")
        );
        assert!(of("invalid_client", "", "authcode").contains("needs its secret"));
        assert_eq!(of("x", "", "authcode"), "");
    }
}
