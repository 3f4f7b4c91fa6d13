//! Signals at every stage: the process ends as it should, and the next one finds nothing in its way.

use crate::support::http::Listener;
use crate::support::people::{People, Run, names};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Starts a command, sends it a signal once its stderr has said this, and returns how it ended: the exit code,
/// or the signal.
fn interrupted(mut command: Command, once: &str, signal: &str) -> (Option<i32>, Option<i32>, String) {
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(once) {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
    }
    send(signal, &child);
    stderr.read_to_string(&mut said).unwrap();
    let status = child.wait().unwrap();
    (status.code(), status.signal(), said)
}

#[test]
fn an_interruption_ends_every_wait() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let silent = Listener::start(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let silent = format!("https://127.0.0.1:{}/", silent.port());
    let az = people.home.file("bin/az", "#!/bin/sh\nexec sleep 600\n");
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", az.parent().unwrap().display());
    for (args, once) in [
        (&["-ldevicecode"][..], "ABC123"),
        (&["-linteractive", "--skip-open-browser"], "https://"),
        (&["-ldevicecode", "--authority-host", &silent], "Waiting for an answer from 127.0.0.1"),
        (&["-lazurecli", "--timeout=600s"], "Waiting for az to finish"),
    ] {
        let command = || {
            let mut command = people.command("contoso", args);
            command.env("PATH", &path);
            command
        };
        let (code, _, said) = interrupted(command(), once, "-INT");
        assert_eq!(code, Some(130), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        for (signal, number) in [("-TERM", 15), ("-HUP", 1)] {
            let (_, ended_by, said) = interrupted(command(), once, signal);
            assert_eq!(ended_by, Some(number), "{args:?}: {said}");
        }
        let left = names(&people.cache());
        assert!(left.iter().all(|name| name.ends_with(".lock")), "{left:?}");
    }
    // A lock whose holder was ended is nobody's.
    people.grants().device.entered_at_poll = 1;
    let run = people.run("contoso", &["-ldevicecode"]);
    assert!(run.code == Some(0) && !run.stderr.contains("Waiting"), "{run:?}");
}

#[test]
fn who_waits_for_a_lock_can_be_interrupted_too() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let mut holder = people.command("contoso", &["-ldevicecode"]).spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(holder.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let (code, _, _) =
        interrupted(people.command("contoso", &["-ldevicecode"]), "signing in already", "-INT");
    assert_eq!(code, Some(130));
    send("-KILL", &holder);
    holder.wait().unwrap();
    people.grants().device.entered_at_poll = 1;
    assert_eq!(people.run("contoso", &["-ldevicecode"]).code, Some(0));
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
