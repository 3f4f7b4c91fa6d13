//! `completion SHELL`: the shell's script, and what the scripts ask for.

pub mod candidates;

use crate::cli::parse::ParsedArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use candidates::{SHELLS, candidates, lines, script};
use std::ffi::{OsStr, OsString};

/// The word by which the scripts ask; no command of the user's. Not `__complete`: by that the original's
/// scripts ask, who expect another answer.
const ASK: &str = "__candidates";

/// Runs the command.
///
/// # Errors
/// No shell, or one that there is no script for.
pub fn run(ctx: &Context, given: &ParsedArgs) -> Result<()> {
    let shells = || format!("name one of {}", SHELLS.join(", "));
    let Some(shell) = given.words.first() else {
        return Err(Error::new("completion needs a shell").hint(shells()));
    };
    let text = script(shell).ok_or_else(|| {
        Error::new(format!("there is no completion for the shell \"{}\"", shell.to_string_lossy()))
            .hint(shells())
    })?;
    ctx.print(text)
}

/// Answers a script; `None` if the command line is not a script's question.
pub fn answer(ctx: &Context) -> Option<Result<()>> {
    let (first, rest) = ctx.args.split_first()?;
    if first != OsStr::new(ASK) {
        return None;
    }
    let words: &[OsString] = match rest.split_first() {
        Some((dashes, words)) if dashes == OsStr::new("--") => words,
        _ => rest,
    };
    Some(ctx.print(&lines(&candidates(ctx, words))))
}
