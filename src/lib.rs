//! kubelogin: the client-go credential (exec) plugin that signs people, pipelines and machines in to
//! Kubernetes through Microsoft Entra ID.
//!
//! # Map
//! A module imports those of lower layers only; a test below holds it.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 8 | `main`, this file | the real [`context::Context`], [`run`], the exit code |
//! | 7 | [`commands`] | one file or folder per command: `convert` has the engine of the conversion rules, `completion` the candidates |
//! | 6 | [`login`] | the login modes: a table ([`login::modes::MODES`]) and one file or folder per mode behind one trait |
//! | 5 | [`cache`] | cached tokens: key, freshness, single flight, the folder |
//! | 5 | [`cloud`] | environment names -> an authority's address |
//! | 5 | [`kubeconfig`] | which files; YAML with positions; lossless editing; which users are whose |
//! | 4 | [`sys`] | the operating system: files, network, processes, threads, locks |
//! | 3 | [`cli`] | the flag table; argv -> what was given -> what it means; help, manual page, variables |
//! | 3 | [`waiting`] | what a wait shows |
//! | 2 | [`oauth`] | the protocol as data: requests are built, answers are read, refusals get their remedies |
//! | 2 | [`exec_credential`] | `KUBERNETES_EXEC_INFO` in, one JSON object out |
//! | 2 | [`style`] | colours and widths |
//! | 1 | [`context`], [`console`] | arguments, environment, clock, randomness; the two streams |
//! | 1 | [`http`] | requests and answers, addresses, forms as data |
//! | 1 | [`keys`] | private keys and certificates: reading them, signing with them |
//! | 1 | [`mode`] | the names of the login modes |
//! | 0 | [`error`], [`prompt`], [`secret`], [`time`] | failures, what a person is asked, what must not print, dates as text |
//!
//! # Data flow
//! ```text
//! argv -> ParsedArgs --+
//! env -> Context ------+-> Options -> login: cached and fresh? -> Token -> ExecCredential -> stdout
//!                                     |  no (lock, read again)  ^
//!                                     +-> oauth request -> sys::http -> answer -> oauth token
//! convert: ParsedArgs + Options + old user entry + the mode's rules -> new user entry -> spliced into its file
//! ```
//!
//! # Invariants
//! 1. One flag table ([`cli::flags::FLAGS`]): parser, help, completion, environment names, the README's reference
//!    and the reading of old kubeconfig arguments all come from it.
//! 2. Given, then meant: `ParsedArgs` never looks at the environment; `Options` is resolved once and remembers where
//!    each setting came from.
//! 3. Protocol is data: [`oauth`] and [`http`] have no network, file, clock, environment or randomness.
//! 4. The world comes in at `main`, through [`context::Context`]; elsewhere clippy's `disallowed-methods`
//!    bans it, [`sys`] apart. Signatures and new keys draw on the system's randomness ([`keys`]).
//! 5. stdout is the protocol: one ExecCredential or nothing. All else is stderr.
//! 6. Secrets cannot print ([`secret::Secret`]); grepping `expose(` audits every boundary.
//! 7. Hostile input never panics, hangs or allocates without bound.
//! 8. An error says what failed, why, and what to do next; it is matched on only where code branches.
//! 9. Each deliberate difference from the original is a line of the README's "Differences" with a test.
//! 10. The path of a cached token touches no TLS, no certificates, no child process, no lock.
//! 11. A new login mode is one row of `MODES` and one file; a new flag, remedy or variable is one row.
//! 12. Only [`sys`] touches the file system and starts threads and processes; its lowest functions refuse what no
//!     caller may do.
//! 13. All text for a terminal passes through [`console`], which cleans it; a warning is `ctx.warn`.

pub mod cache;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod console;
pub mod context;
pub mod error;
pub mod exec_credential;
pub mod http;
pub mod keys;
pub mod kubeconfig;
pub mod login;
pub mod mode;
pub mod oauth;
pub mod prompt;
pub mod secret;
pub mod style;
pub mod sys;
pub mod time;
pub mod waiting;

use cli::flags::{COMMANDS, Command, Id};
use cli::help;
use cli::man;
use cli::mode_help;
use cli::options::Options;
use cli::parse::{ParsedArgs, parse, parse_level};
use context::Context;
use error::{Error, Result};
use mode::Mode;
use std::ffi::OsStr;
use style::Style;
use sys::files::may_exist;

/// Runs one command line and returns the process's exit code.
pub fn run(ctx: &Context) -> u8 {
    match dispatch(ctx) {
        Ok(()) => 0,
        Err(error) => {
            ctx.console.eprint_styled(&style::error(&error, ctx));
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
    ctx.console.set_verbosity(verbosity.and_then(parse_level).unwrap_or(0));
    let help = |command| help::page(command, Style::of(ctx.console.stdout_terminal(), &ctx.env));
    if given.is_on(Id::Help) {
        return ctx.print(&help(given.command));
    }
    if matches!(given.command, Command::Root | Command::Convert)
        && !given.is_on(Id::Version)
        && ctx.env.os("KUBERNETES_EXEC_INFO").is_some()
    {
        return Err(wrong_command());
    }
    match given.command {
        Command::Root if given.is_on(Id::Version) => ctx.print(&commands::version::text()),
        Command::Root => ctx.print(&help(Command::Root)),
        Command::Help if given.is_on(Id::Man) => ctx.print(&man::page()),
        Command::Help => explain(ctx, &given),
        Command::GetToken => {
            sys::process::disable_core_dumps();
            let options = Options::resolve(given, &ctx.env)?;
            options.log_overrides(ctx);
            options.check_paths(|_| true, may_exist)?;
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
        Command::Clean => {
            let options = Options::resolve(given, &ctx.env)?;
            options.check_paths(|_| true, may_exist)?;
            commands::clean::run(ctx, &options)
        }
        Command::Setup => {
            sys::process::disable_core_dumps();
            commands::setup::run(ctx, given)
        }
        Command::Version => ctx.print(&commands::version::text()),
        Command::RemoveCacheDir | Command::RemoveTokens => {
            let options = Options::resolve(given, &ctx.env)?;
            options.check_paths(|_| true, may_exist)?;
            commands::remove::run(ctx, &options)
        }
        Command::Convert => {
            sys::process::disable_core_dumps();
            let options = Options::resolve(given, &ctx.env)?;
            options.log_overrides(ctx);
            commands::convert::run(ctx, &options)
        }
    }
}

/// A Kubernetes client runs this program with the arguments that a person types once.
fn wrong_command() -> Error {
    Error::new("a Kubernetes client has run kubelogin without the command get-token (KUBERNETES_EXEC_INFO is set)")
        .hint("begin the args of the exec entry with get-token; convert-kubeconfig is run once, by hand, and writes them")
}

/// `help [command|mode]`. For an unknown topic all of it goes to stderr, and that is no failure: scripts of the original
/// rely on both.
fn explain(ctx: &Context, given: &ParsedArgs) -> Result<()> {
    let style = Style::of(ctx.console.stdout_terminal(), &ctx.env);
    let Some(word) = given.words.first() else {
        return ctx.print(&help::page(Command::Root, style));
    };
    if let Some(row) = COMMANDS.iter().find(|row| OsStr::new(row.name) == word) {
        return ctx.print(&help::page(row.command, style));
    }
    let mode = Mode::ALL.iter().find(|(_, name)| OsStr::new(name) == word).map(|(mode, _)| *mode);
    if let Some(page) = mode.and_then(|mode| mode_help::page(mode, style)) {
        return ctx.print(&page);
    }
    ctx.eprintln(&format!("Unknown help topic \"{}\"", word.to_string_lossy()));
    ctx.eprintln(&help::page(Command::Root, style));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// The map's layers, the lowest first.
    const LAYERS: &[&[&str]] = &[
        &["error", "prompt", "secret", "time"],
        &["context", "console", "http", "keys", "mode"],
        &["oauth", "exec_credential", "style"],
        &["cli", "waiting"],
        &["sys"],
        &["cache", "cloud", "kubeconfig"],
        &["login"],
        &["commands"],
    ];

    fn layer(module: &str) -> Option<usize> {
        LAYERS.iter().position(|modules| modules.contains(&module))
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let paths = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
    }

    /// Each source file's top module, and its text without comments and unit tests.
    fn modules() -> Vec<(String, PathBuf, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let module = |path: &Path| {
            let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
            Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned()
        };
        let code = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
        };
        let found = sources(&root).into_iter().map(|path| (module(&path), code(&path), path));
        let found = found.filter(|(module, ..)| !["lib", "main"].contains(&module.as_str()));
        found.map(|(module, code, path)| (module, path, code)).collect()
    }

    #[test]
    fn imports_go_down_the_layers() {
        for (module, path, code) in modules() {
            let own = layer(&module).unwrap_or_else(|| panic!("{module} is on no layer of the map"));
            for named in code.split("crate::").skip(1) {
                let named = named.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap();
                let goes_down = layer(named).is_none_or(|layer| layer < own) || named == module;
                let is_sibling = own == 1 && layer(named) == Some(1) && module == "context";
                assert!(goes_down || is_sibling, "{} imports crate::{named}", path.display());
            }
        }
    }

    #[test]
    fn only_sys_touches_the_file_system() {
        const CALLS: &[&str] = &[
            "std::fs",
            "File::open",
            ".exists()",
            ".try_exists()",
            ".canonicalize()",
            ".metadata()",
            ".is_dir()",
            ".is_file()",
            ".is_symlink()",
            ".symlink_metadata()",
            ".read_dir()",
        ];
        for (module, path, code) in modules().into_iter().filter(|(module, ..)| module != "sys") {
            for call in CALLS {
                assert!(!code.contains(call), "{module}: {} has {call}", path.display());
            }
        }
    }
}
