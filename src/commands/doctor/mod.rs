//! `doctor`: what a sign-in would use, from where, and what is wrong with it. Read-only; it signs in only when
//! `--sign-in` says so. Each check goes on where another failed.

mod cache;
mod entry;
mod mode;
mod network;
mod report;
mod settings;

use super::subject::{self, Subject};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login::Login;
use crate::oauth::identity::Identity;
use crate::time::rfc3339;
use report::{Check, Report};

/// Runs the command.
///
/// # Errors
/// Something is wrong; the error says how much, and its hint what to fix first.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    let mut report = Report::default();
    report.add(entry::program());
    if subject::is_given(options.given()) {
        examine(ctx, options, options, &mut report);
    } else {
        match subject::of_kubeconfig(ctx, options) {
            Ok(found) => {
                entry::check(&found, &mut report);
                let Subject { ctx: world, options: of, .. } = &found;
                match of {
                    Some(Ok(of)) => examine(world, of, options, &mut report),
                    Some(Err(error)) => report.add(Check::failed("settings", error)),
                    None => {}
                }
            }
            Err(error) => report.add(Check::failed("kubeconfig", &error)),
        }
    }
    match options.text(Id::OutputFormat) {
        Some("json") => ctx.print(&report.json()?)?,
        _ => ctx.print(&report.text(ctx))?,
    }
    report.verdict()
}

/// Examines one sign-in; `asked` is doctor's own command line.
fn examine(ctx: &Context, of: &Options, asked: &Options, report: &mut Report) {
    settings::check(of, report);
    network::check(ctx, of, report);
    cache::check(ctx, of, report);
    mode::check(ctx, of, report);
    if asked.is_on(Id::SignIn) {
        report.add(sign_in(ctx, of).unwrap_or_else(|e| Check::failed("sign-in", &e)));
    }
}

fn sign_in(ctx: &Context, of: &Options) -> Result<Check> {
    if of.text(Id::ServerId).is_none() {
        return Err(Error::new("server-id is required").hint("pass --server-id"));
    }
    let token = Login::new(ctx, of)?.acquire(ctx, of)?;
    let identity = Identity::of(token.access_token.expose()).unwrap_or_default();
    let account = identity.account.as_deref().unwrap_or("an account that its token does not name");
    let text = format!("signed in as {account}; the token expires {}", rfc3339(token.expires_on));
    Ok(match identity.group_remedy() {
        Some(remedy) => Check::doubtful("sign-in", text).hint(remedy),
        None => Check::good("sign-in", text),
    })
}
