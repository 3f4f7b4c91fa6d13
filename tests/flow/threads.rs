//! Where the system allows no more threads or processes, as in a container whose pids limit is reached.

use crate::support::entra::SERVER;
use crate::support::kubelogin::{Output, binary};
use crate::support::{Entra, Kubelogin, TempDir, skip};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the command as a user of its own who may have so many processes and threads.
fn run(command: Kubelogin, limit: u32) -> Option<Output> {
    // In a folder that any user can reach.
    let folder = TempDir::new();
    let program = folder.path().join("kubelogin");
    std::fs::copy(binary(), &program).unwrap();
    for path in [folder.path(), &program, command.home()] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let (command, home) = command.into_command();
    let limited = |words: &[&str]| {
        let mut limited = Command::new("setpriv");
        let script = format!("ulimit -u {limit}; exec \"$@\"");
        limited.args(["--reuid=64123", "--regid=64123", "--clear-groups", "bash", "-c", &script, "bash"]);
        limited.args(words).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        limited
    };
    if !limited(&["true"]).output().is_ok_and(|output| output.status.success()) {
        skip("setpriv as root");
        return None;
    }
    let mut limited = limited(&[program.to_str().unwrap()]);
    limited.args(command.get_args());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = Output::new(limited.output().unwrap(), home);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    Some(output)
}

fn readable(path: &Path) {
    for path in [path, path.parent().unwrap()] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Looking up a name has a time limit of its own in a thread; without one it goes without.
#[test]
fn a_sign_in_needs_no_thread() {
    let entra = Entra::start();
    readable(&entra.ca_file());
    readable(&entra.environment_file());
    for args in [&[][..], &["-v1"]] {
        let Some(output) = run(entra.spn().args(args), 1) else { return };
        assert!(entra.knows(&output.token(), SERVER), "{}", output.stderr);
    }
}

#[test]
fn a_tool_that_cannot_be_started_or_read_is_said() {
    let tools = TempDir::new();
    for (login, name) in [("azurecli", "az"), ("azd", "azd")] {
        let program = tools.file(name, "#!/bin/sh\nexec sleep 60\n");
        readable(&program);
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        // One process is this one, the second the tool, which would need two threads that read its output.
        for limit in [1, 2, 3] {
            let command = Kubelogin::new(&["get-token", "-l", login, "--server-id", SERVER])
                .env("PATH", format!("{}:/usr/bin:/bin", tools.path().display()));
            let Some(output) = run(command, limit) else { return };
            output.fails_with("could not be run: ");
            output.hints("ulimit -u");
        }
    }
}
