//! kubeconfigs of OpenID providers: `convert-kubeconfig -l oidc`, and what doctor and whoami say of them.

use crate::support::kubelogin::{Output, binary};
use crate::support::provider::{CLIENT, PASSWORD, Provider};
use crate::support::{Kubelogin, TempDir};
use serde_json::{Value, json};
use std::process::Command;

fn users(users: &Value) -> String {
    json!({ "apiVersion": "v1", "kind": "Config", "users": users }).to_string()
}

fn convert(folder: &TempDir, config: &str, args: &[&str]) -> (Output, Value) {
    let path = folder.file("config", config);
    let mut run = Kubelogin::new(&["convert-kubeconfig", "--kubeconfig"]).arg(&path).args(args);
    run = run.arg("--outfile").arg("-");
    let output = run.run();
    let value = serde_yaml(&output.stdout);
    (output, value)
}

/// What conversion writes, as JSON: the input is JSON, and so is the output.
fn serde_yaml(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| {
        let mut python = Command::new("python3");
        let script = "import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
        let output = python.args(["-c", script, text]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    })
}

fn args(user: &Value) -> Vec<&str> {
    user["user"]["exec"]["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect()
}

#[test]
fn every_kind_of_entry_becomes_ours_and_stays_so() {
    let folder = TempDir::new();
    folder.file("ca.pem", "x");
    let input = users(&json!([
        { "name": "provider", "user": { "auth-provider": { "name": "oidc", "config": {
            "idp-issuer-url": "https://a", "client-id": "c", "client-secret": "s", "extra-scopes": "email,groups",
            "idp-certificate-authority": "ca.pem", "id-token": "eyJ", "refresh-token": "r" } } } },
        { "name": "lost", "user": { "auth-provider": { "name": "oidc", "config": {
            "idp-issuer-url": "https://a", "client-id": "c", "idp-certificate-authority": "gone.pem" } } } },
        { "name": "plugin", "user": { "exec": { "apiVersion": "client.authentication.k8s.io/v1", "command": "/usr/bin/kubectl",
            "interactiveMode": "Never", "env": [{ "name": "A", "value": "b" }],
            "args": ["oidc-login", "get-token", "--oidc-issuer-url=https://a", "--oidc-client-id=c", "--oidc-extra-scope=email",
                     "--oidc-extra-scope=groups", "--listen-address=127.0.0.1:1", "--token-cache-dir=/t", "-v1", "--oidc-use-pkce"] } } },
        { "name": "other", "user": { "exec": { "command": "kubelogin", "args": ["get-token", "--oidc-issuer-url=https://a", "--oidc-client-id=c"] } } },
        { "name": "azure", "user": { "exec": { "command": "kubelogin", "args": ["get-token", "--server-id", "s"] } } },
    ]));
    let (output, converted) = convert(&folder, &input, &["-l", "oidc"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    if converted.is_null() {
        return crate::support::skip("python3 with yaml");
    }
    let users = converted["users"].as_array().unwrap();
    let absolute = folder.path().join("ca.pem");
    let head = ["get-token", "--login", "oidc", "--oidc-issuer-url", "https://a", "--oidc-client-id", "c"];
    let own = |more: &[&'static str]| [&head[..], more].concat();
    let provider = args(&users[0]);
    assert_eq!(
        provider,
        [
            &own(&[
                "--oidc-client-secret",
                "s",
                "--oidc-extra-scope",
                "email,groups",
                "--certificate-authority"
            ])[..],
            &[absolute.to_str().unwrap()]
        ]
        .concat()
    );
    assert!(users[0]["user"].get("auth-provider").is_none());
    assert_eq!(args(&users[1]), own(&["--certificate-authority", "gone.pem"]));
    let scopes =
        ["--oidc-extra-scope", "email", "--oidc-extra-scope", "groups", "--listen-address", "127.0.0.1:1"];
    let plugin = args(&users[2]);
    assert!(plugin.starts_with(&own(&scopes)), "{plugin:?}");
    assert!(plugin.contains(&"/t") && plugin.contains(&"--oidc-use-pkce"), "{plugin:?}");
    let exec = &users[2]["user"]["exec"];
    assert_eq!((&exec["command"], &exec["interactiveMode"]), (&json!("kubelogin"), &json!("Never")));
    assert_eq!((&exec["env"][0]["value"], exec.get("installHint")), (&json!("b"), None));
    assert_eq!(args(&users[3]), head);
    assert_eq!(args(&users[4]), ["get-token", "--server-id", "s"]);
    assert!(
        output.stderr.contains("gone.pem is relative") && output.stderr.contains("--oidc-client-secret"),
        "{}",
        output.stderr
    );
    // Twice is as good as once; a flag takes the old value's place; other modes leave all of them alone.
    let (again, twice) = convert(&folder, &output.stdout, &["-l", "oidc"]);
    assert_eq!((again.code, &twice), (0, &converted), "{}", again.stderr);
    let (_, changed) =
        convert(&folder, &input, &["-l", "oidc", "--oidc-client-id=d", "--oidc-extra-scope=x"]);
    assert!(args(&changed["users"][2]).windows(2).any(|pair| pair == ["--oidc-client-id", "d"]));
    let azure = ["-l", "azurecli", "--server-id=s"];
    let (left, same) = convert(&folder, &input, &azure);
    assert_eq!(same["users"][0]["user"]["auth-provider"]["name"], "oidc");
    assert_eq!(args(&same["users"][3]), ["get-token", "--oidc-issuer-url=https://a", "--oidc-client-id=c"]);
    assert_eq!(left.stderr.matches("left alone").count(), 4, "{}", left.stderr);
}

#[test]
fn doctor_and_whoami_know_the_provider() {
    let provider = Provider::start();
    assert_eq!(provider.run_with_password(&[]).code, Some(0));
    let run = |command: &str, more: &[&str]| {
        let mut child = Command::new(binary());
        child
            .args([command, "--oidc-issuer-url", &provider.issuer(), "--oidc-client-id", CLIENT])
            .args(["--username=ada", "--password", PASSWORD, "--certificate-authority"])
            .arg(provider.ca_file())
            .args(more)
            .env_clear()
            .env("HOME", provider.home.path());
        child.output().unwrap()
    };
    let whoami = String::from_utf8(run("whoami", &[]).stdout).unwrap();
    let issuer = provider.issuer();
    for line in ["ada@example.com (current context)", &issuer, "subject", "groups"] {
        assert!(whoami.contains(line), "no {line} in {whoami}");
    }
    assert!(!whoami.contains("tenant"), "{whoami}");
    let requests = provider.requests().len();
    let doctor = String::from_utf8(run("doctor", &["--insecure-skip-tls-verify"]).stdout).unwrap();
    assert!(doctor.contains(&issuer) && doctor.contains("--insecure-skip-tls-verify"), "{doctor}");
    assert_eq!(provider.paths(requests), ["/.well-known/openid-configuration"]);
}
