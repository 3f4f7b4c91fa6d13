//! The words for an authority's refusals: the service's own, and a remedy that names the settings in force.

use super::modes;
use super::session::Session;
use crate::cli::flags::Id;
use crate::cli::options::{Options, SettingSource};
use crate::cloud::{self, Origin};
use crate::error::{Class, Error};
use crate::http::message::Response;
use crate::oauth::remedy::{Facts, remedy};
use crate::oauth::token::TokenFailure;
use crate::sys::browser;

impl Session<'_> {
    /// The error to show for a failed answer.
    pub fn explain(&self, failure: TokenFailure, response: &Response) -> Error {
        self.explain_with(failure, response, |facts| facts)
    }

    /// The same for an application with a certificate, of which `certificate` is the description.
    pub fn explain_certificate(
        &self,
        failure: TokenFailure,
        response: &Response,
        certificate: String,
    ) -> Error {
        self.explain_with(failure, response, |facts| Facts { certificate, ..facts })
    }

    /// The same for an application with another issuer's token, of which `assertion` is the description.
    pub fn explain_assertion(&self, failure: TokenFailure, response: &Response, assertion: String) -> Error {
        self.explain_with(failure, response, |facts| Facts { assertion, ..facts })
    }

    fn explain_with(
        &self,
        failure: TokenFailure,
        response: &Response,
        complete: impl FnOnce(Facts) -> Facts,
    ) -> Error {
        let error = match failure {
            TokenFailure::Oauth(error) => *error,
            TokenFailure::Other(error) => return error.context("sign-in failed"),
        };
        let codes = error.codes();
        let error = error.into_error(response, "sign-in failed");
        let hints: Vec<String> = remedy(&codes, &complete(self.facts()))
            .into_iter()
            .chain(self.odd_settings())
            .chain(self.clock_hint(&error))
            .collect();
        match hints.is_empty() {
            true => error,
            false => error.or_hint(hints.join("; ")),
        }
    }

    /// What a remedy may have to show; worked out only when something failed.
    fn facts(&self) -> Facts {
        Facts {
            tenant: with_source(self.options, Id::TenantId),
            client: with_source(self.options, Id::ClientId),
            server: self.server.resource().to_owned(),
            authority: format!("{}{}", self.authority.base(), self.authority_source()),
            who: modes::row(self.options.login()).who,
            secret_source: name_of_source(self.options, Id::ClientSecret),
            can_open_browser: browser::openers(self.ctx, None).is_ok(),
            ..Facts::default()
        }
    }

    /// Settings that look damaged on their way here: a Kubernetes Secret made with `echo` ends in a line end, an
    /// `.env` file may leave its quotes on. The values are sent as they are, since a secret may end in a blank.
    fn odd_settings(&self) -> impl Iterator<Item = String> {
        const IDS: &[Id] =
            &[Id::ClientSecret, Id::ClientId, Id::ServerId, Id::TenantId, Id::Username, Id::Password];
        IDS.iter().filter_map(|id| {
            let oddity = oddity(self.options.text(*id)?)?;
            Some(format!("{} {oddity}", name_of_source(self.options, *id)))
        })
    }

    fn authority_source(&self) -> String {
        match self.origin {
            Origin::AuthorityHost => source_of(self.options, Id::AuthorityHost),
            Origin::Known => source_of(self.options, Id::Environment),
            Origin::EnvironmentFile => {
                let file = self.ctx.env.path(cloud::ENVIRONMENT_FILE).unwrap_or_default();
                format!(" (from the file {}, {})", file.display(), cloud::ENVIRONMENT_FILE)
            }
        }
    }

    fn clock_hint(&self, error: &Error) -> Option<String> {
        let seconds = self.http.clock_skew().filter(|_| error.class() == Class::Permanent)?;
        Some(format!(
            "this machine's clock is {} s {} the service's: set it, signed assertions and fresh tokens fail on a wrong clock",
            seconds.unsigned_abs(),
            if seconds > 0 { "ahead of" } else { "behind" },
        ))
    }
}

/// What looks wrong with a setting's value, if anything does.
fn oddity(value: &str) -> Option<&'static str> {
    if value.ends_with(['\n', '\r']) {
        return Some("ends with a line end");
    }
    if value.trim() != value {
        return Some("begins or ends with a blank");
    }
    let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    (is_quoted('"') || is_quoted('\'')).then_some("is in quotes, which count as part of it")
}

fn with_source(options: &Options, id: Id) -> String {
    format!("{}{}", options.text(id).unwrap_or("none"), source_of(options, id))
}

fn source_of(options: &Options, id: Id) -> String {
    match name_of_source(options, id) {
        name if name.is_empty() => name,
        name => format!(" (from {name})"),
    }
}

/// The flag or variable that a setting came from; empty for a default.
pub(super) fn name_of_source(options: &Options, id: Id) -> String {
    match options.source(id) {
        SettingSource::Flag => id.dashed(),
        SettingSource::Env(name) => name.to_owned(),
        SettingSource::Default => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_on_the_way_is_seen() {
        for odd in ["x\n", "x\r\n", " x", "x ", "\"x\"", "'x'"] {
            assert!(oddity(odd).is_some(), "{odd:?}");
        }
        for plain in ["x", "", "\"", "a b", "it's"] {
            assert_eq!(oddity(plain), None, "{plain:?}");
        }
    }
}
