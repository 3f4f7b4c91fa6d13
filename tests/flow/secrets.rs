//! Secrets are planted everywhere, at the highest verbosity, and searched for in everything that comes out:
//! both streams, every file written, the arguments of children, core dumps.

use super::interactive::sign_in_with;
use crate::support::TempDir;
use crate::support::ca::Leaf;
use crate::support::entra::people::field;
use crate::support::entra::{CLIENT, Issued, SECRET, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::kubelogin::binary;
use crate::support::openssl::{self, Identity};
use crate::support::people::People;
use kubelogin::cli::flags::FLAGS;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// Text that no output may contain.
const PLANTED: &[&str] =
    &["planted-password", "planted-secret", "planted-pfx-password", "planted-proxy", "planted-system-token"];

/// How the fake's refresh tokens begin.
const REFRESH: &str = "refresh-";

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
    /// Runs a command and searches what came of it. Tokens may be on stdout and in the cache, nowhere else. Returns
    /// whether it went well.
    #[track_caller]
    fn run(&self, tenant: &str, args: &[&str], env: &[(&str, &str)]) -> bool {
        let before = files(self.world.path());
        let mut command = self.people.command(tenant, &[args, &["-v10"]].concat());
        let output = command.envs(env.iter().copied()).output().unwrap();
        self.search(args, &before, &output);
        output.status.success()
    }

    #[track_caller]
    fn search(&self, args: &[&str], before: &BTreeMap<PathBuf, Vec<u8>>, output: &Output) {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        for stream in [&stderr, &stdout] {
            assert!(!stream.contains(REFRESH), "{args:?}: a refresh token in {stream}");
        }
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
    }

    /// Notes a token that somebody else than the fake gives out.
    fn given_out(&self, token: &str) {
        let issued = Issued { token: token.to_owned(), audience: String::new() };
        self.people.entra.state().issued.push(issued);
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

/// Programs that give out a token on their stdout, machines, pipelines, and the browser.
#[test]
fn no_source_of_tokens_shows_a_secret() {
    let people = People::start();
    let federated = unsigned_jwt(&json!({ "sub": "planted" }));
    people.entra.state().federated = Some(federated.clone());
    let mut audit = Audit { people, world: TempDir::new(), more: vec![federated.clone()] };

    program(&audit.world, "az", "echo '{\"accessToken\":\"az-token\",\"expires_on\":4102444800}'");
    program(&audit.world, "azd", "echo '{\"token\":\"azd-token\",\"expiresOn\":\"2100-01-01T00:00:00Z\"}'");
    let path = format!("{}:/usr/bin:/bin", audit.world.path().join("bin").display());
    for (login, token) in [("-lazurecli", "az-token"), ("-lazd", "azd-token")] {
        audit.given_out(token);
        assert!(audit.run(TENANT, &[login], &[("PATH", &path)]));
    }

    audit.given_out("machine-token");
    let machine = Server::start(None, |_| {
        Reply::json(
            200,
            &json!({ "access_token": "machine-token", "token_type": "Bearer", "expires_on": 4_102_444_800_u64 }),
        )
    });
    let url = machine.url();
    for env in [
        &[("IDENTITY_ENDPOINT", url.as_str()), ("IDENTITY_HEADER", "planted-secret")][..],
        &[("MSI_ENDPOINT", &url), ("MSI_SECRET", "planted-secret"), ("DEFAULT_IDENTITY_CLIENT_ID", "d")],
        &[("MSI_ENDPOINT", &url)],
    ] {
        let mut command = Command::new(binary());
        command.args(["get-token", "-lmsi", "--server-id=s", "-v10"]).env_clear();
        let before = files(audit.world.path());
        let output =
            command.env("HOME", audit.people.home.path()).envs(env.iter().copied()).output().unwrap();
        audit.search(&["-lmsi"], &before, &output);
        assert!(output.status.success(), "{env:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    let github = Server::start(Some(audit.people.entra.ca().server(Leaf::Good)), move |_| {
        Reply::json(200, &json!({ "value": federated }))
    });
    let url = format!("{}?api-version=2.0", github.url());
    let env = [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("AZURE_CLIENT_ID", CLIENT)];
    let env = [env[0], env[1], ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "planted-system-token")];
    assert!(audit.run(TENANT, &["-lworkloadidentity"], &env));

    let before = files(audit.world.path());
    let run = sign_in_with(&audit.people, &["-v10"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let redeemed = audit.people.grants().seen.last().unwrap().1.clone();
    audit.more.extend(["code", "code_verifier"].map(|name| field(&redeemed, name).unwrap().to_owned()));
    let output =
        Output { status: ExitStatus::default(), stdout: Vec::new(), stderr: run.stderr.into_bytes() };
    audit.search(&["-linteractive"], &before, &output);
    assert!(files(&audit.people.cache()).into_values().any(|entry| contains(&entry, REFRESH.as_bytes())));
}

/// A secret goes where it was told to, and that is said without it.
#[test]
fn a_conversion_shows_no_secret() {
    let world = TempDir::new();
    let config = world.file(
        "config",
        "users:\n- name: u\n  user:\n    auth-provider: {name: azure, config: {apiserver-id: s, client-id: c, tenant-id: t}}\n",
    );
    let run = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["convert-kubeconfig", "-v10", "--kubeconfig"]).arg(&config).args(args);
        let output = command.env_clear().env("AZURE_PASSWORD", "planted-password").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!PLANTED.iter().any(|secret| stderr.contains(secret)), "{args:?}: {stderr}");
        stderr
    };
    assert!(run(&["-lspn", "--client-secret=planted-secret"]).contains("Warning: --client-secret"));
    assert!(std::fs::read_to_string(&config).unwrap().contains("planted-secret"));
    run(&["-lropc"]);
    assert!(!std::fs::read_to_string(&config).unwrap().contains("planted-password"));
    run(&["-lnonsense", "--password=planted-password"]);
}

/// What programs are run with. The environment of `az` and `azd` is ours; the browser's has no secret in it.
#[test]
fn children_get_no_secret() {
    let people = People::start();
    let world = TempDir::new();
    let seen = world.path().join("seen");
    let note = format!("cat /proc/$$/cmdline /proc/$$/environ >{}; exit 1", seen.display());
    for name in ["az", "azd", "xdg-open", "my-browser"] {
        program(&world, name, &note);
    }
    let path = format!("{}:/usr/bin:/bin", world.path().join("bin").display());
    let secrets = ["--client-secret=planted-secret", "--password=planted-password"];
    let other = ["ACTIONS_ID_TOKEN_REQUEST_TOKEN", "IDENTITY_HEADER", "MSI_SECRET", "SYSTEM_ACCESSTOKEN"];
    let from_flags = FLAGS.iter().filter(|flag| flag.secret).flat_map(|flag| flag.env).map(|env| env.name);
    let variables: Vec<&str> = from_flags.chain(other).collect();
    assert!(variables.len() > 10, "{variables:?}");
    for (login, has_variables, argument) in [
        (&["-lazurecli"][..], false, "get-access-token"),
        (&["-lazd"], false, "--scope"),
        (&["-linteractive"], true, "code_challenge"),
        (&["-linteractive", "--browser-command=my-browser"], true, "code_challenge"),
    ] {
        assert!(Command::new("mkfifo").arg(&seen).status().unwrap().success());
        let mut command = people.command(TENANT, &[login, &secrets].concat());
        command.env("PATH", &path).env("DISPLAY", ":0").env("PLAIN", "of no interest");
        if has_variables {
            command.envs(variables.iter().map(|name| (name, "planted-secret")));
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let noted = String::from_utf8_lossy(&std::fs::read(&seen).unwrap()).into_owned();
        let _ = child.kill();
        child.wait().unwrap();
        std::fs::remove_file(&seen).unwrap();
        assert!(noted.contains(argument) && noted.contains("PLAIN=of no interest"), "{login:?}: {noted}");
        assert!(!noted.contains("planted"), "{login:?}: {noted}");
    }
}

fn program(world: &TempDir, name: &str, script: &str) {
    let path = world.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A process that is made to die has no core dump, however large the limit that it was started with.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_dumped() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let world = TempDir::new();
    let config = world.file(
        "config",
        "users:\n- name: u\n  user:\n    auth-provider: {name: azure, config: {apiserver-id: s}}\n",
    );
    world.file("config.lock", "");
    let mut convert = Command::new(binary());
    convert.args(["convert-kubeconfig", "-lmsi", "--kubeconfig"]).arg(config);
    for (command, once) in
        [(people.command("contoso", &["-ldevicecode"]), "ABC123"), (convert, "config.lock")]
    {
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
        assert!(line.contains(once), "{line}");
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
