//! `setup`: signs in at an OpenID provider, shows the token's claims, and then how to set up kubectl and the API server.
//! Everything goes to stderr, as with int128's kubelogin; nothing is kept.

use crate::cli::flags::{Command, Id, ValueKind};
use crate::cli::help;
use crate::cli::options::Options;
use crate::cli::parse::ParsedArgs;
use crate::context::Context;
use crate::error::Result;
use crate::login;
use crate::login::modes;
use crate::mode::Mode;
use crate::oauth::jwt;
use crate::style::Style;
use crate::sys::files::may_exist;
use serde_json::{Map, Value};
use std::ffi::OsStr;

/// Where the client secret goes, in place of the kubeconfig.
const SECRET_FILE: &str = "~/.kube/oidc-client-secret";

/// Runs the command. Without an issuer and a client it shows its help.
///
/// # Errors
/// Whatever keeps it from signing in.
pub fn run(ctx: &Context, given: ParsedArgs) -> Result<()> {
    let is_missing = |id: Id| given.last(id).is_none_or(OsStr::is_empty);
    if is_missing(Id::OidcIssuerUrl) || is_missing(Id::OidcClientId) {
        let style = Style::of(ctx.console.stdout_terminal(), &ctx.env);
        return ctx.print(&help::page(Command::Setup, style));
    }
    let options = Options::resolve(given, &ctx.env)?;
    options.check_paths(|_| true, may_exist)?;
    ctx.eprintln("Authentication in progress...");
    let token = login::sign_in_once(ctx, &options)?;
    let claims = jwt::claims(token.access_token.expose());
    ctx.eprintln("\n## Authenticated with the OpenID Connect Provider\n");
    match &claims {
        Some(claims) => {
            let shown = serde_json::to_string_pretty(claims).unwrap_or_default();
            ctx.eprintln(&format!("You got the token with the following claims:\n\n```\n{shown}\n```"));
        }
        None => ctx.eprintln("You got an opaque token: the provider does not say what is in it."),
    }
    ctx.eprintln("\n## Set up the kubeconfig\n\nRun the following commands:\n");
    ctx.eprintln(&format!("```\n{}\n```", kubectl(&options)));
    ctx.eprintln("\n## Set up the API server\n");
    ctx.eprintln(&api_server(&options, &claims.unwrap_or_default()));
    Ok(())
}

/// The command that makes the user entry.
fn kubectl(options: &Options) -> String {
    let given = options.args();
    let mut lines = Vec::new();
    let mut words = vec![
        "kubectl config set-credentials oidc".to_owned(),
        "--exec-api-version=client.authentication.k8s.io/v1".to_owned(),
        "--exec-interactive-mode=IfAvailable".to_owned(),
        "--exec-command=kubelogin".to_owned(),
        "--exec-arg=get-token".to_owned(),
    ];
    for (id, _) in modes::row(Mode::Oidc).rules {
        let flag = id.flag();
        for argument in arguments(options, *id) {
            // kubectl reads the value as a line of CSV.
            let argument = csv(&format!("--{}{argument}", flag.long));
            words.push(quoted(&format!("--exec-arg={argument}")));
        }
        if *id == Id::OidcClientSecret && given.last(*id).is_some() {
            lines.push(match cfg!(windows) {
                true => format!(
                    "Set-Content -NoNewline \"$HOME/.kube/oidc-client-secret\" {}",
                    quoted("YOUR_SECRET")
                ),
                false => format!("(umask 077 && printf %s {} >{SECRET_FILE})", quoted("YOUR_SECRET")),
            });
            words.push(format!("--exec-arg=--oidc-client-secret-file={SECRET_FILE}"));
        }
    }
    let joint = if cfg!(windows) { " `\n  " } else { " \\\n  " };
    lines.push(words.join(joint));
    lines.join("\n")
}

/// What follows a flag's name in each argument that repeats it; secrets are left out.
fn arguments(options: &Options, id: Id) -> Vec<String> {
    let (given, flag) = (options.args(), id.flag());
    if given.last(id).is_none() || matches!(id, Id::OidcClientSecret | Id::Password) {
        return Vec::new();
    }
    match flag.kind {
        ValueKind::Bool => given.is_on(id).then(String::new).into_iter().collect(),
        ValueKind::List => options.list(id).iter().map(|value| format!("={}", csv(value))).collect(),
        ValueKind::Pairs => options
            .pairs(id)
            .iter()
            .map(|(name, value)| match (flag.secret, value.contains('=')) {
                (true, _) => format!("={name}=YOUR_VALUE"),
                (false, false) => format!("={name}={value}"),
                (false, true) => format!("={}", csv(&format!("{name}={value}"))),
            })
            .collect(),
        _ if flag.repeatable => given.all(id).map(|value| format!("={}", value.to_string_lossy())).collect(),
        _ => given.last(id).map(|value| format!("={}", value.to_string_lossy())).into_iter().collect(),
    }
}

/// A value of a line of CSV.
fn csv(value: &str) -> String {
    match value.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value.to_owned(),
    }
}

/// A word for a POSIX shell, on Windows for PowerShell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let escaped = if cfg!(windows) { "''" } else { "'\\''" };
    format!("'{}'", word.replace('\'', escaped))
}

/// What the API server must know to take the token.
fn api_server(options: &Options, claims: &Map<String, Value>) -> String {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let issuer = text("iss").or(options.text(Id::OidcIssuerUrl)).unwrap_or_default();
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(many)) => many.first().and_then(Value::as_str),
        _ => None,
    };
    let audience = audience.or(options.text(Id::OidcClientId)).unwrap_or_default();
    // The API server refuses an address that is not verified.
    let is_verified = claims.get("email_verified").is_none_or(|verified| *verified == true);
    let username = if text("email").is_some() && is_verified { "email" } else { "sub" };
    let groups = claims.contains_key("groups");
    let flag = if groups { "\n--oidc-groups-claim=groups" } else { "" };
    let mapping = if groups { "\n    groups:\n      claim: groups\n      prefix: \"oidc:\"" } else { "" };
    let yaml = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!(
        "Start kube-apiserver with these flags:\n\n```\n{}\n{}\n--oidc-username-claim={username}{flag}\n```\n\n\
or, from Kubernetes 1.30 on, with --authentication-config and this file:\n\n```\n\
apiVersion: apiserver.config.k8s.io/v1beta1\nkind: AuthenticationConfiguration\njwt:\n- issuer:\n    url: {}\n    audiences:\n    - {}\n  claimMappings:\n    username:\n      claim: {username}\n      prefix: \"oidc:\"{mapping}\n```",
        quoted(&format!("--oidc-issuer-url={issuer}")),
        quoted(&format!("--oidc-client-id={audience}")),
        yaml(issuer),
        yaml(audience),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn words_are_quoted_for_the_shell() {
        for (word, shown) in [
            ("--oidc-issuer-url=https://a/b", "--oidc-issuer-url=https://a/b"),
            ("a b", "'a b'"),
            ("$(id)`id`", "'$(id)`id`'"),
            ("it's", "'it'\\''s'"),
            ("~/x", "'~/x'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
        assert_eq!((csv("a"), csv("a,\"b\"")), ("a".to_owned(), "\"a,\"\"b\"\"\"".to_owned()));
    }

    #[test]
    fn the_api_server_is_told_what_the_token_says() {
        let args = ["setup", "--oidc-issuer-url=https://a", "--oidc-client-id=c"];
        let args: Vec<std::ffi::OsString> = args.iter().map(Into::into).collect();
        let options =
            Options::resolve(crate::cli::parse::parse(&args).unwrap(), &Default::default()).unwrap();
        let claims = serde_json::json!({ "iss": "https://b", "aud": ["d"], "email": "e", "groups": [] });
        let text = api_server(&options, claims.as_object().unwrap());
        for line in [
            "--oidc-issuer-url=https://b",
            "--oidc-client-id=d",
            "--oidc-username-claim=email",
            "--oidc-groups-claim=groups",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let unverified = serde_json::json!({ "email": "e", "email_verified": false });
        let text = api_server(&options, unverified.as_object().unwrap());
        assert!(text.contains("--oidc-username-claim=sub") && text.contains("--oidc-issuer-url=https://a"));
    }
}
