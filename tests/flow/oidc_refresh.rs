//! `oidc` login, the next token: one request, rotation, and what each refusal leads to.

use crate::support::http::Reply;
use crate::support::people::Run;
use crate::support::provider::{PASSWORD, Provider, field};
use serde_json::{Value, json};

fn provider_with_token(more: &[&str]) -> Provider {
    let provider = Provider::start();
    let run = provider.run_with_password(more);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    provider
}

fn grants(provider: &Provider) -> Vec<String> {
    let tokens = provider.requests().into_iter().filter(|request| request.path().starts_with("/token"));
    tokens.map(|request| field(&request.form(), "grant_type").unwrap()).collect()
}

#[test]
fn a_refresh_is_one_request_and_rotation_holds() {
    let provider = provider_with_token(&[]);
    for n in 0..3 {
        provider.expire();
        let run = provider.run_with_password(&[]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{n}");
        assert_eq!(provider.paths(2 + n), ["/token"]);
    }
    let form = provider.requests().last().unwrap().form();
    assert_eq!(field(&form, "scope"), None);
    assert!(!provider.state().reused);
}

/// Keycloak with rotation, Dex and Okta revoke the family when an old refresh token comes twice.
#[test]
fn ten_at_once_refresh_once() {
    let provider = provider_with_token(&[]);
    provider.expire();
    let children: Vec<_> = (0..10)
        .map(|_| provider.command(&["--username=ada", "--password", PASSWORD]).spawn().unwrap())
        .collect();
    let runs: Vec<Run> =
        children.into_iter().map(|child| Run::of(child.wait_with_output().unwrap())).collect();
    assert!(runs.iter().all(|run| run.code == Some(0) && run.token == runs[0].token), "{runs:?}");
    assert_eq!(grants(&provider), ["password", "refresh_token"]);
    assert!(!provider.state().reused);
}

#[test]
fn short_tokens_are_fresh_for_most_of_their_life() {
    let provider = Provider::start();
    provider.state().life = 60;
    let first = provider.run_with_password(&[]);
    let second = provider.run_with_password(&[]);
    assert_eq!((first.token, grants(&provider).len()), (second.token, 1));
}

#[test]
fn a_provider_that_wants_the_scope_again_gets_it_with_the_newest_token() {
    let provider = provider_with_token(&[]);
    provider.state().id_token_needs_scope = true;
    provider.expire();
    let run = provider.run_with_password(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(provider.paths(2), ["/token", "/token"]);
    assert!(!provider.state().reused);
    assert_eq!(grants(&provider), ["password", "refresh_token", "refresh_token"]);
    // None at all: a sign-in.
    provider.state().no_id_token = true;
    provider.expire();
    let run = provider.run_with_password(&[]);
    assert!(run.stderr.contains("id_token is missing"), "{}", run.stderr);
    assert_eq!(grants(&provider).last().unwrap(), "password");
}

#[test]
fn what_each_refusal_leads_to() {
    let cases: Vec<(Reply, &[&str])> = vec![
        (Reply::json(400, &json!({ "error": "invalid_grant" })), &["password", "refresh_token", "password"]),
        (Reply::json(400, &json!({ "error": "login_required" })), &["password", "refresh_token", "password"]),
        (
            Reply::json(400, &json!({ "error": "interaction_required" })),
            &["password", "refresh_token", "password"],
        ),
        (
            Reply::json(400, &json!({ "error": "consent_required" })),
            &["password", "refresh_token", "password"],
        ),
    ];
    for (reply, expected) in cases {
        let provider = provider_with_token(&[]);
        provider.expire();
        provider.script("/token", reply);
        let run = provider.run_with_password(&[]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert_eq!(grants(&provider), expected);
    }
    // What is wrong with the client is no reason for a sign-in, which would fail too; the refresh token stays.
    for error in ["invalid_client", "unauthorized_client"] {
        let provider = provider_with_token(&[]);
        provider.expire_in(5);
        provider.script("/token", Reply::json(400, &json!({ "error": error })));
        let run = provider.run_with_password(&[]);
        assert!(
            run.code == Some(1) && run.stderr.contains(error) && run.stderr.contains("Hint: "),
            "{run:?}"
        );
        assert_eq!(grants(&provider), ["password", "refresh_token"]);
        assert_eq!(provider.run_with_password(&[]).code, Some(0));
        assert_eq!(grants(&provider).last().unwrap(), "refresh_token");
    }
}

/// Never a browser because of a 503.
#[test]
fn a_passing_failure_gives_the_old_token_while_it_lives() {
    for (left, broken) in [(5, 503), (5, 0), (0, 503)] {
        let provider = provider_with_token(&[]);
        let before = provider.run_with_password(&[]).token;
        provider.expire_in(left);
        provider.script("/token", Reply::new(broken, "text/plain", "busy"));
        let run = provider.run_with_password(&[]);
        match left {
            0 => assert_eq!(run.code, Some(1), "{}", run.stderr),
            _ => assert_eq!((run.code, run.token.as_str()), (Some(0), before.as_str()), "{}", run.stderr),
        }
        assert_eq!(grants(&provider), ["password", "refresh_token"]);
    }
}

#[test]
fn another_user_s_token_is_dropped() {
    let provider = provider_with_token(&[]);
    provider.expire();
    provider.state().claims = json!({ "sub": "eve" });
    let mut command = provider.command(&["--username=ada", "--password", PASSWORD, "-v1"]);
    let run = Run::of(command.output().unwrap());
    assert!(run.stderr.contains("another user"), "{}", run.stderr);
    assert_eq!(grants(&provider), ["password", "refresh_token", "password"]);
}

#[test]
fn an_endpoint_that_has_moved_is_found_again_once() {
    let provider = provider_with_token(&[]);
    for status in [404, 405] {
        let (from, to) = if status == 404 { ("/token", "/moved") } else { ("/moved", "/token") };
        provider.state().document = json!({ "token_endpoint": format!("{}{to}", provider.issuer()) });
        provider.expire();
        let before = provider.requests().len();
        provider.script(from, Reply::new(status, "text/html", "<html>"));
        let run = provider.run_with_password(&[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(provider.paths(before), [from, "/.well-known/openid-configuration", to]);
    }
}

#[test]
fn what_is_kept_has_no_secret_and_a_day_at_most() {
    let provider = Provider::start();
    provider.state().secret = Some(("s3cret".to_owned(), "basic"));
    let args = ["--oidc-client-secret=s3cret", "--oidc-request-header=X=hunter3"];
    assert_eq!(provider.run_with_password(&args).code, Some(0));
    let path = provider.entry().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("hunter3") && !text.contains(PASSWORD));
    let mut entry: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(entry["key"]["authority"], provider.issuer());
    entry["extra"]["read_on"] = (crate::support::entra::now() - 90_000).into();
    std::fs::write(&path, entry.to_string()).unwrap();
    provider.expire();
    assert_eq!(provider.run_with_password(&args).code, Some(0));
    assert_eq!(provider.paths(2), ["/.well-known/openid-configuration", "/token"]);
    // Another secret, header or user is another entry.
    for more in [["--oidc-client-secret=other", args[1]], [args[0], "--oidc-request-header=X=y"]] {
        let before = provider.requests().len();
        provider.run_with_password(&more);
        assert!(provider.requests().len() > before, "{more:?}");
    }
}

/// Nothing that was learned over a connection that was not verified is kept.
#[test]
fn without_verification_no_endpoint_is_kept() {
    let provider = provider_with_token(&["--insecure-skip-tls-verify"]);
    provider.expire();
    assert_eq!(provider.run_with_password(&["--insecure-skip-tls-verify"]).code, Some(0));
    assert_eq!(provider.paths(2), ["/.well-known/openid-configuration", "/token"]);
}
