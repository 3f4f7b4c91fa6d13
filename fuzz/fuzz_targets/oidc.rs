//! What an OpenID provider answers: its configuration document, the claims of an ID token, tokens, and the addresses in
//! all of these. Nothing panics; what is taken is what the contract allows.

#![no_main]

use kubelogin::http::message::Response;
use kubelogin::http::web_url::WebUrl;
use kubelogin::oauth::oidc::id_token::{Wanted, check};
use kubelogin::oauth::oidc::{provider, tokens};
use libfuzzer_sys::fuzz_target;

const ISSUER: &str = "https://idp.example";

fuzz_target!(|data: &[u8]| {
    let response =
        Response { status: 200, headers: Vec::new(), body: data.to_vec(), request_id: String::new() };
    if let Ok(provider) = provider::read(&response, ISSUER) {
        for endpoint in
            [Some(provider.token_endpoint), provider.authorization_endpoint, provider.device_endpoint]
        {
            assert!(endpoint.is_none_or(|endpoint| endpoint.starts_with("https://")));
        }
    }
    if let Ok(tokens) = tokens::read(&response) {
        let all = [tokens.access_token, tokens.id_token];
        assert!(all.iter().flatten().all(|token| token.expose().bytes().all(|b| b.is_ascii_graphic())));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let wanted = Wanted { issuer: ISSUER, client_id: "c", nonce: Some("n") };
    if let Ok(claims) = check(text, &wanted, 1_000_000) {
        assert!(claims.expires_on > 1_000_000 && !claims.subject.is_empty());
    }
    if let Ok(url) = WebUrl::parse(text) {
        let anew = url.text();
        assert!(anew.starts_with("https://") || anew.starts_with("http://"));
        assert!(!anew.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'`<>\\".contains(c)));
        assert_eq!(WebUrl::parse(&anew), Ok(url));
    }
});
