//! `application/x-www-form-urlencoded` text, for bodies and queries (WHATWG URL, section 5.2).

use crate::secret::Secret;

/// `name=value&name=value`, percent-encoded.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        push_encoded(&mut text, name);
        text.push('=');
        push_encoded(&mut text, value);
    }
    text
}

/// The body of a form of secrets, itself a secret.
pub fn encode_secret<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> Secret {
    Secret::new(encode(pairs.into_iter().map(|(name, value)| (name, value.expose().as_str()))))
}

/// Percent-encodes one path segment or query value; a space becomes `%20`.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    push_encoded(&mut encoded, text);
    encoded
}

// A space as %20 rather than + is read the same by every form decoder and is right in a path too.
fn push_encoded(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(nibble)).copied().unwrap_or('0'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_unreserved_characters_is_encoded() {
        assert_eq!(encode([("a", "b c"), ("d&", "=ü~")]), "a=b%20c&d%26=%3D%C3%BC~");
        assert_eq!(encode([]), "");
    }
}
