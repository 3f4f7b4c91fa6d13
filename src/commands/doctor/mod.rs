//! `doctor`: what a sign-in would use, from where, and what is wrong with it. Read-only; it signs in only when
//! `--sign-in` says so. Each check goes on where another failed.

mod cache;
mod entry;
mod mode;
mod network;
mod pop_key;
mod report;
mod settings;

use super::target::{self, Target};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::cli::parse::ParsedArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login;
use crate::mode::Mode;
use crate::oauth::identity::Identity;
use crate::time::rfc3339;
use report::{Check, Report};
use std::ffi::OsStr;

/// What to do about a kubeconfig that does not say who signs in.
const NO_ENTRY: &str =
    "see what kubectl makes of it with: kubectl config get-contexts; or name another file with --kubeconfig";

/// Runs the command.
///
/// # Errors
/// Something is wrong; the error says how much, and its hint what to fix first.
pub fn run(ctx: &Context, given: &ParsedArgs) -> Result<()> {
    let mut report = Report::default();
    report.add(entry::program());
    if target::flags_suffice(given) {
        examine(&target::from_flags(ctx, given), given, true, &mut report);
    } else {
        match target::from_kubeconfig(ctx, given) {
            Ok(found) => {
                entry::check(&found, &mut report);
                examine(&found, given, true, &mut report);
            }
            Err(error) => {
                report.add(Check::failed("kubeconfig", &error.or_hint(NO_ENTRY)));
                examine(&target::from_flags(ctx, given), given, false, &mut report);
            }
        }
    }
    match given.last(Id::OutputFormat).and_then(OsStr::to_str) {
        Some("json") => ctx.print(&report.json()?)?,
        _ => ctx.print(&report.text(ctx))?,
    }
    report.verdict(ctx)
}

/// Examines one sign-in. Of one that `is_known` in part only, what its mode needs is not asked for.
fn examine(target: &Target, asked: &ParsedArgs, is_known: bool, report: &mut Report) {
    let (rest, is_known) = match &target.options {
        None => return,
        Some(Ok(_)) => (None, is_known),
        Some(Err(error)) => {
            report.add(Check::failed("settings", error));
            (target.without_invalid(), false)
        }
    };
    let options = target.options.as_ref().and_then(|options| options.as_ref().ok());
    let Some(options) = options.or(rest.as_ref()) else { return };
    let ctx = &target.ctx;
    settings::check(target, options, asked, report);
    network::check(ctx, options, report);
    cache::check(ctx, options, report);
    if is_known {
        mode::check(ctx, options, report);
        if asked.is_on(Id::SignIn) {
            report.add(sign_in(ctx, options).unwrap_or_else(|e| Check::failed("sign-in", &e)));
        }
    }
}

fn sign_in(ctx: &Context, of: &Options) -> Result<Check> {
    if of.text(Id::ServerId).is_none() && of.login() != Mode::Oidc {
        return Err(Error::new("server-id is required").hint("pass --server-id"));
    }
    let token = login::token(ctx, of)?;
    let identity = Identity::of(token.access_token.expose()).unwrap_or_default();
    let account = identity.account.as_deref().unwrap_or("an account that its token does not name");
    let text = format!("signed in as {account}; the token expires {}", rfc3339(token.expires_on));
    Ok(match identity.group_remedy() {
        Some(remedy) => Check::doubtful("sign-in", text).hint(remedy),
        None => Check::good("sign-in", text),
    })
}
