//! Completion, by the real shells.

use crate::support::kubelogin::binary;
use crate::support::{Kubelogin, TempDir};
use std::process::Command;

const CONFIG: &str = "contexts:\n- name: prod-west\n  context: {user: a}\n- name: prod east\n  context: {user: a}\n- name: test\n  context: {user: b}\n- name: aks:one\n- name: aks:two\n";

/// A folder with `kubelogin` in `bin` and a kubeconfig.
fn world() -> TempDir {
    let files = TempDir::new();
    files.file(".kube/config", CONFIG);
    files.file("other config", "contexts:\n- name: elsewhere\n");
    files.file("some-file.pem", "");
    files.file("some-folder/x", "");
    std::fs::create_dir_all(files.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(binary(), files.path().join("bin/kubelogin")).unwrap();
    files
}

/// What a shell prints for a script; `None`, and a skip, where there is no such shell.
fn shell(files: &TempDir, shell: &str, args: &[&str], script: &str) -> Option<String> {
    let path = format!("{}:{}", files.path().join("bin").display(), std::env::var("PATH").unwrap());
    let output = Command::new(shell)
        .args(args)
        .arg(script)
        .current_dir(files.path())
        .env_clear()
        .env("HOME", files.path())
        .env("PATH", path)
        .env("TERM", "dumb")
        .output();
    let Ok(output) = output else {
        crate::support::skip(shell);
        return None;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{shell}: {stderr}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Lines to complete, with what must be among the answers and what not.
const CASES: &[(&[&str], &str, &str)] = &[
    (&["conv"], "convert-kubeconfig", "whoami"),
    (&["get-token", "--log"], "--login", "--client-id"),
    (&["get-token", "--login", "az"], "azurecli", "devicecode"),
    (&["convert-kubeconfig", "-e", "AzureS"], "AzureStackCloud", "AzureChinaCloud"),
    (&["convert-kubeconfig", "--context", "prod-"], "prod-west", "test"),
    (&["get-token", "--client-certificate", "some-fi"], "some-file.pem", "some-folder"),
    (&["get-token", "--cache-dir", "some-fo"], "some-folder", "some-file.pem"),
    (&["completion", "po"], "powershell", "bash"),
];

/// The same for the shells that hand over what is typed, quotes and `~` included.
const TYPED: &[(&[&str], &str, &str)] = &[
    (&["convert-kubeconfig", "--kubeconfig", "~/other\\ config", "--context", "''"], "elsewhere", "test"),
    (&["convert-kubeconfig", "--kubeconfig", "\"other config\"", "--context", "el"], "elsewhere", "test"),
];

/// The same with the value behind a `=`, where the shell does not split that off.
const ASSIGNED: &[(&[&str], &str, &str)] = &[
    (&["get-token", "--login=az"], "azurecli", "devicecode"),
    (&["get-token", "--client-certificate=some-fi"], "some-file.pem", "some-folder"),
    (&["get-token", "--cache-dir=some-fo"], "some-folder", "some-file.pem"),
];

#[test]
fn bash_completes() {
    let files = world();
    for (words, has, has_not) in CASES {
        let script = format!(
            "source <(kubelogin completion bash); compopt() {{ :; }}; COMP_WORDS=(kubelogin {}); COMP_CWORD={}; _kubelogin; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len()
        );
        let Some(answer) = shell(&files, "bash", &["--norc", "-c"], &script) else { return };
        let lines: Vec<&str> = answer.lines().collect();
        assert!(lines.contains(has) && !lines.contains(has_not), "{words:?}: {answer}");
    }
    // As readline splits it; names that need quoting, or stand in quotes already.
    for (words, expected) in [
        ("convert-kubeconfig --context = prod", "prod\\ east\nprod-west\n"),
        ("convert-kubeconfig --context 'prod\\ e'", "prod\\ east\n"),
        ("convert-kubeconfig --context '\"prod e'", "prod east\n"),
        ("convert-kubeconfig --context aks : o", "one\n"),
        ("convert-kubeconfig --context = aks :", "one\ntwo\n"),
        ("convert-kubeconfig --context '\"aks:o'", "aks:one\n"),
        ("convert-kubeconfig --kubeconfig '~/other\\ config' --context ''", "elsewhere\n"),
        ("convert-kubeconfig --kubeconfig = '\"other config\"' --context ''", "elsewhere\n"),
        ("get-token --client-certificate = some-fi", "some-file.pem\n"),
        ("get-token --cache-dir = some", "some-folder\n"),
        ("get-token --login = az", "azurecli\nazd\nazurepipelines\n"),
    ] {
        let script = format!(
            "COMP_WORDBREAKS=$' =:'; source <(kubelogin completion bash); compopt() {{ :; }}; COMP_WORDS=(kubelogin {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _kubelogin; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        assert_eq!(shell(&files, "bash", &["--norc", "-c"], &script).unwrap(), expected, "{words}");
    }
}

#[test]
fn zsh_completes() {
    let files = world();
    for (words, has, has_not) in CASES.iter().chain(TYPED).chain(ASSIGNED) {
        // The completion system's own functions are replaced, so that what it is told can be seen: in order,
        // what it is to leave out, and what may stand there.
        let typed: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        let script = format!(
            "compdef() {{ :; }}; source <(kubelogin completion zsh); compset() {{ cut=\"$*\"; }}; cut_off() {{ [[ $words[CURRENT] != -*=* || $cut == '-P *=' ]]; }}; _describe() {{ cut_off && print -l -- \"${{(@)found%%:*}}\"; }}; _files() {{ cut_off || return; if [[ $1 == -/ ]]; then print -l -- *(/); else print -l -- *(.); fi; }}; words=(kubelogin {}); CURRENT={}; _kubelogin",
            typed.join(" "),
            words.len() + 1
        );
        let Some(answer) = shell(&files, "zsh", &["-f", "-c"], &script) else { return };
        let lines: Vec<&str> = answer.lines().collect();
        assert!(lines.contains(has) && !lines.contains(has_not), "{words:?}: {answer}");
    }
}

#[test]
fn fish_completes() {
    let files = world();
    for (words, has, has_not) in CASES.iter().chain(TYPED).chain(ASSIGNED) {
        let script = format!(
            "kubelogin completion fish | source; complete --do-complete {:?}",
            format!("kubelogin {}", words.join(" ")).trim_end_matches("''")
        );
        let Some(answer) = shell(&files, "fish", &["--no-config", "-c"], &script) else { return };
        let lines: Vec<&str> =
            answer.lines().map(|line| line.split('\t').next().unwrap().trim_end_matches('/')).collect();
        let prefix =
            words.last().unwrap().split_once('=').map_or(String::new(), |(flag, _)| format!("{flag}="));
        let (has, has_not) = (&*format!("{prefix}{has}"), &*format!("{prefix}{has_not}"));
        assert!(lines.contains(&has) && !lines.contains(&has_not), "{words:?}: {answer}");
    }
}

#[test]
fn powershell_completes() {
    let files = world();
    for (words, has, has_not) in CASES {
        let script = format!(
            "kubelogin completion powershell | Out-String | Invoke-Expression; $line = 'kubelogin {}'; (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText",
            words.join(" ")
        );
        let Some(answer) = shell(&files, "pwsh", &["-NoProfile", "-Command"], &script) else { return };
        assert!(answer.contains(has) && !answer.contains(has_not), "{words:?}: {answer}");
    }
}

#[test]
fn without_a_known_shell_the_command_explains_itself() {
    for args in [&["completion"][..], &["completion", "tcsh"]] {
        let run = Kubelogin::new(args).run();
        assert!(
            run.code == 0 && run.stdout.contains("kubelogin completion bash|fish|powershell|zsh"),
            "{}",
            run.stdout
        );
    }
    let script = Kubelogin::new(&["completion", "bash", "--no-descriptions"]).run();
    assert!(script.code == 0 && script.stdout.contains("complete "));
}

/// What scripts that cobra made ask and expect.
#[test]
fn scripts_of_the_original_are_answered_in_their_protocol() {
    let ask = |args: &[&str]| {
        let run = Kubelogin::new(args).run();
        (run.code, run.stdout, run.stderr)
    };
    let no_files = "Completion ended with directive: ShellCompDirectiveNoFileComp\n";
    let (code, said, end) = ask(&["__completeNoDesc", "get-token", "--login", "azure"]);
    assert_eq!((code, said.as_str(), end.as_str()), (0, "azurecli\nazurepipelines\n:4\n", no_files));
    let (_, said, _) = ask(&["__completeNoDesc", "get-token", "--login=dev"]);
    assert_eq!(said, "devicecode\n:4\n");
    let (_, said, _) = ask(&["__complete", "conv"]);
    assert_eq!(said, "convert-kubeconfig\tconvert kubeconfig to use exec auth module\n:4\n");
    assert_eq!(ask(&["__complete", "get-token", "--client-certificate", ""]).1, ":0\n");
    assert_eq!(ask(&["__complete", "get-token", "--cache-dir", ""]).1, ":16\n");
    assert_eq!(ask(&["__complete"]).0, 1);
}
