//! A provider's configuration document (OpenID Connect Discovery 1.0, sections 3 and 4; RFC 8414; RFC 9207).

use super::client::ClientAuth;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::http::web_url::WebUrl;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};

/// The largest document; providers' have a few KiB.
pub const MAX_DOCUMENT: usize = 64 << 10;
/// Google's issuer, whose tokens may name it without its scheme (developers.google.com, "OpenID Connect").
pub const GOOGLE: &str = "https://accounts.google.com";

/// What a sign-in needs of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Where tokens come from.
    pub token_endpoint: String,
    /// The page on which users sign in.
    pub authorization_endpoint: Option<String>,
    /// Where device codes come from.
    pub device_endpoint: Option<String>,
    /// How clients may authenticate; `None` where the provider does not say.
    pub auth_methods: Option<Vec<String>>,
    /// It announces PKCE with S256.
    pub has_s256: bool,
    /// It announces that its answers to the browser carry `iss` (RFC 9207).
    pub sends_issuer: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: Option<String>,
    authorization_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// What is remembered of a provider between two calls: no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its endpoints.
    pub provider: Option<Provider>,
    /// When its document was read.
    #[serde(default)]
    pub read_on: UnixTime,
    /// How the client authenticated with success.
    pub auth: Option<ClientAuth>,
    /// Who signed in: `sub` of the first ID token.
    pub subject: Option<String>,
}

/// Reads `--oidc-issuer-url`.
///
/// # Errors
/// An address that is neither https nor on this machine, or that has a query or a fragment.
pub fn check_issuer(issuer: &str) -> Result<WebUrl> {
    let url = WebUrl::parse(issuer).map_err(|e| {
        let is_http = issuer.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let hint = match is_http {
            true => {
                "use the provider's https address; one without TLS works on this machine only, such as http://localhost:8080 behind ssh -L 8080:HOST:80"
            }
            false => "pass the provider's https address as --oidc-issuer-url",
        };
        e.context("cannot use --oidc-issuer-url").hint(hint)
    })?;
    if url.has_query() {
        return Err(Error::new("cannot use --oidc-issuer-url: an issuer has neither query nor fragment")
            .hint("pass the address without what follows ? or #"));
    }
    Ok(url)
}

/// Where the document of an issuer is.
pub fn document_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// Reads the document.
///
/// # Errors
/// Another status than 200; a document that is too large or cannot be read; another issuer; an endpoint that is not
/// https although the issuer is.
pub fn read(response: &Response, issuer: &str) -> Result<Provider> {
    let url = document_url(issuer);
    if response.status != 200 {
        let error = format!("oidc discovery error: {url} answers with HTTP {}", response.status);
        let error = match response.status {
            408 | 429 | 500.. => return Err(Error::transient(error)),
            _ => Error::new(error),
        };
        return Err(error.hint("check --oidc-issuer-url: a provider's configuration is at ISSUER/.well-known/openid-configuration"));
    }
    if response.body.len() > MAX_DOCUMENT {
        return Err(Error::new(format!("{url} has more than {MAX_DOCUMENT} bytes")));
    }
    let document: Document = serde_json::from_slice(&response.body)
        .map_err(|e| Error::new(format!("{url} is not an OpenID configuration document: {e}")))?;
    if document.issuer != issuer {
        return Err(other_issuer(issuer, &document.issuer));
    }
    let lists = |list: &Option<Vec<String>>, wanted: &str| {
        list.as_ref().is_some_and(|list| list.iter().any(|item| item == wanted))
    };
    let provider = Provider {
        token_endpoint: document
            .token_endpoint
            .ok_or_else(|| Error::new(format!("{url} names no token_endpoint")))?,
        authorization_endpoint: document.authorization_endpoint,
        device_endpoint: document.device_authorization_endpoint,
        has_s256: lists(&document.code_challenge_methods_supported, "S256"),
        auth_methods: document.token_endpoint_auth_methods_supported,
        sends_issuer: document.authorization_response_iss_parameter_supported == Some(true),
    };
    provider.check(issuer)
}

/// The document is another issuer's (Discovery section 4.3): its tokens would not be taken.
fn other_issuer(wanted: &str, found: &str) -> Error {
    let error = Error::new(format!(
        "issuer URL provided to client (\"{wanted}\") did not match the issuer URL returned by provider (\"{found}\")"
    ));
    let without_slash = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    if without_slash(wanted) != without_slash(found) {
        return error.hint("pass the issuer exactly as the provider writes it, if you trust that address");
    }
    error.hint(match found.ends_with('/') {
        true => format!("add the slash at the end: --oidc-issuer-url={found}"),
        false => format!("take away the slash at the end: --oidc-issuer-url={found}"),
    })
}

impl Provider {
    /// The same with its endpoints written anew.
    ///
    /// # Errors
    /// An endpoint that cannot be used. With an https issuer each is https, on any host.
    pub fn check(self, issuer: &str) -> Result<Self> {
        let needs_tls = check_issuer(issuer)?.is_https();
        let endpoint = |name: &str, text: &str| -> Result<String> {
            let url = WebUrl::parse_endpoint(text)
                .map_err(|e| e.context(format!("the provider's {name} cannot be used")))?;
            if needs_tls && !url.is_https() {
                return Err(Error::new(format!(
                    "the provider's {name} is not https: tokens travel only over TLS"
                )));
            }
            Ok(url.text())
        };
        Ok(Self {
            token_endpoint: endpoint("token_endpoint", &self.token_endpoint)?,
            authorization_endpoint: self
                .authorization_endpoint
                .map(|text| endpoint("authorization_endpoint", &text))
                .transpose()?,
            device_endpoint: self
                .device_endpoint
                .map(|text| endpoint("device_authorization_endpoint", &text))
                .transpose()?,
            ..self
        })
    }
}

/// Where a redirect of the document leads; `None` where it must not be followed: to an address that is not https.
pub fn redirect(from: &WebUrl, response: &Response) -> Option<WebUrl> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.header("location")?;
    let target = match location.starts_with('/') && !location.starts_with("//") {
        true => format!("{}{location}", from.origin()),
        false => location.to_owned(),
    };
    WebUrl::parse_endpoint(&target).ok().filter(|to| to.is_https() && from.is_https())
}

/// Whether a token's `iss` is this issuer.
pub fn is_issuer(issuer: &str, iss: &str) -> bool {
    iss == issuer || (issuer == GOOGLE && GOOGLE.strip_prefix("https://") == Some(iss))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), request_id: String::new() }
    }

    fn read_one(body: &str) -> Result<Provider> {
        read(&answer(200, body), "https://a")
    }

    #[test]
    fn endpoints_on_any_host_over_tls() {
        let provider = read_one(
            r#"{"issuer":"https://a","token_endpoint":"HTTPS://B:443/t?x=1","authorization_endpoint":"https://c/a",
"code_challenge_methods_supported":["plain","S256"],"authorization_response_iss_parameter_supported":true,"x":{}}"#,
        )
        .unwrap();
        assert_eq!(provider.token_endpoint, "https://b/t?x=1");
        assert_eq!(provider.authorization_endpoint.as_deref(), Some("https://c/a"));
        assert!(provider.has_s256 && provider.sends_issuer);
        assert_eq!((provider.device_endpoint, provider.auth_methods), (None, None));
    }

    #[test]
    fn other_documents_are_refused() {
        for (body, why) in [
            ("", "is not an OpenID configuration document"),
            ("<html>", "is not an OpenID configuration document"),
            ("[]", "is not an OpenID configuration document"),
            ("{}", "is not an OpenID configuration document"),
            (r#"{"issuer":7,"token_endpoint":"https://a/t"}"#, "is not an OpenID configuration document"),
            (r#"{"issuer":"https://a"}"#, "names no token_endpoint"),
            (r#"{"issuer":"https://b","token_endpoint":"https://a/t"}"#, "did not match"),
            (r#"{"issuer":"https://A","token_endpoint":"https://a/t"}"#, "did not match"),
            (r#"{"issuer":"https://a","token_endpoint":"http://a/t"}"#, "tokens travel only over TLS"),
            (
                r#"{"issuer":"https://a","token_endpoint":"http://localhost/t"}"#,
                "tokens travel only over TLS",
            ),
            (r#"{"issuer":"https://a","token_endpoint":"file:///t"}"#, "cannot be used"),
            (r#"{"issuer":"https://a","token_endpoint":"https://u:p@a/t"}"#, "cannot be used"),
            (r#"{"issuer":"https://a","token_endpoint":"https://a/t#x"}"#, "cannot be used"),
            (
                r#"{"issuer":"https://a","token_endpoint":"https://a/t","authorization_endpoint":"vscode://x"}"#,
                "authorization_endpoint cannot be used",
            ),
            (
                r#"{"issuer":"https://a","token_endpoint":"https://a/t","code_challenge_methods_supported":"S256"}"#,
                "is not an OpenID configuration document",
            ),
        ] {
            let error = read_one(body).unwrap_err();
            assert!(error.message().contains(why), "{body}: {error}");
        }
        let large = format!(r#"{{"issuer":"https://a","x":"{}"}}"#, "x".repeat(MAX_DOCUMENT));
        assert!(read_one(&large).unwrap_err().message().contains("more than 65536 bytes"));
        assert!(read_one(&"[".repeat(MAX_DOCUMENT)).is_err());
        assert!(read(&answer(404, "{}"), "https://a").unwrap_err().hint_text().is_some());
    }

    #[test]
    fn a_slash_that_differs_is_named() {
        let hint = |wanted: &str, found: &str| {
            let body = format!(r#"{{"issuer":"{found}","token_endpoint":"https://a/t"}}"#);
            read(&answer(200, &body), wanted).unwrap_err().hint_text().unwrap().to_owned()
        };
        assert_eq!(hint("https://a", "https://a/"), "add the slash at the end: --oidc-issuer-url=https://a/");
        assert!(hint("https://a/", "https://a").starts_with("take away the slash"));
        assert_eq!(document_url("https://a/x/"), "https://a/x/.well-known/openid-configuration");
        assert_eq!(document_url("https://a//"), "https://a//.well-known/openid-configuration");
    }

    #[test]
    fn a_provider_at_home_needs_no_tls() {
        let body =
            r#"{"issuer":"http://127.0.0.1:5556/dex","token_endpoint":"http://127.0.0.1:5556/dex/token"}"#;
        assert!(read(&answer(200, body), "http://127.0.0.1:5556/dex").is_ok());
        for (bad, hint) in [
            ("http://keycloak.internal", "ssh -L"),
            ("HTTP://a", "ssh -L"),
            ("foo", "https address"),
            ("https://a/?x", "without what follows"),
            ("https://a/#x", "without what follows"),
            ("file:///x", "https address"),
        ] {
            assert!(check_issuer(bad).unwrap_err().hint_text().unwrap().contains(hint), "{bad}");
        }
    }

    #[test]
    fn redirects_stay_on_tls() {
        let from = WebUrl::parse("https://a/x").unwrap();
        let to = |location: &str| {
            let headers = vec![("location".to_owned(), location.to_owned())];
            let mut response = answer(302, "");
            response.headers = headers;
            redirect(&from, &response).map(|url| url.text())
        };
        assert_eq!(to("/y").as_deref(), Some("https://a/y"));
        assert_eq!(to("https://b/y").as_deref(), Some("https://b/y"));
        for bad in ["http://b/", "http://localhost/", "//b/y", "y", "file:///x", ""] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn google_names_itself_in_two_ways() {
        assert!(is_issuer(GOOGLE, "accounts.google.com") && is_issuer(GOOGLE, GOOGLE));
        assert!(!is_issuer("https://a", "a") && !is_issuer("https://a", "https://a/"));
    }
}
