//! No host but the authority is ever contacted: every connection of a process and its threads, as the kernel
//! saw them.

use crate::support::TempDir;
use crate::support::entra::{CLIENT, SECRET, TENANT, unsigned_jwt};
use crate::support::people::People;
use serde_json::json;
use std::process::{Command, Stdio};

/// Every internet address that the command gave to the kernel, as strace writes them.
fn addresses(command: &Command, folder: &TempDir) -> Option<Vec<String>> {
    let log = folder.path().join("strace");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg,bind", "-o"])
        .arg(&log)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let Ok(output) = status else {
        println!("SKIP strace");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(log).unwrap();
    Some(log.lines().filter(|line| line.contains("AF_INET")).map(str::to_owned).collect())
}

#[test]
fn only_the_authority_is_contacted() {
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
        let Some(addresses) = addresses(&people.command(tenant, args), &folder) else { return };
        assert_eq!(addresses.is_empty(), is_cached, "{args:?}");
        let port = format!("htons({})", people.entra.port());
        for line in &addresses {
            let is_authority =
                line.contains(&port) && (line.contains("\"127.0.0.1\"") || line.contains("\"::1\""));
            assert!(is_authority, "{args:?}: {line}");
        }
    }
    assert_eq!(people.count("refresh_token"), 1);
}
