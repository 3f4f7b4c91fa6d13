//! Paths that a shell should have expanded, `--exec-command`, and the command of a client that runs the wrong one.

use super::{PROVIDER, arguments, config, convert, exec, exec_of, list};
use crate::support::kubelogin::binary;
use crate::support::{Kubelogin, TempDir};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

#[test]
fn conversion_writes_paths_as_typed_and_warns_of_those_that_no_shell_expands() {
    let spn = ["-l", "spn", "--client-certificate"];
    for (typed, part) in
        [("${HOME}/app.pem", "${HOME}"), ("$KEYS/app.pem", "$KEYS"), ("~alice/app.pem", "~alice")]
    {
        let (output, args, _files) = arguments(PROVIDER, &[], &[&spn[..], &[typed]].concat());
        assert!(args.contains(&typed.to_owned()), "{args:?}");
        let warning = format!(
            "Warning: user \"u\": --client-certificate {typed} is written as it is, but no shell expands {part}"
        );
        assert!(output.stderr.starts_with(&warning), "{}", output.stderr);
    }
    for typed in ["~/app.pem", "/x/$HOME/app.pem", "keys/~/app.pem"] {
        let (output, args, _files) = arguments(PROVIDER, &[], &[&spn[..], &[typed]].concat());
        assert!(args.contains(&typed.to_owned()) && output.stderr.is_empty(), "{}", output.stderr);
    }
    // What the old entry has goes on not to work.
    let old = exec(&[
        "get-token",
        "--server-id",
        "s",
        "--cache-dir",
        "$HOME/x",
        "--certificate-authority",
        "~bob/ca",
    ]);
    let (output, ..) = arguments(&old, &[], &["-l", "msi"]);
    assert_eq!(output.stderr.matches("no shell expands").count(), 2, "{}", output.stderr);
    let (output, ..) =
        arguments(&old, &[], &["-l", "azurecli", "--azure-config-dir=${HOME}/.azure", "--cache-dir="]);
    assert!(
        output.stderr.contains("--azure-config-dir ${HOME}/.azure is written as it is"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_command_s_own_paths_are_expanded() {
    let home = TempDir::new();
    let path = home.file(".kube/my", config(PROVIDER));
    let run = |args: &[&str]| {
        Kubelogin::new(&["convert-kubeconfig", "-l", "msi"]).env("HOME", home.path()).args(args).run()
    };
    assert_eq!(run(&["--kubeconfig", "~/.kube/my", "--outfile=~/new/config"]).code, 0);
    assert!(std::fs::read_to_string(home.path().join("new/config")).unwrap().contains("exec:"));
    for bad in ["${HOME}/.kube/my", "$HOME/.kube/my", "~me/.kube/my"] {
        run(&["--kubeconfig", bad]).fails_with("no shell has expanded");
        run(&["--kubeconfig", path.to_str().unwrap(), "--output", bad]).hints("write the path in full");
    }
    let lost = Kubelogin::new(&["convert-kubeconfig", "--kubeconfig", "~/x"]).env("HOME", "").run();
    lost.fails_with("there is no home folder: HOME is not set");
}

/// A folder of that name is meant.
#[test]
fn a_folder_of_that_name_is_meant() {
    let files = TempDir::new();
    files.file("$ODD/config", config(PROVIDER));
    let (mut command, _home) =
        Kubelogin::new(&["convert-kubeconfig", "-l", "msi", "--kubeconfig", "$ODD/config"]).into_command();
    assert!(command.current_dir(files.path()).status().unwrap().success());
}

/// At get-token each path flag and variable is expanded or refused, before anything is sent or made.
#[test]
fn get_token_expands_home_and_refuses_what_it_cannot() {
    let ids = [
        "get-token",
        "-l",
        "spn",
        "--server-id=s",
        "--client-id=c",
        "--tenant-id=t",
        "--timeout=1s",
        "--authority-host=https://127.0.0.1:9/",
    ];
    let run = |args: &[&str], env: &[(&str, &str)]| Kubelogin::new(&ids).args(args).envs(env).run();
    for (args, env) in [
        (&["--client-secret=x", "--cache-dir=${HOME}/x"][..], &[][..]),
        (&["--client-secret=x", "--token-cache-dir", "$HOME/x"], &[]),
        (&["--client-secret=x"], &[("KUBECACHEDIR", "~nobody/x")]),
        (&["--client-certificate=$HOME/x.pem"], &[]),
        (&[], &[("AZURE_CLIENT_CERTIFICATE_PATH", "${HOME}/x.pem")]),
        (&["--client-secret=x", "--certificate-authority=/etc/x", "--certificate-authority=~x/y"], &[]),
        (&["-l", "workloadidentity", "--federated-token-file=$TOKENS/t"], &[]),
        (&["-l", "workloadidentity"], &[("AZURE_FEDERATED_TOKEN_FILE", "${X}/t")]),
    ] {
        let output = run(args, env);
        output.fails_with("no shell has expanded");
        output.hints("write the path in full");
    }
    let stack = ["-l", "devicecode", "-e", "AzureStackCloud", "--authority-host="];
    let stack = |path: &str| run(&stack, &[("AZURE_ENVIRONMENT_FILEPATH", path)]);
    stack("${HOME}/cloud.json").fails_with("no shell has expanded ${HOME}");
    stack("~/cloud.json").fails_with("No such file");
    assert!(!stack("~/cloud.json").stderr.contains("~/"));
    let output = run(&["--client-certificate=~/app.pem"], &[]);
    output.fails_with(&format!("{}/app.pem", output.home.path().display()));
    let output = run(&["--client-secret=x", "--token-cache=all", "--cache-dir=~/cache"], &[]);
    assert_eq!(output.code, 1);
    assert!(output.home.path().join("cache").is_dir(), "{}", output.stderr);
    let no_home = run(&["--client-secret=x", "--cache-dir=~/cache"], &[("HOME", "")]);
    no_home.fails_with("there is no home folder");
    // Deleting must not be misled either.
    let output = Kubelogin::new(&["remove-cache-dir", "--cache-dir=${HOME}/x"]).run();
    output.fails_with("no shell has expanded");
}

#[test]
fn doctor_says_that_a_path_is_not_expanded() {
    let files = TempDir::new();
    let entry = exec(&["get-token", "--login", "msi", "--server-id", "s", "--cache-dir", "${HOME}/x"]);
    let path = files.file("config", config(&entry));
    let output = Kubelogin::new(&["doctor", "--kubeconfig"]).arg(&path).run();
    assert!(output.stdout.contains("no shell has expanded ${HOME}"), "{}", output.stdout);
}

#[test]
fn exec_command_names_the_program() {
    let command = |user: &str, args: &[&str]| {
        let files = TempDir::new();
        let path = files.file("config", config(user));
        let output = convert(&path, &[&["-l", "msi"], args].concat()).run();
        assert_eq!(output.code, 0, "{}", output.stderr);
        let text = std::fs::read_to_string(&path).unwrap();
        let exec = exec_of(&text, "u");
        // Whatever it is called, it stays ours.
        let again = convert(&path, &["-l", "azurecli"]).run();
        assert_eq!((again.code, again.stderr.as_str()), (0, ""));
        let again = exec_of(&std::fs::read_to_string(&path).unwrap(), "u");
        assert_eq!(list(again.get("args"))[2], "azurecli");
        assert_eq!(again.get("command").unwrap().as_text(), exec.get("command").unwrap().as_text());
        exec.get("command").unwrap().as_text().unwrap().to_owned()
    };
    assert_eq!(command(PROVIDER, &[]), "kubelogin");
    assert_eq!(command(PROVIDER, &["--exec-command", "/opt/x/login"]), "/opt/x/login");
    assert_eq!(
        command(PROVIDER, &["--exec-command", "C:\\Programs\\kubelogin.exe"]),
        "C:\\Programs\\kubelogin.exe"
    );
    let old =
        exec(&["get-token", "--server-id", "s"]).replace("command: kubelogin", "command: /old/kubelogin");
    assert_eq!(command(&old, &[]), "/old/kubelogin");
    assert_eq!(command(&old, &["--exec-command=/new/kubelogin"]), "/new/kubelogin");
    assert_eq!(command(PROVIDER, &["--exec-command=self"]), binary().to_str().unwrap());
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    for bad in ["kubelogin", "./kubelogin", "bin/kubelogin", "Self"] {
        let output = convert(&path, &["-l", "msi", "--exec-command", bad]).run();
        output.fails_with(&format!("--exec-command \"{bad}\" is not an absolute path"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
    }
}

/// As it was called: links stay, for an upgrade deletes what they lead to.
#[test]
fn self_is_how_the_program_was_called() {
    let files = TempDir::new();
    let bin = files.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(binary(), bin.join("kubelogin")).unwrap();
    let path = files.file("config", config(PROVIDER));
    for (program, path_variable) in [
        (bin.join("kubelogin").to_str().unwrap(), "/nowhere"),
        ("./bin/kubelogin", "/nowhere"),
        ("kubelogin", bin.to_str().unwrap()),
        ("kubelogin", "/nowhere:bin"),
    ] {
        std::fs::write(&path, config(PROVIDER)).unwrap();
        let output = Command::new("/bin/sh")
            .args([
                "-c",
                &format!("exec {program} convert-kubeconfig -l msi --kubeconfig config --exec-command self"),
            ])
            .current_dir(files.path())
            .env_clear()
            .env("PATH", path_variable)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let exec = exec_of(&std::fs::read_to_string(&path).unwrap(), "u");
        assert_eq!(
            exec.get("command").unwrap().as_text(),
            bin.join("kubelogin").to_str(),
            "{program} {path_variable}"
        );
    }
    // A folder in which others can put another program.
    std::fs::set_permissions(&bin, std::fs::Permissions::from_mode(0o777)).unwrap();
    let output = convert(&path, &["-l", "msi", "--exec-command"]).arg(bin.join("kubelogin")).run();
    assert!(output.stderr.contains("other users can write its folder"), "{}", output.stderr);
}

/// Terraform's provider with the arguments that a person types once.
#[test]
fn a_client_that_runs_another_command_is_told_which() {
    let files = TempDir::new();
    let path = files.file("config", config(PROVIDER));
    let info = (
        "KUBERNETES_EXEC_INFO",
        "{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\",\"spec\":{}}",
    );
    for output in
        [convert(&path, &["-l", "msi"]).envs(&[info]).run(), Kubelogin::new(&[]).envs(&[info]).run()]
    {
        output.fails_with("KUBERNETES_EXEC_INFO is set");
        output.hints("get-token");
        output.hints("by hand");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), config(PROVIDER));
    for other in [
        &["--version"][..],
        &["version"],
        &["help"],
        &["--help"],
        &["whoami"],
        &["convert-kubeconfig", "--help"],
    ] {
        let output = Kubelogin::new(other).envs(&[info]).run();
        assert!(!output.stderr.contains("KUBERNETES_EXEC_INFO"), "{other:?}: {}", output.stderr);
    }
    assert_eq!(convert(&path, &["-l", "msi"]).env("KUBERNETES_EXEC_INFO", "").run().code, 0);
}
