//! Signed JWTs in compact form (RFC 7515 section 7.1).

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

/// What is signed: header and claims, encoded.
pub fn signing_input(header: &Value, claims: &Value) -> Secret {
    let claims = Zeroizing::new(claims.to_string());
    let mut input = URL_SAFE_NO_PAD.encode(header.to_string());
    input.reserve(claims.len() * 4 / 3 + 4);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.as_bytes(), &mut input);
    Secret::new(input)
}

/// The JWT itself.
pub fn compact(signing_input: &Secret, signature: &[u8]) -> Secret {
    let input = signing_input.expose();
    let mut jwt = String::with_capacity(input.len() + 1 + signature.len() * 4 / 3 + 4);
    jwt.push_str(input);
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
    Secret::new(jwt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::jwt;
    use serde_json::json;

    #[test]
    fn what_is_joined_is_read_again() {
        let input = signing_input(&json!({ "alg": "x" }), &json!({ "a": 1 }));
        assert_eq!(input.expose(), "eyJhbGciOiJ4In0.eyJhIjoxfQ");
        let jwt = compact(&input, &[0xff, 0xfe]);
        assert_eq!(jwt.expose(), "eyJhbGciOiJ4In0.eyJhIjoxfQ.__4");
        assert!(jwt::looks_like_one(jwt.expose()));
        assert_eq!(jwt::claims(jwt.expose()).unwrap().get("a"), Some(&Value::from(1)));
    }
}
