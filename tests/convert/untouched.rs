//! What must not be written, and what stays of a file that is.

use super::{PROVIDER, config, convert};
use crate::support::{Kubelogin, TempDir};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// What changes when a file is written.
fn state(path: &Path) -> (Vec<u8>, u64, i64, i64) {
    let metadata = path.metadata().unwrap();
    (std::fs::read(path).unwrap(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

#[test]
fn an_error_leaves_every_file_untouched() {
    let files = TempDir::new();
    let good = files.file("1", config(PROVIDER));
    let bad = files
        .file("2", config(PROVIDER).replace("- name: u", "- name: v").replace("apiserver-id", "nothing"));
    let before = (state(&good), state(&bad));
    for list in [[&good, &bad], [&bad, &good]] {
        let list = std::env::join_paths(list).unwrap();
        let output = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("KUBECONFIG", list).run();
        output.fails_with("--server-id is required");
        assert!(output.stderr.contains("the user \"v\""), "{}", output.stderr);
        assert_eq!((state(&good), state(&bad)), before);
    }
}

#[test]
fn a_file_with_no_change_is_not_written() {
    let files = TempDir::new();
    let first = files.file("1", config(PROVIDER));
    let second = files.file("2", config("    token: x\n").replace("- name: u", "- name: v"));
    let run = || {
        let list = std::env::join_paths([&first, &second]).unwrap();
        let output = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("KUBECONFIG", list).run();
        assert_eq!(output.code, 0, "{}", output.stderr);
    };
    let (before, kept) = (state(&first), state(&second));
    run();
    let once = state(&first);
    assert_ne!(before, once);
    run();
    assert_eq!((state(&first), state(&second)), (once, kept));
}

#[test]
fn owner_and_mode_stay() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    if std::os::unix::fs::chown(&path, Some(1234), Some(1235)).is_err() {
        crate::support::skip("root: a file cannot be given to another user");
        return;
    }
    let output = convert(&path, &["-l", "msi"]).run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let metadata = path.metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (1234, 1235, 0o640));
    assert!(std::fs::read_to_string(&path).unwrap().contains("kubelogin"));
}

#[test]
fn a_context_s_user_of_neither_kind_is_left_alone() {
    let files = TempDir::new();
    for user in ["    token: x\n", "    exec: {command: aws}\n", "    auth-provider: {name: gcp}\n"] {
        let path = files.file("config", format!("{}- name: v\n  user:\n{PROVIDER}", config(user)));
        let before = state(&path);
        let output = convert(&path, &["-l", "msi", "--context", "c"]).run();
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert_eq!(state(&path), before);
    }
}
