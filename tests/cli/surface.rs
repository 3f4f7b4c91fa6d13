//! Help, version, and what is said about a command line that is wrong.

use crate::support::Kubelogin;

#[test]
fn help_goes_to_stdout_in_each_form() {
    for args in [&[][..], &["--help"], &["-h"], &["help"]] {
        let output = Kubelogin::new(args).run();
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{args:?}");
        assert!(output.stdout.contains("Available Commands:"), "{args:?}");
    }
    for args in [
        &["get-token", "--help"][..],
        &["get-token", "-h"],
        &["help", "get-token"],
        &["-v", "1", "get-token", "-h"],
    ] {
        let output = Kubelogin::new(args).run();
        assert_eq!(output.code, 0, "{args:?}");
        assert!(output.stdout.contains("kubelogin get-token [flags]"), "{args:?}");
        assert!(output.stdout.contains("--server-id string"), "{args:?}");
    }
}

#[test]
fn the_version_has_the_lines_that_installers_grep() {
    let output = Kubelogin::new(&["--version"]).run();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 5);
    for (line, start) in
        lines.iter().zip(["kubelogin version ", "git hash: v", "Go version: ", "Build time: ", "Platform: "])
    {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(lines[1].contains(&format!("v{}/", env!("CARGO_PKG_VERSION"))));
    assert!(lines[4].ends_with("/amd64") || lines[4].ends_with("/arm64"), "{}", lines[4]);
}

#[test]
fn what_is_unknown_is_named_with_a_hint() {
    let unknown = |args: &[&str], text: &str| {
        Kubelogin::new(args).run().fails_with(text);
    };
    unknown(&["frobnicate"], "unknown command \"frobnicate\" for \"kubelogin\"");
    unknown(&["get-token", "--frob"], "unknown flag: --frob");
    unknown(&["get-token", "-x"], "unknown shorthand flag: 'x' in -x");
    unknown(&["get-token", "--timeout", "5"], "invalid argument \"5\" for \"--timeout\" flag");
    Kubelogin::new(&["get-token", "--frob"]).run().hints("kubelogin get-token --help");
}

#[test]
fn missing_settings_are_named_in_the_words_that_scripts_know() {
    let fails = |args: &[&str], text: &str| {
        let all: Vec<&str> = ["get-token"].iter().chain(args).copied().collect();
        Kubelogin::new(&all).run().fails_with(text);
    };
    fails(&["-l", "spn"], "server-id is required");
    fails(&["-l", "spn", "--server-id", "s"], "client ID cannot be empty");
    fails(&["-l", "spn", "--server-id", "s", "--client-id", "c"], "client secret cannot be empty");
    fails(
        &["-l", "spn", "--server-id", "s", "--client-id", "c", "--client-secret", "x"],
        "tenant ID cannot be empty",
    );
    fails(
        &["-l", "workloadidentity", "--server-id", "s", "--client-id", "c"],
        "federated token file cannot be empty",
    );
    fails(
        &["-l", "nonsense", "--server-id", "s"],
        "'nonsense' is not a supported login method. Supported method is one of",
    );
    fails(&["-l", "spn", "--pop-enabled"], "--pop-claims is required when specifying --pop-enabled");
}

#[test]
fn extra_words_after_a_command_are_ignored() {
    Kubelogin::new(&["get-token", "extra", "-l", "spn", "words"]).run().fails_with("server-id is required");
}
