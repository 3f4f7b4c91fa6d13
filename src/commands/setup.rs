//! `setup`: signs in to an OpenID provider, and shows what kubectl and the API server need. Nothing is kept.

use crate::cli::flags::{Command, FLAGS, Family, Id};
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::login;
use crate::oauth::jwt;
use std::ffi::OsStr;

/// Runs the command.
///
/// # Errors
/// The sign-in's.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    ctx.eprintln("Authentication in progress...");
    let token = login::new(ctx, options)?.acquire()?;
    let claims = jwt::claims(token.access_token.expose()).unwrap_or_default();
    let shown = serde_json::to_string_pretty(&claims).unwrap_or_default();
    let issuer = options.text(Id::OidcIssuerUrl).unwrap_or_default();
    let client = options.text(Id::OidcClientId).unwrap_or_default();
    let name =
        ["email", "preferred_username"].into_iter().find(|name| claims.contains_key(*name)).unwrap_or("sub");
    let groups = match claims.contains_key("groups") {
        true => "\n  --oidc-groups-claim=groups",
        false => "",
    };
    ctx.eprintln(&format!(
        "## Authenticated with the OpenID Connect Provider\n\nThe token has these claims:\n\n```\n{shown}\n```\n\n\
## Set up the kubeconfig\n\n```\n{}\n```\n\n\
## Set up the API server\n\nStart it with these flags, or with an AuthenticationConfiguration that says the same:\n\n```\n  \
--oidc-issuer-url={issuer}\n  --oidc-client-id={client}\n  --oidc-username-claim={name}{groups}\n```",
        kubectl_command(options)
    ));
    Ok(())
}

/// The command that makes a user of the kubeconfig sign in with the flags that were given.
fn kubectl_command(options: &Options) -> String {
    let mut lines = Vec::new();
    let mut arguments = vec!["get-token".to_owned()];
    let skipped = [Id::Verbosity, Id::LogToStderr, Id::OidcClientSecret];
    for flag in FLAGS.iter().filter(|flag| {
        flag.belongs_to(Command::Setup) && flag.family != Family::Azure && !skipped.contains(&flag.id)
    }) {
        for value in options.args().all(flag.id).filter_map(OsStr::to_str) {
            arguments.push(match flag.takes_value() {
                true => format!("--{}={value}", flag.long),
                false if value == "true" => format!("--{}", flag.long),
                false => format!("--{}={value}", flag.long),
            });
        }
    }
    if options.args().last(Id::OidcClientSecret).is_some() {
        let path = "~/.kube/oidc-client-secret";
        lines.push(format!("(umask 077; printf %s 'YOUR_SECRET' > {path})"));
        arguments.push(format!("--oidc-client-secret-file={path}"));
    }
    let mut command = vec![
        "kubectl config set-credentials oidc".to_owned(),
        "--exec-api-version=client.authentication.k8s.io/v1".to_owned(),
        "--exec-interactive-mode=IfAvailable".to_owned(),
        "--exec-command=kubelogin".to_owned(),
    ];
    command.extend(arguments.iter().map(|argument| format!("--exec-arg={}", quoted(argument))));
    lines.push(command.join(if cfg!(windows) { " `\n  " } else { " \\\n  " }));
    lines.join("\n")
}

/// One argument for a POSIX shell, for PowerShell on Windows.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@,+".contains(c);
    match argument.chars().all(is_plain) {
        true => argument.to_owned(),
        false if cfg!(windows) => format!("'{}'", argument.replace('\'', "''")),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn nothing_is_live_in_a_shell() {
        assert_eq!(quoted("--oidc-client-id=a.b"), "--oidc-client-id=a.b");
        assert_eq!(quoted("--a=se'c\"$ret `x`"), "'--a=se'\\''c\"$ret `x`'");
    }
}
