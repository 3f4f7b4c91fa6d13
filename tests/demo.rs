//! The main job on a machine without any Azure account: a make-believe Entra ID and API server on
//! loopback, a sample kubeconfig, and the real binary between them.
//!
//! `demo BINARY` shows it step by step; `demo BINARY serve` starts the servers for the benchmarks, prints
//! `KEY=value` lines, answers `count` on stdin with connections and requests so far, takes the app's
//! certificate by `register FILE`, and ends with stdin;
//! `demo BINARY serve-az` starts an authority and a resource manager that the real Azure CLI can sign in at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // A program for people.
#![allow(missing_docs)]

mod support;

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use support::az_cloud::{AzCloud, TENANT_2};
use support::ca::Leaf;
use support::entra::{CLIENT, SECRET, SERVER, TENANT};
use support::http::Server;
use support::openssl::Registration;
use support::{ApiServer, Ca, Entra, TempDir};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(binary) = arguments.first().and_then(|path| Path::new(path).canonicalize().ok()) else {
        eprintln!("usage: demo BINARY [serve]");
        return ExitCode::FAILURE;
    };
    match arguments.get(1).map(String::as_str) {
        Some("serve") => serve(),
        Some("serve-az") => serve_az(),
        _ => show(&binary),
    }
}

fn serve() -> ExitCode {
    let entra = Entra::start();
    println!("CLIENT={CLIENT}\nSECRET={SECRET}\nSERVER={SERVER}\nTENANT={TENANT}");
    println!("CA_FILE={}", entra.ca_file().display());
    println!("PORT={}", entra.port());
    println!("ENVIRONMENT_FILE={}", entra.environment_file().display());
    // Not every machine has IPv6.
    let v6 = std::net::TcpListener::bind("[::1]:0").ok().map(|_| entra.at("[::1]:0"));
    println!("PORT6={}", v6.as_ref().map_or(0, Server::port));
    println!("READY=1");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if let Some(certificate) = line.strip_prefix("register ") {
            let pem = std::fs::read(certificate).expect("a certificate in PEM");
            entra.state().certificates.push(Registration::of(&pem));
            println!("registered");
        } else if line == "count" {
            println!("{} {}", entra.connections(), entra.requests().len());
        }
    }
    ExitCode::SUCCESS
}

/// As much of a cloud as the real Azure CLI needs.
fn serve_az() -> ExitCode {
    let (ca, files, cloud) = (Ca::new("Test Root"), TempDir::new(), AzCloud::default());
    let port = std::sync::Arc::new(std::sync::OnceLock::new());
    let own_port = std::sync::Arc::clone(&port);
    let server = Server::start(Some(ca.server(Leaf::Good)), move |request| {
        cloud.answer(&format!("https://localhost:{}", own_port.get().unwrap_or(&0)), request)
    });
    port.get_or_init(|| server.port());
    println!("CLIENT={CLIENT}\nSECRET={SECRET}\nSERVER={SERVER}\nTENANT={TENANT}\nTENANT_2={TENANT_2}");
    println!("CA_FILE={}\nPORT={}\nREADY=1", files.file("ca.pem", ca.pem()).display(), server.port());
    let _ = std::io::stdin().lock().lines().count();
    ExitCode::SUCCESS
}

fn show(binary: &Path) -> ExitCode {
    let entra = Entra::start();
    let api = ApiServer::start(entra.ca(), entra.checker(SERVER));
    let files = TempDir::new();
    step(&format!("a make-believe Entra ID is at {}, an API server at {}", entra.url(), api.url()));

    let config = files.file("config", kubeconfig(&entra, &api));
    step("a sample kubeconfig, as `az aks get-credentials --format azure` writes it, is there");

    // The binary's own name is what the kubeconfig will call.
    let bin = files.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::copy(binary, bin.join("kubelogin")).unwrap();
    let world = World { entra: &entra, files: &files, bin };

    let converted = world
        .command(&world.bin.join("kubelogin"))
        .args(["convert-kubeconfig", "-l", "spn", "--kubeconfig"])
        .arg(&config)
        .output()
        .unwrap();
    if !converted.status.success() {
        return failed("kubelogin convert-kubeconfig", &converted);
    }
    step("`kubelogin convert-kubeconfig -l spn` made it call the plugin:");
    let text = std::fs::read_to_string(&config).unwrap();
    for line in text.lines().skip_while(|line| *line != "users:") {
        println!("        {line}");
    }

    match kubectl() {
        Some(kubectl) => {
            step("`kubectl get nodes`, which runs the plugin, which signs the service principal in:");
            let nodes =
                world.command(&kubectl).args(["get", "nodes", "--kubeconfig"]).arg(&config).output().unwrap();
            if !nodes.status.success() {
                return failed("kubectl get nodes", &nodes);
            }
            for line in String::from_utf8_lossy(&nodes.stdout).lines() {
                println!("        {line}");
            }
        }
        None => {
            step("there is no kubectl on this machine; this is the credential that it would get:");
            let args = [
                "get-token",
                "-l",
                "spn",
                "-e",
                "AzureStackCloud",
                "--server-id",
                SERVER,
                "--tenant-id",
                TENANT,
            ];
            let credential = world.command(&world.bin.join("kubelogin")).args(args).output().unwrap();
            if !credential.status.success() {
                return failed("kubelogin get-token", &credential);
            }
            println!("        {}", shortened(&String::from_utf8_lossy(&credential.stdout)));
        }
    }
    step(&format!("done: {} token request(s) over TLS", entra.requests().len()));
    ExitCode::SUCCESS
}

struct World<'a> {
    entra: &'a Entra,
    files: &'a TempDir,
    bin: PathBuf,
}

impl World<'_> {
    /// A program in the environment of a pipeline that uses a service principal.
    fn command(&self, program: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("HOME", self.files.path())
            .env("SSL_CERT_FILE", self.entra.ca_file())
            .env("AZURE_ENVIRONMENT_FILEPATH", self.entra.environment_file())
            .env("AAD_SERVICE_PRINCIPAL_CLIENT_ID", CLIENT)
            .env("AAD_SERVICE_PRINCIPAL_CLIENT_SECRET", SECRET);
        command
    }
}

fn step(text: &str) {
    println!("demo: {text}");
}

fn failed(what: &str, output: &Output) -> ExitCode {
    eprintln!(
        "demo: {what} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ExitCode::FAILURE
}

fn kubectl() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join("kubectl"))
        .find(|path| path.is_file())
}

/// A credential with most of its token left out.
fn shortened(credential: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(credential).unwrap();
    let token = value["status"]["token"].as_str().unwrap();
    value["status"]["token"] = format!("{}…", &token[..20]).into();
    value.to_string()
}

fn kubeconfig(entra: &Entra, api: &ApiServer) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: demo
clusters:
- name: demo
  cluster:
    certificate-authority: {}
    server: {}
contexts:
- name: demo
  context:
    cluster: demo
    user: clusterUser_demo
users:
- name: clusterUser_demo
  user:
    auth-provider:
      name: azure
      config:
        apiserver-id: {SERVER}
        client-id: 80faf920-1908-4b52-b5ef-a8e7bedfc67a
        config-mode: '1'
        environment: AzureStackCloud
        tenant-id: {TENANT}
",
        entra.ca_file().display(),
        api.url(),
    )
}
