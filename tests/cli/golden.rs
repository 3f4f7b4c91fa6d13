//! Pages that people read, pinned as files: `UPDATE_GOLDEN=1 cargo test golden` writes them anew.

use crate::flow::egress;
use crate::support::people::{People, names};
use crate::support::{Kubelogin, TempDir};
use serde_json::json;
use std::path::Path;

/// Compares with `tests/golden/<name>`.
#[track_caller]
pub fn pinned(name: &str, text: &str) {
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

/// A home with people signed in: by device code; one whose groups are too many; one with a legacy token; one with
/// a token that is bound to a key.
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
    let more = json!({ "groups": ["a", "b", "c"], "ver": "1.0", "appid": "client" });
    people.grants().issuer.as_mut().unwrap().more = more;
    for (user, flags) in [("bob", &["--legacy"][..]), ("eve", &["--pop-enabled", "--pop-claims=u=/c"])] {
        let user = format!("{user}@contoso.com");
        people.grants().passwords.insert(user.clone(), "hunter2".to_owned());
        let ropc = ["-lropc", "--username", &user, "--password=hunter2"];
        assert_eq!(people.run("contoso", &[&ropc, flags].concat()).code, Some(0));
    }
    let kubeconfig = format!(
        "current-context: aks\ncontexts:\n- name: aks\n  context: {{user: me}}\n- name: other\n  context: {{user: cert}}\n- name: bad\n  context: {{user: bad}}\nusers:\n- name: cert\n  user: {{}}\n- name: bad\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1alpha1\n      command: /nonexistent/kubelogin\n      env: [{{name: AZURE_TENANT_ID, value: contoso}}]\n      args: [get-token, --login, spn, --server-id, s, --client-id, client, --tenant-id, fabrikam, --client-certificate, /nonexistent.pem, --client-secret, hunter2, --frobnicate, --authority-host, \"https://u:hunter2@127.0.0.1:1/\"]\n- name: me\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: {}\n      env: [{{name: AAD_USER_PRINCIPAL_PASSWORD, value: hunter2}}]\n      args: [get-token, --login, ropc, --server-id, {}, --client-id, client, --tenant-id, contoso, --username, ada@contoso.com, --authority-host, \"{}\", --disable-instance-discovery]\n",
        crate::support::kubelogin::binary().display(),
        crate::support::entra::SERVER,
        people.entra.url(),
    );
    let files = TempDir::new();
    files.file("config", kubeconfig);
    (people, files)
}

/// What an entry's name ends with, which depends on the fake's port.
fn hash_of(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".token.json")?;
    stem.rsplit_once('_').map(|(_, hash)| hash.to_owned())
}

/// The id of the key to which eve's token is bound.
fn bound_to(people: &People) -> String {
    let is_hers = |name: &String| name.contains("eve") && name.ends_with(".token.json");
    let name = names(&people.cache()).into_iter().find(is_hers).unwrap();
    let entry = std::fs::read_to_string(people.cache().join(name)).unwrap();
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    entry["key"]["pop_key"].as_str().unwrap().to_owned()
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
    let ca = people.entra.ca_file().display().to_string();
    let hashes: Vec<String> = names(&people.cache()).iter().filter_map(|name| hash_of(name)).collect();
    let key_id = bound_to(people);
    let mut replacements = vec![
        (home.as_str(), "/home/ada"),
        (ca.as_str(), "/etc/ca.pem"),
        (key_id.as_str(), "KEY-ID"),
        (config.as_str(), "/etc/kube"),
        (url.as_str(), "https://login.example/"),
        (binary.as_str(), "/bin/kubelogin"),
    ];
    replacements.extend(hashes.iter().map(|hash| (hash.as_str(), "0123456789abcdef")));
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
    let connections = people.entra.connections();
    for columns in ["40", "120"] {
        let (code, stdout, stderr) = run(&people, &files, columns, &["whoami"]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        pinned(&format!("whoami/all-{columns}.txt"), &stdout);
    }
    let (_, one, _) = run(&people, &files, "120", &["whoami", "--context", "aks"]);
    pinned("whoami/context.txt", &one);
    let (_, json, _) = run(&people, &files, "120", &["whoami", "--output", "json"]);
    pinned("whoami/all.json", &json);
    let accounts: serde_json::Value = serde_json::from_str(&json).unwrap();
    let accounts: Vec<_> = accounts
        .as_array()
        .unwrap()
        .iter()
        .map(|account| (account["user"].as_str().unwrap_or_default(), &account["identity"], account))
        .collect();
    let of = |user: &str| accounts.iter().find(|(of, ..)| of.starts_with(user)).unwrap();
    assert_eq!((&of("ada").2["is_current"], &of("ada").1["too_many_groups"]), (&json!(true), &json!(true)));
    assert_eq!((&of("bob").1["legacy_audience"], &of("bob").1["groups"]), (&json!(true), &json!(3)));
    assert_eq!(of("eve").1["bound_to_key"], "KEY-ID");
    let (code, _, stderr) = run(&people, &files, "120", &["whoami", "--context", "other"]);
    assert!(code == 1 && stderr.contains("does not sign in by kubelogin"), "{stderr}");
    let (code, _, stderr) = run(&people, &files, "120", &["whoami", "--context", "nope"]);
    assert!(code == 1 && stderr.contains("no context exists with the name: \"nope\""), "{stderr}");
    let (code, _, stderr) = run(&people, &files, "120", &["whoami", "--cache-dir", "/nonexistent"]);
    assert!(code == 1 && stderr.contains("no account is signed in"), "{stderr}");
    let flags = ["whoami", "-ldevicecode", "--client-id=client", "--server-id=s", "--tenant-id=t"];
    run(&people, &files, "120", &flags);
    assert_eq!(people.entra.connections(), connections, "offline");
    #[cfg(target_os = "linux")]
    if egress::is_there("strace") {
        let mut command = std::process::Command::new(crate::support::kubelogin::binary());
        command.arg("whoami").env_clear().env("HOME", people.home.path());
        let log = files.path().join("strace");
        assert!(
            egress::traced(&command, &log).stdout(std::process::Stdio::null()).status().unwrap().success()
        );
        assert_eq!(egress::addresses(&log), [""; 0], "nobody at all is asked");
    }
}

fn versionless(text: &str) -> String {
    let version = format!("kubelogin {}", env!("CARGO_PKG_VERSION"));
    text.replace(&version, "kubelogin VERSION")
}

#[test]
fn doctor() {
    let (people, files) = world();
    for columns in ["40", "120"] {
        let (code, stdout, stderr) = run(&people, &files, columns, &["doctor"]);
        assert_eq!(code, 0, "{stdout}");
        pinned(&format!("doctor/good-{columns}.txt"), &versionless(&stdout));
        let first =
            "No check failed. First warning: kubeconfig: AAD_USER_PRINCIPAL_PASSWORD, in the entry's env,";
        assert!(stderr.starts_with(first), "{stderr}");
        let (code, stdout, stderr) = run(&people, &files, columns, &["doctor", "--context=bad"]);
        assert_eq!(code, 1);
        pinned(&format!("doctor/bad-{columns}.txt"), &versionless(&format!("{stdout}{stderr}")));
    }
    let (_, json, _) = run(&people, &files, "120", &["doctor", "--context=bad", "--output=json"]);
    pinned("doctor/bad.json", &versionless(&json));
    let (_, json, _) = run(&people, &files, "120", &["doctor", "--output=json"]);
    let checks: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(checks.as_array().unwrap().iter().all(|check| check["mark"] != "fail"), "{json}");
    let signed_in = people.entra.state().issued.len();
    assert_eq!(people.count("refresh_token") + people.count("password"), 3, "no sign-in");
    let (code, stdout, _) = run(&people, &files, "120", &["doctor", "--sign-in"]);
    assert!(code == 0 && stdout.contains("signed in as ada@contoso.com"), "{stdout}");
    assert_eq!(people.entra.state().issued.len(), signed_in, "from the cache");
}
