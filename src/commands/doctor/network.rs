//! Whether the authority can be reached, and how.

use super::report::{Check, Report};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::cloud::{self, Origin};
use crate::context::Context;
use crate::error::{Class, Error, Result};
use crate::http::message::{Request, Response, Retry};
use crate::login::{modes, session};
use crate::oauth::authority::{Authority, AuthorityKind};
use crate::oauth::discovery;
use crate::oauth::remedy::{Facts, remedy};
use crate::oauth::token::{TokenFailure, read_error};

const NAME: &str = "authority";

/// Asks the authority for its public configuration, that of any tenant where none is said.
pub fn check(ctx: &Context, options: &Options, report: &mut Report) {
    if !modes::row(options.login()).asks_authority {
        return;
    }
    if let Err(error) = reach(ctx, options, report) {
        report.add(Check::failed(NAME, &error));
    }
}

fn reach(ctx: &Context, options: &Options, report: &mut Report) -> Result<()> {
    let (base, origin) =
        cloud::authority_base(options.text(Id::Environment), options.text(Id::AuthorityHost), &ctx.env)?;
    let authority = Authority::new(&base, options.text(Id::TenantId).or(Some("common")))?;
    let http = session::http(options);
    let url = authority.openid_configuration();
    let proxy = http.proxy(ctx, &url)?;
    let request = Request { retry: Retry::Never, ..Request::get(url) };
    let response = http.send(ctx, &request)?;
    let issuer = http.tls_issuer().unwrap_or_else(|| "an unnamed issuer".to_owned());
    let text = format!(
        "{} answers{} (HTTP {}); its certificate was issued by {issuer}",
        authority.base(),
        proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}")),
        response.status,
    );
    report.add(match refusal(options, &authority, origin, &response) {
        None => Check::good(NAME, text),
        Some(error) if error.class() == Class::Transient => {
            Check::doubtful(NAME, format!("{text}; {}", error.message()))
                .hint("the service is at fault just now: try again in a while")
        }
        Some(error) => Check::failed(NAME, &error),
    });
    if let Some(seconds) = http.clock_skew() {
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

/// What is wrong with the answer. A document that no sign-in would read is not read here either.
fn refusal(options: &Options, authority: &Authority, origin: Origin, response: &Response) -> Option<Error> {
    let is_read = origin == Origin::AuthorityHost
        && !authority.is_well_known()
        && authority.kind() == AuthorityKind::Entra;
    if response.is_success() && !is_read {
        return None;
    }
    let error = discovery::read_configuration(response, authority).err()?;
    let codes = match read_error(response) {
        TokenFailure::Oauth(error) => error.codes(),
        TokenFailure::Other(_) => Vec::new(),
    };
    let said = |id| options.text(id).unwrap_or("none").to_owned();
    let facts = Facts {
        tenant: said(Id::TenantId),
        client: said(Id::ClientId),
        authority: authority.base(),
        ..Facts::default()
    };
    Some(match remedy(&codes, &facts) {
        Some(hint) => error.or_hint(hint),
        None => error,
    })
}
