//! The program, and the kubeconfig's entry that would run it.

use super::report::{Check, Report};
use crate::commands::subject::Subject;
use crate::error::Error;
use crate::kubeconfig::active::{Active, Exec, How};
use crate::kubeconfig::convert::{KEPT_API_VERSIONS, SECRETS};
use crate::sys::files::{find_program, own_path};
use std::path::Path;

const NAME: &str = "kubeconfig";
const CONVERT: &str = "convert it with: kubelogin convert-kubeconfig";

/// This program.
pub fn program() -> Check {
    let path = own_path().map_or("a file that cannot be named".to_owned(), |path| path.display().to_string());
    Check::fact("program", format!("kubelogin {} at {path}", env!("CARGO_PKG_VERSION")))
}

/// What is wrong with the entry.
pub fn check(subject: &Subject, report: &mut Report) {
    let entry = &subject.entry;
    report.add(Check::fact(
        NAME,
        format!("{}: context {}, user {}", entry.file.display(), entry.context, entry.user),
    ));
    match &entry.how {
        How::Exec(exec) => check_exec(subject, entry, exec, report),
        How::AuthProvider(name) => {
            let why = format!("the user signs in by the auth-provider \"{name}\", which kubectl no longer has");
            report.add(Check::failed(NAME, &Error::new(why).hint(CONVERT)));
        }
        How::Other => report.add(
            Check::doubtful(NAME, "the user signs in without kubelogin (a certificate, a token, or nothing)")
                .hint("choose another context with --context, or ask for clusterUser credentials with: az aks get-credentials"),
        ),
    }
}

fn check_exec(subject: &Subject, entry: &Active, exec: &Exec, report: &mut Report) {
    let mut problems = Vec::new();
    let fail = |why: String, hint: &str| Check::failed(NAME, &Error::new(why).hint(hint));
    if exec.args.iter().any(|arg| arg.to_string_lossy().starts_with("--oidc-issuer-url")) {
        let why = "the entry is for another program named kubelogin (it has --oidc-issuer-url)";
        return report
            .add(Check::doubtful(NAME, why).hint("this doctor is for entries of Azure's kubelogin"));
    }
    if exec.args.first().and_then(|word| word.to_str()) != Some("get-token") {
        problems.push(fail("the entry's first argument is not get-token".to_owned(), CONVERT));
    }
    problems.extend(program_of(exec, subject, entry.file.parent()));
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
    for error in &subject.unknown {
        problems
            .push(fail(format!("the entry was written for another version: {}", error.message()), CONVERT));
    }
    if let Some(Ok(options)) = &subject.options {
        for (id, variable) in SECRETS.iter().filter(|(id, _)| options.given().last(*id).is_some()) {
            problems.push(
                Check::doubtful(
                    NAME,
                    format!("{} stands in the file, readable by whoever reads that", id.dashed()),
                )
                .hint(format!("take it out and set {variable} instead")),
            );
        }
    }
    if problems.is_empty() {
        problems.push(Check::good(NAME, format!("the entry runs {} {}", exec.command, "get-token")));
    }
    problems.into_iter().for_each(|problem| report.add(problem));
}

/// What is wrong with the program that the entry names.
fn program_of(exec: &Exec, subject: &Subject, folder: Option<&Path>) -> Option<Check> {
    // kubectl takes a path with a slash as relative to the kubeconfig's folder.
    let relative = folder.map(|folder| folder.join(&exec.command)).filter(|path| path.is_file());
    let is_path = exec.command.contains('/');
    let found = if is_path { relative } else { find_program(&subject.ctx.env, &exec.command) };
    let Some(found) = found else {
        let why = format!("kubectl cannot find the program \"{}\"", exec.command);
        return Some(Check::failed(
            NAME,
            &Error::new(why).hint("put its folder on PATH, or write its full path as the entry's command"),
        ));
    };
    let same =
        |a: &Path, b: &Path| a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    match own_path() {
        Some(own) if !same(&own, &found) => Some(Check::doubtful(
            NAME,
            format!("kubectl runs {}, which is not this program", found.display()),
        )),
        _ => None,
    }
}
