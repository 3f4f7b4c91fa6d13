//! How text is laid out for people: colour and width, where a person watches; plain lines where not.

use crate::console::Terminal;
use crate::context::{Context, Env};
use crate::error::Error;

/// A terminal that is narrower gets lines that are too long rather than a word a line.
const MIN_WIDTH: usize = 20;

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing is wrong.
    Good,
    /// Something may go wrong.
    Doubtful,
    /// Something is wrong.
    Bad,
    /// Something to do.
    Advice,
}

/// A place where text is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are shown.
    pub colour: bool,
    /// Columns; `None` where lines may have any length.
    pub width: Option<usize>,
}

impl Style {
    /// Of a stream: colours on a terminal that has them, unless `NO_COLOR` (no-color.org) says otherwise;
    /// lines as wide as `COLUMNS` or the terminal says.
    pub fn of(screen: Terminal, env: &Env) -> Self {
        let colour = takes_sequences(screen, env) && env.os("NO_COLOR").is_none();
        let said = env.text("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = said.or_else(|| screen.is_terminal.then(terminal_width).flatten());
        Self { colour, width: width.filter(|width| *width >= MIN_WIDTH) }
    }

    /// The text in a colour.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Doubtful => 33,
            Tone::Bad => 31,
            Tone::Advice => 36,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The text in lines that fit beside `indent` columns; the first line has that much before it already.
    pub fn wrap(self, text: &str, indent: usize) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let room = width.saturating_sub(indent).max(MIN_WIDTH.saturating_sub(8));
        let mut lines: Vec<String> = vec![String::new()];
        for word in text.split(' ') {
            if let Some(line) = lines.last_mut() {
                let fits = line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room;
                match fits {
                    true if line.is_empty() => line.push_str(word),
                    true => {
                        line.push(' ');
                        line.push_str(word);
                    }
                    false => lines.push(word.to_owned()),
                }
            }
        }
        lines.join(&format!("\n{}", " ".repeat(indent)))
    }
}

/// Whether a stream is a terminal that colours text and wipes lines when it is told to. Of Windows' consoles
/// only those do for certain that say who they are.
pub fn takes_sequences(screen: Terminal, env: &Env) -> bool {
    let term = env.text("TERM");
    let says_so = !cfg!(windows) || term.is_some() || env.os("WT_SESSION").is_some();
    screen.is_terminal && term != Some("dumb") && says_so
}

/// An error as stderr shows it: each part one line, but on a terminal, where it is wrapped.
pub fn error(error: &Error, ctx: &Context) -> String {
    let screen = ctx.console.stderr_terminal();
    let style = Style::of(screen, &ctx.env);
    let style = if screen.is_terminal { style } else { Style { width: None, ..style } };
    let lines = error.to_string();
    let line = |line: &str| {
        let Some((name, text)) = line.split_once(": ") else { return line.to_owned() };
        let tone = match name {
            "Error" => Tone::Bad,
            "Hint" => Tone::Advice,
            _ => return line.to_owned(),
        };
        let label = format!("{name}:");
        format!("{} {}", style.paint(tone, &label), style.wrap(text, label.len() + 1))
    };
    lines.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(unix)]
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr())
        .or_else(|_| rustix::termios::tcgetwinsize(rustix::stdio::stdout()))
        .ok()?;
    Some(usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn terminal_width() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_where_a_person_watches_and_wants_it() {
        let of = |is_terminal, env: &[(&str, &str)]| {
            Style::of(Terminal { is_terminal }, &env.iter().copied().collect()).colour
        };
        assert_eq!((of(true, &[]), of(true, &[("NO_COLOR", "")])), (!cfg!(windows), !cfg!(windows)));
        assert!(!of(false, &[]) && !of(true, &[("NO_COLOR", "1")]) && !of(true, &[("TERM", "dumb")]));
        assert!(of(true, &[("TERM", "xterm")]) && of(true, &[("WT_SESSION", "1")]));
    }

    #[test]
    fn lines_break_between_words() {
        let style = Style { colour: false, width: Some(24) };
        assert_eq!(style.wrap("aaaa bbbb cccc dddd eeee", 4), "aaaa bbbb cccc dddd\n    eeee");
        assert_eq!(style.wrap(&"x".repeat(50), 4), "x".repeat(50), "a word stays whole");
        assert_eq!(Style { width: None, ..style }.wrap("a b", 4), "a b");
    }

    #[test]
    fn a_narrow_screen_does_not_count() {
        let env = [("COLUMNS", "5")].into_iter().collect();
        assert_eq!(Style::of(Terminal { is_terminal: false }, &env).width, None);
    }
}
