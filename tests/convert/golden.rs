//! Whole files: what changes, and what must not. Each case is a file of sections: `args`, `input`, and what
//! is expected: `stderr`, `diff` (of --dry-run) and `output`. `UPDATE_GOLDEN=1` writes the expected ones.

use super::{PROVIDER, config, convert, exec, exec_of, list, value};
use crate::flow::kubectls;
use crate::support::{Kubelogin, TempDir};
use std::path::Path;
use std::process::Command;

fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("=== ") {
            Some(name) => sections.push((name.trim().to_owned(), String::new())),
            None => sections.last_mut().unwrap().1 += line,
        }
    }
    sections
}

#[test]
fn golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/convert");
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
    cases.sort();
    assert!(cases.len() >= 8);
    for case in cases {
        let text = std::fs::read_to_string(&case).unwrap();
        let given = sections(&text);
        let get = |name: &str| {
            given.iter().find(|(n, _)| n == name).map(|(_, text)| text.clone()).unwrap_or_default()
        };
        // A marker stands for CR, which editors would eat.
        let input = get("input").replace('␍', "\r");
        let args: Vec<String> = get("args").split_whitespace().map(str::to_owned).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let files = TempDir::new();
        let path = files.file("config", &input);
        let shown = |text: &str| text.replace(&path.display().to_string(), "config").replace('\r', "␍");
        let dry = convert(&path, &args).arg("--dry-run").run();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), input, "{case:?}: --dry-run wrote");
        let run = convert(&path, &args).run();
        assert_eq!((run.code, run.stdout.as_str()), (dry.code, ""), "{case:?}: {}", run.stderr);
        let output = std::fs::read_to_string(&path).unwrap();
        patches(&input, &dry.stdout, &output);
        let again = convert(&path, &args).run();
        assert_eq!(again.code, run.code);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), output, "{case:?}: twice is not once");
        let expected = format!(
            "=== args\n{}=== input\n{}=== stderr\n{}=== diff\n{}=== output\n{}",
            get("args"),
            get("input"),
            shown(&run.stderr),
            shown(&dry.stdout),
            shown(&output)
        );
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&case, expected).unwrap();
        } else {
            assert_eq!(text, expected, "{case:?}");
        }
    }
}

/// What --dry-run prints makes, by `patch`, of the input the output.
fn patches(input: &str, diff: &str, output: &str) {
    if diff.is_empty() {
        return;
    }
    let files = TempDir::new();
    let (path, diff) = (files.file("config", input), files.file("diff", diff));
    let Ok(run) = Command::new("patch").arg("--binary").arg(&path).arg(diff).output() else {
        crate::support::skip("patch");
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    assert_eq!(std::fs::read_to_string(path).unwrap(), output);
}

#[test]
fn kubectl_reads_what_was_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/convert");
    let kubectls = kubectls();
    for case in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read_to_string(case.path()).unwrap();
        let output =
            sections(&text).into_iter().find(|(name, _)| name == "output").unwrap().1.replace('␍', "\r");
        let files = TempDir::new();
        let path = files.file("config", &output);
        for kubectl in &kubectls {
            let view = Command::new(kubectl)
                .args(["config", "view", "--raw", "-o", "json", "--kubeconfig"])
                .arg(&path)
                .env_clear()
                .env("HOME", files.path())
                .output()
                .unwrap();
            assert!(
                view.status.success(),
                "{:?} {kubectl:?}: {}",
                case.path(),
                String::from_utf8_lossy(&view.stderr)
            );
            let json = String::from_utf8(view.stdout).unwrap();
            let theirs: serde_json::Value = serde_json::from_str(&json).unwrap();
            for user in theirs["users"].as_array().into_iter().flatten() {
                let exec = &user["user"]["exec"];
                if exec["command"].as_str().is_some_and(|command| command.ends_with("kubelogin"))
                    && !exec["args"].to_string().contains("oidc-issuer-url")
                {
                    let ours = exec_of(&output, user["name"].as_str().unwrap());
                    let args: Vec<String> = exec["args"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|a| a.as_str().unwrap().to_owned())
                        .collect();
                    assert_eq!(args, list(ours.get("args")));
                    assert_eq!(exec["installHint"].as_str(), ours.get("installHint").unwrap().as_text());
                }
            }
        }
    }
}

#[test]
fn the_written_entry_is_the_original_s() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    convert(&path, &[]).run();
    let exec = exec_of(&std::fs::read_to_string(&path).unwrap(), "u");
    assert_eq!(exec.get("command").unwrap().as_text(), Some("kubelogin"));
    assert_eq!(exec.get("apiVersion").unwrap().as_text(), Some("client.authentication.k8s.io/v1beta1"));
    assert_eq!(
        exec.get("installHint").unwrap().as_text(),
        Some(
            "\nkubelogin is not installed which is required to connect to AAD enabled cluster.\n\nTo learn more, please go to https://azure.github.io/kubelogin/\n"
        )
    );
}

#[test]
fn what_an_old_entry_has_of_its_own_survives() {
    let user = "    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: /opt/bin/Kubelogin.exe
      args: [get-token, --server-id, s]
      env:
      - name: A
        value: 'on'
      installHint: ask Bob
      interactiveMode: Never
      provideClusterInfo: true
      unknown: {x: 0123}
    extra: 1
";
    let files = TempDir::new();
    let path = files.file("config", config(user));
    convert(&path, &["-l", "azurecli", "--azure-config-dir", "/az"]).run();
    let text = std::fs::read_to_string(&path).unwrap();
    let exec = exec_of(&text, "u");
    let has = |name: &str, expected: &str| {
        assert!(exec.get(name).unwrap().semantically_equal(&value(expected)), "{name}: {text}")
    };
    has("apiVersion", "client.authentication.k8s.io/v1");
    has("command", "/opt/bin/Kubelogin.exe");
    has("env", "[{name: A, value: 'on'}, {name: AZURE_CONFIG_DIR, value: /az}]");
    has("installHint", "ask Bob");
    has("interactiveMode", "Never");
    has("provideClusterInfo", "true");
    has("unknown", "{x: 0123}");
    assert!(text.contains("extra: 1"));
}

#[test]
fn texts_that_look_like_something_else_are_quoted() {
    for text in ["yes", "on", "0123", "1e3", "12:30", "null", "~", "a: b", "#x"] {
        let files = TempDir::new();
        let path = files.file("config", config(PROVIDER));
        convert(&path, &["--tenant-id", text]).run();
        assert!(std::fs::read_to_string(&path).unwrap().contains(&format!("- \"{text}\"")), "{text}");
    }
}

#[test]
fn only_the_chosen_context_s_user_changes() {
    let two = format!("{}- name: v\n  user:\n{PROVIDER}", config(PROVIDER));
    let files = TempDir::new();
    let path = files.file("config", &two);
    let output = convert(&path, &["-l", "msi", "--context", "c"]).run();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.ends_with(&format!("- name: v\n  user:\n{PROVIDER}"))
            && text.matches("auth-provider").count() == 1
    );
    convert(&path, &["--context", "nope"]).run().fails_with("no context exists with the name: \"nope\"");
}

#[test]
fn several_files_are_one_config() {
    let files = TempDir::new();
    let first = files.file("1", config(PROVIDER));
    let second = files.file("2", config(PROVIDER).replace("- name: u", "- name: other"));
    let shadowed = files.file("3", config(PROVIDER));
    let list = std::env::join_paths([
        &first,
        &Path::new("").to_owned(),
        &files.path().join("missing"),
        &second,
        &shadowed,
    ])
    .unwrap();
    let output = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("KUBECONFIG", list).run();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let exec = |path: &Path| std::fs::read_to_string(path).unwrap().contains("exec:");
    assert!(exec(&first) && exec(&second) && !exec(&shadowed));
    let home = Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]);
    std::fs::create_dir(home.home().join(".kube")).unwrap();
    std::fs::write(home.home().join(".kube/config"), config(PROVIDER)).unwrap();
    let output = home.run();
    assert!(exec(&output.home.path().join(".kube/config")), "{}", output.stderr);
}

#[test]
fn nothing_to_convert_is_said_and_succeeds() {
    let files = TempDir::new();
    for text in [
        "",
        "{}",
        "users: []\n",
        "users:\n",
        &config("    token: x\n"),
        &config("    exec: {command: aws}\n"),
    ] {
        let path = files.file("config", text);
        let output = convert(&path, &[]).run();
        assert_eq!((output.code, output.stdout.as_str()), (0, ""), "{text}");
        assert!(output.stderr.contains("nothing to convert"), "{text}: {}", output.stderr);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), *text);
    }
    let foreign = files.file(
        "config",
        config("    exec: {command: kubelogin, args: [get-token, --oidc-issuer-url=https://x]}\n"),
    );
    let output = convert(&foreign, &[]).run();
    assert!(output.code == 0 && output.stderr.contains("was left alone: convert it with -l oidc"));
    convert(&files.path().join("missing"), &[]).run().fails_with("No such file");
}

#[test]
fn output_goes_elsewhere_and_leaves_the_input_alone() {
    let files = TempDir::new();
    let text = config(&exec(&["get-token", "--server-id", "s"]));
    let path = files.file("config", &text);
    let target = files.path().join("new");
    let output = convert(&path, &["-l", "msi", "--output"]).arg(&target).run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let stdout = convert(&path, &["-l", "msi", "--output", "-"]).run().stdout;
    assert_eq!(stdout, std::fs::read_to_string(target).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
