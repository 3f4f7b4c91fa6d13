//! A process that dies between any two system calls, and a system that refuses one: nothing is lost, and nothing
//! half-written stays. strace plays both.

use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::kubelogin::binary;
use crate::support::people::names;
use crate::support::{Entra, TempDir};
use std::path::Path;
use std::process::{Command, Output};

/// System calls of reading, writing and replacing a file.
const CALLS: &[&str] = &[
    "openat",
    "write",
    "fsync",
    "rename",
    "fchmod",
    "fchown",
    "unlink",
    "close",
    "read",
    "statx",
    "flock",
    "ftruncate",
];
/// More calls of one kind than there are in a run.
const MOST: usize = 40;

/// The command once more, without strace.
fn again(command: &Command) -> Output {
    Command::new(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap()
}

/// Runs a command with a fault at the `n`-th call of `call`; whether the fault happened, and the exit code
/// (`None`: killed). `None` without strace.
fn with_fault(
    command: &Command,
    call: &str,
    fault: &str,
    n: usize,
    folder: &Path,
) -> Option<(bool, Option<i32>)> {
    let log = folder.join("strace");
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            &format!("inject={call}:{fault}:when={n}"),
            "-e",
            &format!("trace={call}"),
            "-o",
        ])
        .arg(&log)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output();
    let Ok(output) = output else {
        println!("SKIP strace");
        return None;
    };
    let log = std::fs::read_to_string(log).unwrap();
    let happened = log.contains("(INJECTED)") || log.contains("+++ killed by SIGKILL +++");
    Some((happened, output.status.code()))
}

/// Plays a fault at every call of every kind that a run makes, and looks at what is left each time.
fn at_every_call(
    command: &Command,
    fault: &str,
    folder: &Path,
    mut prepare: impl FnMut(),
    mut check: impl FnMut(&str),
) -> bool {
    let mut faults = 0;
    for call in CALLS {
        for n in 1..=MOST {
            prepare();
            let Some((happened, _)) = with_fault(command, call, fault, n, folder) else { return false };
            check(&format!("{fault} at {call} {n}"));
            if !happened {
                break;
            }
            faults += 1;
        }
    }
    assert!(faults > 10, "{faults} faults");
    true
}

#[test]
fn a_kubeconfig_is_old_or_new_whatever_happens() {
    let (folder, work) = (TempDir::new(), TempDir::new());
    let old = "users: # all of them\n- name: u\n  user:\n    auth-provider: {name: azure, config: {apiserver-id: s}}\n- name: v\n  user: {token: x}\n";
    let config = folder.file("config", old);
    let mut convert = Command::new(binary());
    convert.args(["convert-kubeconfig", "-lmsi", "--kubeconfig"]).arg(&config).env("HOME", work.path());
    assert!(again(&convert).status.success());
    let new = std::fs::read_to_string(&config).unwrap();
    assert_ne!(new, old);
    for fault in ["signal=SIGKILL", "error=ENOSPC", "error=EIO", "error=EACCES", "error=EROFS"] {
        let prepare = || {
            for name in names(folder.path()) {
                std::fs::remove_file(folder.path().join(name)).unwrap();
            }
            folder.file("config", old);
        };
        let is_kill = fault.starts_with("signal");
        let check = |what: &str| {
            let left = std::fs::read_to_string(&config).unwrap();
            assert!(left == old || left == new, "{what}: {left}");
            // Who is killed leaves a lock and perhaps a temporary file; who only fails leaves neither, unless it
            // was deleting them that failed.
            let others: Vec<String> =
                names(folder.path()).into_iter().filter(|name| name != "config").collect();
            assert!(is_kill || others.is_empty() || what.contains("unlink"), "{what}: {others:?}");
            let _ = std::fs::remove_file(folder.path().join("config.lock"));
            assert!(again(&convert).status.success(), "{what}");
            assert_eq!(std::fs::read_to_string(&config).unwrap(), new, "{what}");
        };
        if !at_every_call(&convert, fault, work.path(), prepare, check) {
            return;
        }
    }
}

#[test]
fn a_cache_is_whole_or_a_miss_whatever_happens() {
    let (entra, home, work) = (Entra::start(), TempDir::new(), TempDir::new());
    let mut get_token = Command::new(binary());
    get_token
        .args(["get-token", "-lspn", "--server-id", SERVER, "--tenant-id", TENANT, "--token-cache=all"])
        .args([
            "--pop-enabled",
            "--pop-claims=u=/c",
            "--authority-host",
            &entra.url(),
            "--disable-instance-discovery",
        ])
        .env_clear()
        .env("HOME", home.path())
        .env("SSL_CERT_FILE", entra.ca_file())
        .envs([("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", SECRET)]);
    let cache = home.path().join(".kube/cache/kubelogin");
    for fault in ["signal=SIGKILL", "error=ENOSPC", "error=EIO"] {
        let prepare = || {
            // A key is kept: making one at each of many runs would take the test's time.
            for name in names(&cache).into_iter().filter(|name| name != "pop_key.pem") {
                std::fs::remove_file(cache.join(name)).unwrap();
            }
        };
        let check = |what: &str| {
            let issued = entra.state().issued.len();
            for _ in 0..2 {
                let output = again(&get_token);
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success() && stderr.is_empty(), "{what}: {stderr}");
            }
            assert!(entra.state().issued.len() <= issued + 1, "{what}: the cache does not hold");
            let is_temporary = |name: &String| name.ends_with(".tmp") && !name.contains("pop_key");
            assert!(!names(&cache).iter().any(is_temporary), "{what}: {:?}", names(&cache));
        };
        if !at_every_call(&get_token, fault, work.path(), prepare, check) {
            return;
        }
    }
}
