//! A process that dies between any two system calls, and a system that refuses one: nothing is lost, and nothing
//! half-written stays. strace plays both.

use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::kubelogin::binary;
use crate::support::people::names;
use crate::support::{Entra, TempDir, side_by_side};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// System calls of reading, writing and replacing a file, as patterns: machines name some of them differently.
const CALLS: &[&str] = &[
    "/^openat",
    "/^write$",
    "/^fsync$",
    "/^rename",
    "/^mkdir",
    "/^fchmod",
    "/^fchown",
    "/^unlink",
    "/^close$",
    "/^read$",
    "/^statx$",
    "/^flock$",
    "/^ftruncate$",
];
/// More calls of one kind than there are in a run.
const MAX_CHARS: usize = 60;
/// A system that refuses.
const ERRORS: [&str; 4] = ["error=ENOSPC", "error=EIO", "error=EACCES", "error=EROFS"];

/// A run that a fault was played to.
struct Faulted<'a> {
    /// What was done to which call, for messages.
    what: String,
    fault: &'a str,
    /// The call as strace shows it; `None` if there was none to play the fault at.
    call: Option<String>,
    output: Output,
}

/// The command once more, without strace.
fn again(command: &Command) -> Output {
    Command::new(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap()
}

/// Runs a command with a fault at the `n`-th call of `call`. `None` without strace.
fn with_fault<'a>(
    command: &Command,
    call: &str,
    fault: &'a str,
    n: usize,
    folder: &Path,
) -> Option<Faulted<'a>> {
    let log = folder.join("strace");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-y", "-e", &format!("inject={call}:{fault}:when={n}")])
        .args(["-e", &format!("trace={call}"), "-o"])
        .arg(&log)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output();
    let Ok(output) = output else {
        crate::support::skip("strace");
        return None;
    };
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let signal = fault.strip_prefix("signal=").unwrap_or("no signal");
    let ends = [format!("--- {signal} {{"), format!("+++ killed by {signal} +++")];
    // An error stands in the call's own line, a signal in the next.
    let at = lines.iter().position(|line| ends.iter().any(|end| line.contains(end)));
    let call_line = match at {
        Some(at) => Some(lines[at.saturating_sub(1)].to_owned()),
        None => lines.iter().find(|line| line.ends_with("(INJECTED)")).map(|line| (*line).to_owned()),
    };
    Some(Faulted { what: format!("{fault} at {call} {n}"), fault, call: call_line, output })
}

impl Faulted<'_> {
    /// Whether the call was about a file in this folder.
    fn is_in(&self, folder: &Path) -> bool {
        self.call.as_ref().is_some_and(|call| call.contains(&folder.display().to_string()))
    }

    fn is_error(&self) -> bool {
        self.fault.starts_with("error=")
    }
}

/// Plays a fault at every call of these kinds that a run makes, and looks at what is left each time. Each kind
/// of `needed` must have come upon a file in `target`.
fn at_every_call(
    command: &Command,
    fault: &str,
    calls: &[&str],
    (target, needed): (&Path, &[&str]),
    mut prepare: impl FnMut(),
    mut check: impl FnMut(&Faulted),
) {
    let work = TempDir::new();
    let mut met = BTreeSet::new();
    for call in calls {
        for n in 1.. {
            assert!(n < MAX_CHARS, "{call}");
            prepare();
            let Some(faulted) = with_fault(command, call, fault, n, work.path()) else { return };
            check(&faulted);
            if faulted.call.is_none() {
                break;
            }
            if faulted.is_in(target) {
                met.insert(*call);
            }
        }
    }
    for call in needed {
        assert!(met.contains(call), "{fault} met no {call} in {}: {met:?}", target.display());
    }
}

#[test]
fn kubeconfigs_are_all_old_or_all_new_whatever_happens() {
    side_by_side(["signal=SIGKILL", "signal=SIGTERM"].into_iter().chain(ERRORS), |fault| {
        kubeconfigs_are_all_old_or_all_new(fault);
    });
}

fn kubeconfigs_are_all_old_or_all_new(fault: &str) {
    let (folder, work) = (TempDir::new(), TempDir::new());
    let old = ["u", "v"].map(|user| {
        format!("users: # all of them\n- name: {user}\n  user:\n    auth-provider: {{name: azure, config: {{apiserver-id: s}}}}\n- name: {user}2\n  user: {{token: x}}\n")
    });
    let paths = [folder.file("config", &old[0]), folder.file("other", &old[1])];
    let texts = || paths.each_ref().map(|path| std::fs::read_to_string(path).unwrap());
    let mut convert = Command::new(binary());
    convert.args(["convert-kubeconfig", "-lmsi"]);
    convert.env("HOME", work.path()).env("KUBECONFIG", std::env::join_paths(&paths).unwrap());
    assert!(again(&convert).status.success());
    let new = texts();
    assert!(new[0] != old[0] && new[1] != old[1]);
    let prepare = || {
        for name in names(folder.path()) {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        for (path, text) in paths.iter().zip(&old) {
            std::fs::write(path, text).unwrap();
        }
    };
    let check = |faulted: &Faulted| {
        let (what, left) = (format!("{}: {:?}", faulted.what, faulted.call), texts());
        let others: Vec<String> =
            names(folder.path()).into_iter().filter(|name| name != "config" && name != "other").collect();
        if fault == "signal=SIGKILL" {
            assert!((0..2).all(|i| left[i] == old[i] || left[i] == new[i]), "{what}: {left:?}");
        } else {
            // Who is not killed leaves no lock and no temporary file, unless it was deleting them that failed.
            assert!(others.is_empty() || what.contains("unlink"), "{what}: {others:?}");
            assert!(left == old || left == new, "{what}: {left:?}");
        }
        match faulted.output.status.code() {
            Some(0) => assert_eq!(left, new, "{what}"),
            Some(code) if faulted.is_error() => {
                // 127: the program could not even be loaded.
                assert!([1, 127].contains(&code) && left == old, "{what}: {code}, {left:?}");
            }
            Some(code) => assert_eq!(code, 143, "{what}"),
            None => {}
        }
        for name in others.iter().filter(|name| name.ends_with(".lock")) {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert!(again(&convert).status.success(), "{what}");
        assert_eq!(texts(), new, "{what}");
    };
    let needed = (folder.path(), &["/^openat", "/^write$", "/^fsync$", "/^rename", "/^unlink"][..]);
    at_every_call(&convert, fault, CALLS, needed, prepare, check);
}

/// A sign-in whose token is kept.
fn get_token(entra: &Entra, home: &TempDir) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["get-token", "-lspn", "--server-id", SERVER, "--tenant-id", TENANT, "--token-cache=all"])
        .args(["--disable-instance-discovery", "--authority-host", &entra.url()])
        .env_clear()
        .env("HOME", home.path())
        .env("SSL_CERT_FILE", entra.ca_file())
        .envs([("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", SECRET)]);
    command
}

/// What has to be true after a fault: one at a file of the cache is not the reason of a failure, and the next
/// runs find nothing in their way.
fn check_cache(entra: &Entra, command: &Command, cache: &Path, faulted: &Faulted) {
    let (what, output) = (format!("{}: {:?}", faulted.what, faulted.call), &faulted.output);
    // Rust takes a folder that cannot be closed for a broken program.
    if faulted.is_error() && faulted.is_in(cache) && !what.contains("close") {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout.starts_with(b"{"), "{what}: {stderr}");
    }
    let issued = entra.state().issued.len();
    for _ in 0..2 {
        let output = again(command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{what}: {stderr}");
    }
    assert!(entra.state().issued.len() <= issued + 1, "{what}: the cache does not hold");
    assert!(!names(cache).iter().any(|name| name.ends_with(".tmp")), "{what}: {:?}", names(cache));
}

#[test]
fn a_cache_is_whole_or_a_miss_whatever_happens() {
    side_by_side(["signal=SIGKILL"].into_iter().chain(ERRORS), |fault| {
        let (entra, home) = (Entra::start(), TempDir::new());
        let (command, cache) = (get_token(&entra, &home), home.path().join(".kube/cache/kubelogin"));
        let prepare = || drop(std::fs::remove_dir_all(home.path().join(".kube")));
        let check = |faulted: &Faulted| check_cache(&entra, &command, &cache, faulted);
        let needed =
            (cache.as_path(), &["/^openat", "/^write$", "/^fsync$", "/^rename", "/^mkdir", "/^flock$"][..]);
        at_every_call(&command, fault, CALLS, needed, prepare, check);
    });
}

/// Only at writing calls: each round makes a key, which takes its time.
#[test]
fn a_key_of_proof_is_whole_or_made_anew_whatever_happens() {
    let calls = &["/^write$", "/^fsync$", "/^rename", "/^flock$"];
    side_by_side(["signal=SIGKILL", "error=ENOSPC"], |fault| {
        let (entra, home) = (Entra::start(), TempDir::new());
        let cache = home.path().join(".kube/cache/kubelogin");
        let mut command = get_token(&entra, &home);
        command.args(["--pop-enabled", "--pop-claims=u=/c"]);
        let prepare = || drop(std::fs::remove_dir_all(&cache));
        let check = |faulted: &Faulted| check_cache(&entra, &command, &cache, faulted);
        at_every_call(&command, fault, calls, (&cache.join(".pop_key"), &calls[..3]), prepare, check);
    });
}
