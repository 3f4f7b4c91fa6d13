//! Completion, by the real shells.

use crate::support::kubelogin::binary;
use crate::support::{Kubelogin, TempDir};
use std::process::Command;

const CONFIG: &str = "contexts:\n- name: prod-west\n  context: {user: a}\n- name: prod east\n  context: {user: a}\n- name: test\n  context: {user: b}\n";

/// A folder with `kubelogin` in `bin` and a kubeconfig.
fn world() -> TempDir {
    let files = TempDir::new();
    files.file(".kube/config", CONFIG);
    files.file("some-file.pem", "");
    files.file("some-folder/x", "");
    std::fs::create_dir_all(files.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(binary(), files.path().join("bin/kubelogin")).unwrap();
    files
}

/// What a shell prints for a script; `None`, and SKIP, where there is no such shell.
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
        println!("SKIP {shell}");
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
    // As readline splits it, and a name that needs quoting.
    let script = "source <(kubelogin completion bash); COMP_WORDS=(kubelogin convert-kubeconfig --context = 'prod'); COMP_CWORD=4; _kubelogin; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let answer = shell(&files, "bash", &["--norc", "-c"], script).unwrap();
    assert_eq!(answer, "prod\\ east\nprod-west\n");
}

#[test]
fn zsh_completes() {
    let files = world();
    for (words, has, has_not) in CASES {
        // The completion system's own functions are replaced, so that what it is told can be seen.
        let script = format!(
            "compdef() {{ :; }}; source <(kubelogin completion zsh); _describe() {{ print -l -- \"${{(@)found%%:*}}\"; }}; _files() {{ if [[ $1 == -/ ]]; then print -l -- *(/); else print -l -- *(.); fi; }}; words=(kubelogin {}); CURRENT={}; _kubelogin",
            words.join(" "),
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
    for (words, has, has_not) in CASES {
        let script = format!(
            "kubelogin completion fish | source; complete --do-complete 'kubelogin {}'",
            words.join(" ")
        );
        let Some(answer) = shell(&files, "fish", &["--no-config", "-c"], &script) else { return };
        let lines: Vec<&str> =
            answer.lines().map(|line| line.split('\t').next().unwrap().trim_end_matches('/')).collect();
        assert!(lines.contains(has) && !lines.contains(has_not), "{words:?}: {answer}");
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
fn another_shell_is_named() {
    let run = Kubelogin::new(&["completion", "tcsh"]).run();
    run.fails_with("there is no completion for the shell \"tcsh\"");
    run.hints("bash, fish, powershell, zsh");
    Kubelogin::new(&["completion"]).run().fails_with("completion needs a shell");
}
