//! Checks side by side, and their verdict.

use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::style::{Style, Tone};
use serde::Serialize;

/// What the columns of marks and names are wide.
const MARKS: usize = 6;
const NAMES: usize = 12;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Ok,
    Warn,
    Fail,
    Info,
}

/// One check.
#[derive(Debug, Serialize)]
pub struct Check {
    mark: Mark,
    name: &'static str,
    text: String,
    hint: Option<String>,
}

impl Check {
    fn new(mark: Mark, name: &'static str, text: impl Into<String>) -> Self {
        Self { mark, name, text: one_line(&text.into()), hint: None }
    }

    /// Nothing is wrong.
    pub fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Ok, name, text)
    }

    /// A fact.
    pub fn fact(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Info, name, text)
    }

    /// Something that may go wrong.
    pub fn doubtful(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Warn, name, text)
    }

    /// Something that is wrong, in an error's words.
    pub fn failed(name: &'static str, error: &Error) -> Self {
        Self { hint: error.hint_text().map(one_line), ..Self::new(Mark::Fail, name, error.message()) }
    }

    /// What to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(one_line(&hint.into())), ..self }
    }
}

/// All checks in order.
#[derive(Debug, Default)]
pub struct Report(Vec<Check>);

impl Report {
    /// Adds a check.
    pub fn add(&mut self, check: Check) {
        self.0.push(check);
    }

    /// For people: a line each, with marks.
    pub fn text(&self, ctx: &Context) -> String {
        let style = Style::of(ctx.console.stdout_terminal(), &ctx.env);
        let indent = MARKS + NAMES + 2;
        let mut text = String::new();
        for check in &self.0 {
            let (tone, mark) = match check.mark {
                Mark::Ok => (Tone::Good, "ok"),
                Mark::Warn => (Tone::Doubtful, "warn"),
                Mark::Fail => (Tone::Bad, "FAIL"),
                Mark::Info => (Tone::Advice, "info"),
            };
            let mark = style.paint(tone, &format!("{mark:MARKS$}"));
            text += &format!("{mark} {:NAMES$} {}\n", check.name, style.wrap(&check.text, indent));
            if let Some(hint) = &check.hint {
                let label = style.paint(Tone::Advice, "Hint:");
                text += &format!("{:indent$}{label} {}\n", "", style.wrap(hint, indent + 6));
            }
        }
        text
    }

    /// For programs: an array of objects with `mark`, `name`, `text` and `hint`.
    ///
    /// # Errors
    /// Never in practice: every part of it is text.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(&self.0)
            .map(|json| json + "\n")
            .map_err(|e| Error::new(format!("cannot write the answer: {e}")))
    }

    /// Whether nothing is wrong; else what to fix first. Where nothing failed, the first warning is named.
    ///
    /// # Errors
    /// That something is.
    pub fn verdict(&self, ctx: &Context) -> Result<()> {
        let failed: Vec<&Check> = self.0.iter().filter(|check| check.mark == Mark::Fail).collect();
        let Some(first) = failed.first() else {
            if let Some(first) = self.0.iter().find(|check| check.mark == Mark::Warn) {
                ctx.eprintln(&format!("No check failed. First warning: {}: {}", first.name, first.text));
            }
            return Ok(());
        };
        let count = match failed.len() {
            1 => "one check failed".to_owned(),
            n => format!("{n} checks failed"),
        };
        let error = Error::new(format!("{count}; fix this first: {}: {}", first.name, first.text));
        Err(match &first.hint {
            Some(hint) => error.hint(hint.clone()),
            None => error,
        })
    }
}
