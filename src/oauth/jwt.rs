//! Reading the claims of a JWT that another party checks: for messages, never for decisions of trust.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// No token that anybody issues is larger.
const MAX_BYTES: usize = 256 << 10;

/// Whether the text has the form of a signed JWT: three base64url parts (RFC 7515 section 3.1).
pub fn looks_like_one(text: &str) -> bool {
    let base64url = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='))
    };
    text.len() <= MAX_BYTES && text.split('.').count() == 3 && text.split('.').all(base64url)
}

/// The claims; nothing is verified.
pub fn claims(token: &str) -> Option<Map<String, Value>> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_where_there_are_any() {
        assert_eq!(claims("e30.eyJhIjoxfQ.x").unwrap().get("a"), Some(&Value::from(1)));
        for bad in ["", "a", "a.b.c", "..", "a.W10.b", "a.!.b"] {
            assert!(claims(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_form_of_a_jwt() {
        assert!(looks_like_one("e30.e30.c2ln"));
        for bad in ["", "a.b", "a..c", "a.b.c.d", "a b.c.d", "a.b.c\n", "<html>"] {
            assert!(!looks_like_one(bad), "{bad:?}");
        }
    }
}
