//! From bytes to text: UTF-8, and UTF-16 with a byte order mark, which kubectl reads too and Windows PowerShell
//! writes when a command's output is redirected.

use crate::error::{Error, Result};

/// A file's text.
#[derive(Debug)]
pub struct Decoded {
    /// It; a UTF-8 mark at its beginning stays.
    pub text: String,
    /// The bytes, where they are UTF-16.
    pub utf16: Option<Vec<u8>>,
}

/// Reads bytes as text.
///
/// # Errors
/// Invalid UTF-8, half a character, a lone surrogate.
pub fn decode(bytes: Vec<u8>) -> Result<Decoded> {
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => {
            let text = String::from_utf8(bytes).map_err(|e| {
                let valid = e.as_bytes().iter().take(e.utf8_error().valid_up_to());
                let line = valid.filter(|byte| **byte == b'\n').count() + 1;
                Error::new(format!("line {line} is not valid UTF-8"))
            })?;
            return Ok(Decoded { text, utf16: None });
        }
    };
    Ok(Decoded { text, utf16: Some(bytes) })
}

fn utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::new("it is UTF-16 and ends within a character"));
    }
    let mut text = String::with_capacity(pairs.len());
    for character in char::decode_utf16(pairs.iter().map(|pair| read(*pair))) {
        text.push(character.map_err(|_| {
            let line = text.matches('\n').count() + 1;
            Error::new(format!("line {line} is not valid UTF-16: it has a lone surrogate"))
        })?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, write: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(write).collect()
    }

    #[test]
    fn both_byte_orders_are_read() {
        for text in ["", "a: b\r\n", "# ä\nü: \u{1f600}\n"] {
            for bytes in [utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes)] {
                let decoded = decode(bytes.clone()).unwrap();
                assert_eq!((decoded.text.as_str(), decoded.utf16), (text, Some(bytes)));
            }
        }
        let marked = decode("\u{feff}a: b".into()).unwrap();
        assert_eq!((marked.text.as_str(), marked.utf16), ("\u{feff}a: b", None));
    }

    #[test]
    fn what_is_no_text_is_named() {
        let why = |bytes: &[u8]| decode(bytes.to_vec()).unwrap_err().message().to_owned();
        assert_eq!(why(b"a\nb\n\xff"), "line 3 is not valid UTF-8");
        assert_eq!(why(b"\xff\xfea\0\xff"), "it is UTF-16 and ends within a character");
        for lone in [&b"\xff\xfea\0\n\0\x00\xd8"[..], b"\xff\xfe\x00\xdca\0", b"\xfe\xff\xd8\x00\x00a"] {
            assert!(why(lone).contains("a lone surrogate"));
        }
    }
}
