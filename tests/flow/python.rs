//! Real Python packages: cryptography and PyJWT check what we sign, the kubernetes client uses us, MSAL chooses
//! among the Azure CLI's tokens as we do.

use crate::support::az::Az;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::openssl::{self, Identity};
use crate::support::{ApiServer, Entra, TempDir};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The Python that `scripts/python-peers` set up, or the one that `KUBELOGIN_TEST_PYTHON` names;
/// reports a skip where there is none.
fn python() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let usual = || cache.join("kubelogin-tests/python/bin/python");
    let python = std::env::var_os("KUBELOGIN_TEST_PYTHON").map_or_else(usual, PathBuf::from);
    if !python.exists() {
        crate::support::skip("python packages: run scripts/python-peers");
        return None;
    }
    Some(python)
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn cryptography_and_pyjwt_verify_what_we_sign() {
    let Some(python) = python() else { return };
    if !openssl::is_there() {
        return;
    }
    let mut assertions = Vec::new();
    for (identity, more, algorithm) in [
        (Identity::rsa(), &[][..], "PS256"),
        (Identity::rsa(), &["--legacy"], "RS256"),
        (Identity::p256(), &[], "ES256"),
    ] {
        let entra = Entra::start();
        entra.state().certificates.push(identity.registration());
        entra.with_certificate(&identity.pem()).args(more).run().token();
        let request = entra.requests().remove(0);
        let audience = format!("{}{}", entra.url().trim_end_matches('/'), request.path());
        let form = request.form();
        let (_, text) = form.iter().find(|(name, _)| name == "client_assertion").unwrap();
        let pem = String::from_utf8(identity.read("cert.pem")).unwrap();
        assertions.push(json!({ "text": text, "algorithm": algorithm, "pem": pem, "audience": audience, "client": CLIENT }));
    }
    let entra = Entra::start();
    let wrapper = entra.spn().args(&["--pop-enabled", "--pop-claims", "u=/c"]).run().token();
    let given = json!({ "assertions": assertions, "wrappers": [wrapper] }).to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verify.py");
    let verified = run(Command::new(python).arg(script), &given);
    let stderr = String::from_utf8_lossy(&verified.stderr);
    assert_eq!(String::from_utf8_lossy(&verified.stdout).trim(), "verified 4", "{stderr}");
}

#[test]
fn the_python_client_asks_an_api_server() {
    let Some(python) = python() else { return };
    let entra = Entra::start();
    let api = ApiServer::start(entra.ca(), entra.checker(SERVER));
    let files = TempDir::new();
    let config = files.file("config", super::kubectl::kubeconfig_with(&entra, &api, "v1", &[]));
    let script = "from kubernetes import client, config; config.load_kube_config(); print(client.VersionApi().get_code().git_version)";
    let asked = run(
        Command::new(python)
            .env("KUBECONFIG", config)
            .env("SSL_CERT_FILE", entra.ca_file())
            .env("AZURE_ENVIRONMENT_FILEPATH", entra.environment_file())
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_SECRET", SECRET)
            .env("AZURE_TENANT_ID", TENANT)
            .arg("-"),
        script,
    );
    let stderr = String::from_utf8_lossy(&asked.stderr);
    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "v1.30.0", "{stderr}");
}

/// What az and MSAL answer from random stores. Ours may run az where MSAL has a token; it may never give another
/// one, and none where MSAL has none.
#[test]
fn a_token_of_azs_store_is_the_one_that_msal_finds() {
    const WORLDS: usize = 300;
    let Some(python) = python() else { return };
    let has_msal = Command::new(&python).args(["-c", "import msal"]).output().unwrap().status.success();
    if !has_msal {
        crate::support::skip("msal: run scripts/python-peers");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/msal_worlds.py");
    let (folder, az) = (TempDir::new(), Az::new());
    let seed = std::env::var("KUBELOGIN_TEST_SEED").unwrap_or_else(|_| "1".to_owned());
    let mut command = Command::new(python);
    command.arg(script).arg(folder.path()).args([&WORLDS.to_string(), &seed]);
    let made = run(&mut command, "");
    let stderr = String::from_utf8_lossy(&made.stderr);
    let msals: Vec<Option<String>> =
        serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{stderr}"));
    let (mut hits, mut possible) = (0, 0);
    for (number, msals) in msals.iter().enumerate() {
        let world = folder.path().join(number.to_string());
        let output = az.command(&["-v1"]).env("AZURE_CONFIG_DIR", &world).run();
        let ours = Some(output.token()).filter(|token| token != "az-token");
        possible += usize::from(msals.is_some());
        hits += usize::from(ours.is_some());
        let store = || std::fs::read_to_string(world.join("msal_token_cache.json")).unwrap();
        assert!(
            ours.is_none() || ours == *msals,
            "world {number} of {seed}: {msals:?}\n{}\n{}",
            output.stderr,
            store()
        );
    }
    // The rest is odd enough for az to be run.
    assert!(msals.len() == WORLDS && hits * 3 > possible, "{hits} of {possible}");
    println!("{hits} of {possible} tokens that MSAL finds are found without az");
}
