//! One error type: what failed, why, and what to do next.
//!
//! An `Error` owns text that is safe to show: the code that builds one never puts a secret in it. Printing keeps it to
//! one `Error:` line (control characters from outside are replaced, so that a hostile service cannot write to the
//! terminal), one `Hint:` line, and the ids that a support case needs. Only the words of another program may take
//! several lines: they are indented, so that none of them passes for a line of ours.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// More lines of another program's words are left out.
const MAX_QUOTED_LINES: usize = 20;

/// What may follow from a failure; the only part of an error that code branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Trying again would fail the same way.
    Permanent,
    /// The network or the service is at fault just now (refused, timed out, 429, 5xx).
    Transient,
    /// A person declined, cancelled or did not come: prompting again at once would not help.
    Unanswered,
}

/// A failure, ready to be shown to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    message: String,
    /// The end of the message that is another program's, if it has several lines.
    quote: Option<String>,
    hint: Option<String>,
    ids: Vec<(Cow<'static, str>, String)>,
    class: Class,
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A final error that says what failed and why.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), quote: None, hint: None, ids: Vec::new(), class: Class::Permanent }
    }

    /// An error that may be gone at the next try.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { class: Class::Transient, ..Self::new(message) }
    }

    /// A sign-in that got no answer from the person.
    pub fn unanswered(message: impl Into<String>) -> Self {
        Self { class: Class::Unanswered, ..Self::new(message) }
    }

    /// Adds the words of another program. Several lines stay several lines: there may be commands to copy. Of many,
    /// the last ones count, where programs give their reason.
    #[must_use]
    pub fn quoting(mut self, words: &str) -> Self {
        let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        let lines = lines.get(lines.len().saturating_sub(MAX_QUOTED_LINES)..).unwrap_or_default();
        let quote = match lines {
            [line] => line.trim().to_owned(),
            lines => lines.iter().map(|line| bounded(line.trim_end())).collect::<Vec<_>>().join("\n"),
        };
        self.message = format!("{}: {quote}", self.message);
        self.quote = (lines.len() > 1).then_some(quote);
        self
    }

    /// Says the one thing that the user can do, in place of what was said before.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint unless there is one already.
    #[must_use]
    pub fn or_hint(self, hint: impl Into<String>) -> Self {
        if self.hint.is_some() { self } else { self.hint(hint) }
    }

    /// Adds an id under which the service's support finds the failure.
    #[must_use]
    pub fn id(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.ids.push((Cow::Borrowed(name), value));
        }
        self
    }

    /// Puts what was being done in front: `doing: why`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What may follow from it.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The one thing that the user can do.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What failed and why, without hint and ids.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = self.quote.as_deref();
        match quote.and_then(|quote| Some((self.message.strip_suffix(quote)?, quote))) {
            Some((message, quote)) => {
                write!(f, "Error: {}", one_line(message))?;
                quote.lines().try_for_each(|line| write!(f, "\n  {line}"))?;
            }
            None => write!(f, "Error: {}", one_line(&self.message))?,
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nHint: {}", one_line(hint))?;
        }
        for (name, value) in &self.ids {
            write!(f, "\n{}: {}", one_line(name), one_line(value))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// `text` without line ends and terminal control sequences, at most 2000 characters long.
///
/// Whatever the text came from, it stays on one line and moves no cursor.
pub fn one_line(text: &str) -> String {
    bounded(text.trim())
}

fn bounded(text: &str) -> String {
    const MAX_CHARS: usize = 2000;
    let mut line: String = text
        .chars()
        .take(MAX_CHARS)
        .map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// `text` without terminal control sequences: what is left are its characters and line ends.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && (c.is_control() || is_invisible(c)) { ' ' } else { c }).collect()
}

/// Characters that reorder or hide text on a terminal (Unicode bidi controls, line separators).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_error_hint_and_ids_in_that_order() {
        let error = Error::new("sign-in failed").hint("try again").id("Trace ID", "abc");
        assert_eq!(error.to_string(), "Error: sign-in failed\nHint: try again\nTrace ID: abc");
    }

    #[test]
    fn text_from_outside_stays_on_one_line() {
        let error = Error::new("a\r\nHint: \u{1b}[2Jevil\u{202e}");
        assert_eq!(error.to_string(), "Error: a  Hint:  [2Jevil ");
        assert!(one_line(&"x".repeat(5000)).chars().count() < 2100);
    }

    #[test]
    fn several_lines_of_another_program_stay_several_and_are_indented() {
        let quoting = |words: &str| Error::new("az failed").quoting(words).hint("x").to_string();
        assert_eq!(quoting("\nwhy\n\n"), "Error: az failed: why\nHint: x");
        assert_eq!(
            quoting("why\r\n\n  az login\u{1b}[2J\nHint: evil"),
            "Error: az failed:\n  why\n    az login [2J\n  Hint: evil\nHint: x"
        );
        let many = (0..50).map(|line| format!("{line}\n")).collect::<String>() + &"y".repeat(5000);
        let said = quoting(&many);
        assert!(said.contains("\n  49\n") && !said.contains("\n  30\n"), "{said}");
        assert!(said.lines().all(|line| line.chars().count() < 2100));
        let inside = Error::new("az failed").quoting("a\nb").context("no token");
        assert_eq!(inside.to_string(), "Error: no token: az failed:\n  a\n  b");
        assert_eq!(one_line(inside.message()), "no token: az failed: a b");
    }

    #[test]
    fn the_first_hint_stays() {
        assert!(Error::new("x").hint("a").or_hint("b").to_string().ends_with("Hint: a"));
    }
}
