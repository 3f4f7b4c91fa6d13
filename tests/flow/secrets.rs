//! Secrets are planted everywhere, at the highest verbosity, and searched for in everything that comes out:
//! both streams, every file written, the arguments of children, core dumps.

use crate::support::TempDir;
use crate::support::entra::{CLIENT, SECRET, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::openssl::{self, Identity};
use crate::support::people::People;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Text that no output may contain.
const PLANTED: &[&str] =
    &["planted-password", "planted-secret", "planted-pfx-password", "planted-proxy", "planted-system-token"];

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap_or_default());
        }
    }
    found
}

struct Audit {
    people: People,
    world: TempDir,
    /// What else must not appear.
    more: Vec<String>,
}

impl Audit {
    /// Runs a command and searches what came of it. Tokens may be on stdout and in the cache, nowhere else.
    #[track_caller]
    fn run(&self, tenant: &str, args: &[&str], env: &[(&str, &str)]) -> String {
        let before = files(self.world.path());
        let mut command = self.people.command(tenant, &[args, &["-v10"]].concat());
        let output = command.envs(env.iter().copied()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let secrets = PLANTED
            .iter()
            .map(|secret| (*secret).to_owned())
            .chain(self.more.clone())
            .chain([SECRET.to_owned()]);
        let issued: Vec<String> =
            self.people.entra.state().issued.iter().map(|issued| issued.token.clone()).collect();
        for secret in secrets.clone().chain(issued) {
            assert!(!stderr.contains(&secret), "{args:?}: {secret} in {stderr}");
        }
        for secret in secrets {
            assert!(!stdout.contains(&secret), "{args:?}: {secret} in {stdout}");
            let home = files(self.people.home.path());
            for (path, content) in home.iter().chain(files(self.world.path()).iter()) {
                let is_new = before.get(path) != Some(content);
                assert!(
                    !is_new || !contains(content, secret.as_bytes()),
                    "{args:?}: {secret} in {}",
                    path.display()
                );
            }
        }
        stderr
    }
}

fn contains(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len()).any(|window| window == text)
}

#[test]
fn no_mode_and_no_failure_shows_a_secret() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "planted-password".to_owned());
    let world = TempDir::new();
    let federated = unsigned_jwt(&json!({ "sub": "planted" }));
    people.entra.state().federated = Some(federated.clone());
    let token_file = world.file("token", &federated).display().to_string();
    let audit = Audit { people, world, more: vec![federated] };

    let ropc = ["-lropc", "--username=u", "--password=planted-password"];
    audit.run("contoso", &ropc, &[]);
    audit.run("contoso", &[&ropc[..], &["--force-refresh"]].concat(), &[]);
    audit.run("contoso", &["-lropc", "--username=u", "--password=planted-secret"], &[]);
    audit.run("contoso", &[&ropc[..], &["--pop-enabled", "--pop-claims=u=/x"]].concat(), &[]);
    audit.run("contoso", &["-ldevicecode"], &[]);
    audit.run("contoso", &["-ldevicecode", "--legacy"], &[]);
    audit.run("contoso", &["-linteractive", "--skip-open-browser", "--authentication-timeout=1ms"], &[]);
    let ids = [("AZURE_CLIENT_ID", CLIENT)];
    for secret in [SECRET, "planted-secret"] {
        let env = [ids[0], ("AZURE_CLIENT_SECRET", secret)];
        audit.run(TENANT, &["-lspn"], &env);
        audit.run(TENANT, &["-lspn", "--token-cache=all"], &env);
        audit.run(
            TENANT,
            &["-lspn"],
            &[env[0], env[1], ("HTTPS_PROXY", "http://u:planted-proxy@127.0.0.1:1")],
        );
    }
    audit.run(
        TENANT,
        &["-lspn", "--authority-host=https://u:planted-secret@localhost/"],
        &[ids[0], ("AZURE_CLIENT_SECRET", "x")],
    );
    audit.run(TENANT, &["-lworkloadidentity", "--federated-token-file", &token_file], &ids);
    audit.people.entra.state().federated = Some("another".to_owned());
    audit.run(TENANT, &["-lworkloadidentity", "--federated-token-file", &token_file], &ids);
    let pipelines = [
        ids[0],
        ("SYSTEM_ACCESSTOKEN", "planted-system-token"),
        ("SYSTEM_OIDCREQUESTURI", "https://localhost:1/"),
    ];
    audit.run(TENANT, &["-lazurepipelines", "--azure-pipelines-service-connection-id=x"], &pipelines);
    audit.run(TENANT, &["-lnonsense", "--client-secret=planted-secret"], &[]);
    audit.run(TENANT, &["-lspn", "--client-secret=planted-secret", "--frobnicate"], &[]);

    let source = Server::start(None, |request| match request.header("x-identity-header") {
        Some("planted-secret") => Reply::new(500, "text/plain", "no"),
        _ => Reply::new(400, "text/plain", "who"),
    });
    let url = source.url();
    audit.run(
        TENANT,
        &["-lmsi", "--timeout=2s"],
        &[("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", "planted-secret")],
    );

    if openssl::is_there() {
        let identity = Identity::rsa();
        audit.people.entra.state().certificates.push(identity.registration());
        let pfx = identity.pfx("x.pfx", b"planted-pfx-password", &[]).display().to_string();
        for password in ["planted-pfx-password", "planted-password"] {
            let env = [
                ids[0],
                ("AZURE_CLIENT_CERTIFICATE_PATH", &pfx),
                ("AZURE_CLIENT_CERTIFICATE_PASSWORD", password),
            ];
            audit.run(TENANT, &["-lspn"], &env);
        }
    }
}

/// What `az` is run with; its environment is ours and may hold more than its arguments may.
#[test]
fn children_get_no_secret_as_an_argument() {
    let people = People::start();
    let world = TempDir::new();
    let seen = world.path().join("seen");
    let az = world
        .file("bin/az", format!("#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline > {}\nexit 1\n", seen.display()));
    std::fs::set_permissions(az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.path().join("bin").display());
    let args = ["-lazurecli", "--client-secret=planted-secret", "--password=planted-password"];
    let output = people.command(TENANT, &args).env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let cmdline = std::fs::read_to_string(seen).unwrap();
    assert!(cmdline.contains("get-access-token") && !cmdline.contains("planted"), "{cmdline}");
}

/// A process that is made to die has no core dump, however large the limit that it was started with.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_dumped() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let command = people.command("contoso", &["-ldevicecode"]);
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("ABC123"), "{line}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    child.kill().unwrap();
    child.wait().unwrap();
}
