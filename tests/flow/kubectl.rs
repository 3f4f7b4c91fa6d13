//! Every kubectl on the machine lists nodes with the token that the plugin gets it.

use crate::support::api_server::NODE;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::kubelogin::binary;
use crate::support::{ApiServer, Entra, TempDir};
use std::path::{Path, PathBuf};
use std::process::Command;

/// `kubectl` on PATH, and the versions beside the file that it links to; reports a skip where there is none.
pub fn kubectls() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(first) = std::env::split_paths(&path).map(|dir| dir.join("kubectl")).find(|file| file.is_file())
    else {
        crate::support::skip("kubectl");
        return Vec::new();
    };
    let real = first.canonicalize().unwrap();
    let mut found: Vec<PathBuf> = std::fs::read_dir(real.parent().unwrap())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("kubectl."))
        .collect();
    found.sort();
    found.push(first);
    found
}

fn kubeconfig(entra: &Entra, api: &ApiServer, version: &str) -> String {
    kubeconfig_with(entra, api, version, &[])
}

/// With these arguments besides.
pub fn kubeconfig_with(entra: &Entra, api: &ApiServer, version: &str, more: &[String]) -> String {
    let binary = binary();
    let more: String = more.iter().map(|arg| format!(", \"{arg}\"")).collect();
    format!(
        "apiVersion: v1
kind: Config
current-context: aks
contexts:
- name: aks
  context: {{cluster: aks, user: app}}
clusters:
- name: aks
  cluster:
    server: {}
    certificate-authority: {}
users:
- name: app
  user:
    exec:
      apiVersion: client.authentication.k8s.io/{version}
      command: {}
      interactiveMode: IfAvailable
      args: [get-token, --login, spn, --server-id, {SERVER}, --environment, AzureStackCloud, --tenant-id, {TENANT}{more}]
",
        api.url(),
        entra.ca_file().display(),
        binary.display(),
    )
}

/// `kubectl get nodes` with this kubeconfig, in an environment that has the app's id and nothing to sign in
/// with.
pub fn get_nodes(kubectl: &Path, entra: &Entra, files: &TempDir, config: &str) -> Command {
    let mut command = Command::new(kubectl);
    command
        .args(["get", "nodes", "--kubeconfig"])
        .arg(files.file("config", config))
        .env_clear()
        .env("HOME", files.path())
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("SSL_CERT_FILE", entra.ca_file())
        .env("AZURE_ENVIRONMENT_FILEPATH", entra.environment_file())
        .env("AZURE_CLIENT_ID", CLIENT);
    command
}

#[test]
fn kubectl_gets_nodes() {
    for kubectl in kubectls() {
        for version in ["v1beta1", "v1"] {
            let entra = Entra::start();
            let api = ApiServer::start(entra.ca(), entra.checker(SERVER));
            let files = TempDir::new();
            let run = |secret: &str| {
                let config = kubeconfig(&entra, &api, version);
                get_nodes(&kubectl, &entra, &files, &config)
                    .env("AZURE_CLIENT_SECRET", secret)
                    .output()
                    .unwrap()
            };
            let good = run(SECRET);
            let (stdout, stderr) =
                (String::from_utf8_lossy(&good.stdout), String::from_utf8_lossy(&good.stderr));
            assert!(
                good.status.success() && stdout.contains(NODE),
                "{kubectl:?} {version}: {stdout}{stderr}"
            );
            assert!(entra.state().issued.len() <= 2, "{kubectl:?}");
            // kubectl shows what the plugin says when it fails.
            let bad = run("wrong");
            let stderr = String::from_utf8_lossy(&bad.stderr);
            assert!(!bad.status.success(), "{kubectl:?}");
            assert!(
                stderr.contains("Error: sign-in failed: AADSTS7000215")
                    && stderr.contains("Hint: ")
                    && stderr.contains("failed with exit code 1"),
                "{kubectl:?}: {stderr}"
            );
        }
    }
}

#[test]
fn a_pod_s_token_may_rotate_between_two_calls_of_kubectl() {
    use crate::support::entra::unsigned_jwt;
    let Some(kubectl) = kubectls().pop() else { return };
    let entra = Entra::start();
    let api = ApiServer::start(entra.ca(), entra.checker(SERVER));
    let files = TempDir::new();
    let config = kubeconfig(&entra, &api, "v1").replace("--login, spn", "--login, workloadidentity");
    for generation in 0..2 {
        let projected = unsigned_jwt(
            &serde_json::json!({ "sub": "system:serviceaccount:ns:app", "generation": generation }),
        );
        // Only the newest token is taken.
        entra.state().federated = Some(projected.clone());
        let token = files.file("token", projected);
        let nodes = get_nodes(&kubectl, &entra, &files, &config)
            .env("AZURE_FEDERATED_TOKEN_FILE", token)
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&nodes.stdout);
        assert!(stdout.contains(NODE), "{stdout}{}", String::from_utf8_lossy(&nodes.stderr));
    }
}
