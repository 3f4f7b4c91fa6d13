//! PEM blocks (RFC 7468), with whatever text around them.

use super::key_file_error::{KeyFileError, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block.
pub(super) struct Block {
    /// What stands after BEGIN: `CERTIFICATE`, `PRIVATE KEY`, …
    pub label: String,
    /// Whether it has headers: the old encryption of OpenSSL's own (RFC 1421).
    pub has_headers: bool,
    /// What it holds.
    pub der: Zeroizing<Vec<u8>>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Whether there is a block in the text.
pub(super) fn is_in(text: &str) -> bool {
    text.lines().any(|line| begins(line).is_some())
}

/// Every block, in order.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(label) = begins(line) else { continue };
        let mut body = Vec::new();
        let mut has_headers = false;
        loop {
            let line = lines.next().ok_or(KeyFileError::Damaged("a PEM block has no end"))?.trim();
            if let Some(end) = line.strip_prefix(END) {
                if end.strip_suffix(DASHES) != Some(label) {
                    return Err(KeyFileError::Damaged("a PEM block ends as another one"));
                }
                break;
            }
            if line.contains(':') {
                has_headers = true;
            } else {
                body.push(line);
            }
        }
        // In one allocation of the right size: the text may hold thousands of blocks.
        let body = Zeroizing::new(body.concat());
        let der = STANDARD
            .decode(body.as_bytes())
            .map_err(|_| KeyFileError::Damaged("a PEM block is not base64"))?;
        blocks.push(Block { label: label.to_owned(), has_headers, der: Zeroizing::new(der) });
    }
    Ok(blocks)
}

fn begins(line: &str) -> Option<&str> {
    line.trim().strip_prefix(BEGIN)?.strip_suffix(DASHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_in_text() {
        let text = "Bag Attributes\r\n  friendlyName: x\r\n-----BEGIN A B-----\r\nAQ\r\nID\r\n-----END A B-----\r\n# more\n  -----BEGIN C-----  \nDEK-Info: x\n\n\n-----END C-----";
        let blocks = blocks(text).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].label.as_str(), &blocks[0].der[..], blocks[0].has_headers),
            ("A B", &[1, 2, 3][..], false)
        );
        assert!(blocks[1].has_headers && blocks[1].der.is_empty());
        assert!(is_in(text) && !is_in("BEGIN"));
    }

    #[test]
    fn damage_is_named() {
        for (text, why) in [
            ("-----BEGIN A-----\nAQID", "a PEM block has no end"),
            ("-----BEGIN A-----\nAQID\n-----END B-----", "a PEM block ends as another one"),
            ("-----BEGIN A-----\nA*ID\n-----END A-----", "a PEM block is not base64"),
            ("-----BEGIN A-----\nAQI\n-----END A-----", "a PEM block is not base64"),
        ] {
            assert_eq!(blocks(text).err(), Some(KeyFileError::Damaged(why)), "{text}");
        }
    }
}
