//! UTF-16, which Windows PowerShell writes, byte order marks, and keys that stand twice: what kubectl takes.

use super::{PROVIDER, config, convert, exec, exec_of, value};
use crate::flow::kubectls;
use crate::support::TempDir;
use kubelogin::kubeconfig::value::Value;
use std::path::Path;
use std::process::Command;

fn utf16(text: &str, write: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(write).collect()
}

/// The users as kubectl reads them.
fn kubectl_users(kubectl: &Path, path: &Path) -> String {
    let view = Command::new(kubectl)
        .args(["config", "view", "--raw", "-o", "jsonpath={.users}", "--kubeconfig"])
        .arg(path)
        .env_clear()
        .env("HOME", path.parent().unwrap())
        .output()
        .unwrap();
    assert!(view.status.success(), "{}", String::from_utf8_lossy(&view.stderr));
    String::from_utf8(view.stdout).unwrap()
}

#[test]
fn utf16_is_read_and_written_as_utf8() {
    let files = TempDir::new();
    let text = format!(
        "# \u{e4} \u{1f600}\r\n{}- name: \"\u{1f600}\"\n  user: {{token: \u{e4}}}\n",
        config(PROVIDER)
    );
    let plain = files.file("plain", &text);
    assert_eq!(convert(&plain, &["-l", "msi"]).run().stderr, "");
    let expected = std::fs::read_to_string(&plain).unwrap();
    for bytes in [utf16(&text, u16::to_le_bytes), utf16(&text, u16::to_be_bytes)] {
        let path = files.file("config", &bytes);
        let note = format!("{} is UTF-16 and is written as UTF-8\n", path.display());
        let shown = convert(&path, &["-l", "msi", "--dry-run"]).run();
        assert!(shown.stdout.contains("+      command: kubelogin"), "{}", shown.stdout);
        let elsewhere = convert(&path, &["-l", "msi", "--outfile", "-"]).run();
        assert_eq!((elsewhere.stdout, elsewhere.stderr), (expected.clone(), note.clone()));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        let output = convert(&path, &["-l", "msi"]).run();
        assert_eq!((output.code, output.stderr), (0, note));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        for kubectl in kubectls() {
            assert_eq!(kubectl_users(&kubectl, &path), kubectl_users(&kubectl, &plain));
        }
        // Without a user of ours it stays.
        let other = utf16(&config("    token: x\n"), u16::to_le_bytes);
        let path = files.file("other", &other);
        assert_eq!(convert(&path, &["-l", "msi"]).run().code, 0);
        assert_eq!(std::fs::read(&path).unwrap(), other);
    }
    let fails = |bytes: &[u8], why: &str| {
        let path = files.file("bad", bytes);
        convert(&path, &["-l", "msi"]).run().fails_with(why);
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    };
    fails(b"\xff\xfea\0:\0\n\0\x00\xd8b\0", "line 2 is not valid UTF-16: it has a lone surrogate");
    fails(b"\xfe\xff\0a\0:\0", "it is UTF-16 and ends within a character");
}

#[test]
fn a_utf8_mark_stays() {
    let files = TempDir::new();
    let text = format!("\u{feff}{}", config(PROVIDER));
    let path = files.file("config", &text);
    let output = convert(&path, &["-l", "msi"]).run();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let converted = std::fs::read_to_string(&path).unwrap();
    assert!(converted.starts_with("\u{feff}apiVersion: v1\n") && converted.contains("exec:"), "{converted}");
    for kubectl in kubectls() {
        assert!(kubectl_users(&kubectl, &path).contains("get-token"));
    }
}

/// kubectl takes the last of several values, and so do we.
#[test]
fn of_what_stands_twice_the_last_is_converted() {
    let files = TempDir::new();
    let args = "args: [get-token, --server-id, s]";
    for (text, users) in [
        (
            format!(
                "users:\n- name: u\n  user: {{token: x}}\n  user: {{exec: {{command: kubelogin, {args}}}}}\n"
            ),
            &["u"][..],
        ),
        (
            format!(
                "users:\n- name: t\n  name: u\n  user: {{exec: {{command: aws, command: kubelogin, {args}}}, token: 'x', token: 'z'}}\n"
            ),
            &["u"],
        ),
        (
            format!(
                "users:\n- name: gone\n  user: {{exec: {{command: kubelogin}}}}\nusers:\n- name: u\n  user:\n    exec:\n      command: kubelogin\n      {args}\n"
            ),
            &["u"],
        ),
        (
            "{\"users\": [], \"users\": [{\"name\": \"u\", \"user\": {\"exec\": {\"command\": \"kubelogin\", \"args\": [\"get-token\", \"--server-id\", \"s\"]}}}]}".to_owned(),
            &["u"],
        ),
    ] {
        let path = files.file("config", &text);
        let output = convert(&path, &["-l", "msi"]).run();
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{text}");
        let converted = std::fs::read_to_string(&path).unwrap();
        let root = value(&converted).merged();
        let Some(Value::List(list)) = root.get("users") else { panic!("{converted}") };
        let names: Vec<_> = list.iter().map(|user| user.get("name").unwrap().as_text().unwrap()).collect();
        assert_eq!(names, users);
        for kubectl in kubectls() {
            let seen = kubectl_users(&kubectl, &path);
            assert!(seen.contains("\"--login\",\"msi\"") && seen.contains("\"name\":\"u\""), "{seen}");
        }
        assert_eq!(convert(&path, &["-l", "msi"]).run().code, 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), converted);
    }
}

/// kubectl refuses v1 without it.
#[test]
fn v1_has_an_interactive_mode() {
    let files = TempDir::new();
    let v1 = exec(&["get-token", "--server-id", "s"]).replace("v1beta1", "v1");
    for (more, expected) in [
        ("", "IfAvailable"),
        ("      interactiveMode:\n", "IfAvailable"),
        ("      interactiveMode: ''\n", "IfAvailable"),
        ("      interactiveMode: Never\n", "Never"),
    ] {
        let path = files.file("config", config(&format!("{v1}{more}")));
        assert_eq!(convert(&path, &["-l", "msi"]).run().code, 0);
        let text = std::fs::read_to_string(&path).unwrap();
        let exec = exec_of(&text, "u");
        assert_eq!(exec.get("interactiveMode").unwrap().as_text(), Some(expected), "{text}");
        assert_eq!(exec.get("apiVersion").unwrap().as_text(), Some("client.authentication.k8s.io/v1"));
        let again = convert(&path, &["-l", "msi"]).run();
        assert_eq!((again.code, std::fs::read_to_string(&path).unwrap()), (0, text));
    }
    let path = files.file("config", config(&exec(&["get-token", "--server-id", "s"])));
    convert(&path, &["-l", "msi"]).run();
    assert!(!std::fs::read_to_string(&path).unwrap().contains("interactiveMode"));
}
