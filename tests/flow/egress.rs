//! No host but the authority is ever contacted: every connection of a process and its threads, as the kernel
//! saw them.

use super::interactive::sign_in_by;
use crate::support::ca::Leaf;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::people::People;
use crate::support::{Entra, TempDir, openssl};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};

/// The command with every internet address that it gives to the kernel written down.
pub fn traced(command: &Command, log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg,bind", "-o"])
        .arg(log)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    traced
}

/// The lines that strace wrote of them; a port of our own on this machine is where a browser comes back to.
pub fn addresses(log: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(log).unwrap();
    let is_own = |line: &str| line.contains(" bind(") && is_local(line);
    log.lines().filter(|line| line.contains("AF_INET") && !is_own(line)).map(str::to_owned).collect()
}

fn is_local(line: &str) -> bool {
    line.contains("\"127.0.0.1\"") || line.contains("\"::1\"")
}

/// Whether every address is this machine's, at one of these ports.
#[track_caller]
fn only(ports: &[u16], addresses: &[String], what: &[&str]) {
    for line in addresses {
        let is_one = ports.iter().any(|port| line.contains(&format!("htons({port})")));
        assert!(is_one && is_local(line), "{what:?}: {line}");
    }
}

#[test]
fn only_the_authority_is_contacted() {
    if !is_there("strace") {
        return;
    }
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    let folder = TempDir::new();
    let federated = unsigned_jwt(&json!({ "sub": "x" }));
    let file = format!("--federated-token-file={}", folder.file("token", &federated).display());
    people.entra.state().federated = Some(federated);
    let pop = ["--pop-enabled", "--pop-claims=u=/c"];
    let application = [format!("--client-id={CLIENT}"), format!("--client-secret={SECRET}")];
    let application = application.each_ref().map(String::as_str);
    let (spn, workload) =
        (["-lspn", application[0], application[1]], ["-lworkloadidentity", application[0], &file]);
    let ropc = ["-lropc", "--username=u", "--password=p"];
    for (tenant, args, is_cached) in [
        (TENANT, &spn[..], false),
        (TENANT, &[&spn[..], &pop].concat(), false),
        (TENANT, &[&spn[..], &["--legacy"]].concat(), false),
        (TENANT, &workload, false),
        ("contoso", &["-ldevicecode"], false),
        ("contoso", &["-ldevicecode"], true),
        ("contoso", &["-ldevicecode", "--force-refresh"], false),
        ("contoso", &ropc, false),
        ("adfs", &ropc, false),
    ] {
        let log = folder.path().join("strace");
        let output = traced(&people.command(tenant, args), &log).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let addresses = addresses(&log);
        assert_eq!(addresses.is_empty(), is_cached, "{args:?}");
        only(&[people.entra.port()], &addresses, args);
    }
    assert_eq!(people.count("refresh_token"), 1);

    let browser = people.command("contoso", &["-linteractive", "--skip-open-browser"]);
    let log = folder.path().join("strace");
    let run = sign_in_by(&people, traced(&browser, &log));
    assert!(people.entra.knows(&run.token, SERVER), "{run:?}");
    only(&[people.entra.port()], &addresses(&log), &["-linteractive"]);
}

/// By the environment file nobody is asked whether the authority may be trusted.
#[test]
fn only_the_authority_of_the_environment_file_is_contacted() {
    if !is_there("strace") {
        return;
    }
    let (entra, folder) = (Entra::start(), TempDir::new());
    let jwt = unsigned_jwt(&json!({ "sub": "x" }));
    entra.state().federated = Some(jwt.clone());
    let devops = Server::start(Some(entra.ca().server(Leaf::Good)), move |_| {
        Reply::json(200, &json!({ "oidcToken": jwt }))
    });
    let pipelines = entra
        .get_token("azurepipelines")
        .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--azure-pipelines-service-connection-id=c"])
        .env("SYSTEM_ACCESSTOKEN", "t")
        .env("SYSTEM_OIDCREQUESTURI", devops.url());
    let mut sign_ins = vec![("spn", entra.spn()), ("azurepipelines", pipelines)];
    let identity = openssl::is_there().then(openssl::Identity::rsa);
    if let Some(identity) = &identity {
        entra.state().certificates.push(identity.registration());
        sign_ins.push(("certificate", entra.with_certificate(&identity.pem())));
    }
    for (what, sign_in) in sign_ins {
        let ((command, _home), log) = (sign_in.into_command(), folder.path().join("strace"));
        let output = traced(&command, &log).output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        let ports: &[u16] =
            if what == "azurepipelines" { &[entra.port(), devops.port()] } else { &[entra.port()] };
        let addresses = addresses(&log);
        only(ports, &addresses, &[what]);
        for port in ports {
            assert!(addresses.iter().any(|line| line.contains(&format!("htons({port})"))), "{what} {port}");
        }
    }
}

pub fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("-V").output().is_ok();
    if !found {
        crate::support::skip(tool);
    }
    found
}
