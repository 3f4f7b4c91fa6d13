//! Whether the authority can be reached, and how.

use super::report::{Check, Report};
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::login::Mode;
use crate::login::session::Session;
use crate::oauth::message::{Request, Retry};

const NAME: &str = "authority";

/// Asks the authority for its public configuration; whatever it answers, it is there.
pub fn check(ctx: &Context, options: &Options, report: &mut Report) {
    if matches!(options.login(), Mode::Msi | Mode::AzureCli | Mode::Azd) {
        return;
    }
    if let Err(error) = reach(ctx, options, report) {
        report.add(Check::failed(NAME, &error));
    }
}

fn reach(ctx: &Context, options: &Options, report: &mut Report) -> Result<()> {
    let session = Session::new(ctx, options)?;
    let url = session.authority.openid_configuration();
    let proxy = session.http.proxy(ctx, &url)?;
    let request = Request { retry: Retry::Never, ..Request::get(url) };
    let response = session.http.send(ctx, &request)?;
    let issuer = session.http.tls_issuer().unwrap_or_else(|| "somebody unnamed".to_owned());
    report.add(Check::good(
        NAME,
        format!(
            "{} answers{} (HTTP {}); its certificate was issued by {issuer}",
            session.authority.base(),
            proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}")),
            response.status,
        ),
    ));
    if let Some(seconds) = session.http.clock_skew() {
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        report.add(
            Check::doubtful(
                NAME,
                format!("this machine's clock is {} s {direction} the authority's", seconds.unsigned_abs()),
            )
            .hint("set the clock: signed assertions and fresh tokens fail on a wrong one"),
        );
    }
    Ok(())
}
