//! What is said on stderr, about whom, and when not.

use super::{PROVIDER, arguments, config, convert, exec};
use crate::support::TempDir;

const SPN: &[&str] = &["-l", "spn", "--client-secret", "typed", "--password", "typed"];

#[test]
fn a_secret_is_warned_of_where_it_is_written() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    let warnings = |args: &[&str]| {
        let output = convert(&path, args).env("AZURE_CLIENT_SECRET", "secret").run();
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert!(
            !output.stderr.contains("typed") && !output.stderr.contains("secret of"),
            "{}",
            output.stderr
        );
        output.stderr
    };
    let of = |place: &str| {
        format!(
            "Warning: --client-secret {place}, readable by whoever reads that; prefer the environment variable AAD_SERVICE_PRINCIPAL_CLIENT_SECRET\n"
        )
    };
    let with = |more: &[&'static str]| SPN.iter().chain(more).copied().collect::<Vec<&str>>();
    assert_eq!(warnings(&with(&["--dry-run"])), of("would be in the kubeconfig"));
    assert_eq!(warnings(&with(&["--output", "-"])), of("is now in the output"));
    assert_eq!(warnings(SPN), of("is now in the kubeconfig"));
    // Nothing changes; the mode has no use for it; the environment's is not written.
    assert_eq!(warnings(SPN), "");
    assert_eq!(warnings(&["-l", "msi", "--client-secret", "typed"]), "");
    assert_eq!(warnings(&["-l", "spn", "--client-id", "c", "--tenant-id", "t"]), "");
    let ropc =
        ["-l", "ropc", "--client-secret", "x", "--password", "typed", "--client-id=c", "--tenant-id=t"];
    assert!(warnings(&ropc).starts_with("Warning: --password is now in the kubeconfig"));
}

#[test]
fn names_from_the_kubeconfig_move_no_cursor() {
    let files = TempDir::new();
    let path = files.file(
        "config",
        "users:\n- name: \"u\\e[31m\\nv\"\n  user: {exec: {command: kubelogin, args: [get-token, --server-id, s, \"--fr\\e]b\\n\"]}}\n- name: \"w\\e[0m\"\n  user: {exec: {command: kubelogin, args: [--oidc-issuer-url=x]}}\n",
    );
    let output = convert(&path, &["-l", "msi"]).run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 2, "{}", output.stderr);
    assert!(!output.stderr.contains('\u{1b}'), "{:?}", output.stderr);
}

#[test]
fn old_arguments_that_cannot_be_read_are_left_out_and_named() {
    let old =
        ["get-token", "--frob", "x", "--server-id", "s", "-v", "999", "--timeout", "30", "--legacy=yes"];
    let (output, converted, _files) = arguments(&exec(&old), &[], &["-l", "msi"]);
    assert_eq!(converted.join(" "), "--login msi --server-id s");
    for what in [
        "unknown flag: --frob",
        "invalid argument \"30\" for \"--timeout\" flag",
        "invalid argument \"yes\" for \"--legacy\" flag",
    ] {
        let line = format!("user \"u\": left out of its arguments: {what}");
        assert!(output.stderr.contains(&line), "{}", output.stderr);
    }
    assert_eq!(output.stderr.lines().count(), 3, "{}", output.stderr);
}

#[test]
fn an_error_names_user_and_file() {
    let files = TempDir::new();
    let fails = |user: &str, text: &str| {
        let path = files.file("config", config(user));
        let output = convert(&path, &["-l", "msi"]).run();
        output.fails_with(text);
        output.hints("the user \"u\"");
        output.hints(&path.display().to_string());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), config(user));
    };
    for flag in ["--tenant-id", "--client-id", "--server-id"] {
        fails(&exec(&["get-token", flag]), &format!("its old arguments: flag needs an argument: {flag}"));
    }
    fails(
        "    exec: {command: kubelogin, command: kubelogin, args: [get-token, --server-id, s]}\n",
        "the key \"command\" stands twice in one place",
    );
    fails("    exec: {command: kubelogin}\n", "--server-id is required");
}

#[test]
fn an_empty_output_is_no_file() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    let output = convert(&path, &["-l", "msi", "--output", ""]).run();
    output.fails_with("--output names no file");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
}
