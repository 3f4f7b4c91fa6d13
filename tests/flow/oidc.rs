//! General Kubernetes clusters: Entra ID, or another provider, as their OpenID provider.

use super::kubectls;
use crate::support::api_server::NODE;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::http::Reply;
use crate::support::issuer::Issuer;
use crate::support::people::People;
use crate::support::{ApiServer, TempDir};
use serde_json::json;
use std::process::Command;

/// The book's chapter "Setup k8s OIDC Provider using Azure AD", with the fake in place of Entra ID.
#[test]
fn the_books_chapter_works_as_written() {
    let Some(kubectl) = kubectls().pop() else { return };
    let people = People::start();
    let issuer = Issuer::new(&format!("https://sts.windows.net/{TENANT}/"));
    people.grants().issuer = Some(issuer.clone());
    let users = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&users);
    let api = ApiServer::start(people.entra.ca(), move |token| {
        issuer.user(token, CLIENT).map(|user| log.lock().unwrap().push(user)).is_some()
    });
    let files = TempDir::new();
    let kubectl = |args: &[&str]| {
        let output = Command::new(&kubectl)
            .args(args)
            .env_clear()
            .env("HOME", files.path())
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("KUBECONFIG", files.path().join("config"))
            .env("SSL_CERT_FILE", people.entra.ca_file())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let binary = crate::support::kubelogin::binary();
    let exec = |arg: &str| format!("--exec-arg={arg}");
    let credentials = [
        "config",
        "set-credentials",
        "azure-user",
        "--exec-api-version=client.authentication.k8s.io/v1beta1",
        &format!("--exec-command={}", binary.display()),
        "--exec-arg=get-token",
        "--exec-arg=--environment",
        "--exec-arg=AzurePublicCloud",
        "--exec-arg=--server-id",
        &exec(CLIENT),
        "--exec-arg=--client-id",
        &exec(CLIENT),
        "--exec-arg=--tenant-id",
        &exec(TENANT),
        // Only these two stand in for the public cloud.
        "--exec-arg=--disable-instance-discovery",
        &exec(&format!("--authority-host={}", people.entra.url())),
    ];
    kubectl(&credentials);
    let ca = people.entra.ca_file().display().to_string();
    kubectl(&["config", "set-cluster", "k", "--server", &api.url(), "--certificate-authority", &ca]);
    kubectl(&["config", "set-context", "k", "--cluster=k", "--user=azure-user"]);
    kubectl(&["config", "use-context", "k"]);
    for _ in 0..2 {
        assert!(kubectl(&["get", "nodes"]).contains(NODE));
    }
    assert_eq!(people.count("devicecode"), 1);
    assert!(users.lock().unwrap().iter().all(|user| user == "device-user"));
}

/// A provider that is not Entra ID: everything comes from its configuration document.
#[test]
fn another_provider_is_used_by_its_own_endpoints() {
    let people = People::start();
    let url = people.entra.url();
    people.entra.state().document = Some(json!({
        "issuer": url,
        "token_endpoint": format!("{url}contoso/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{url}contoso/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{url}contoso/oauth2/v2.0/devicecode"),
    }));
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    assert_eq!(people.run("realm1", &["-lropc", "--username=u", "--password=p"]).code, Some(0));
    assert_eq!(people.run("realm1", &["-ldevicecode"]).code, Some(0));
    let paths: Vec<String> =
        people.entra.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths[0], "/realm1/v2.0/.well-known/openid-configuration");
    assert!(paths.contains(&"/contoso/oauth2/v2.0/devicecode".to_owned()), "{paths:?}");
}

/// The same with paths that Entra ID does not have.
#[test]
fn another_provider_may_have_other_paths() {
    let people = People::start();
    let url = people.entra.url();
    {
        let mut state = people.entra.state();
        state.provider = Some(TENANT.to_owned());
        state.document = Some(json!({
            "issuer": url,
            "token_endpoint": format!("{url}oauth/token"),
            "authorization_endpoint": format!("{url}oauth/authorize"),
            "device_authorization_endpoint": format!("{url}oauth/device"),
        }));
    }
    let secret = ["-lspn", "--client-id", CLIENT, "--client-secret", SECRET];
    let device = ["-ldevicecode"];
    for args in [&secret[..], &device, &device, &[&device[..], &["--force-refresh"]].concat()] {
        let run = people.run("realm1", args);
        assert!(people.entra.knows(&run.token, SERVER), "{args:?}: {run:?}");
    }
    let browser = super::interactive::sign_in_with(&people, &[]);
    assert!(people.entra.knows(&browser.token, SERVER), "{browser:?}");
    let refreshed = people.run("contoso", &["-linteractive", "--force-refresh"]);
    assert!(people.entra.knows(&refreshed.token, SERVER), "{refreshed:?}");
    let counts = ["devicecode", "authorization_code", "refresh_token"].map(|grant| people.count(grant));
    assert_eq!(counts, [1, 1, 2]);
}

#[test]
fn hostile_documents_are_refused() {
    let people = People::start();
    for (reply, why) in [
        (Reply::new(200, "application/json", vec![b' '; 2 << 20]), "more than 1048576 bytes"),
        (Reply::new(200, "application/json", "[".repeat(100_000)), "is not an OpenID configuration document"),
        (Reply::json(200, &json!({ "token_endpoint": ["x"] })), "is not an OpenID configuration document"),
        (
            Reply::json(200, &json!({ "token_endpoint": "https://evil.example/t" })),
            "on another host, evil.example",
        ),
        (
            Reply::json(
                200,
                &json!({ "token_endpoint": format!("{}t", people.entra.url()), "authorization_endpoint": "https://evil.example/" }),
            ),
            "on another host, evil.example",
        ),
        (Reply::json(200, &json!({ "token_endpoint": "http://localhost/t" })), "is not https"),
        (
            Reply::json(200, &json!({ "token_endpoint": "https://u:p@localhost/t" })),
            "names an endpoint that cannot be used",
        ),
        (
            Reply::json(
                200,
                &json!({ "token_endpoint": format!("{}t", people.entra.url()),
                         "authorization_endpoint": format!("{}a?x=\u{1b}]0;y\u{7}", people.entra.url()) }),
            ),
            "characters that must be percent-encoded",
        ),
        (Reply::new(302, "text/html", "").header("Location", "https://evil.example/"), "HTTP 302"),
    ] {
        people.entra.script([reply]);
        let run = people.run("contoso", &["-ldevicecode"]);
        assert!(run.code == Some(1) && run.stderr.contains(why), "{why}: {}", run.stderr);
        assert!(!run.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", run.stderr);
    }
    assert_eq!(people.count("devicecode"), 0);
}
