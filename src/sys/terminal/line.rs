//! A line of typed or pasted text, byte by byte, from a terminal that neither echoes nor edits.
//!
//! ```text
//!            ESC            [  O
//!  Text ───────────> Escape ──────> Sequence ── final byte ──> Text   (200~, 201~: a paste begins, ends)
//!   │ CR LF: Complete       └ any other byte: dropped ──────> Text
//!   │ Ctrl-D on an empty line: End
//! ```
//! Inside a bracketed paste line ends and other control characters are dropped: the text is not finished
//! until the user presses Enter.

use crate::secret::Secret;
use zeroize::{Zeroize, Zeroizing};

/// The longest line; Microsoft Entra ID's answers have two or three KiB.
pub const MAX_LINE: usize = 16 << 10;
/// The longest escape sequence that is followed; terminals send at most a dozen bytes.
const MAX_SEQUENCE: usize = 32;

const CTRL_D: u8 = 0x04;
/// Takes back a character.
pub const BACKSPACE: u8 = 0x08;
/// Clears the line.
pub const CTRL_U: u8 = 0x15;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// What a byte leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// Enter was pressed. Bytes that are not UTF-8 are replaced by U+FFFD.
    Complete(Secret),
    /// Enter was pressed after more than [`MAX_LINE`] bytes; none of them is kept.
    TooLong,
    /// Ctrl-D was pressed on an empty line.
    End,
}

#[derive(Debug)]
enum Parser {
    Text,
    Escape,
    Sequence(Vec<u8>),
}

/// A line that is being entered. Its memory is wiped when it is dropped.
#[derive(Debug)]
pub struct Line {
    text: Zeroizing<Vec<u8>>,
    parser: Parser,
    is_pasting: bool,
    is_too_long: bool,
}

impl Default for Line {
    fn default() -> Self {
        // All at once: a vector that grows leaves copies behind.
        let text = Zeroizing::new(Vec::with_capacity(MAX_LINE));
        Self { text, parser: Parser::Text, is_pasting: false, is_too_long: false }
    }
}

impl Line {
    /// Takes the next byte.
    pub fn push(&mut self, byte: u8) -> Option<LineEvent> {
        match &mut self.parser {
            Parser::Text => return self.text_byte(byte),
            Parser::Escape if matches!(byte, b'[' | b'O') => self.parser = Parser::Sequence(Vec::new()),
            Parser::Escape => self.parser = Parser::Text,
            // The final byte of a control sequence (ECMA-48 section 5.4).
            Parser::Sequence(parameters) if matches!(byte, 0x40..=0x7e) => {
                match (parameters.as_slice(), byte) {
                    (b"200", b'~') => self.is_pasting = true,
                    (b"201", b'~') => self.is_pasting = false,
                    _ => {}
                }
                self.parser = Parser::Text;
            }
            // A line end or another control character is no part of a sequence: it was cut short.
            Parser::Sequence(parameters) if byte < b' ' || parameters.len() >= MAX_SEQUENCE => {
                self.parser = Parser::Text;
                return self.text_byte(byte);
            }
            Parser::Sequence(parameters) => parameters.push(byte),
        }
        None
    }

    fn text_byte(&mut self, byte: u8) -> Option<LineEvent> {
        match byte {
            ESCAPE => self.parser = Parser::Escape,
            0..b' ' | DELETE if self.is_pasting => {}
            b'\r' | b'\n' => return Some(self.complete()),
            BACKSPACE | DELETE => self.erase(),
            CTRL_U => self.clear(),
            CTRL_D if self.text.is_empty() && !self.is_too_long => return Some(LineEvent::End),
            b'\t' => self.append(byte),
            0..b' ' => {}
            _ => self.append(byte),
        }
        None
    }

    fn append(&mut self, byte: u8) {
        if self.text.len() < MAX_LINE {
            self.text.push(byte);
        } else {
            self.is_too_long = true;
        }
    }

    /// Takes back one character (a first byte and the continuation bytes of UTF-8 behind it).
    fn erase(&mut self) {
        while self.text.pop().is_some_and(|byte| matches!(byte, 0x80..=0xbf)) {}
    }

    fn clear(&mut self) {
        self.text.zeroize();
        self.is_too_long = false;
    }

    fn complete(&mut self) -> LineEvent {
        let event = if self.is_too_long {
            LineEvent::TooLong
        } else {
            LineEvent::Complete(Secret::new(String::from_utf8_lossy(&self.text).into_owned()))
        };
        self.clear();
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(bytes: &[u8]) -> Vec<LineEvent> {
        let mut line = Line::default();
        bytes.iter().filter_map(|byte| line.push(*byte)).collect()
    }

    fn complete(text: &str) -> LineEvent {
        LineEvent::Complete(Secret::from(text))
    }

    #[test]
    fn a_line_ends_with_cr_or_lf() {
        for (bytes, text) in [
            (&b"abc\r"[..], "abc"),
            (b"abc\n", "abc"),
            (b"\n", ""),
            (b"ab\x7fc\n", "ac"),
            (b"ab\x08c\n", "ac"),
            (b"\x7f\x08a\n", "a"),
            (b"abc\x15d\n", "d"),
            (b"a\tb\x01\x02\n", "a\tb"),
            (b"a\x04\n", "a"),
            (b"a\xff\n", "a\u{fffd}"),
            ("a\u{fc}\u{20ac}\x7fb\n".as_bytes(), "a\u{fc}b"),
        ] {
            assert_eq!(events(bytes), [complete(text)], "{bytes:?}");
        }
        assert_eq!(events(b"a\nb\r"), [complete("a"), complete("b")]);
    }

    #[test]
    fn sequences_of_keys_are_no_text() {
        for bytes in [
            &b"a\x1b[Ab\n"[..],
            b"a\x1b[1;5Cb\n",
            b"a\x1bOPb\n",
            b"a\x1bxb\n",
            b"a\x1b[3~b\n",
            b"a\x1b[?1;2cb\n",
        ] {
            assert_eq!(events(bytes), [complete("ab")], "{bytes:?}");
        }
        // One that is cut short keeps no line from ending.
        assert_eq!(events(b"a\x1b[1\nb\n"), [complete("a"), complete("b")]);
        assert_eq!(events(b"\x1b\nb\n"), [complete("b")]);
        let long = [b"\x1b[", [b'1'; MAX_SEQUENCE].as_slice(), b"2x\n"].concat();
        assert_eq!(events(&long), [complete("2x")]);
    }

    #[test]
    fn a_bracketed_paste_waits_for_enter() {
        assert_eq!(events(b"\x1b[200~a\r\nb\x15\x1a\x04\x7f\n\x1b[201~\r"), [complete("ab")]);
        assert_eq!(events(b"\x1b[200~ab\x1b[201~c\n"), [complete("abc")]);
        assert_eq!(events(b"\x1b[201~ab\n"), [complete("ab")]);
    }

    #[test]
    fn keys_that_are_no_text() {
        assert_eq!(events(b"\x04"), [LineEvent::End]);
        assert_eq!(events(b"a\x1a\x03b\n"), [complete("ab")]);
    }

    #[test]
    fn a_line_is_bounded_and_can_be_cleared() {
        let most = "x".repeat(MAX_LINE);
        assert_eq!(events(format!("{most}\n").as_bytes()), [complete(&most)]);
        assert_eq!(events(format!("{most}y\na\n").as_bytes()), [LineEvent::TooLong, complete("a")]);
        assert_eq!(events(format!("{most}yz\x15a\n").as_bytes()), [complete("a")]);
        let mut line = Line::default();
        let capacity = line.text.capacity();
        for _ in 0..1_000_000 {
            assert_eq!(line.push(b'x'), None);
        }
        assert_eq!((line.text.len(), line.text.capacity()), (MAX_LINE, capacity));
    }
}
