//! Every effective setting, and where it came from.

use super::report::{Check, Report};
use crate::cli::flags::{FLAGS, Flag, Id};
use crate::cli::options::{Options, SettingSource};
use crate::cli::parse::ParsedArgs;
use crate::cli::variables::VARIABLES;
use crate::commands::target::Target;
use crate::http::url::without_userinfo;
use crate::kubeconfig::active::SignInMethod;
use crate::login::{modes, pop};
use crate::mode::Mode;
use std::borrow::Cow;
use std::ffi::OsStr;

const NAME: &str = "settings";

/// Settings whose default is worth listing.
const DEFAULTS: &[Id] = &[Id::Login, Id::Timeout, Id::TokenCache];

/// Both names of the cache folder.
const FOLDER: &[Id] = &[Id::CacheDir, Id::TokenCacheDir];

/// What says where to look, not how to sign in.
const ABOUT_LOOKING: &[Id] = &[Id::Kubeconfig, Id::Context, Id::OutputFormat, Id::SignIn, Id::TokenCacheDir];

/// Lists them; secrets are said to be set, not shown. `asked` is doctor's own command line.
pub fn check(target: &Target, options: &Options, asked: &ParsedArgs, report: &mut Report) {
    for flag in FLAGS {
        if let Some((value, source)) = effective(target, options, flag) {
            report.add(one(target, options, asked, flag, &format!("--{} {value}", flag.long), source));
        }
    }
    for variable in VARIABLES {
        for name in [variable.name.to_owned(), variable.name.to_ascii_lowercase()] {
            let Some(value) = target.ctx.env.text(&name) else { continue };
            let value = if variable.secret { "(set)".into() } else { without_userinfo(value) };
            let place = if is_of_entry(target, &name) { ", from the kubeconfig's env" } else { "" };
            report.add(Check::fact(NAME, format!("{name} {value}{place}")));
        }
    }
    ignored(options, report);
}

/// A setting's value, to be shown, and where it came from; `None` of one that does not count.
fn effective<'o>(
    target: &Target,
    options: &'o Options,
    flag: &Flag,
) -> Option<(Cow<'o, str>, SettingSource)> {
    let source = options.source(flag.id);
    if flag.id == Id::CacheDir {
        let is_given = options.args().last_of(FOLDER).is_some_and(|folder| !folder.is_empty());
        let folder = options.cache_dir(&target.ctx).ok()?.display().to_string();
        return Some((folder.into(), if is_given { SettingSource::Flag } else { source }));
    }
    let has_host = options.text(Id::AuthorityHost).is_some();
    let counts = match source {
        SettingSource::Default if flag.id == Id::Environment => !has_host && options.login() != Mode::Oidc,
        SettingSource::Default => DEFAULTS.contains(&flag.id),
        _ => !flag.is_global() && !ABOUT_LOOKING.contains(&flag.id),
    };
    let value = options.path(flag.id).filter(|_| counts)?;
    Some((shown(flag, value.as_os_str(), options), source))
}

fn shown<'o>(flag: &Flag, value: &'o OsStr, options: &Options) -> Cow<'o, str> {
    if flag.secret {
        return "(set)".into();
    }
    if flag.repeatable {
        let all: Vec<String> = options.args().all(flag.id).map(|v| v.display().to_string()).collect();
        return all.join(", ").into();
    }
    match (flag.id, value.to_string_lossy()) {
        (Id::AuthorityHost, text) => without_userinfo(&text).into_owned().into(),
        (_, text) => text,
    }
}

fn one(
    target: &Target,
    options: &Options,
    asked: &ParsedArgs,
    flag: &Flag,
    text: &str,
    source: SettingSource,
) -> Check {
    let asks = |id: Id| asked.last(id).is_some();
    let is_asked = asks(flag.id) || flag.id == Id::CacheDir && asks(Id::TokenCacheDir);
    let name = match source {
        SettingSource::Default => return Check::fact(NAME, format!("{text} (default)")),
        SettingSource::Flag if is_asked => {
            return Check::fact(NAME, format!("{text}, from {}", flag.id.dashed()));
        }
        SettingSource::Flag => return Check::fact(NAME, format!("{text}, from the kubeconfig")),
        SettingSource::Env(name) => name,
    };
    let is_of_entry = is_of_entry(target, name);
    let place = if is_of_entry { " in the kubeconfig's env" } else { "" };
    if options.args().last(flag.id).is_none() {
        return Check::fact(NAME, format!("{text}, from {name}{place}"));
    }
    let change = if is_of_entry { "take it out of the kubeconfig's entry" } else { "unset it" };
    Check::doubtful(NAME, format!("{text}, from {name}{place}, which overrides the flag"))
        .hint(format!("{change}, or pass --disable-environment-override, if that is not meant"))
}

/// Whether the kubeconfig's entry sets the variable.
fn is_of_entry(target: &Target, name: &str) -> bool {
    match target.entry.as_ref().map(|entry| &entry.method) {
        Some(SignInMethod::Exec(exec)) => exec.env.iter().any(|(variable, _)| variable == name),
        _ => false,
    }
}

/// Flags that do not count in this mode.
fn ignored(options: &Options, report: &mut Report) {
    let row = modes::row(options.login());
    if row.ignored_flags(options).contains(&Id::Legacy) {
        report.add(Check::doubtful(NAME, format!("--legacy is ignored in {} login", row.mode.name())));
    }
    if let Some(why) = pop::ignored(options).filter(|_| options.is_on(Id::PopEnabled)) {
        report.add(Check::doubtful(NAME, format!("--pop-enabled is ignored {why}")));
    }
}
