//! `doctor` and `whoami` between a kubeconfig's entry and the flags that are given: which setting counts, where
//! it came from, and how the checks go on where one of the two is broken.

use super::doctor::{checks, entry, has};
use crate::support::people::People;
use crate::support::{Entra, Kubelogin, TempDir};
use std::path::Path;

fn doctor(config: &Path, args: &[&str]) -> Kubelogin {
    Kubelogin::new(&["doctor", "--kubeconfig"]).arg(config).args(args)
}

#[test]
fn given_flags_are_laid_over_the_entry() {
    let files = TempDir::new();
    let config = files.file(
        "config",
        entry(
            "command: kubelogin, env: [{name: AZURE_CLIENT_ID, value: of-env}], args: [get-token, -lspn, --tenant-id, t, --client-id=c, --server-id=s, --authority-host=https://127.0.0.1:1/, --timeout=9s, --token-cache-dir=/of/entry, --certificate-authority=/a, --legacy]",
        ),
    );
    let (_, lines) = checks(doctor(&config, &["--context=c"]).env("AZURE_TENANT_ID", "of-shell"));
    for (mark, text) in [
        ("info", "--authority-host https://127.0.0.1:1/, from the kubeconfig"),
        ("info", "--cache-dir /of/entry, from the kubeconfig"),
        ("info", "--legacy true, from the kubeconfig"),
        ("info", "--login spn, from the kubeconfig"),
        ("info", "--timeout 9s, from the kubeconfig"),
        ("info", "--token-cache auto (default)"),
        ("warn", "--tenant-id of-shell, from AZURE_TENANT_ID, which overrides the flag unset it, or"),
        (
            "warn",
            "--client-id of-env, from AZURE_CLIENT_ID in the kubeconfig's env, which overrides the flag take",
        ),
    ] {
        has(&lines, &format!("{mark} settings"), text);
    }
    assert!(!lines.iter().any(|line| line.contains("--environment")), "another authority wins: {lines:#?}");
    let flags = [
        "--tenant-id=other",
        "--disable-environment-override",
        "--cache-dir=/of/flag",
        "--certificate-authority=/b",
        "--certificate-authority=/c",
        "--legacy=false",
        "-lmsi",
    ];
    let (_, lines) = checks(doctor(&config, &flags).env("AZURE_TENANT_ID", "of-shell"));
    for text in [
        "--cache-dir /of/flag, from --cache-dir",
        "--certificate-authority /b, /c, from --certificate-authority",
        "--client-id c, from the kubeconfig",
        "--legacy false, from --legacy",
        "--login msi, from --login",
        "--tenant-id other, from --tenant-id",
        "--timeout 9s, from the kubeconfig",
    ] {
        has(&lines, "info settings", text);
    }
}

#[test]
fn with_a_server_id_the_flags_are_looked_at_alone() {
    let files = TempDir::new();
    let config = files.file("config", "users: [");
    let (_, lines) = checks(Kubelogin::new(&["doctor", "--server-id=s", "-lmsi"]).env("KUBECONFIG", &config));
    has(&lines, "info settings", "--server-id s, from --server-id");
    assert!(!lines.iter().any(|line| line.contains("kubeconfig")), "{lines:#?}");
    has(
        &checks(doctor(&config, &["--server-id=s", "-lmsi"])).1,
        "fail kubeconfig",
        "cannot use the kubeconfig",
    );
}

/// What is wrong with the entry, or with doctor's own line, does not end the other checks.
#[test]
fn the_other_checks_go_on() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let url = entra.url();
    let run = |content: &str, args: &[&str]| {
        let config = files.file("config", content);
        let args = [args, &["--authority-host", &url]].concat();
        checks(doctor(&config, &args).env("SSL_CERT_FILE", entra.ca_file()))
    };
    let bogus = entry("command: kubelogin, args: [get-token, --login=bogus, --server-id=s]");
    let no_pair = entry("command: kubelogin, args: [get-token, --pop-enabled, --server-id=s]");
    for (content, args, failure, text) in [
        ("users: [", &[][..], "fail kubeconfig", "see what kubectl makes of it"),
        ("current-context: x", &[], "fail kubeconfig", "no context exists"),
        (&bogus, &[], "fail settings", "'bogus' is not a supported login method"),
        (&no_pair, &[], "fail settings", "--pop-claims is required"),
        (
            "current-context: x",
            &["--login=bogus"],
            "fail settings",
            "'bogus' is not a supported login method",
        ),
    ] {
        let (code, lines) = run(content, args);
        has(&lines, failure, text);
        has(&lines, "info settings", "--token-cache auto (default)");
        has(&lines, "ok authority", "answers (HTTP 404)");
        has(&lines, "ok cache", "will be made at the first sign-in");
        assert!(code == 1 && !lines.iter().any(|line| line.contains("login server-id")), "{lines:#?}");
    }
    let none = checks(Kubelogin::new(&["doctor", "--authority-host=https://127.0.0.1:1/"])).1;
    has(&none, "fail kubeconfig", "there is no kubeconfig");
    has(&none, "fail authority", "connection refused");
    // An old entry is read as conversion reads it.
    let old = "auth-provider: {name: azure, config: {apiserver-id: s, client-id: c, tenant-id: t}}";
    let (_, lines) = run(&entry("").replace("exec: {}", old), &[]);
    has(&lines, "fail kubeconfig", "which kubectl no longer has convert it with");
    for text in ["--client-id c, from the kubeconfig", "--server-id s", "--legacy true", "--login devicecode"]
    {
        has(&lines, "info settings", text);
    }
    has(&lines, "ok login", "everything that it needs is there");
}

#[test]
fn files_that_are_missing() {
    let run = |args: &[&str], env: (&str, &str)| {
        let ids = ["doctor", "--server-id=s", "--client-id=c", "--tenant-id=t", "--token-cache=all"];
        let (code, lines) = checks(Kubelogin::new(&ids).args(args).envs(&[env]));
        has(&lines, "ok cache", "will be made at the first sign-in");
        assert_eq!(code, 1);
        lines
    };
    let host = "--authority-host=https://127.0.0.1:1/";
    let none = ("NONE", "");
    let lines = run(&["-lspn", "--client-certificate=/nope", host], none);
    has(&lines, "fail login", "cannot use the client certificate /nope: No such file");
    let lines = run(&["-lworkloadidentity", "--federated-token-file=/nope", host], none);
    has(&lines, "fail login", "cannot use the federated token file /nope: No such file");
    let stack = ["-eAzureStackCloud"];
    has(&run(&stack, ("AZURE_ENVIRONMENT_FILEPATH", "/nope")), "fail authority", "environment file /nope");
    has(
        &run(&stack, ("AZURE_ENVIRONMENT_FILEPATH", "/nope")),
        "info settings",
        "AZURE_ENVIRONMENT_FILEPATH /nope",
    );
}

#[test]
fn what_does_not_count_and_what_is_not_shown() {
    let lines = |args: &[&str], env: &[(&str, &str)]| {
        let (_, lines) = checks(Kubelogin::new(&["doctor", "--server-id=s"]).args(args).envs(env));
        assert!(!lines.iter().any(|line| line.contains("hunter2")), "{lines:#?}");
        lines
    };
    let pop = ["--pop-enabled", "--pop-claims=u=/c"];
    has(&lines(&["-lmsi", "--legacy"], &[]), "warn settings", "--legacy is ignored in msi login");
    has(
        &lines(&[&["-lmsi"][..], &pop].concat(), &[]),
        "warn settings",
        "--pop-enabled is ignored in msi login",
    );
    let legacy = lines(&[&["-lspn", "--legacy"][..], &pop].concat(), &[]);
    has(&legacy, "warn settings", "--pop-enabled is ignored with --legacy");
    let shown = lines(
        &["-lmsi", "--authority-host=https://u:hunter2@login.example/", "--client-secret=hunter2"],
        &[
            ("HTTPS_PROXY", "http://u:hunter2@proxy:3128"),
            ("no_proxy", ".example"),
            ("SSL_CERT_DIR", "/certs"),
            ("AZURE_PASSWORD", "hunter2"),
        ],
    );
    for text in [
        "--authority-host https://***@login.example/, from --authority-host",
        "--client-secret (set), from --client-secret",
        "--password (set), from AZURE_PASSWORD",
        "HTTPS_PROXY http://***@proxy:3128",
        "no_proxy .example",
        "SSL_CERT_DIR /certs",
    ] {
        has(&shown, "info settings", text);
    }
}

fn whoami(people: &People, config: &Path, args: &[&str]) -> (i32, String, String) {
    let run = Kubelogin::new(&["whoami", "--kubeconfig"]).arg(config).args(args);
    let run = run.env("HOME", people.home.path()).run();
    (run.code, run.stdout, run.stderr)
}

/// The key of a cached token does not contain the password; harmless flags do not hide the entry.
#[test]
fn whoami_needs_no_password_and_keeps_the_entry() {
    let people = People::start();
    people.grants().passwords.insert("ada@contoso.com".to_owned(), "p".to_owned());
    let ropc = ["-lropc", "--username=ada@contoso.com", "--password=p"];
    assert_eq!(people.run("contoso", &ropc).code, Some(0));
    assert_eq!(people.run("contoso", &["-ldevicecode"]).code, Some(0));
    let files = TempDir::new();
    let args = format!(
        "command: kubelogin, args: [get-token, -lropc, --username=ada@contoso.com, --client-id=client, --server-id={}, --tenant-id=contoso, --authority-host={}]",
        crate::support::entra::SERVER,
        people.entra.url()
    );
    let config = files.file("config", entry(&args));
    for more in [&[][..], &["--timeout=5s"], &["--disable-environment-override", "--token-cache=all"]] {
        let (code, stdout, stderr) = whoami(&people, &config, &[&["--context=c"], more].concat());
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(
            stdout.starts_with("ada@contoso.com (current context)") && !stdout.contains("devicecode"),
            "{stdout}"
        );
    }
    // Another mode of the same entry.
    let (_, stdout, _) = whoami(&people, &config, &["--context=c", "-ldevicecode"]);
    assert!(stdout.contains("devicecode") && !stdout.contains("ada"), "{stdout}");
    let (code, _, stderr) = whoami(&people, &config, &["--context=c", "--cache-dir=/nonexistent"]);
    assert!(code == 1 && stderr.contains("(/nonexistent)"), "{stderr}");
    // A sign-in needs it.
    let run = people.run("contoso", &["-lropc", "--username=ada@contoso.com", "--token-cache=none"]);
    assert!(run.stderr.starts_with("Error: password cannot be empty"), "{}", run.stderr);
}
