//! Every setting that is not a default, and where it came from.

use super::report::{Check, Report};
use crate::cli::flags::Id;
use crate::cli::options::{Options, Source};

const NAME: &str = "settings";

/// Lists them; secrets are said to be set, not shown.
pub fn check(options: &Options, report: &mut Report) {
    if options.source(Id::Login) == Source::Default {
        report.add(Check::fact(NAME, format!("--login {}, the default", options.login().name())));
    }
    let about_looking = |id: Id| matches!(id, Id::Kubeconfig | Id::Context | Id::OutputFormat | Id::SignIn);
    for (flag, value, source) in options.said() {
        if flag.is_global() || about_looking(flag.id) {
            continue;
        }
        let value = if flag.secret { "(set)".into() } else { value.to_string_lossy() };
        let text = format!("--{} {value}", flag.long);
        report.add(match source {
            Source::Env(name) if options.given().last(flag.id).is_some() => {
                Check::doubtful(NAME, format!("{text}, from {name}, which overrides the flag")).hint(format!(
                    "unset {name}, or pass --disable-environment-override, if that is not meant"
                ))
            }
            Source::Env(name) => Check::fact(NAME, format!("{text}, from {name}")),
            Source::Flag | Source::Default => Check::fact(NAME, text),
        });
    }
}
