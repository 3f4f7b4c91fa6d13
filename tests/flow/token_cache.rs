//! `--token-cache`: whose tokens are kept.

use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::http::{Reply, Server};
use crate::support::people::names;
use crate::support::{Entra, Kubelogin, TempDir};
use serde_json::json;

fn spn(entra: &Entra, cache: &TempDir, secret: &str, policy: &str) -> Kubelogin {
    entra
        .get_token("spn")
        .args(&[
            "--client-id",
            CLIENT,
            "--tenant-id",
            TENANT,
            "--client-secret",
            secret,
            "--token-cache",
            policy,
        ])
        .arg("--cache-dir")
        .arg(cache.path())
}

#[test]
fn a_service_principals_token_is_kept_only_if_asked_for() {
    let (entra, cache) = (Entra::start(), TempDir::new());
    for policy in ["auto", "none"] {
        spn(&entra, &cache, SECRET, policy).run().token();
    }
    assert!(names(cache.path()).is_empty());
    let first = spn(&entra, &cache, SECRET, "all").run().token();
    assert_eq!(spn(&entra, &cache, SECRET, "all").run().token(), first);
    assert_eq!(entra.requests().len(), 3);
    for name in names(cache.path()) {
        let text = std::fs::read_to_string(cache.path().join(name)).unwrap();
        assert!(!text.contains(SECRET) && !text.contains("s3cr3t"));
    }
}

#[test]
fn a_changed_secret_misses() {
    let (entra, cache) = (Entra::start(), TempDir::new());
    spn(&entra, &cache, SECRET, "all").run().token();
    spn(&entra, &cache, "wrong", "all").run().fails_with("AADSTS7000215");
}

#[test]
fn a_stale_application_token_is_got_anew_without_a_refresh() {
    let (entra, cache) = (Entra::start(), TempDir::new());
    entra.state().lifetime = 5;
    let first = spn(&entra, &cache, SECRET, "all").run().token();
    assert_ne!(spn(&entra, &cache, SECRET, "all").run().token(), first);
}

#[test]
fn managed_identities_are_kept_apart_by_selector_and_source() {
    let cache = TempDir::new();
    let body = json!({"access_token": "msi-token", "expires_in": "3600", "token_type": "Bearer"});
    let serve = move || {
        Server::start(None, {
            let body = body.clone();
            move |_| Reply::json(200, &body)
        })
    };
    let (one, other) = (serve(), serve());
    let run = |server: &Server, args: &[&str]| {
        Kubelogin::new(&["get-token", "-lmsi", "--server-id", SERVER, "--token-cache=all"])
            .args(args)
            .arg("--cache-dir")
            .arg(cache.path())
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url())
            .run()
            .token()
    };
    for _ in 0..2 {
        run(&one, &[]);
        run(&one, &["--client-id=a"]);
        run(&one, &["--identity-resource-id=a"]);
        run(&other, &[]);
    }
    assert_eq!((one.requests().len(), other.requests().len()), (3, 1));
}

#[cfg(unix)]
#[test]
fn tokens_of_azures_own_tools_are_never_kept() {
    use std::os::unix::fs::PermissionsExt;
    let (tools, cache) = (TempDir::new(), TempDir::new());
    let calls = tools.path().join("calls");
    let az = tools.file(
        "az",
        format!(
            "#!/bin/sh\necho >>{}\necho '{{\"accessToken\":\"az\",\"expires_on\":4000000000}}'\n",
            calls.display()
        ),
    );
    std::fs::set_permissions(az, std::fs::Permissions::from_mode(0o700)).unwrap();
    for _ in 0..2 {
        let run = Kubelogin::new(&["get-token", "-lazurecli", "--server-id", SERVER, "--token-cache=all"])
            .arg("--cache-dir")
            .arg(cache.path())
            .env("PATH", format!("{}:/usr/bin:/bin", tools.path().display()))
            .run();
        assert_eq!(run.token(), "az");
    }
    assert_eq!(std::fs::read_to_string(calls).unwrap().lines().count(), 2);
    assert!(names(cache.path()).is_empty());
}
