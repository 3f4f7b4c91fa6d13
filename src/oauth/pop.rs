//! Proof of possession, as Azure Arc's clusters take it: an access token that is bound to a key, in a
//! wrapper signed by that key.
//!
//! Source: RFC 7638 (key ids), RFC 7800 (`cnf`); the verifier is kubeguard's guard, which takes RS256 only,
//! and a wrapper for 15 minutes.

use super::jws;
use crate::error::{Error, Result};
use crate::http::message::{Body, Request};
use crate::secret::Secret;
use crate::time::UnixTime;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

/// How long a wrapper is good for, in seconds: the verifier's 15 minutes, and one for clocks that differ.
pub const WRAPPER_LIFETIME: UnixTime = 14 * 60;

/// The claim `u` of `--pop-claims` (`key=value,key2=value2`): the cluster's ARM id. A value may contain `=`.
///
/// # Errors
/// A part that is no `key=value`, a missing `u`.
pub fn u_claim(claims: &str) -> Result<String> {
    let mut u = None;
    for claim in claims.split(',').filter(|claim| !claim.trim().is_empty()) {
        let pair = claim.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        match pair {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                if key == "u" {
                    u = Some(value.to_owned());
                }
            }
            _ => {
                return Err(Error::new(
                    "failed to parse PoP token claims: they must have the form key=value,key2=value2",
                )
                .hint("pass --pop-claims u=ARM_ID_OF_CLUSTER"));
            }
        }
    }
    u.ok_or_else(|| {
        Error::new("required u-claim not provided for PoP token flow")
            .hint("pass --pop-claims u=ARM_ID_OF_CLUSTER")
    })
}

/// A public RSA key in the form that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    e: String,
    n: String,
    /// Its thumbprint (RFC 7638 section 3): base64url of the SHA-256 of its required members.
    pub id: String,
}

impl Jwk {
    /// From modulus and public exponent, big-endian, without leading zeros.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let (e, n) = (URL_SAFE_NO_PAD.encode(exponent), URL_SAFE_NO_PAD.encode(modulus));
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        Self { id: URL_SAFE_NO_PAD.encode(Sha256::digest(members)), e, n }
    }

    /// Asks for a token that is bound to the key.
    pub fn bind(&self, request: &mut Request) {
        if let Body::Form(form) = &mut request.body {
            // "sw": the key is in a file, not in a chip.
            let confirmation = json!({ "kid": self.id, "xms_ksl": "sw" }).to_string();
            form.push(("token_type", Secret::from("pop")));
            form.push(("req_cnf", Secret::new(URL_SAFE_NO_PAD.encode(confirmation))));
        }
    }

    /// The wrapper around an access token, yet to be signed with RS256.
    pub fn wrapper(&self, access_token: &Secret, u: &str, now: UnixTime, nonce: u128) -> Secret {
        let header = json!({ "typ": "pop", "alg": "RS256", "kid": self.id });
        let payload = json!({
            "at": access_token.expose(),
            "ts": now,
            "u": u,
            "cnf": { "jwk": { "e": self.e, "kty": "RSA", "n": self.n, "alg": "RS256", "kid": self.id } },
            "nonce": format!("{nonce:032x}"),
        });
        jws::signing_input(&header, &payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 section 3.1.
    #[test]
    fn the_thumbprint_of_the_rfc() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = Jwk::rsa(&URL_SAFE_NO_PAD.decode(n).unwrap(), &[1, 0, 1]);
        assert_eq!(jwk.e, "AQAB");
        assert_eq!(jwk.id, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn claims_are_pairs_with_a_u_among_them() {
        let u = |text: &str| u_claim(text).map_err(|e| e.message().to_owned());
        assert_eq!(u("u=/subscriptions/1").unwrap(), "/subscriptions/1");
        assert_eq!(u(" host = h , u = a=b ").unwrap(), "a=b");
        assert_eq!(u("u=1,u=2,").unwrap(), "2");
        for bad in ["", ",", "host=h", "U=1"] {
            assert_eq!(u(bad).unwrap_err(), "required u-claim not provided for PoP token flow", "{bad}");
        }
        for bad in ["u", "u=", "=1", "u=1,x", "u 1"] {
            assert!(u(bad).unwrap_err().starts_with("failed to parse PoP token claims"), "{bad}");
        }
    }
}
