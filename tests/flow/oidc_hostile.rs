//! `oidc` login against a provider that lies: every "refused", "never" and "error" of its contract.

use crate::support::http::{Reply, Server};
use crate::support::people::Run;
use crate::support::provider::{PASSWORD, Provider};
use crate::support::side_by_side;
use serde_json::{Value, json};

fn refused(run: &Run, why: &str) {
    assert_eq!((run.code, run.token.as_str()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains(why), "no {why:?} in {}", run.stderr);
    assert!(!run.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", run.stderr);
    for secret in [PASSWORD, "access-1", "refresh-1", "eyJ"] {
        assert!(!run.stderr.contains(secret), "{secret} in {}", run.stderr);
    }
}

#[test]
fn documents_that_lie_are_refused_before_anything_is_sent() {
    let cases: Vec<(Value, &str)> = vec![
        (json!({ "issuer": "https://evil.example" }), "did not match the issuer URL returned by provider"),
        (json!({ "issuer": null }), "is not an OpenID configuration document"),
        (json!({ "token_endpoint": "http://localhost:1/token" }), "tokens travel only over TLS"),
        (json!({ "token_endpoint": "http://evil.example/token" }), "token_endpoint cannot be used"),
        (json!({ "token_endpoint": "file:///etc/passwd" }), "token_endpoint cannot be used"),
        (json!({ "token_endpoint": "https://u:p@evil.example/" }), "token_endpoint cannot be used"),
        (json!({ "token_endpoint": "https://evil.example/\u{1b}[2J" }), "token_endpoint cannot be used"),
        (json!({ "token_endpoint": null }), "names no token_endpoint"),
        (json!({ "token_endpoint": ["x"] }), "is not an OpenID configuration document"),
        (json!({ "authorization_endpoint": "vscode://x" }), "authorization_endpoint cannot be used"),
        (
            json!({ "device_authorization_endpoint": "\\\\host\\share" }),
            "device_authorization_endpoint cannot be used",
        ),
        (json!({ "code_challenge_methods_supported": "S256" }), "is not an OpenID configuration document"),
        (json!({ "more": "x".repeat(70_000) }), "more than 65536 bytes"),
    ];
    let provider = Provider::start();
    for (document, why) in cases {
        provider.state().document = document;
        refused(&provider.run_with_password(&[]), why);
    }
    provider.state().document = json!({});
    for (reply, why) in [
        (Reply::new(404, "text/html", "<html>"), "HTTP 404"),
        (Reply::new(200, "text/html", "<html>sign in"), "is not an OpenID configuration document"),
        (Reply::new(200, "application/json", "[".repeat(60_000)), "is not an OpenID configuration document"),
        (Reply::new(200, "application/json", vec![b' '; 2 << 20]), "more than"),
        (Reply::new(302, "text/plain", "").header("Location", "http://evil.example/"), "HTTP 302"),
        (Reply::new(302, "text/plain", "").header("Location", "file:///etc/passwd"), "HTTP 302"),
    ] {
        provider.script("/.well-known/openid-configuration", reply);
        refused(&provider.run_with_password(&[]), why);
    }
    let forever =
        || Reply::new(307, "text/plain", "").header("Location", "/.well-known/openid-configuration");
    (0..4).for_each(|_| provider.script("/.well-known/openid-configuration", forever()));
    refused(&provider.run_with_password(&[]), "HTTP 307");
    assert!(!provider.paths(0).contains(&"/token".to_owned()));
}

#[test]
fn a_slash_that_differs_is_named_in_the_hint() {
    let provider = Provider::start();
    let with_slash = format!("{}/", provider.issuer());
    let run = provider.run_with_password(&["--oidc-issuer-url", &with_slash]);
    refused(&run, "did not match");
    assert!(
        run.stderr
            .contains(&format!("take away the slash at the end: --oidc-issuer-url={}\n", provider.issuer()))
    );
}

#[test]
fn id_tokens_that_lie_are_refused_and_nothing_is_kept() {
    let now = crate::support::entra::now();
    let cases: Vec<(Value, &str)> = vec![
        (json!({ "iss": "https://evil.example" }), "id token issued by a different provider"),
        (json!({ "iss": null }), "id token issued by a different provider"),
        (json!({ "aud": "other" }), "expected audience \"client\" got [\"other\"]"),
        (json!({ "aud": ["other", "third"] }), "expected audience"),
        (json!({ "aud": ["client", "third"], "azp": "third" }), "azp"),
        (json!({ "exp": now - 1 }), "token is expired"),
        (json!({ "exp": null }), "expiry"),
        (json!({ "exp": "9999999999" }), "expiry"),
        (json!({ "nbf": now + 1000 }), "nbf"),
        (json!({ "iat": now + 1000 }), "iat"),
        (json!({ "sub": null }), "subject"),
    ];
    let provider = Provider::start();
    for (claims, why) in &cases {
        provider.state().claims = claims.clone();
        refused(&provider.run_with_password(&[]), why);
        // Also where it is the access token that the cluster gets.
        refused(&provider.run_with_password(&["--oidc-use-access-token"]), why);
    }
    assert!(provider.entry().is_none());
    for (nonce, is_refused) in [(json!("another"), true), (Value::Null, true)] {
        provider.state().claims = json!({ "nonce": nonce });
        let run = provider.sign_in(&[]);
        assert_eq!(
            run.code == Some(1) && run.stderr.contains("nonce did not match"),
            is_refused,
            "{}",
            run.stderr
        );
    }
}

#[test]
fn answers_that_make_no_sense_are_refused_and_never_shown() {
    let provider = Provider::start();
    let cases: Vec<(Reply, &str)> = vec![
        (Reply::new(200, "text/html", "<html>eyJ"), "cannot be read"),
        (Reply::json(200, &json!({ "access_token": ["eyJ"] })), "cannot be read"),
        (
            Reply::json(200, &json!({ "access_token": "access-1", "refresh_token": "refresh-1" })),
            "id_token is missing",
        ),
        (Reply::json(200, &json!({ "access_token": "a", "id_token": "eyJ\r\nX: y" })), "invalid characters"),
        (Reply::json(200, &json!({ "access_token": "a", "id_token": "eyJ" })), "malformed jwt"),
        (Reply::json(200, &json!({ "error": "invalid_grant", "access_token": "access-1" })), "invalid_grant"),
        (Reply::json(400, &json!({ "error": "unauthorized_client\u{1b}[2J" })), "unauthorized_client"),
        (Reply::json(400, &json!({ "error": "unauthorized_client" })), "Direct access grants"),
        (Reply::new(200, "application/json", vec![b' '; 2 << 20]), "more than"),
    ];
    for (reply, why) in cases {
        provider.script("/token", reply);
        refused(&provider.run_with_password(&[]), why);
    }
    assert!(provider.entry().is_none());
}

/// A code is good for one use: an exchange that may have been read is never repeated.
#[test]
fn a_code_is_never_sent_twice() {
    let provider = Provider::start();
    for broken in
        [Reply::new(0, "", ""), Reply::new(503, "text/plain", "busy"), Reply::new(500, "text/plain", "oops")]
    {
        let before = provider.requests().len();
        provider.script("/token", broken);
        let run = provider.sign_in(&["--token-cache=none"]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert_eq!(provider.paths(before), ["/.well-known/openid-configuration", "/token"]);
    }
    let before = provider.requests().len();
    provider.script("/token", Reply::new(503, "text/plain", "busy").header("Retry-After", "1"));
    assert_eq!(provider.sign_in(&["--token-cache=none"]).code, Some(0));
    assert_eq!(provider.paths(before).len(), 3);
}

#[test]
fn trust_is_the_flag_s_alone() {
    let provider = Provider::start();
    let other = crate::support::Ca::new("another authority").pem();
    let run = |more: &[&str], env: &[(&str, &std::path::Path)]| {
        let mut command = std::process::Command::new(crate::support::kubelogin::binary());
        command
            .args(["get-token", "--oidc-client-id=client", "--oidc-issuer-url", &provider.issuer()])
            .args(["--username=ada", "--password", PASSWORD, "--token-cache=none"])
            .args(more)
            .env_clear()
            .env("HOME", provider.home.path())
            .envs(env.iter().map(|(name, path)| (*name, path.as_os_str())));
        Run::of(command.output().unwrap())
    };
    let own = provider.ca_file();
    let foreign = provider.home.file("other.pem", other);
    let data = |path: &std::path::Path| {
        use base64::Engine;
        let pem = std::fs::read(path).unwrap();
        format!("--certificate-authority-data={}", base64::engine::general_purpose::STANDARD.encode(pem))
    };
    let flag = |path: &std::path::Path| format!("--certificate-authority={}", path.display());
    for (args, env, is_trusted) in [
        (vec![], vec![], false),
        (vec![], vec![("SSL_CERT_FILE", own.as_path())], true),
        (vec![flag(&own)], vec![], true),
        (vec![data(&own)], vec![], true),
        (vec![flag(&foreign), data(&own)], vec![], true),
        // In place of the system's, not besides.
        (vec![flag(&foreign)], vec![("SSL_CERT_FILE", own.as_path())], false),
        (vec!["--insecure-skip-tls-verify".to_owned()], vec![], true),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = run(&args, &env);
        assert_eq!(run.code == Some(0), is_trusted, "{args:?}: {}", run.stderr);
        assert_eq!(run.stderr.is_empty(), is_trusted, "{}", run.stderr);
    }
}

/// http is for this machine alone, whatever a name server says; there it is for people who try a provider at home.
#[test]
fn plain_http_is_for_the_loopback_interface() {
    let provider = Provider::start();
    for (issuer, why) in [
        ("http://keycloak.internal/realms/x", "ssh -L"),
        ("http://localhost.evil.example", "ssh -L"),
        ("http://10.0.0.1", "ssh -L"),
        ("ftp://localhost", "--oidc-issuer-url"),
        ("foo", "--oidc-issuer-url"),
    ] {
        let run = provider.run_with_password(&["--oidc-issuer-url", issuer]);
        refused(&run, why);
    }
    let server = Server::start(None, |request| match request.path() {
        "/.well-known/openid-configuration" => {
            let host = request.header("host").unwrap();
            let url = format!("http://{host}");
            Reply::json(200, &json!({ "issuer": url, "token_endpoint": format!("{url}/token") }))
        }
        _ => Reply::json(400, &json!({ "error": "invalid_grant" })),
    });
    for host in ["127.0.0.1", "localhost"] {
        let issuer = format!("http://{host}:{}", server.port());
        let mut command = provider.command(&["--username=ada", "--password=x", "--oidc-issuer-url", &issuer]);
        // No proxy ever on the way to this machine.
        command.envs([("HTTP_PROXY", "http://127.0.0.1:1"), ("HTTPS_PROXY", "http://127.0.0.1:1")]);
        refused(&Run::of(command.output().unwrap()), "invalid_grant");
    }
}

#[test]
fn a_device_code_without_an_endpoint_or_refused() {
    let cases: Vec<(Value, Option<Reply>, &str)> = vec![
        (json!({ "device_authorization_endpoint": null }), None, "device_authorization_endpoint"),
        (
            json!({}),
            Some(Reply::json(400, &json!({ "error": "unauthorized_client" }))),
            "leave --grant-type out",
        ),
        (json!({}), Some(Reply::json(200, &json!({ "device_code": "d" }))), "device code answer"),
    ];
    side_by_side(cases, |(document, reply, why)| {
        let provider = Provider::start();
        provider.state().document = document;
        reply.into_iter().for_each(|reply| provider.script("/device", reply));
        refused(&provider.run(&["--grant-type=device-code"]), why);
    });
    // Parameters of PKCE that it does not know: once without.
    let provider = Provider::start();
    provider.script("/device", Reply::json(400, &json!({ "error": "invalid_request" })));
    provider.state().pending = 1;
    let run = provider.run(&["--grant-type=device-code", "--skip-open-browser"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let challenges: Vec<bool> = provider
        .requests()
        .iter()
        .filter(|request| request.path() == "/device")
        .map(|request| request.form().iter().any(|(name, _)| name == "code_challenge"))
        .collect();
    assert_eq!(challenges, [true, false]);
}
