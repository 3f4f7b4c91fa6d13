//! The terminal in front of the user, for what must not be echoed or cut: a pasted answer, a password.
//!
//! It is `/dev/tty`, never stdin: stdin is kubectl's. There is none on Windows, where each function says so.
//! A terminal is used only while this process group is in its foreground (reading in the background would stop
//! the process while it holds a lock) and only if it edits lines and echoes: otherwise another program, an
//! editor or a full-screen client, has taken it. Its settings come back on every way out.

pub mod line;

#[cfg(unix)]
#[path = "unix.rs"]
mod tty;
#[cfg(not(unix))]
#[path = "none.rs"]
mod tty;

pub use tty::{HiddenInput, ask_line};

use crate::context::Context;
use crate::secret::Secret;
use std::io::{self, Read};
use std::time::Duration;
use zeroize::Zeroizing;

/// How often the terminal is read while a question is open.
const POLL: Duration = Duration::from_millis(20);

/// Why there is no input from a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInput {
    /// There is no terminal, or this system has no `/dev/tty`.
    NoTerminal,
    /// This process runs in the background.
    Background,
    /// Another program has changed how the terminal reads keys.
    Taken,
    /// The user pressed Ctrl-D, or the terminal is gone.
    Ended,
}

impl NoInput {
    /// The reason, as the end of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoTerminal => "there is no terminal",
            Self::Background => "kubelogin runs in the background",
            Self::Taken => "another program controls the terminal",
            Self::Ended => "the input from the terminal has ended",
        }
    }
}

/// What has come from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// A line, without its end. One of blanks alone is skipped.
    Line(Secret),
    /// A line of more than [`line::MAX_LINE`] bytes, which is lost.
    TooLong,
    /// The process was stopped and runs in the foreground again: show the question once more.
    Resumed,
    /// The user pressed Ctrl-D, or the terminal is gone; nothing more will come.
    Ended,
}

/// Asks for a line that is not shown: a password.
///
/// # Errors
/// Why there is no answer.
pub fn ask_hidden(ctx: &Context, prompt: &str) -> Result<Secret, NoInput> {
    let mut input = HiddenInput::open()?;
    input.write(prompt);
    loop {
        match input.poll().unwrap_or(Some(Input::Ended)) {
            Some(Input::Line(text)) => {
                input.write("\n");
                return Ok(text);
            }
            Some(Input::TooLong) => input.write(&format!("\nThat is too long.\n{prompt}")),
            Some(Input::Resumed) => input.write(prompt),
            Some(Input::Ended) => {
                input.write("\n");
                return Err(NoInput::Ended);
            }
            None => ctx.clock.sleep(POLL),
        }
    }
}

/// A line of stdin without its end, where there is no terminal.
///
/// # Errors
/// There is none; one that is too long or not UTF-8.
pub fn read_stdin_line() -> io::Result<Secret> {
    let mut line = Zeroizing::new(Vec::new());
    for byte in io::stdin().lock().bytes() {
        match byte? {
            b'\n' => break,
            byte => line.push(byte),
        }
        if line.len() > line::MAX_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Secret::from(text.trim()))
}

/// `1,234`, for people.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_groups_of_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1234, "1,234"), (16384, "16,384"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
