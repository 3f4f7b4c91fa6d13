//! What is said on stderr, about whom, and when not.

use super::{PROVIDER, arguments, config, convert, exec};
use crate::support::{Kubelogin, TempDir};

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
            "Warning: --client-secret {place} in plain text; use the environment variable AAD_SERVICE_PRINCIPAL_CLIENT_SECRET instead\n"
        )
    };
    let with = |more: &[&'static str]| SPN.iter().chain(more).copied().collect::<Vec<&str>>();
    assert_eq!(warnings(&with(&["--dry-run"])), of("would be written to the kubeconfig"));
    assert_eq!(warnings(&with(&["--output", "-"])), of("was written to the output"));
    assert_eq!(warnings(SPN), of("was written to the kubeconfig"));
    // Nothing changes; the mode has no use for it; the environment's is not written.
    assert_eq!(warnings(SPN), "");
    assert_eq!(warnings(&["-l", "msi", "--client-secret", "typed"]), "");
    assert_eq!(warnings(&["-l", "spn", "--client-id", "c", "--tenant-id", "t"]), "");
    let ropc =
        ["-l", "ropc", "--client-secret", "x", "--password", "typed", "--client-id=c", "--tenant-id=t"];
    assert!(warnings(&ropc).starts_with("Warning: --password was written to the kubeconfig"));
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
        output.fails_with(&format!("cannot convert the user \"u\" in {}: {text}", path.display()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), config(user));
    };
    fails("    exec: {command: kubelogin}\n", "--server-id is required");
}

/// `--context "$UNSET"` must not convert every user.
#[test]
fn what_says_where_and_how_must_not_be_empty() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    for flag in ["--kubeconfig", "--context", "--login", "--outfile", "--output", "--exec-command"] {
        for args in [&["-l", "msi", flag, ""][..], &["-l", "msi", &format!("{flag}=")]] {
            let output = convert(&path, args).env("AAD_LOGIN_METHOD", "msi").run();
            output.fails_with(&format!("{flag} is empty"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
        }
    }
}

#[test]
fn where_no_file_is_those_looked_for_are_named() {
    let home = TempDir::new();
    let run = |list: Option<&str>| {
        let command = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("HOME", home.path());
        let output = match list {
            Some(list) => command.env("KUBECONFIG", list).run(),
            None => command.run(),
        };
        assert_eq!((output.code, output.stdout.as_str()), (0, ""));
        output.stderr
    };
    let default = home.path().join(".kube/config");
    assert_eq!(run(None), format!("there is no kubeconfig ({}): nothing to convert\n", default.display()));
    assert_eq!(
        run(Some("/gone/a:/gone/b")),
        "there is no kubeconfig (/gone/a, /gone/b): nothing to convert\n"
    );
    assert_eq!(run(Some(":")), "there is no kubeconfig (KUBECONFIG names none): nothing to convert\n");
}
