//! `oidc` login at npm's oidc-provider, a certified provider that demands PKCE and rotates refresh tokens.
//! `scripts/oidc-provider` sets it up. The same checks run at Keycloak: `make oidc-test`.

use crate::support::entra::now;
use crate::support::people::{Run, names};
use crate::support::provider::write_script;
use crate::support::{Ca, TempDir, skip};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The secret of its confidential clients: what form encoding must not lose.
const SECRET: &str = "s3cr&t+/= ~";

struct Peer {
    child: Child,
    issuer: String,
    home: TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Starts it; reports a skip where Node or the package is missing.
    fn start() -> Option<Self> {
        let home = PathBuf::from(std::env::var_os("HOME")?);
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let folder = cache.join("kubelogin-tests/oidc-provider");
        if !Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
            skip("node");
            return None;
        }
        if !folder.join("complete").exists() {
            skip("oidc-provider: run scripts/oidc-provider");
            return None;
        }
        let ca = Ca::new("kubelogin test provider");
        let (key, certificate) = ca.server_pem();
        let home = TempDir::new();
        let (key, certificate) = (home.file("key.pem", key), home.file("cert.pem", certificate));
        home.file("ca.pem", ca.pem());
        let mut child = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/oidc-provider.mjs"))
            .args([folder, key, certificate])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut issuer).unwrap();
        assert!(issuer.starts_with("https://localhost:"), "{issuer}");
        Some(Self { child, issuer: issuer.trim().to_owned(), home })
    }

    /// A browser: it follows every redirection and keeps cookies; the provider signs everybody in.
    fn browser(&self) -> Option<PathBuf> {
        if !Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success()) {
            skip("curl");
            return None;
        }
        let (home, program) = (self.home.path().display(), self.home.path().join("browser"));
        let text = format!(
            "#!/bin/sh\nexec curl --silent --location --cookie-jar {home}/jar.$$ --cookie {home}/jar.$$ --cacert {home}/ca.pem \"$1\" >{home}/page.$$\n"
        );
        write_script(&program, &text);
        Some(program)
    }

    fn command(&self, client: &str, more: &[&str]) -> Command {
        let mut command = Command::new(crate::support::kubelogin::binary());
        command
            .args(["get-token", "--oidc-issuer-url", &self.issuer, "--oidc-client-id", client])
            .arg("--certificate-authority")
            .arg(self.home.path().join("ca.pem"))
            .args(["--listen-address=127.0.0.1:0", "--authentication-timeout-sec=60"])
            .args(more)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, client: &str, more: &[&str]) -> Run {
        Run::of(self.command(client, more).output().unwrap())
    }

    /// Makes the cached tokens expired ones.
    fn expire(&self) {
        let cache = self.home.path().join(".kube/cache/kubelogin");
        for name in names(&cache).iter().filter(|name| name.ends_with(".token.json")) {
            let mut entry: Value = serde_json::from_slice(&std::fs::read(cache.join(name)).unwrap()).unwrap();
            entry["expires_on"] = now().into();
            std::fs::write(cache.join(name), entry.to_string()).unwrap();
        }
    }
}

fn claims(token: &str) -> Value {
    use base64::Engine;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    serde_json::from_slice(&payload.unwrap()).unwrap()
}

#[track_caller]
fn good(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    claims(&run.token)
}

#[test]
fn a_browser_a_refresh_and_ten_at_once_with_rotation() {
    let Some(peer) = Peer::start() else { return };
    let Some(browser) = peer.browser() else { return };
    let open = format!("--browser-command={}", browser.display());
    let args = [open.as_str(), "--oidc-extra-scope=email,groups"];
    let first = peer.run("public", &args);
    let claims = good(&first);
    assert_eq!(
        (claims["email"].as_str(), claims["groups"][0].as_str()),
        (Some("ada@example.com"), Some("admins"))
    );
    assert!(first.stderr.ends_with("Signed in as ada@example.com\n"), "{}", first.stderr);
    let cached = peer.run("public", &args);
    assert_eq!((cached.token.as_str(), cached.stderr.as_str()), (first.token.as_str(), ""));
    // Twice, because an old refresh token ends the family.
    for _ in 0..2 {
        let refreshed = peer.run("public", &[&args[..], &["--force-refresh"]].concat());
        good(&refreshed);
        assert_eq!(refreshed.stderr, "");
    }
    peer.expire();
    let children: Vec<Child> = (0..10).map(|_| peer.command("public", &args).spawn().unwrap()).collect();
    let runs: Vec<Run> =
        children.into_iter().map(|child| Run::of(child.wait_with_output().unwrap())).collect();
    assert!(
        runs.iter().all(|run| run.code == Some(0) && run.token == runs[0].token && run.stderr.is_empty()),
        "{runs:?}"
    );
    // Short tokens are refreshed at each call, each time with the newest refresh token.
    let short = [open.as_str()];
    assert!(good(&peer.run("short", &short))["exp"].as_u64().unwrap() < now() + 10);
    for _ in 0..3 {
        let run = peer.run("short", &short);
        good(&run);
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn pkce_that_is_demanded() {
    let Some(peer) = Peer::start() else { return };
    let Some(browser) = peer.browser() else { return };
    let open = format!("--browser-command={}", browser.display());
    let without = peer.run("public", &[&open, "--oidc-pkce-method=no"]);
    assert_eq!(without.code, Some(1));
    assert!(without.stderr.contains("--oidc-pkce-method=S256"), "{}", without.stderr);
    good(&peer.run("public", &[&open, "--oidc-pkce-method=S256"]));
}

#[test]
fn secrets_in_a_header_and_in_the_form() {
    let Some(peer) = Peer::start() else { return };
    let Some(browser) = peer.browser() else { return };
    let open = format!("--browser-command={}", browser.display());
    for client in ["basic", "post"] {
        let run = peer.run(client, &[&open, "--oidc-client-secret", SECRET]);
        good(&run);
        let wrong = peer.run(client, &[&open, "--oidc-client-secret=wrong"]);
        assert_eq!(wrong.code, Some(1), "{client}");
        assert!(wrong.stderr.contains("invalid_client"), "{}", wrong.stderr);
    }
    let machine = ["--grant-type=client-credentials", "--oidc-client-secret", SECRET];
    let no_id_token = peer.run("machine", &machine);
    assert!(no_id_token.stderr.contains("--oidc-use-access-token"), "{}", no_id_token.stderr);
    let access = peer.run("machine", &[&machine[..], &["--oidc-use-access-token"]].concat());
    assert_eq!((access.code, access.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_device_is_let_in() {
    let Some(peer) = Peer::start() else { return };
    let mut child =
        peer.command("public", &["--grant-type=device-code", "--skip-open-browser"]).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let code =
        line.trim().strip_prefix("Please enter the following code when asked in your browser: ").unwrap();
    let approve = format!("{}/approve?user_code={code}", peer.issuer);
    let approved = Command::new("curl")
        .args(["--silent", "--cacert"])
        .arg(peer.home.path().join("ca.pem"))
        .arg(approve)
        .output();
    let Ok(approved) = approved else {
        let _ = child.kill();
        let _ = child.wait();
        return skip("curl");
    };
    assert_eq!(String::from_utf8_lossy(&approved.stdout), "approved\n");
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(good(&run)["sub"], "ada");
}

#[test]
fn another_issuer_and_no_such_provider() {
    let Some(peer) = Peer::start() else { return };
    let other = format!("{}/", peer.issuer);
    let slash = peer.run("public", &["--oidc-issuer-url", &other]);
    assert!(slash.stderr.contains("did not match the issuer URL returned by provider"), "{}", slash.stderr);
    let none = format!("{}/realms/none", peer.issuer);
    let none = peer.run("public", &["--oidc-issuer-url", &none]);
    assert!(none.code == Some(1) && none.stderr.contains("HTTP 404"), "{}", none.stderr);
}
