//! kubelogin: the client-go credential (exec) plugin that signs people, pipelines and machines in to
//! Kubernetes through Microsoft Entra ID.
//!
//! # Map
//! | module | owns |
//! |---|---|
//! | [`context`] | everything that comes from outside |
//! | [`cli`] | the flag table; argv -> what was said -> what was meant; help, completion, manual page |
//! | [`cloud`] | environment names -> an authority's address |
//! | [`cache`] | kept tokens: key, freshness, single flight |
//! | [`keys`] | private keys and certificates: reading them, signing with them |
//! | [`kubeconfig`] | which files, whose users; lossless editing; knows no flag |
//! | [`login`] | the login modes |
//! | [`exec_credential`] | `KUBERNETES_EXEC_INFO` in, one JSON object out |
//! | [`commands`] | one file per command |
//! | [`oauth`] | the protocol as data: requests are built, answers are read |
//! | [`sys`] | the operating system: files, network, processes |
//! | [`error`], [`style`], [`waiting`], [`secret`], [`time`] | what is shown, how, meanwhile, what is never shown, calendar text |
//!
//! # Invariants
//! 1. One flag table ([`cli::flags::FLAGS`]): parser, help, environment names, the README's reference
//!    and the reading of old kubeconfig arguments all come from it.
//! 2. Said, then meant: `ParsedArgs` never looks at the environment; `Options` is resolved once.
//! 3. Protocol is data: [`oauth`] has no network, file, clock, environment or randomness.
//! 4. The world comes in at `main`, through [`context::Context`]; elsewhere clippy's `disallowed-methods`
//!    bans it, [`sys`] apart. Signatures and new keys draw on the system's randomness ([`keys`]).
//! 5. stdout is the protocol: one ExecCredential or nothing. All else is stderr.
//! 6. Secrets cannot print ([`secret::Secret`]); grepping `expose(` audits every boundary.
//! 7. Hostile input never panics, hangs or allocates without bound.
//! 8. An error says what failed, why, and what to do next; it is matched on only where code branches.
//! 9. Each deliberate difference from the original is a line of the README's "Differences" with a test.
//! 10. The path of a cached token touches no TLS, no certificates, no child process, no lock.

pub mod cache;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod context;
pub mod error;
pub mod exec_credential;
pub mod http;
pub mod keys;
pub mod kubeconfig;
pub mod login;
pub mod mode;
pub mod oauth;
pub mod secret;
pub mod style;
pub mod sys;
pub mod time;
pub mod waiting;

use cli::flags::{COMMANDS, Command, Id};
use cli::help;
use cli::man;
use cli::options::Options;
use cli::parse::{ParsedArgs, parse, parse_level};
use context::Context;
use error::{Error, Result};
use std::ffi::OsStr;
use style::Style;

/// Runs one command line and returns the process's exit code.
pub fn run(ctx: &Context) -> u8 {
    match dispatch(ctx) {
        Ok(()) => 0,
        Err(error) => {
            ctx.eprintln(&style::error(&error, ctx));
            1
        }
    }
}

fn dispatch(ctx: &Context) -> Result<()> {
    if let Some(answer) = commands::completion::answer(ctx) {
        return answer;
    }
    let given = parse(&ctx.args)?;
    let verbosity = given.last(Id::Verbosity).and_then(OsStr::to_str);
    ctx.set_verbosity(verbosity.and_then(parse_level).unwrap_or(0));
    let help = |command| help::page(command, Style::of(ctx.stdout_terminal, &ctx.env));
    if given.is_on(Id::Help) {
        return ctx.print(&help(given.command));
    }
    match given.command {
        Command::Root if given.is_on(Id::Version) => ctx.print(&commands::version::text()),
        Command::Root => ctx.print(&help(Command::Root)),
        Command::Help if given.is_on(Id::Man) => ctx.print(&man::page()),
        Command::Help => ctx.print(&help(help_topic(&given)?)),
        Command::GetToken => {
            sys::process::disable_core_dumps();
            let options = Options::resolve(given, &ctx.env)?;
            options.log_overrides(ctx);
            commands::get_token::run(ctx, &options)
        }
        Command::Whoami => {
            sys::process::disable_core_dumps();
            commands::whoami::run(ctx, &given)
        }
        Command::Doctor => {
            sys::process::disable_core_dumps();
            commands::doctor::run(ctx, &given)
        }
        Command::Completion => commands::completion::run(ctx, &given),
        Command::RemoveCacheDir | Command::RemoveTokens => {
            commands::remove::run(ctx, &Options::resolve(given, &ctx.env)?)
        }
        Command::Convert => {
            sys::process::disable_core_dumps();
            let options = Options::resolve(given, &ctx.env)?;
            options.log_overrides(ctx);
            commands::convert::run(ctx, &options)
        }
    }
}

fn help_topic(given: &ParsedArgs) -> Result<Command> {
    let Some(word) = given.words.first() else {
        return Ok(Command::Root);
    };
    COMMANDS
        .iter()
        .find(|row| OsStr::new(row.name) == word)
        .map(|row| row.command)
        .ok_or_else(|| Error::new(format!("unknown help topic \"{}\"", word.to_string_lossy())))
}
