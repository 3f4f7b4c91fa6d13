//! What `doctor` and `whoami` are about: the sign-in of the given flags, else that of a kubeconfig's entry.

use crate::cli::flags::{FLAGS, Id};
use crate::cli::options::Options;
use crate::cli::parse::{Given, parse_exec_args};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::kubeconfig::active::{self, Active, Exec, How};

/// Flags that say where to look, not how to sign in.
const ABOUT_LOOKING: &[Id] = &[
    Id::Context,
    Id::Kubeconfig,
    Id::OutputFormat,
    Id::SignIn,
    Id::Verbosity,
    Id::LogToStderr,
    Id::CacheDir,
    Id::TokenCacheDir,
];

/// A sign-in that would happen.
pub struct Subject {
    /// The kubeconfig's entry that it comes from.
    pub entry: Active,
    /// The world in which the entry's program would run.
    pub ctx: Context,
    /// Its options; the error is what `get-token` would say. `None` where no program is run.
    pub options: Option<Result<Options>>,
    /// Flags that this version does not know, which would stop `get-token`.
    pub unknown: Vec<Error>,
}

/// Whether the command line says how to sign in.
pub fn is_given(given: &Given) -> bool {
    FLAGS.iter().any(|flag| !ABOUT_LOOKING.contains(&flag.id) && given.last(flag.id).is_some())
}

/// Finds the kubeconfig's entry and reads its arguments as `get-token` would.
///
/// # Errors
/// No entry is found.
pub fn of_kubeconfig(ctx: &Context, options: &Options) -> Result<Subject> {
    let entry = active::find(ctx, options.path(Id::Kubeconfig), options.text(Id::Context))?;
    let How::Exec(exec) = &entry.how else {
        let ctx = ctx.with_env(ctx.env.clone());
        return Ok(Subject { ctx, options: None, unknown: Vec::new(), entry });
    };
    let ctx = ctx.with_env(ctx.env.with(exec.env.iter().cloned()));
    let (options, unknown) = read(&ctx, exec);
    Ok(Subject { ctx, options: Some(options), unknown, entry })
}

fn read(ctx: &Context, exec: &Exec) -> (Result<Options>, Vec<Error>) {
    match parse_exec_args(&exec.args) {
        Ok((given, unknown)) => (Options::resolve(given, &ctx.env), unknown),
        Err(error) => (Err(error), Vec::new()),
    }
}
