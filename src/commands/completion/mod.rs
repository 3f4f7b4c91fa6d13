//! `completion SHELL`: the shell's script, and what the scripts ask for.

pub mod candidates;

use crate::cli::flags::Command;
use crate::cli::help;
use crate::cli::parse::ParsedArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::style::Style;
use candidates::{Candidates, candidates, lines, script};
use std::ffi::{OsStr, OsString};

/// The word by which our scripts ask; no command of the user's.
const ASK: &str = "__candidates";
/// The words by which scripts ask that cobra made: those of the original and of int128's program, which are installed
/// on users' machines and call whatever program has the name.
const COBRA: [&str; 2] = ["__complete", "__completeNoDesc"];

/// Runs the command. Without a shell, or with one that there is no script for, it explains itself.
///
/// # Errors
/// stdout cannot be written.
pub fn run(ctx: &Context, given: &ParsedArgs) -> Result<()> {
    match given.words.first().and_then(|shell| script(shell)) {
        Some(text) => ctx.print(text),
        None => {
            let style = Style::of(ctx.console.stdout_terminal(), &ctx.env);
            ctx.print(&help::page(Command::Completion, style))
        }
    }
}

/// Answers a script; `None` if the command line is not a script's question.
pub fn answer(ctx: &Context) -> Option<Result<()>> {
    let (first, rest) = ctx.args.split_first()?;
    if let Some(form) = COBRA.iter().position(|word| first == OsStr::new(word)) {
        return Some(answer_cobra(ctx, rest, form == 0));
    }
    if first != OsStr::new(ASK) {
        return None;
    }
    let words: &[OsString] = match rest.split_first() {
        Some((dashes, words)) if dashes == OsStr::new("--") => words,
        _ => rest,
    };
    Some(ctx.print(&lines(&candidates(ctx, words))))
}

/// Cobra's protocol: a candidate a line, with a description behind a tab, then the directive: 4 for no files, 0 for
/// files, 16 for folders.
///
/// # Errors
/// No word to complete.
fn answer_cobra(ctx: &Context, words: &[OsString], describes: bool) -> Result<()> {
    if words.is_empty() {
        return Err(Error::new("there is no word to complete"));
    }
    let (text, directive, name) = match candidates(ctx, words) {
        Candidates::Files => (String::new(), 0, "Default"),
        Candidates::Folders => (String::new(), 16, "FilterDirs"),
        Candidates::Words(words) => {
            let line = |(word, about): (String, String)| match describes && !about.is_empty() {
                true => format!("{word}\t{about}\n"),
                false => format!("{word}\n"),
            };
            (words.into_iter().map(line).collect(), 4, "NoFileComp")
        }
    };
    ctx.print(&format!("{text}:{directive}\n"))?;
    ctx.eprintln(&format!("Completion ended with directive: ShellCompDirective{name}"));
    Ok(())
}
