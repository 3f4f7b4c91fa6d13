//! `doctor` where something is wrong: each check says so and the next one goes on.

use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::openssl::{self, Identity};
use crate::support::people::People;
use crate::support::{Entra, Kubelogin, TempDir};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// The checks of a run, as `mark name text hint`.
pub(super) fn checks(run: Kubelogin) -> (i32, Vec<String>) {
    let output = run.arg("--output=json").run();
    let checks: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let lines = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| ["mark", "name", "text", "hint"].map(|part| text(check, part)).join(" "));
    (output.code, lines.collect())
}

#[track_caller]
pub(super) fn has(lines: &[String], start: &str, text: &str) {
    assert!(
        lines.iter().any(|line| line.starts_with(start) && line.contains(text)),
        "no {text:?} in {lines:#?}"
    );
}

pub(super) fn entry(args: &str) -> String {
    format!(
        "current-context: c\ncontexts: [{{name: c, context: {{user: u}}}}]\nusers:\n- name: u\n  user:\n    exec: {{{args}}}\n"
    )
}

#[test]
fn what_is_wrong_with_the_kubeconfig() {
    let files = TempDir::new();
    files.file("not-executable/kubelogin", "");
    let doctor = |content: &str| {
        let config = files.file("config", content);
        checks(Kubelogin::new(&["doctor", "--kubeconfig"]).arg(config))
    };
    for (content, mark, text) in [
        ("users: [", "fail kubeconfig", "cannot use the kubeconfig"),
        ("", "fail kubeconfig", "no current context"),
        ("current-context: x", "fail kubeconfig", "no context exists with the name: \"x\""),
        (
            "current-context: c\ncontexts: [{name: c, context: {user: u}}]",
            "fail kubeconfig",
            "is not in the kubeconfig",
        ),
        (&entry("").replace("exec: {}", "token: t"), "warn kubeconfig", "signs in without kubelogin"),
        (
            &entry("").replace("exec: {}", "auth-provider: {name: azure}"),
            "fail kubeconfig",
            "which kubectl no longer has",
        ),
        (
            &entry("command: /nope/kubelogin, args: [get-token]"),
            "fail kubeconfig",
            "cannot find the program \"/nope/kubelogin\"",
        ),
        (
            &entry(
                "command: kubelogin, apiVersion: client.authentication.k8s.io/v1alpha1, args: [get-token]",
            ),
            "fail kubeconfig",
            "v1alpha1",
        ),
        (
            &entry("command: kubelogin, apiVersion: client.authentication.k8s.io/v1, args: [get-token]"),
            "fail kubeconfig",
            "without interactiveMode",
        ),
        (
            &entry("command: kubelogin, args: [get-token, --frob, x]"),
            "fail kubeconfig",
            "another version: unknown flag: --frob",
        ),
        (
            &entry("command: kubelogin, args: [get-token, --timeout, x]"),
            "fail settings",
            "invalid argument \"x\"",
        ),
        (
            &entry("command: kubelogin, args: [get-token, --client-secret, hunter2]"),
            "warn kubeconfig",
            "--client-secret is in the kubeconfig in plain text",
        ),
        (
            &entry("command: kubelogin, args: [get-token, --oidc-issuer-url=x]"),
            "fail login",
            "--oidc-client-id is missing",
        ),
        (&entry("command: kubelogin, args: [get-token, -lmsi]"), "fail login", "server-id is required"),
        (
            &entry(
                "command: kubelogin, args: [get-token], env: [{name: AZURE_CLIENT_SECRET, value: hunter2}]",
            ),
            "warn kubeconfig",
            "AZURE_CLIENT_SECRET, in the entry's env, is in the kubeconfig in plain text",
        ),
        (
            &entry("command: aws, args: [eks, get-token, --cluster-name, c]"),
            "warn kubeconfig",
            "without kubelogin (the program aws)",
        ),
        (
            &entry("command: gke-gcloud-auth-plugin, apiVersion: client.authentication.k8s.io/v1beta1"),
            "warn kubeconfig",
            "without kubelogin (the program gke-gcloud-auth-plugin)",
        ),
        (
            &entry("").replace("exec: {}", "auth-provider: {name: gcp}"),
            "fail kubeconfig",
            "auth-provider \"gcp\", which kubectl no longer has get a new kubeconfig",
        ),
        (
            &entry("command: ./not-executable/kubelogin, args: [get-token]"),
            "fail kubeconfig",
            "kubelogin: it has no execute permission chmod +x",
        ),
    ] {
        let (code, lines) = doctor(content);
        has(&lines, mark, text);
        assert!(code == 1 || mark.starts_with("warn"), "{content}");
        assert!(!lines.iter().any(|line| line.contains("hunter2")));
        // Of what is not kubelogin's nothing else is said.
        let is_other = text.contains("without kubelogin") || text.contains("another program");
        assert!(!is_other || code == 0 && lines.len() == 3, "{lines:#?}");
    }
    let (code, lines) = checks(Kubelogin::new(&["doctor", "--kubeconfig", "/nonexistent"]));
    has(&lines, "fail kubeconfig", "No such file");
    assert_eq!(code, 1);
    has(&checks(Kubelogin::new(&["doctor"])).1, "fail kubeconfig", "there is no kubeconfig");
}

#[test]
fn a_dead_network_and_a_corrupt_cache_do_not_stop_it() {
    let people = People::start();
    assert_eq!(people.run("contoso", &[]).code, Some(0));
    std::fs::write(people.cache().join("devicecode_0123456789abcdef.token.json"), "{").unwrap();
    let mode = |mode| {
        std::fs::set_permissions(people.entry_of("contoso"), std::fs::Permissions::from_mode(mode)).unwrap()
    };
    mode(0o644);
    let doctor = |host: &str| {
        let args = [
            "doctor",
            "--server-id",
            SERVER,
            "--client-id=client",
            "--tenant-id=contoso",
            "--authority-host",
            host,
        ];
        checks(
            Kubelogin::new(&args)
                .env("SSL_CERT_FILE", people.entra.ca_file())
                .env("HOME", people.home.path()),
        )
    };
    let (code, lines) = doctor("https://127.0.0.1:1/");
    has(&lines, "fail authority", "cannot connect to 127.0.0.1: connection refused");
    has(&lines, "warn cache", "is damaged or not a token");
    has(&lines, "warn cache", "can be read by others chmod 600");
    has(&lines, "ok login", "everything that it needs is there");
    assert_eq!(code, 1);
    // It has only looked.
    assert_eq!(people.entry_of("contoso").metadata().unwrap().permissions().mode() & 0o777, 0o644);
    let (code, lines) = doctor(&people.entra.url());
    has(&lines, "ok authority", "its certificate was issued by Test Root");
    assert_eq!(code, 0, "{lines:?}");
    let proxy = crate::flow::proxies::Proxy::start(people.entra.port(), None);
    let args = ["doctor", "--server-id", SERVER, "--client-id=client", "--tenant-id=contoso"];
    let run = Kubelogin::new(&args)
        .env("SSL_CERT_FILE", people.entra.ca_file())
        .env("HTTPS_PROXY", proxy.url("u:hunter2@"));
    let lines = checks(run).1;
    has(&lines, "info settings", "HTTPS_PROXY http://***@127.0.0.1:");
    has(&lines, "ok authority", "https://login.microsoftonline.com/ answers through the proxy 127.0.0.1:");
    assert!(!lines.iter().any(|line| line.contains("hunter2")));
    people.entra.state().clock_offset = 7200;
    has(&doctor(&people.entra.url()).1, "warn authority", "s behind the authority's set the clock");
    mode(0o600);
}

#[test]
fn what_the_login_modes_need() {
    let entra = Entra::start();
    let files = TempDir::new();
    let doctor = |args: &[&str]| {
        let run =
            Kubelogin::new(&["doctor", "--server-id=s"]).args(args).env("SSL_CERT_FILE", entra.ca_file());
        run.args(&["--authority-host", &entra.url()])
    };
    let lines = |run: Kubelogin| checks(run).1;
    has(
        &lines(doctor(&["-lazurecli"]).env("PATH", "/nonexistent")),
        "fail login",
        "the Azure CLI (az) is not installed",
    );
    let az = |script: &str| {
        let az = files.file("bin/az", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(az, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/bin:/usr/bin", files.path().join("bin").display());
        lines(doctor(&["-lazurecli"]).env("PATH", path))
    };
    has(
        &az("echo \"Please run 'az login' to setup account.\" >&2; exit 1"),
        "fail login",
        "sign in with: az login",
    );
    has(
        &az("echo '{\"user\":{\"name\":\"ada\"},\"tenantId\":\"t\"}'"),
        "ok login",
        "signed in as ada in tenant t",
    );

    let azd = |script: &str| {
        let azd = files.file("bin/azd", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(azd, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/bin:/usr/bin", files.path().join("bin").display());
        lines(doctor(&["-lazd"]).env("PATH", path))
    };
    has(
        &azd("echo 'not logged in, run azd auth login' >&2; exit 1"),
        "fail login",
        "sign in with: azd auth login",
    );
    has(&azd("echo '{\"status\":\"success\"}'"), "ok login", "is installed and signed in");

    has(
        &lines(doctor(&["-lspn", "--tenant-id=t", "--client-id=c"])),
        "fail login",
        "client secret cannot be empty",
    );
    has(
        &lines(doctor(&["-lspn", "--tenant-id=t", "--client-id=c", "--client-secret=x"])),
        "ok login",
        "a client secret is set",
    );
    let token = unsigned_jwt(&json!({ "iss": "https://i", "sub": "s", "aud": "a", "exp": 1_767_323_045 }));
    let file = files.file("token", token);
    let workload = doctor(&["-lworkloadidentity", "--tenant-id=t", "--client-id=c"])
        .arg(format!("--federated-token-file={}", file.display()));
    has(
        &lines(workload),
        "fail login",
        "issuer https://i, subject s, audience a, expiry 2026-01-02T03:04:05Z; it has expired its issuer has to",
    );
    has(
        &lines(doctor(&["-linteractive", "--tenant-id=t", "--client-id=c"]).env("PATH", "")),
        "warn login",
        "no browser can be opened",
    );
    let pop = [
        "-lropc",
        "--tenant-id=t",
        "--client-id=c",
        "--username=u",
        "--password=p",
        "--pop-enabled",
        "--pop-claims=x=1",
    ];
    has(&lines(doctor(&pop)), "fail login", "required u-claim not provided");

    let imds = Server::start(None, |_| Reply::json(200, &json!({ "compute": {} })));
    let msi =
        |server: &Server| lines(doctor(&["-lmsi"]).env("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url()));
    has(&msi(&imds), "ok login", "the instance metadata service is at");
    let other = Server::start(None, |_| Reply::new(404, "text/html", "no"));
    has(&msi(&other), "fail login", "but not as Azure's metadata service does (HTTP 404)");
    assert!(entra.state().issued.is_empty());
}

#[test]
fn the_last_line_says_what_to_fix_first() {
    let run = Kubelogin::new(&[
        "doctor",
        "-lspn",
        "--server-id=s",
        "--tenant-id=t",
        "--authority-host=https://127.0.0.1:1/",
    ])
    .run();
    assert_eq!(run.code, 1);
    let last: Vec<&str> = run.stderr.lines().collect();
    assert!(
        last[0].starts_with("Error: 2 checks failed; fix this first: authority: cannot connect"),
        "{}",
        run.stderr
    );
    assert!(last[1].starts_with("Hint: "));
}

#[test]
fn an_answer_that_refuses_is_no_good_answer() {
    let entra = Entra::start();
    let answered = |status: u16, body: Value| {
        entra.script([Reply::json(status, &body)]);
        let args = ["doctor", "-lspn", "--server-id=s", "--tenant-id=contso", "--client-id=c"];
        let run = Kubelogin::new(&args).env("SSL_CERT_FILE", entra.ca_file());
        checks(run.args(&["--client-secret=x", "--authority-host", &entra.url()]))
    };
    let refusal = json!({
        "error": "invalid_tenant",
        "error_description": "AADSTS90002: Tenant 'contso' not found.",
        "error_codes": [90002],
    });
    let (code, lines) = answered(400, refusal);
    has(&lines, "fail authority", "AADSTS90002: Tenant 'contso' not found.");
    has(&lines, "fail authority", "the tenant is not in this cloud; used: tenant contso, client c");
    assert_eq!(code, 1);
    for status in [429, 503] {
        let (code, lines) = answered(status, json!({}));
        has(&lines, "warn authority", &format!("answers (HTTP {status}); its certificate was issued by"));
        assert_eq!(code, 0, "{lines:#?}");
    }
    let elsewhere = json!({ "issuer": "https://x/", "token_endpoint": "https://evil.example/token" });
    has(&answered(200, elsewhere).1, "fail authority", "names an endpoint on another host, evil.example");
    has(&answered(404, json!({})).1, "ok authority", "(HTTP 404)");
}

#[test]
fn an_authority_that_cannot_be_reached_or_trusted() {
    let entra = Entra::start();
    let doctor =
        |host: &str| checks(Kubelogin::new(&["doctor", "--server-id=s", "--authority-host", host])).1;
    has(&doctor("https://login.invalid/"), "fail authority", "cannot find the address of login.invalid");
    has(&doctor(&entra.url()), "fail authority", "is not trusted");
}

#[test]
fn a_certificate_with_its_dates_and_thumbprints() {
    if !openssl::is_there() {
        return;
    }
    let (entra, identity) = (Entra::start(), Identity::rsa());
    let doctor = |file: PathBuf| {
        let args = ["doctor", "-lspn", "--server-id=s", "--tenant-id=t", "--client-id=c"];
        let run = Kubelogin::new(&args).env("SSL_CERT_FILE", entra.ca_file());
        checks(run.args(&["--authority-host", &entra.url(), "--client-certificate"]).arg(file))
    };
    let (code, lines) = doctor(identity.pem());
    for text in ["SHA-1 thumbprint ", "SHA-256 thumbprint ", "valid until 20", "valid from 20"] {
        has(&lines, "ok login", text);
    }
    assert_eq!(code, 0, "{lines:#?}");
    for (from, until, problem) in [
        (
            "20200101000000Z",
            "20200201000000Z",
            "it expired on 2020-02-01T00:00:00Z register a new certificate",
        ),
        ("20600101000000Z", "20600201000000Z", "it is not valid before 2060-01-01T00:00:00Z"),
    ] {
        let (code, lines) = doctor(identity.dated(from, until));
        has(&lines, "fail login", problem);
        assert_eq!(code, 1);
    }
}

#[test]
fn it_signs_in_when_it_is_told_to() {
    let entra = Entra::start();
    let run = |secret: &str| {
        let ids = ["--server-id", SERVER, "--client-id", CLIENT, "--tenant-id", TENANT];
        let run = Kubelogin::new(&["doctor", "-lspn", "--sign-in", "--authority-host", &entra.url()]);
        let run = run.args(&ids).args(&["--disable-instance-discovery", "--client-secret", secret]);
        checks(run.env("SSL_CERT_FILE", entra.ca_file()))
    };
    let (code, lines) = run(SECRET);
    has(&lines, "ok sign-in", "signed in as");
    assert_eq!((code, entra.state().issued.len()), (0, 1));
    has(&run("wrong").1, "fail sign-in", "AADSTS7000215");
}

#[test]
fn where_nothing_failed_the_first_warning_is_named() {
    let entra = Entra::start();
    let args = ["doctor", "--server-id=s", "--client-id=c", "--tenant-id=t", "-linteractive"];
    let run = Kubelogin::new(&args).env("SSL_CERT_FILE", entra.ca_file()).env("PATH", "");
    let run = run.args(&["--authority-host", &entra.url()]).run();
    let line = "No check failed. First warning: login: no browser can be opened (neither DISPLAY";
    assert!(run.code == 0 && run.stderr.starts_with(line), "{}", run.stderr);
}
