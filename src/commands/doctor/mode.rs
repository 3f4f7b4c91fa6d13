//! What the login mode needs beside its settings.

use super::report::{Check, Report};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login::Login;
use crate::mode::Mode;
use crate::sys::process;

const NAME: &str = "login";

/// Checks it.
pub fn check(ctx: &Context, options: &Options, report: &mut Report) {
    if options.text(Id::ServerId).is_none() {
        report.add(Check::failed(NAME, &Error::new("server-id is required").hint("pass --server-id")));
    }
    match facts(ctx, options) {
        Ok(checks) => checks.into_iter().for_each(|check| report.add(check)),
        Err(error) => report.add(Check::failed(NAME, &error)),
    }
}

fn facts(ctx: &Context, options: &Options) -> Result<Vec<Check>> {
    // No key of proof is made for looking: that is a sign-in's work.
    let claims = options.text(Id::PopClaims).filter(|_| crate::login::pop::is_wanted(options));
    if let Some(claims) = claims {
        crate::oauth::pop::u_claim(claims)?;
    }
    let options = options.without(&[Id::PopEnabled, Id::PopClaims]);
    Ok(match Login::new(ctx, &options)? {
        Login::Person(_) => vec![match options.login() {
            Mode::Interactive => browser(ctx, &options),
            _ => Check::good(NAME, "everything that it needs is there"),
        }],
        Login::ServicePrincipal(login) => match login.described()? {
            (text, None) => vec![Check::good(NAME, text)],
            (text, Some(problem)) => vec![Check::failed(
                NAME,
                &Error::new(format!("{text}; it {problem}")).hint(
                    "register a new certificate with the app, or set this machine's clock if that is wrong",
                ),
            )],
        },
        Login::ManagedIdentity(login) => vec![Check::good(NAME, login.probe()?)],
        Login::Federated(login) => vec![match login.described(ctx.now())? {
            (text, true) => Check::good(NAME, text),
            (text, false) => Check::failed(
                NAME,
                &Error::new(format!("{text}; it has expired")).hint("its issuer has to give out a new one"),
            ),
        }],
        Login::DeveloperCli(login) => vec![Check::good(NAME, login.status()?)],
    })
}

fn browser(ctx: &Context, options: &Options) -> Check {
    if options.is_on(Id::SkipOpenBrowser) {
        return Check::good(NAME, "the address of the sign-in page is printed, no browser is opened");
    }
    let command = options.text(Id::BrowserCommand).or_else(|| ctx.env.text("BROWSER"));
    match process::find_browser(ctx, command) {
        Some(path) => Check::good(NAME, format!("the browser is opened with {}", path.display())),
        None => Check::doubtful(NAME, "no program that opens a browser was found; the address is printed")
            .hint("open it by hand, set BROWSER, or use devicecode where policies allow it"),
    }
}
