//! A token issuer with a key, and the checks of an API server that trusts it (`--oidc-issuer-url`,
//! `--oidc-client-id`, `--oidc-username-claim`).

use super::entra::now;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    /// Claims of every token.
    pub more: Value,
    key: Arc<EcdsaKeyPair>,
}

impl Issuer {
    pub fn new(url: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { url: url.to_owned(), more: json!({}), key: Arc::new(key) }
    }

    /// A token with these claims besides issuer and times.
    pub fn sign(&self, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(self.more.as_object().unwrap().clone());
        claims["iss"] = self.url.as_str().into();
        claims["iat"] = now().into();
        claims["exp"] = (now() + 3600).into();
        self.sign_exactly(&claims)
    }

    /// A token with these claims and no others.
    pub fn sign_exactly(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&json!({ "alg": "ES256", "typ": "JWT" })), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The user whom an API server lets in with this token.
    pub fn user(&self, token: &str, client_id: &str) -> Option<String> {
        let (input, signature) = token.rsplit_once('.')?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key())
            .verify(input.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(input.split('.').nth(1)?).ok()?).ok()?;
        let good = claims["iss"] == self.url.as_str()
            && claims["aud"] == client_id
            && claims["exp"].as_u64()? > now();
        good.then(|| claims["upn"].as_str().unwrap().to_owned())
    }
}
