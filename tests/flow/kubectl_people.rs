//! People's sign-ins under kubectl: the prompt, the cache, Ctrl-C.

use super::kubectl::kubectls;
use crate::support::api_server::NODE;
use crate::support::entra::SERVER;
use crate::support::kubelogin::{binary, with_default_signals};
use crate::support::people::{People, names};
use crate::support::{ApiServer, TempDir};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};

fn kubectl(kubectl: &Path, people: &People, api: &ApiServer, files: &TempDir) -> Command {
    kubectl_with(kubectl, people, api, files, &[])
}

/// `kubectl get nodes`, whose plugin gets these arguments too.
pub fn kubectl_with(
    kubectl: &Path,
    people: &People,
    api: &ApiServer,
    files: &TempDir,
    more: &[&str],
) -> Command {
    let more: String = more.iter().map(|arg| format!(", {arg}")).collect();
    let config = format!(
        "apiVersion: v1
kind: Config
current-context: aks
contexts:
- name: aks
  context: {{cluster: aks, user: person}}
clusters:
- name: aks
  cluster:
    server: {}
    certificate-authority: {}
users:
- name: person
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: {}
      interactiveMode: IfAvailable
      args: [get-token, --server-id, {SERVER}, --client-id, client, --tenant-id, contoso,
        --disable-instance-discovery, --authority-host, \"{}\"{more}]
",
        api.url(),
        people.entra.ca_file().display(),
        binary().display(),
        people.entra.url(),
    );
    let mut command = Command::new(kubectl);
    command
        .args(["get", "nodes", "--kubeconfig"])
        .arg(files.file("config", config))
        .env_clear()
        .env("HOME", people.home.path())
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("SSL_CERT_FILE", people.entra.ca_file())
        .stdin(Stdio::null());
    command
}

#[test]
fn kubectl_prompts_once_and_passes_the_message_on() {
    for program in kubectls() {
        let (people, files) = (People::start(), TempDir::new());
        let api = ApiServer::start(people.entra.ca(), people.entra.checker(SERVER));
        let first = kubectl(&program, &people, &api, &files).output().unwrap();
        let said = String::from_utf8_lossy(&first.stderr);
        assert!(String::from_utf8_lossy(&first.stdout).contains(NODE), "{program:?}: {said}");
        assert!(said.contains("https://microsoft.com/devicelogin"), "{program:?}: {said}");
        let second = kubectl(&program, &people, &api, &files).output().unwrap();
        assert!(second.status.success() && second.stderr.is_empty(), "{program:?}: {second:?}");
        assert_eq!(people.count("devicecode"), 1, "{program:?}");
    }
}

#[test]
fn ctrl_c_under_kubectl_reads_as_130_in_a_shell_and_frees_the_lock() {
    for program in kubectls() {
        let (people, files) = (People::start(), TempDir::new());
        people.grants().device.entered_at_poll = 0;
        let api = ApiServer::start(people.entra.ca(), people.entra.checker(SERVER));
        // A group of its own, as a shell makes one; the terminal sends the signal to all of it.
        let mut command = with_default_signals(&kubectl(&program, &people, &api, &files));
        let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = std::time::Instant::now();
        while people.count("device_code") == 0 {
            assert!(start.elapsed().as_secs() < 60 && child.try_wait().unwrap().is_none(), "{program:?}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
        let status = child.wait().unwrap();
        let seen_by_shell = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        assert_eq!(seen_by_shell, Some(130), "{program:?}: {status:?}");
        let lock = names(&people.cache()).into_iter().find(|name| name.ends_with(".lock")).unwrap();
        let lock = people.cache().join(lock);
        let start = std::time::Instant::now();
        while kubelogin::sys::lock::try_lock(&lock).unwrap().is_none() {
            assert!(start.elapsed().as_secs() < 60, "{program:?}: the plugin lives on");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
