//! `convert-kubeconfig`.

mod cells;
mod encodings;
mod faults;
mod golden;
mod messages;
#[cfg(unix)]
mod outfile;
#[cfg(unix)]
mod paths;
mod properties;
#[cfg(unix)]
mod shapes;
#[cfg(unix)]
mod special;
#[cfg(unix)]
mod untouched;

use crate::support::kubelogin::Output;
use crate::support::{Kubelogin, TempDir};
use kubelogin::kubeconfig::tabs::readable;
use kubelogin::kubeconfig::value::Value;
use kubelogin::kubeconfig::yaml::Reader;
use std::path::Path;

/// An `auth-provider: azure` entry, as `az aks get-credentials --format azure` writes it.
const PROVIDER: &str = "    auth-provider:
      config:
        apiserver-id: SRV
        client-id: CLI
        config-mode: '1'
        environment: AzurePublicCloud
        tenant-id: TEN
      name: azure
";

/// A kubeconfig with one user of this value.
fn config(user: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: c
contexts:
- context: {{cluster: k, user: u}}
  name: c
clusters:
- cluster: {{server: https://k.example}}
  name: k
users:
- name: u
  user:
{user}"
    )
}

/// An exec entry with these arguments.
fn exec(args: &[&str]) -> String {
    let args: String = args.iter().map(|arg| format!("      - '{arg}'\n")).collect();
    format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: kubelogin\n      args:\n{args}"
    )
}

fn convert(path: &Path, args: &[&str]) -> Kubelogin {
    Kubelogin::new(&["convert-kubeconfig", "--kubeconfig"]).arg(path).args(args)
}

fn value(text: &str) -> Value {
    Reader::new(&readable(text)).unwrap().value().unwrap()
}

/// The exec section of a user.
fn exec_of(text: &str, user: &str) -> Value {
    let Some(Value::List(users)) = value(text).get("users").cloned() else { panic!("no users in {text}") };
    let entry = users.iter().find(|entry| entry.get("name").and_then(Value::as_text) == Some(user)).unwrap();
    entry.get("user").unwrap().get("exec").unwrap_or_else(|| panic!("no exec in {text}")).clone()
}

fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::List(items)) => items.iter().map(|item| item.as_text().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Converts a kubeconfig with one user and returns the run and the new arguments after `get-token`.
fn arguments(user: &str, env: &[(&str, &str)], args: &[&str]) -> (Output, Vec<String>, TempDir) {
    let files = TempDir::new();
    let path = files.file("config", config(user));
    let output = convert(&path, args).envs(env).run();
    let text = std::fs::read_to_string(&path).unwrap();
    let converted = if output.code == 0 { list(exec_of(&text, "u").get("args")) } else { Vec::new() };
    (output, converted.into_iter().skip(1).collect(), files)
}
