//! Pages that people read, pinned as files: `UPDATE_GOLDEN=1 cargo test golden` writes them anew.

use crate::support::people::People;
use crate::support::{Kubelogin, TempDir};
use serde_json::json;
use std::path::Path;

/// Compares with `tests/golden/<name>`.
#[track_caller]
fn pinned(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} is now:\n{text}");
}

#[test]
fn help_pages() {
    for command in [
        "",
        "completion",
        "convert-kubeconfig",
        "doctor",
        "get-token",
        "help",
        "remove-cache-dir",
        "remove-tokens",
        "whoami",
    ] {
        let args: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let name = if command.is_empty() { "kubelogin" } else { command };
        // Of any width for scripts.
        for (columns, suffix) in [("", ""), ("40", "-40"), ("120", "-120")] {
            let run = Kubelogin::new(&args).env("COLUMNS", columns).run();
            assert_eq!((run.code, run.stderr.as_str()), (0, ""));
            pinned(&format!("help/{name}{suffix}.txt"), &run.stdout);
        }
    }
}

/// What is the same at every run: paths, ports and times go.
fn steady(text: &str, replacements: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in replacements {
        text = text.replace(from, to);
    }
    // Times, in whatever line the width has put them.
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("T").filter(|_| rest.contains('Z')) {
        let looks = rest.get(at.saturating_sub(10)..at + 10).filter(|_| at >= 10);
        let is_time = looks.is_some_and(|t| t.starts_with("20") && t.ends_with('Z'));
        let end = if is_time { at + 10 } else { at + 1 };
        out += if is_time { &rest[..at - 10] } else { &rest[..end] };
        if is_time {
            out += "2026-01-02T03:04:05Z";
        }
        rest = &rest[end..];
    }
    out + rest
}

/// A home with two people signed in: one whose groups are too many, and one by device code.
fn world() -> (People, TempDir) {
    let people = People::start();
    people.grants().passwords.insert("ada@contoso.com".to_owned(), "hunter2".to_owned());
    assert_eq!(people.run("contoso", &["-ldevicecode"]).code, Some(0));
    let mut issuer = crate::support::issuer::Issuer::new("https://sts.windows.net/contoso/");
    issuer.more =
        json!({ "_claim_names": { "groups": "src1" }, "roles": ["a", "b"], "ver": "1.0", "appid": "client" });
    people.grants().issuer = Some(issuer);
    let ropc = ["-lropc", "--username=ada@contoso.com", "--password=hunter2"];
    assert_eq!(people.run("contoso", &ropc).code, Some(0));
    let kubeconfig = format!(
        "current-context: aks\ncontexts:\n- name: aks\n  context: {{user: me}}\n- name: other\n  context: {{user: cert}}\nusers:\n- name: cert\n  user: {{}}\n- name: me\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: {}\n      env: [{{name: AAD_USER_PRINCIPAL_PASSWORD, value: hunter2}}]\n      args: [get-token, --login, ropc, --server-id, {}, --client-id, client, --tenant-id, contoso, --username, ada@contoso.com, --authority-host, \"{}\", --disable-instance-discovery]\n",
        crate::support::kubelogin::binary().display(),
        crate::support::entra::SERVER,
        people.entra.url(),
    );
    let files = TempDir::new();
    files.file("config", kubeconfig);
    (people, files)
}

fn run(people: &People, files: &TempDir, columns: &str, args: &[&str]) -> (i32, String, String) {
    let output = std::process::Command::new(crate::support::kubelogin::binary())
        .args(args)
        .env_clear()
        .env("HOME", people.home.path())
        .env("KUBECONFIG", files.path().join("config"))
        .env("SSL_CERT_FILE", people.entra.ca_file())
        .env("COLUMNS", columns)
        .output()
        .unwrap();
    let home = people.home.path().display().to_string();
    let (config, url) = (files.path().display().to_string(), people.entra.url());
    let binary = crate::support::kubelogin::binary().display().to_string();
    let replacements = [
        (home.as_str(), "/home/ada"),
        (config.as_str(), "/etc/kube"),
        (url.as_str(), "https://login.example/"),
        (binary.as_str(), "/bin/kubelogin"),
    ];
    let text = |bytes: &[u8]| {
        let text = steady(&String::from_utf8_lossy(bytes), &replacements);
        assert!(!text.contains("hunter2") && !text.contains("eyJ"), "{text}");
        text
    };
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn whoami() {
    let (people, files) = world();
    for columns in ["40", "120"] {
        let (code, stdout, stderr) = run(&people, &files, columns, &["whoami"]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        pinned(&format!("whoami/all-{columns}.txt"), &stdout);
    }
    let (_, one, _) = run(&people, &files, "120", &["whoami", "--context", "aks"]);
    pinned("whoami/context.txt", &one);
    let (_, json, _) = run(&people, &files, "120", &["whoami", "--output", "json"]);
    let accounts: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(accounts.as_array().unwrap().len(), 2);
    let ada = accounts.as_array().unwrap().iter().find(|account| account["mode"] == "ropc").unwrap();
    assert_eq!((&ada["is_current"], &ada["identity"]["too_many_groups"]), (&json!(true), &json!(true)));
    let (code, _, stderr) = run(&people, &files, "120", &["whoami", "--context", "other"]);
    assert!(code == 1 && stderr.contains("does not sign in by kubelogin"), "{stderr}");
    let (code, _, stderr) = run(&people, &files, "120", &["whoami", "--context", "nope"]);
    assert!(code == 1 && stderr.contains("no context exists with the name: \"nope\""), "{stderr}");
    let (code, _, stderr) = run(&people, &files, "120", &["whoami", "--cache-dir", "/nonexistent"]);
    assert!(code == 1 && stderr.contains("nobody is signed in"), "{stderr}");
    let requests = people.entra.requests().len();
    run(
        &people,
        &files,
        "120",
        &["whoami", "-ldevicecode", "--client-id=client", "--server-id=s", "--tenant-id=t"],
    );
    assert_eq!(people.entra.requests().len(), requests, "offline");
}

#[test]
fn doctor() {
    let (people, files) = world();
    for columns in ["40", "120"] {
        let (code, stdout, stderr) = run(&people, &files, columns, &["doctor"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        let version = format!("kubelogin {}", env!("CARGO_PKG_VERSION"));
        pinned(&format!("doctor/good-{columns}.txt"), &stdout.replace(&version, "kubelogin VERSION"));
    }
    let (_, json, _) = run(&people, &files, "120", &["doctor", "--output=json"]);
    let checks: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(checks.as_array().unwrap().iter().all(|check| check["mark"] != "fail"), "{json}");
    let signed_in = people.entra.state().issued.len();
    assert_eq!(people.count("refresh_token") + people.count("password"), 1, "no sign-in");
    let (code, stdout, _) = run(&people, &files, "120", &["doctor", "--sign-in"]);
    assert!(code == 0 && stdout.contains("signed in as ada@contoso.com"), "{stdout}");
    assert_eq!(people.entra.state().issued.len(), signed_in, "from the cache");
}
