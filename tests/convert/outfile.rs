//! `--outfile`: where the result goes, what becomes of what was there, and what it must not be.

use super::{PROVIDER, config, convert, exec, exec_of, list, value};
use crate::flow::kubectls;
use crate::support::{Kubelogin, TempDir};
use kubelogin::kubeconfig::value::Value;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const MSI: &[&str] = &["-l", "msi"];

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

fn entry<'v>(root: &'v Value, list: &str, name: &str, key: &str) -> &'v Value {
    let Some(Value::List(entries)) = root.get(list) else { panic!("no {list}") };
    let is_it = |entry: &&Value| entry.get("name").and_then(Value::as_text) == Some(name);
    entries.iter().find(is_it).unwrap().get(key).unwrap()
}

#[test]
fn folders_are_made_and_modes_kept_unless_a_secret_is_written() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    let target = files.path().join("a/b/new");
    assert_eq!(convert(&path, MSI).arg("--outfile").arg(&target).run().code, 0);
    assert_eq!((mode(&target), mode(&files.path().join("a"))), (0o600, 0o700));
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(convert(&path, MSI).arg("--outfile").arg(&target).run().code, 0);
    assert_eq!(mode(&target), 0o644);
    let spn = ["-l", "spn", "--client-secret", "typed", "--outfile"];
    let output = convert(&path, &spn).arg(&target).run();
    assert!(output.stderr.contains("--client-secret was written to the output"), "{}", output.stderr);
    assert_eq!(mode(&target), 0o600);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
    assert_eq!(std::fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    // Through links, to a file that is there and to one that is not.
    let (link, dangling) = (files.path().join("link"), files.path().join("dangling"));
    symlink(&target, &link).unwrap();
    symlink("c/made", &dangling).unwrap();
    for link in [&link, &dangling] {
        assert_eq!(convert(&path, MSI).arg("--output").arg(link).run().code, 0);
        assert!(link.is_symlink() && std::fs::read_to_string(link).unwrap().contains("exec:"));
    }
}

#[test]
fn what_must_not_be_the_target_is_named_and_stays() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    let (link, hard) = (files.path().join("link"), files.path().join("hard"));
    symlink(&path, &link).unwrap();
    std::fs::hard_link(&path, &hard).unwrap();
    let same = |target: &Path| {
        let output = convert(&path, MSI).arg("--outfile").arg(target).run();
        output.fails_with(&format!(
            "--outfile \"{}\" is the same file as source kubeconfig \"{}\"; choose a different path",
            target.display(),
            path.display()
        ));
    };
    [&path, &link, &hard, &files.path().join("./x/../config")].into_iter().for_each(|target| {
        std::fs::create_dir_all(files.path().join("x")).unwrap();
        same(target);
    });
    let fails = |target: &str, why: &str| {
        let output = convert(&path, MSI).arg("--outfile").arg(target).run();
        output.fails_with(&format!("unable to write kubeconfig to {target}: {why}"));
    };
    fails(&files.path().display().to_string(), "it is a folder");
    fails(&format!("{}/under", path.display()), "Not a directory");
    let kept = files.file("kept", "kept");
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o400)).unwrap();
    fails(kept.to_str().unwrap(), "it is read-only");
    for source in ["/dev/null", "empty"] {
        files.file("empty", "# nothing\n");
        let output = convert(&files.path().join(source), MSI).arg("--outfile").arg(&kept).run();
        output.fails_with(&format!(
            "no kubeconfig found to convert, refusing to write an empty {}",
            kept.display()
        ));
    }
    let none = Kubelogin::new(&["convert-kubeconfig", "-l", "msi", "--outfile"]).arg(&kept).run();
    none.fails_with("no kubeconfig found to convert");
    convert(&path, &["-l", "spn", "--tenant-id=", "--outfile"])
        .arg(&kept)
        .run()
        .fails_with("--tenant-id is required");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
}

const RELATIVE: &str = "    client-certificate: certs/me.crt
    client-key: ../me.key # mine
    tokenFile: ./token
";

#[test]
fn relative_paths_become_absolute() {
    let files = TempDir::new();
    let text = format!(
        "{}- name: v\n  user:\n{RELATIVE}- name: w\n  user: {{exec: {{command: ./bin/login, apiVersion: client.authentication.k8s.io/v1beta1}}}}\n- name: x\n  user: {{exec: {{command: aws}}}} # stays\n",
        config(PROVIDER).replace(
            "{server: https://k.example}",
            "{server: https://k.example, certificate-authority: ca.crt}"
        )
    );
    let path = files.file("here/config", &text);
    let target = files.path().join("there/config");
    let run = |source: &Path| {
        let output = convert(source, MSI).arg("--outfile").arg(&target).run();
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        std::fs::read_to_string(&target).unwrap()
    };
    let converted = run(&path);
    let root = value(&converted);
    let here = files.path().join("here");
    let has = |list: &str, name: &str, key: &str, field: &str, expected: &Path| {
        let value =
            field.split('.').fold(entry(&root, list, name, key), |value, key| value.get(key).unwrap());
        assert_eq!(value.as_text(), expected.to_str(), "{field}: {converted}");
    };
    has("clusters", "k", "cluster", "certificate-authority", &here.join("ca.crt"));
    has("users", "v", "user", "client-certificate", &here.join("certs/me.crt"));
    has("users", "v", "user", "client-key", &files.path().join("me.key"));
    has("users", "v", "user", "tokenFile", &here.join("token"));
    has("users", "w", "user", "exec.command", &here.join("bin/login"));
    assert!(converted.contains("- name: x\n  user: {exec: {command: aws}} # stays\n"), "{converted}");
    // In place they stay, for the file stays.
    assert_eq!(convert(&path, MSI).run().code, 0);
    assert!(std::fs::read_to_string(&path).unwrap().contains(RELATIVE));
    // As kubectl resolves them.
    for kubectl in kubectls() {
        let view = |path: &Path| {
            let view =
                ["config", "view", "--raw", "-o", "jsonpath={.users[?(@.name=='v')].user}", "--kubeconfig"];
            let output =
                Command::new(&kubectl).args(view).arg(path).env_clear().env("HOME", files.path()).output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        };
        assert!(view(&target).contains(here.join("certs/me.crt").to_str().unwrap()));
    }
    // Relative to a working folder that is not the file's.
    let (mut command, _home) =
        Kubelogin::new(&["convert-kubeconfig", "-l", "msi", "--kubeconfig", "config", "--outfile", "-"])
            .into_command();
    let output = command.current_dir(&here).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(here.join("ca.crt").to_str().unwrap()));
}

#[test]
fn several_files_give_what_kubectl_makes_of_them() {
    let files = TempDir::new();
    let (first, second) = (
        files.file("1/config", config(PROVIDER)),
        files.file(
            "2/config",
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: d\nclusters:\n- {{name: k, cluster: {{server: https://other}}}}\n- {{name: l, cluster: {{server: https://l, certificate-authority: ca.crt}}}}\ncontexts:\n- {{name: d, context: {{cluster: l, user: v}}}}\nusers:\n- name: u\n  user: {{token: shadowed}}\n- name: v\n  user:\n{}",
                exec(&["get-token", "--server-id", "s"])
            ),
        ),
    );
    let joined = std::env::join_paths([&first, &files.path().join("missing"), &second]).unwrap();
    let target = files.path().join("merged");
    let output = Kubelogin::new(&["convert-kubeconfig", "-l", "msi", "--outfile"])
        .arg(&target)
        .env("KUBECONFIG", &joined)
        .run();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let text = std::fs::read_to_string(&target).unwrap();
    let root = value(&text);
    assert_eq!(root.get("current-context").unwrap().as_text(), Some("c"));
    assert_eq!(
        entry(&root, "clusters", "k", "cluster").get("server").unwrap().as_text(),
        Some("https://k.example")
    );
    assert_eq!(list(exec_of(&text, "v").get("args")), ["get-token", "--login", "msi", "--server-id", "s"]);
    assert!(!text.contains("shadowed"));
    // The same as kubectl's own merge of the converted files.
    assert_eq!(Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("KUBECONFIG", &joined).run().code, 0);
    for kubectl in kubectls() {
        let view = |kubeconfig: &std::ffi::OsStr| {
            let args = ["config", "view", "--flatten=false", "--raw", "-o", "json"];
            let mut command = Command::new(&kubectl);
            let output = command
                .args(args)
                .env_clear()
                .env("HOME", files.path())
                .env("KUBECONFIG", kubeconfig)
                .output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        };
        let theirs =
            view(&joined).replace("\"ca.crt\"", &format!("\"{}\"", files.path().join("2/ca.crt").display()));
        assert_eq!(view(target.as_os_str()), theirs, "{kubectl:?}");
    }
}
