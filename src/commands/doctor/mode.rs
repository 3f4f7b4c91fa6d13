//! What the login mode needs beside its settings.

use super::report::{Check, Report};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login::{self, Finding};
use crate::mode::Mode;

const NAME: &str = "login";

/// Checks it.
pub fn check(ctx: &Context, options: &Options, report: &mut Report) {
    if options.text(Id::ServerId).is_none() && options.login() != Mode::Oidc {
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
    let login = login::new(ctx, &options)?;
    let findings = std::iter::once(login.check()?).chain(login.remarks());
    Ok(findings
        .map(|finding| match finding {
            Finding::Good(text) => Check::good(NAME, text),
            Finding::Doubtful(text, hint) => Check::doubtful(NAME, text).hint(hint),
        })
        .collect())
}
