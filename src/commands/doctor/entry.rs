//! The program, and the kubeconfig's entry that would run it.

use super::report::{Check, Report};
use crate::cli::parse::parse_exec_args;
use crate::commands::convert;
use crate::commands::target::Target;
use crate::error::Error;
use crate::kubeconfig::active::{Active, Exec, SignInMethod};
use crate::kubeconfig::entry::{EntryKind, KEPT_API_VERSIONS};
use crate::sys::files::{find_program, is_executable, own_path};
use crate::sys::paths;
use std::path::Path;

const NAME: &str = "kubeconfig";
const CONVERT: &str = "convert it with: kubelogin convert-kubeconfig";

/// This program.
pub fn program() -> Check {
    let path = own_path().map_or("a file that cannot be named".to_owned(), |path| path.display().to_string());
    Check::fact("program", format!("kubelogin {} at {path}", env!("CARGO_PKG_VERSION")))
}

/// What is wrong with the entry.
pub fn check(target: &Target, report: &mut Report) {
    let Some(entry) = &target.entry else { return };
    report.add(Check::fact(
        NAME,
        format!("{}: context {}, user {}", entry.file.display(), entry.context, entry.user),
    ));
    match (&entry.method, target.kind) {
        (SignInMethod::Exec(exec), EntryKind::Ours | EntryKind::Provider) => {
            check_exec(target, entry, exec, report)
        }
        (SignInMethod::AuthProvider(name), kind) => {
            let why =
                format!("the user signs in by the auth-provider \"{name}\", which kubectl no longer has");
            let hint = match kind {
                EntryKind::Ours => CONVERT,
                EntryKind::Provider => "convert it: kubelogin convert-kubeconfig -l oidc",
                EntryKind::Other => "get a new kubeconfig of the cluster's provider",
            };
            report.add(Check::failed(NAME, &Error::new(why).hint(hint)));
        }
        (SignInMethod::Exec(exec), _) => {
            report.add(without_kubelogin(&format!("the program {}", exec.command)))
        }
        (SignInMethod::Other, _) => report.add(without_kubelogin("a certificate, a token, or nothing")),
    }
}

fn without_kubelogin(how: &str) -> Check {
    Check::doubtful(NAME, format!("the user signs in without kubelogin ({how})")).hint(
        "choose another context with --context, ask for clusterUser credentials with: az aks get-credentials, or say what to look at by flags, --server-id among them",
    )
}

fn check_exec(target: &Target, entry: &Active, exec: &Exec, report: &mut Report) {
    let mut problems = Vec::new();
    let fail = |why: String, hint: &str| Check::failed(NAME, &Error::new(why).hint(hint));
    let mut words = exec.args.iter().filter_map(|word| word.to_str()).peekable();
    // kubectl runs us as its plugin.
    words.next_if_eq(&"oidc-login");
    if words.next() != Some("get-token") {
        problems.push(fail("the entry's first argument is not get-token".to_owned(), CONVERT));
    }
    problems.extend(program_of(exec, target, entry.file.parent()));
    if !KEPT_API_VERSIONS.contains(&exec.api_version.as_str()) {
        problems.push(fail(
            format!("the entry's apiVersion \"{}\" is not one that kubectl speaks", exec.api_version),
            CONVERT,
        ));
    }
    if exec.api_version.ends_with("/v1") && !exec.has_interactive_mode {
        problems.push(fail(
            "the entry has apiVersion v1 without interactiveMode, which kubectl refuses".to_owned(),
            "add interactiveMode: IfAvailable to the entry, or use v1beta1",
        ));
    }
    for error in &target.unknown {
        problems
            .push(fail(format!("the entry was written for another version: {}", error.message()), CONVERT));
    }
    problems.extend(secrets(exec));
    if problems.is_empty() {
        problems.push(Check::good(NAME, format!("the entry runs {} {}", exec.command, "get-token")));
    }
    problems.into_iter().for_each(|problem| report.add(problem));
}

/// The secrets that stand in the file.
fn secrets(exec: &Exec) -> Vec<Check> {
    let stands = |what: &str| format!("{what} is in the kubeconfig in plain text");
    let args = parse_exec_args(&exec.args).ok();
    let mut found = Vec::new();
    for (id, variable) in convert::secrets() {
        if args.as_ref().is_some_and(|(given, _)| given.last(id).is_some()) {
            let check = Check::doubtful(NAME, stands(&id.dashed()));
            found.push(check.hint(format!("take it out and set {variable} instead")));
        }
        let is_set = |name: &str| exec.env.iter().any(|(set, value)| set == name && !value.is_empty());
        for name in id.flag().env.iter().map(|variable| variable.name).filter(|name| is_set(name)) {
            let check = Check::doubtful(NAME, stands(&format!("{name}, in the entry's env,")));
            found.push(check.hint("take it out and set it where kubectl is run"));
        }
    }
    found
}

/// What is wrong with the program that the entry names.
fn program_of(exec: &Exec, target: &Target, folder: Option<&Path>) -> Option<Check> {
    // kubectl takes a path with a slash as relative to the kubeconfig's folder.
    let relative = folder.map(|folder| folder.join(&exec.command)).filter(|path| paths::is_file(path));
    let is_path = exec.command.contains('/');
    let found = if is_path { relative } else { find_program(&target.ctx.env, &exec.command) };
    let fail = |why: String, hint: String| Some(Check::failed(NAME, &Error::new(why).hint(hint)));
    let Some(found) = found else {
        return fail(
            format!("kubectl cannot find the program \"{}\"", exec.command),
            "put its folder on PATH, or write its full path as the entry's command".to_owned(),
        );
    };
    if !is_executable(&found) {
        let found = found.display();
        return fail(
            format!("kubectl cannot run {found}: it has no execute permission"),
            format!("chmod +x {found}"),
        );
    }
    match own_path() {
        Some(own) if !paths::are_same(&own, &found) => Some(Check::doubtful(
            NAME,
            format!("kubectl runs {}, which is not this program", found.display()),
        )),
        _ => None,
    }
}
