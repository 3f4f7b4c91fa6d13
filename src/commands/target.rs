//! What `doctor` and `whoami` are about: a kubeconfig's entry with the given flags laid over it.
//!
//! A flag that is given takes the place of the entry's argument of that name, as if it stood there. With
//! `--server-id` and neither `--context` nor `--kubeconfig`, the flags say everything, and no kubeconfig is
//! looked at.

use crate::cli::flags::{Command, FLAGS, Id};
use crate::cli::options::Options;
use crate::cli::parse::{ParsedArgs, parse_exec_args};
use crate::commands::convert::convert;
use crate::context::{Context, Env};
use crate::error::{Error, Result};
use crate::kubeconfig::active::{self, Active, SignInMethod};
use crate::kubeconfig::entry::{EntryKind, exec_args, kind};
use crate::sys::files::may_exist;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What can be wrong with settings that were read well, each alone, then all; without it, the rest can still be
/// looked at.
const CHECKED: &[&[Id]] = &[
    &[Id::Login],
    &[Id::AuthorityHost],
    &[Id::PopEnabled, Id::PopClaims],
    &[Id::Login, Id::AuthorityHost, Id::PopEnabled, Id::PopClaims],
];

/// A sign-in that would happen.
pub struct Target {
    /// The kubeconfig's entry that it comes from; `None` where the flags alone count.
    pub entry: Option<Active>,
    /// What the entry is.
    pub kind: EntryKind,
    /// The world in which the entry's program would run.
    pub ctx: Context,
    /// Its options; the error is what `get-token` would say. `None` where kubelogin is not run. Those of an
    /// `auth-provider` entry are what conversion would make of it.
    pub options: Option<Result<Options>>,
    /// Flags that this version does not know, which would stop `get-token`.
    pub unknown: Vec<Error>,
    given: ParsedArgs,
}

/// Whether the command line says all that there is to say about the sign-in.
pub fn flags_suffice(given: &ParsedArgs) -> bool {
    let is_given = |id| given.last(id).is_some();
    (is_given(Id::ServerId) || is_given(Id::OidcIssuerUrl))
        && !is_given(Id::Context)
        && !is_given(Id::Kubeconfig)
}

/// The options, or what `get-token` would say about them.
fn resolve(given: &ParsedArgs, env: &Env) -> Result<Options> {
    let options = Options::resolve(given.clone(), env)?;
    options.check_paths(|_| true, may_exist)?;
    Ok(options)
}

/// The sign-in of the flags alone.
pub fn from_flags(ctx: &Context, given: &ParsedArgs) -> Target {
    Target {
        entry: None,
        kind: EntryKind::Ours,
        ctx: ctx.with_env(ctx.env.clone()),
        options: Some(resolve(given, &ctx.env)),
        unknown: Vec::new(),
        given: given.clone(),
    }
}

/// Finds the kubeconfig's entry and reads its arguments as `get-token` would, with the given flags over them.
///
/// # Errors
/// No entry is found.
pub fn from_kubeconfig(ctx: &Context, given: &ParsedArgs) -> Result<Target> {
    let said = |id| given.last(id).filter(|value| !value.is_empty());
    let context = said(Id::Context).and_then(OsStr::to_str);
    let entry = active::find(ctx, said(Id::Kubeconfig).map(Path::new), context)?;
    let kind = entry.value.as_ref().map_or(EntryKind::Other, kind);
    let mut target = Target { kind, ..from_flags(ctx, given) };
    let args = match (kind, &entry.method, &entry.value) {
        (EntryKind::Ours | EntryKind::Provider, SignInMethod::Exec(exec), _) => {
            target.ctx = ctx.with_env(ctx.env.with(exec.env.iter().cloned()));
            Some(Ok(exec.args.clone()))
        }
        (EntryKind::Ours, SignInMethod::AuthProvider(_), Some(user)) => Some(
            Options::resolve(given.clone(), &ctx.env)
                .and_then(|options| convert(&options, user))
                .map(|converted| exec_args(&converted.user)),
        ),
        _ => None,
    };
    target.options = args.map(|args| {
        let (of_entry, unknown) = parse_exec_args(&args?)?;
        target.unknown = unknown;
        target.given = overlay(&of_entry, given)?;
        resolve(&target.given, &target.ctx.env)
    });
    target.entry = Some(entry);
    Ok(target)
}

impl Target {
    /// The options without those that are invalid, where there are such.
    pub fn without_invalid(&self) -> Option<Options> {
        let without = |ids: &&[Id]| {
            let no_login = ("AAD_LOGIN_METHOD".into(), OsString::new());
            let env = self.ctx.env.with(ids.contains(&Id::Login).then_some(no_login));
            Options::resolve(self.given.without(ids), &env).ok()
        };
        CHECKED.iter().find_map(without)
    }
}

/// The entry's arguments, each replaced by the flag of its name that is given.
fn overlay(entry: &ParsedArgs, given: &ParsedArgs) -> Result<ParsedArgs> {
    const FOLDER: &[Id] = &[Id::CacheDir, Id::TokenCacheDir];
    let mut args = vec![OsString::from("get-token")];
    let mut push = |id: Id, value: &OsStr| {
        let mut arg = OsString::from(format!("{}=", id.dashed()));
        arg.push(value);
        args.push(arg);
    };
    for flag in FLAGS.iter().filter(|flag| flag.belongs_to(Command::GetToken) && !FOLDER.contains(&flag.id)) {
        let from = if given.last(flag.id).is_some() { given } else { entry };
        from.all(flag.id).for_each(|value| push(flag.id, value));
    }
    // One setting with two names.
    if let Some(folder) = given.last_of(FOLDER).or_else(|| entry.last_of(FOLDER)) {
        push(Id::CacheDir, folder);
    }
    parse_exec_args(&args).map(|(both, _)| both)
}
