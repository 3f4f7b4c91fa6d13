//! Files that are no regular ones: opened and read or written, never replaced. The nodes are the tests' own.

use super::{PROVIDER, config, convert};
use crate::support::kubelogin::binary;
use crate::support::{Kubelogin, TempDir};
use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A character device like /dev/null; `None` where one cannot be made.
fn null_device(files: &TempDir) -> Option<PathBuf> {
    let path = files.path().join("null");
    let made = Command::new("mknod").args(["-m", "666"]).arg(&path).args(["c", "1", "3"]).status();
    let works = made.is_ok_and(|status| status.success()) && std::fs::write(&path, b"x").is_ok();
    if !works {
        println!("SKIP mknod: only root makes devices");
    }
    works.then_some(path)
}

fn fifo(files: &TempDir) -> PathBuf {
    let path = files.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    path
}

/// Runs a line of bash, in which `$K` is the program and `$F` the tests' folder.
fn bash(files: &TempDir, line: &str) -> Output {
    Command::new("bash")
        .args(["-c", line])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", files.path())
        .env("K", binary())
        .env("F", files.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn expected(files: &TempDir) -> String {
    let path = files.file("source", config(PROVIDER));
    convert(&path, &["-l", "msi", "--outfile", "-"]).run().stdout
}

#[test]
fn a_device_and_a_pipe_are_written_to_and_stay() {
    let files = TempDir::new();
    let (expected, pipe) = (expected(&files), fifo(&files));
    let source = files.path().join("source");
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap())
    };
    let output = convert(&source, &["-l", "msi", "--outfile"]).arg(&pipe).run();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!(reader.join().unwrap(), expected);
    assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
    let socket = files.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let output = convert(&source, &["-l", "msi", "--outfile"]).arg(&socket).run();
    output.fails_with("unable to write kubeconfig to");
    assert!(socket.symlink_metadata().unwrap().file_type().is_socket());
    let Some(device) = null_device(&files) else { return };
    let link = files.path().join("link");
    std::os::unix::fs::symlink("null", &link).unwrap();
    for target in [&device, &link] {
        for flag in ["--outfile", "--output"] {
            let output = convert(&source, &["-l", "msi", flag]).arg(target).run();
            assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (0, "", ""));
        }
        // As a source it is an empty kubeconfig.
        let output = convert(target, &["-l", "msi"]).run();
        assert!(output.code == 0 && output.stderr.contains("nothing to convert"), "{}", output.stderr);
    }
    assert!(device.symlink_metadata().unwrap().file_type().is_char_device());
    assert_eq!(std::fs::read_to_string(&source).unwrap(), config(PROVIDER));
}

#[test]
fn an_open_descriptor_is_written_to_where_it_stands() {
    let files = TempDir::new();
    let expected = expected(&files);
    let run = "$K convert-kubeconfig --kubeconfig $F/source -l msi";
    for (line, before, after) in [
        ("--outfile /dev/stdout >> $F/all; echo end >> $F/all", "old\n", "end\n"),
        ("--outfile - >> $F/all; echo end >> $F/all", "old\n", "end\n"),
        ("--output /dev/stderr 2>> $F/all", "old\n", ""),
        ("--outfile /dev/fd/3 3>> $F/all", "old\n", ""),
        ("--outfile /proc/self/fd/3 3>> $F/all", "old\n", ""),
        ("--outfile $F/link 5>> $F/all", "old\n", ""),
    ] {
        files.file("all", "old\n");
        let link = files.path().join("link");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink("/dev/fd/5", &link).unwrap();
        assert_eq!(stdout(bash(&files, &format!("{run} {line}"))), "", "{line}");
        let all = std::fs::read_to_string(files.path().join("all")).unwrap();
        assert_eq!(all, format!("{before}{expected}{after}"), "{line}");
    }
    // The descriptor moves on with what is written.
    let line = format!("{{ echo a >&3; {run} --outfile /dev/fd/3; echo b >&3; }} 3> $F/moved");
    stdout(bash(&files, &line));
    assert_eq!(std::fs::read_to_string(files.path().join("moved")).unwrap(), format!("a\n{expected}b\n"));
    assert_eq!(stdout(bash(&files, &format!("{run} --outfile /dev/stdout | cat"))), expected);
    assert_eq!(
        stdout(bash(&files, &format!("{run} --outfile >(cat; echo end); wait $!"))),
        format!("{expected}end\n")
    );
    for (target, append) in [("/dev/stdout", ">>"), ("-", ">>"), ("/dev/fd/4", "4>>")] {
        let output = bash(&files, &format!("{run} --outfile {target} {append} $F/source"));
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is the same file as source kubeconfig"));
        assert_eq!(std::fs::read_to_string(files.path().join("source")).unwrap(), config(PROVIDER));
    }
}

#[test]
fn a_pipe_is_a_source_where_the_result_goes_elsewhere_or_nowhere() {
    let files = TempDir::new();
    let expected = expected(&files);
    for line in [
        "cat $F/source | $K convert-kubeconfig --kubeconfig /dev/stdin -l msi --outfile -",
        "$K convert-kubeconfig --kubeconfig /dev/stdin -l msi --outfile - < $F/source",
        "$K convert-kubeconfig --kubeconfig <(cat $F/source) -l msi --outfile /dev/stdout",
        "KUBECONFIG=<(cat $F/source) $K convert-kubeconfig -l msi --output -",
        "$K convert-kubeconfig --kubeconfig /dev/fd/7 -l msi --outfile - 7< $F/source",
        "mkfifo $F/p; cat $F/source > $F/p & $K convert-kubeconfig --kubeconfig $F/p -l msi --outfile -",
    ] {
        assert_eq!(stdout(bash(&files, line)), expected, "{line}");
    }
    let shown =
        bash(&files, "cat $F/source | $K convert-kubeconfig --kubeconfig /dev/stdin -l msi --dry-run");
    assert!(stdout(shown).starts_with("--- /dev/stdin\n+++ /dev/stdin\n@@ "));
    // In place it cannot be written, and is not replaced.
    for line in [
        "cat $F/source | $K convert-kubeconfig --kubeconfig /dev/stdin -l msi",
        "$K convert-kubeconfig --kubeconfig /dev/stdin -l msi < $F/source",
    ] {
        let output = bash(&files, line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(stderr.contains("it is not a regular file\nHint: --outfile"), "{stderr}");
        assert_eq!(std::fs::read_to_string(files.path().join("source")).unwrap(), config(PROVIDER));
    }
    let none = bash(&files, "echo 'users: []' | $K convert-kubeconfig --kubeconfig /dev/stdin -l msi");
    assert!(none.status.success());
    let endless = bash(&files, "$K convert-kubeconfig --kubeconfig <(cat /dev/zero) -l msi --dry-run");
    assert!(String::from_utf8_lossy(&endless.stderr).contains("is larger than"));
}

/// A relative path from a pipe is relative to the working folder.
#[test]
fn a_pipe_stands_in_the_working_folder() {
    let files = TempDir::new();
    files.file("source", "clusters: [{name: k, cluster: {certificate-authority: ca.crt}}]\n");
    let line = "cd $F; cat source | $K convert-kubeconfig --kubeconfig /dev/stdin -l msi --outfile -";
    assert!(stdout(bash(&files, line)).contains(files.path().join("ca.crt").to_str().unwrap()));
}

/// Completion runs at each press of a key: it waits for no pipe.
#[test]
fn completion_waits_for_no_pipe() {
    let files = TempDir::new();
    let pipe = fifo(&files);
    let output = Kubelogin::new(&["__complete", "convert-kubeconfig", "--kubeconfig"])
        .arg(&pipe)
        .args(&["--context", ""])
        .run();
    assert!(output.code <= 1);
}

/// Another process's temporary file, and a lock in a folder that cannot be written.
#[test]
fn a_folder_that_cannot_be_written_has_a_way_out() {
    let files = TempDir::new();
    let path = files.file("folder/config", config(PROVIDER));
    if !as_user(&path, 64123, 64123, &[]).is_some_and(|output| {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains("cannot lock the kubeconfig"), "{stderr}");
        assert!(stderr.contains("Hint: ") && stderr.contains("--outfile"), "{stderr}");
        true
    }) {
        println!("SKIP setpriv");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
}

/// Converts as another user; `None` where that is impossible.
fn as_user(path: &Path, user: u32, group: u32, groups: &[u32]) -> Option<Output> {
    let program = path.parent().unwrap().parent().unwrap().join("kubelogin");
    if !program.exists() {
        std::fs::copy(binary(), &program).ok()?;
    }
    let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={group}")]);
    match groups.is_empty() {
        true => command.arg("--clear-groups"),
        false => command.arg(format!("--groups={}", groups.join(","))),
    };
    command.arg(&program).args(["convert-kubeconfig", "-l", "msi", "--kubeconfig"]).arg(path);
    let output = command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/tmp").output().ok()?;
    let refused = String::from_utf8_lossy(&output.stderr).starts_with("setpriv:");
    (!refused).then_some(output)
}

/// A team's kubeconfig, converted by a member and by one who may write the folder but is none.
#[test]
fn who_may_read_the_file_does_not_grow() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    const TEAM: u32 = 64200;
    for (mode, folder, groups, expected) in [
        (0o660, 0o775, &[TEAM][..], (TEAM, 0o660)),
        (0o640, 0o2775, &[TEAM], (TEAM, 0o640)),
        (0o666, 0o777, &[], (64100, 0o606)),
        (0o662, 0o777, &[], (64100, 0o602)),
    ] {
        let files = TempDir::new();
        let path = files.file("team/config", config(PROVIDER));
        let team = path.parent().unwrap();
        if chown(&path, Some(0), Some(TEAM)).and(chown(team, Some(0), Some(TEAM))).is_err() {
            println!("SKIP who_may_read_the_file_does_not_grow: only root gives files away");
            return;
        }
        std::fs::set_permissions(team, std::fs::Permissions::from_mode(folder)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let Some(output) = as_user(&path, 64123, 64100, groups) else {
            println!("SKIP setpriv");
            return;
        };
        let stderr = String::from_utf8_lossy(&output.stderr);
        let converted = path.metadata().unwrap();
        if mode == 0o662 {
            // It cannot be read by one who is neither owner nor member.
            assert!(stderr.contains("Permission denied"), "{stderr}");
            continue;
        }
        assert!(output.status.success(), "{mode:o}: {stderr}");
        assert_eq!(
            (converted.uid(), converted.gid(), converted.mode() & 0o777),
            (64123, expected.0, expected.1)
        );
    }
}

/// Writing to a pipe whose reader is gone is an error, not a crash.
#[test]
fn a_reader_that_goes_away_is_an_error() {
    let files = TempDir::new();
    files.file("source", config(PROVIDER));
    let mut child = Command::new("bash")
        .args([
            "-c",
            "$K convert-kubeconfig --kubeconfig $F/source -l msi --outfile /dev/fd/4 4>&1 >/dev/null",
        ])
        .env("K", binary())
        .env("F", files.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success() && text.contains("exec:"));
    let _ = std::io::stdout().flush();
}
