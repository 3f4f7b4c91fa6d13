//! az and azd where they misbehave: how they are found and run, what they leave behind, what they say.

use crate::support::entra::SERVER;
use crate::support::kubelogin::Output;
use crate::support::{Kubelogin, TempDir};
use std::os::unix::fs::PermissionsExt;

const TOKEN: &str = r#"echo '{"accessToken":"az-token","expires_on":4102444800}'"#;
const AZD_TOKEN: &str = r#"echo '{"token":"azd-token","expiresOn":"2100-01-01T00:00:00Z"}'"#;

/// A folder with this program of exactly this content.
fn program(name: &str, content: &str) -> TempDir {
    let folder = TempDir::new();
    let path = folder.file(name, content);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn sign_in(login: &str, path: &str) -> Kubelogin {
    Kubelogin::new(&["get-token", "-l", login, "--server-id", SERVER]).env("PATH", path)
}

/// `get-token` with this program as the tool.
fn with(login: &str, content: &str, args: &[&str]) -> Output {
    let folder = program(if login == "azd" { "azd" } else { "az" }, content);
    sign_in(login, &format!("{}:/usr/bin:/bin", folder.path().display())).args(args).run()
}

fn az(script: &str) -> Output {
    with("azurecli", &format!("#!/bin/sh\n{script}\n"), &[])
}

fn azd(script: &str) -> Output {
    with("azd", &format!("#!/bin/sh\n{script}\n"), &[])
}

/// A repository that was cloned must not get its code run by the tool's interpreter.
#[test]
fn az_and_azd_run_in_a_folder_of_the_system_s() {
    for (login, name, token) in [("azurecli", "az", TOKEN), ("azd", "azd", AZD_TOKEN)] {
        let (tool, caller) = (TempDir::new(), TempDir::new());
        let seen = tool.path().join("seen");
        let script = tool.file(name, format!("#!/bin/sh\npwd >{}\n{token}\n", seen.display()));
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (mut command, home) =
            sign_in(login, &format!("{}:/usr/bin:/bin", tool.path().display())).into_command();
        Output::new(command.current_dir(caller.path()).output().unwrap(), home).token();
        let seen = std::fs::read_to_string(seen).unwrap();
        assert!(["/bin", "/usr/bin", "/"].contains(&seen.trim()), "{login}: {seen}");
    }
}

#[test]
fn a_tool_in_the_caller_s_folder_is_never_run() {
    for (login, name) in [("azurecli", "az"), ("azd", "azd")] {
        for path in ["", ".", "bin", ".:/nonexistent", ":/nonexistent", "/nonexistent:", "/nonexistent:./bin"]
        {
            let caller = TempDir::new();
            let ran = caller.path().join("ran");
            for file in [name.to_owned(), format!("bin/{name}")] {
                let script = caller.file(&file, format!("#!/bin/sh\necho >{}\n", ran.display()));
                std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            let (mut command, home) = sign_in(login, path).into_command();
            let run = Output::new(command.current_dir(caller.path()).output().unwrap(), home);
            assert!(!ran.exists(), "{login} {path:?}: {}", run.stderr);
            run.fails_with("is not installed");
        }
    }
}

/// What az has started may live on with its pipes open; its answer is complete all the same.
#[test]
fn an_answer_counts_when_the_tool_has_ended_though_its_child_holds_the_pipe() {
    // Without that, the time limit would end it with an error.
    let limit = &["--timeout", "5s"][..];
    let script = |token: &str| format!("#!/bin/sh\n{token}\nsleep 30 &\n");
    assert_eq!(with("azurecli", &script(TOKEN), limit).token(), "az-token");
    assert_eq!(with("azd", &script(AZD_TOKEN), limit).token(), "azd-token");
    // Its stderr alone, and a failure.
    let failed = with("azurecli", "#!/bin/sh\necho 'ERROR: no' >&2\nsleep 30 >/dev/null &\nexit 1\n", limit);
    failed.fails_with("ERROR: no");
}

#[test]
fn a_script_without_its_first_line_is_run_by_the_shell() {
    assert_eq!(with("azurecli", &format!("{TOKEN}\n"), &[]).token(), "az-token");
}

#[test]
fn a_tool_whose_interpreter_is_gone_is_not_called_missing() {
    for content in ["#!/nonexistent/python3\n", "#!/nonexistent/bin/node --flag\n"] {
        let run = with("azurecli", content, &[]);
        let stderr = run.fails_with("the Azure CLI");
        assert!(!stderr.contains("is not installed") && stderr.contains("interpreter"), "{stderr}");
    }
}

#[test]
fn a_tool_that_says_nothing_is_described_by_its_end() {
    az("kill -KILL $$").fails_with("signal 9");
    az("kill -TERM $$").fails_with("signal 15");
    az("exit 127").fails_with("127");
    az("exit 3").fails_with("status 3");
    azd("exit 5").fails_with("status 5");
}

#[test]
fn the_first_json_object_counts_whatever_stands_around_it() {
    for before in [
        "echo 'WARNING: {telemetry} is off'",
        "echo '{'",
        "echo '[{\"a\": 1}'",
        "echo 'Config: {a, b}'; echo '{not: json}'",
        "echo 'é { \"accessToken\"'",
    ] {
        assert_eq!(az(&format!("{before}\n{TOKEN}")).token(), "az-token", "{before}");
    }
    assert_eq!(az(&format!("{TOKEN}\necho 'bye {{ }}'")).token(), "az-token");
}

#[test]
fn the_tool_s_lines_stay_lines_and_its_command_is_the_hint() {
    let login = "az login --tenant t --scope https://x/.default";
    let run = az(&format!(
        "printf '%s\\n' 'ERROR: AADSTS50076: multi-factor' 'To re-authenticate, please run:' '{login}' >&2\nexit 1"
    ));
    assert_eq!(run.code, 1);
    assert!(run.stderr.lines().any(|line| line.trim() == login), "{}", run.stderr);
    run.hints(login);
    // No terminal sequence comes along.
    let evil = az("printf 'ERROR: \\033[31ma\\nb\\033[0m\\n' >&2\nexit 1");
    assert!(!evil.stderr.contains('\u{1b}') && evil.stderr.lines().count() >= 2, "{}", evil.stderr);
}

#[test]
fn azd_s_errors_are_read_out_of_their_json() {
    let message = r#"{"type":"consoleMessage","timestamp":"2026-01-02T03:04:05Z","data":{"message":"\nERROR: not logged in, run `azd auth login` to login\n"}}"#;
    let run = azd(&format!("cat >&2 <<'END'\n{message}\nEND\nexit 1"));
    let stderr = run.fails_with("not logged in");
    assert!(!stderr.contains("consoleMessage") && !stderr.contains('{'), "{stderr}");
    let error = r#"{"error":"fetching token: expired","suggestion":"Run azd auth login --tenant-id t"}"#;
    let run = azd(&format!("cat >&2 <<'END'\n{error}\nEND\nexit 1"));
    let stderr = run.fails_with("fetching token: expired");
    assert!(!stderr.contains('{'), "{stderr}");
    run.hints("azd auth login --tenant-id t");
}

#[test]
fn azd_never_prompts() {
    let folder = TempDir::new();
    let seen = folder.path().join("seen");
    let script = folder.file("azd", format!("#!/bin/sh\necho \"$*\" >{}\n{AZD_TOKEN}\n", seen.display()));
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    sign_in("azd", &format!("{}:/usr/bin:/bin", folder.path().display())).run().token();
    assert!(std::fs::read_to_string(seen).unwrap().contains("--no-prompt"));
}

/// Pipelines fail a step that writes to stderr, and az takes its time.
#[test]
fn a_slow_success_says_nothing() {
    let run = az(&format!("sleep 2.5\n{TOKEN}"));
    assert_eq!((run.token().as_str(), run.stderr.as_str()), ("az-token", ""));
}
