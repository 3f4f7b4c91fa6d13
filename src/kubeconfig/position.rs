//! Places in a text: for people, in lines and columns; for editing, in bytes.

use std::fmt;

/// Where something stands in the text: `line 3, column 5`.
#[derive(Clone, Copy, Debug)]
pub struct Position(Option<(usize, usize)>);

impl Position {
    /// The text's end.
    pub const END: Self = Self(None);

    /// Line and column, both from 1.
    pub fn at(line: usize, column: usize) -> Self {
        Self(Some((line, column)))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((line, column)) => write!(f, "line {line}, column {column}"),
            None => f.write_str("the end"),
        }
    }
}

/// Turns the parser's character indexes into byte indexes. They come nearly in order, so that following
/// them is cheap.
pub struct Cursor<'t> {
    text: &'t str,
    /// Every character is one byte.
    is_ascii: bool,
    bytes: usize,
    chars: usize,
}

impl<'t> Cursor<'t> {
    /// At the beginning of a text.
    pub fn new(text: &'t str) -> Self {
        Self { text, is_ascii: text.is_ascii(), bytes: 0, chars: 0 }
    }

    /// Where a character stands in the text's bytes.
    pub fn byte(&mut self, index: usize) -> usize {
        if self.is_ascii {
            return index;
        }
        while self.chars < index {
            let Some(c) = self.text.get(self.bytes..).and_then(|rest| rest.chars().next()) else { break };
            self.bytes += c.len_utf8();
            self.chars += 1;
        }
        while self.chars > index {
            let Some(c) = self.text.get(..self.bytes).and_then(|rest| rest.chars().next_back()) else {
                break;
            };
            self.bytes -= c.len_utf8();
            self.chars -= 1;
        }
        self.bytes
    }
}
