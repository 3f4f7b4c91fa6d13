//! Signals at every stage: the process ends as it should, and the next one finds nothing in its way.

use crate::support::http::Listener;
use crate::support::kubelogin::{binary, with_default_signals};
use crate::support::people::{People, Run, names};
use crate::support::{Kubelogin, TempDir, side_by_side};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A signal, and the exit code that it asks for.
const SIGNALS: [(&str, i32); 3] = [("-INT", 130), ("-TERM", 143), ("-HUP", 129)];

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Starts a command, sends it a signal once its stderr has said this, and returns its exit code (`None`: the
/// signal ended it in the system's way).
fn interrupted(command: Command, once: &str, signal: &str) -> (Option<i32>, String) {
    let mut child = with_default_signals(&command).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(once) {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    send(signal, &child);
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

/// Interrupts a command with each of the signals, side by side: the command is told which, and signs in to a
/// tenant of that name where the others would hold its lock.
fn ends_with_each_signal(command: impl Fn(&str) -> Command + Sync, once: &str) {
    side_by_side(SIGNALS, |(signal, expected)| {
        let (code, said) = interrupted(command(signal.trim_start_matches('-')), once, signal);
        assert_eq!(code, Some(expected), "{signal}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    });
}

fn script(path: PathBuf) -> PathBuf {
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn an_interruption_ends_every_wait() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let silent = Listener::start(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let silent = format!("https://127.0.0.1:{}/", silent.port());
    for (args, once) in [
        (&["-ldevicecode"][..], "ABC123"),
        (&["-linteractive", "--skip-open-browser"], "https://"),
        (&["-ldevicecode", "-v1", "--authority-host", &silent], "Waiting for an answer from 127.0.0.1"),
    ] {
        ends_with_each_signal(|tenant| people.command(tenant, args), once);
        let left = names(&people.cache());
        assert!(
            left.iter().all(|name| name.ends_with(".lock") || name.contains(".identity.note")),
            "{left:?}"
        );
    }
    // A lock whose holder was ended is nobody's.
    people.grants().device.entered_at_poll = 1;
    let run = people.run("INT", &["-ldevicecode"]);
    assert!(run.code == Some(0) && !run.stderr.contains("Waiting"), "{run:?}");
    // The service answers nobody while its state is held.
    let busy = people.grants();
    ends_with_each_signal(
        |tenant| people.command(tenant, &["-ldevicecode", "-v1", "--force-refresh"]),
        "Waiting for an answer",
    );
    drop(busy);
    assert_eq!(people.run("INT", &["-ldevicecode"]).token, run.token);
}

#[test]
fn who_waits_for_a_lock_can_be_interrupted_too() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let mut holder = people.command("contoso", &["-ldevicecode"]).spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(holder.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    ends_with_each_signal(|_| people.command("contoso", &["-ldevicecode"]), "signing in already");
    send("-KILL", &holder);
    holder.wait().unwrap();
    people.grants().device.entered_at_poll = 1;
    assert_eq!(people.run("contoso", &["-ldevicecode"]).code, Some(0));
}

/// `az`, and what it has started, end with the sign-in that runs it; what they have in common is a pipe that
/// comes to its end when the last of them is gone.
#[test]
fn az_ends_with_the_sign_in() {
    let cases = ["-lazurecli", "-lazd"].into_iter().flat_map(|login| SIGNALS.map(|signal| (login, signal)));
    side_by_side(cases.collect::<Vec<_>>(), |(login, (signal, expected))| {
        let (people, world) = (People::start(), TempDir::new());
        let (pipe, pid) = (world.path().join("pipe"), world.path().join("pid"));
        let az = format!(
            "#!/bin/sh\ntrap '' INT TERM HUP\nexec 3>{}\necho $$ >{}\nsleep 600 &\nwait\n",
            pipe.display(),
            pid.display()
        );
        for name in ["bin/az", "bin/azd"] {
            script(world.file(name, &az));
        }
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn(move || {
            std::fs::File::open(pipe).unwrap().read_to_end(&mut Vec::new()).unwrap();
        });
        let mut command = people.command("contoso", &[login, "-v1", "--timeout=600s"]);
        command.env("PATH", format!("{}:/usr/bin:/bin", world.path().join("bin").display()));
        let (code, said) = interrupted(command, "to finish", signal);
        assert_eq!(code, Some(expected), "{login} {signal}: {said}");
        let pid = std::fs::read_to_string(&pid).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "{signal}: {login} is still there");
        reader.join().unwrap();
    });
}

#[test]
fn a_conversion_that_waits_for_a_lock_leaves_none() {
    let world = || {
        let files = TempDir::new();
        let paths = ["a", "b"].map(|name| {
            files.file(name, format!("users:\n- name: {name}\n  user:\n    auth-provider: {{name: azure, config: {{apiserver-id: s}}}}\n"))
        });
        files.file("b.lock", "");
        let (mut command, _) = Kubelogin::new(&["convert-kubeconfig", "-v1", "-lmsi"]).into_command();
        command.env("KUBECONFIG", std::env::join_paths(&paths).unwrap());
        (files, paths, command)
    };
    side_by_side(SIGNALS, |(signal, expected)| {
        let (files, paths, command) = world();
        let before = paths.each_ref().map(|path| std::fs::read(path).unwrap());
        let (code, said) = interrupted(command, "b.lock", signal);
        assert_eq!(code, Some(expected), "{signal}: {said}");
        assert_eq!(names(files.path()), ["a", "b", "b.lock"]);
        assert_eq!(paths.map(|path| std::fs::read(path).unwrap()), before);
    });
    // While it waits for one lock it holds none.
    let (files, [a, _], mut command) = world();
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let (mut stderr, mut said) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    stderr.read_line(&mut said).unwrap();
    let other = Kubelogin::new(&["convert-kubeconfig", "-lmsi", "--kubeconfig"]).arg(&a).run();
    assert_eq!(other.code, 0, "{}", other.stderr);
    std::fs::remove_file(files.path().join("b.lock")).unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert_eq!(names(files.path()), ["a", "b"]);
}

/// Scripts shield their background jobs from Ctrl-C, `nohup` shields from the terminal's end.
#[test]
fn an_ignored_signal_stays_ignored() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let command = people.command("contoso", &["-ldevicecode"]);
    let mut child = Command::new("sh")
        .args(["-c", "trap '' INT HUP; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut String::new()).unwrap();
    send("-INT", &child);
    send("-HUP", &child);
    people.grants().device.entered_at_poll = 1;
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert!(run.code == Some(0) && run.token.starts_with("access-"), "{run:?} {said}");
}

/// Whoever reads our output may be gone, or full.
#[test]
fn a_closed_or_full_stdout_is_a_failure_with_words() {
    let people = People::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = people.command("contoso", &["-ldevicecode"]);
    let run = Run::of(command.stdout(writer).output().unwrap());
    assert!(run.code == Some(1) && run.stderr.contains("Error: cannot write to standard output"), "{run:?}");
    let mut command = people.command("contoso", &["-ldevicecode"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = Run::of(command.stdout(full).output().unwrap());
    assert!(run.code == Some(1) && run.stderr.contains("Error: cannot write to standard output"), "{run:?}");
    // A closed stderr is nobody's failure.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = people.command("contoso", &["-ldevicecode", "-v10"]);
    let output = command.stderr(writer).stdout(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(Run::of(output).token.starts_with("access-"));
}

/// Commands whose reader is gone fail with words.
#[test]
fn no_command_panics_when_its_reader_is_gone() {
    let files = TempDir::new();
    let config = files.file(
        "config",
        "users:\n- name: u\n  user:\n    auth-provider: {name: azure, config: {apiserver-id: s}}\n",
    );
    let config = config.to_str().unwrap();
    for args in [
        &["convert-kubeconfig", "-lmsi", "--output=-", "--kubeconfig", config][..],
        &["convert-kubeconfig", "-lmsi", "--dry-run", "--kubeconfig", config],
        &["doctor", "-lmsi", "--kubeconfig", config],
        &["whoami", "--kubeconfig", config],
        &["completion", "bash"],
        &["help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(binary());
        command.args(args).env_clear().env("HOME", files.path()).env("PATH", "/usr/bin:/bin");
        let output = command.stdin(Stdio::null()).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("Error: ") && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}
