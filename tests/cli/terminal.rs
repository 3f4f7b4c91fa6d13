//! On a real terminal: colours, line breaks, and a counter that goes away.

use crate::support::http::{Listener, Reply};
use crate::support::kubelogin::binary;
use crate::support::people::People;
use crate::support::{TempDir, side_by_side};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What a terminal of this many columns gets from a command; `None`, and a skip, without `script`.
fn terminal(columns: u32, env: &[(&str, &str)], command: &str) -> Option<String> {
    let home = TempDir::new();
    let output = Command::new("script")
        .args(["-qec", &format!("stty cols {columns}; {command}"), "/dev/null"])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")),
        Err(_) => {
            crate::support::skip("script");
            None
        }
    }
}

#[test]
fn errors_have_colours_and_break_between_words() {
    let command = format!("{} get-token --frobnicate", binary().display());
    let Some(shown) = terminal(40, &[], &command) else { return };
    assert_eq!(
        shown,
        "\x1b[31mError:\x1b[0m unknown flag: --frobnicate\n\x1b[36mHint:\x1b[0m run 'kubelogin get-token --help'\n      for usage\n"
    );
    let plain = "Error: unknown flag: --frobnicate\nHint: run 'kubelogin get-token --help' for usage\n";
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert_eq!(terminal(120, &[env], &command).unwrap(), plain, "{env:?}");
    }
    // No terminal, no colours, no breaks.
    let piped = terminal(40, &[], &format!("{command} 2>&1 | cat")).unwrap();
    assert_eq!(piped, plain);
}

#[test]
fn a_long_wait_counts_and_goes_away() {
    let people = People::start();
    people.grants().device.entered_at_poll = 4;
    let command = people.command("contoso", &[]);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .collect();
    let ca = people.entra.ca_file().display().to_string();
    let Some(shown) = terminal(80, &[("SSL_CERT_FILE", &ca)], &words.join(" ")) else { return };
    assert!(shown.contains("\r\x1b[KWaiting for the code to be entered: "), "{shown:?}");
    assert!(shown.contains(" s (Ctrl-C to cancel)\r\x1b[K"), "{shown:?}");
    assert!(shown.trim_end().ends_with('}'), "{shown:?}");
}

/// What the line about waiting has.
const ENDS: [&str; 3] = ["Waiting for", "To sign in, open", "is signing in already"];

/// A run that waits: its words on a pipe, up to the line about waiting.
fn waits(mut command: Command) -> String {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    for line in lines {
        said.push(line);
        if said.last().is_some_and(|line| ENDS.iter().any(|end| line.contains(end))) {
            break;
        }
    }
    // It would wait on.
    let _ = child.kill();
    child.wait().unwrap();
    said.join("\n")
}

#[test]
fn every_wait_says_what_it_is_for() {
    let people = People::start();
    people.entra.state().people.device.entered_at_poll = 0;
    let busy = People::start();
    let pause = || {
        busy.entra.script([Reply::json(429, &json!({})).header("Retry-After", "30")]);
        busy.command("contoso", &["-ldevicecode", "-v1", "--timeout=50s"])
    };
    // A server that takes a connection and says nothing.
    let silent = Listener::start(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    let answer = || {
        let mut command = people.command("silent", &["-ldevicecode", "-v1"]);
        command.args(["--authority-host", &format!("https://127.0.0.1:{}/", silent.port())]);
        command
    };
    let files = TempDir::new();
    let config = files.file("config", "users: [{name: u, user: {auth-provider: {name: azure, config: {}}}}]");
    files.file("config.lock", "");
    let convert = || {
        let mut command = Command::new(binary());
        command
            .args(["convert-kubeconfig", "-v1", "-lazurecli", "--server-id=s", "--kubeconfig"])
            .arg(&config);
        command.env_clear();
        command
    };
    let browser = || people.command("contoso", &["-linteractive", "--skip-open-browser"]);
    let host = format!("localhost:{}", busy.entra.port());
    let rows: [(&str, &(dyn Fn() -> Command + Sync), &str); 4] = [
        ("a pause", &pause, &format!("Waiting for {host}, which is unreachable or asked")),
        ("an answer", &answer, "Waiting for an answer from 127.0.0.1"),
        ("a kubeconfig's lock", &convert, "config.lock"),
        ("a browser", &browser, "To sign in, open this page in a browser on this machine:"),
    ];
    side_by_side(rows, |(what, command, words)| {
        let said = waits(command());
        assert!(said.contains(words), "{what}: {said}");
    });
    // Now one that nobody signs in to, and a second that waits for it.
    let sign_in = || people.command("fabrikam", &["-ldevicecode"]);
    let mut first = sign_in().stderr(Stdio::piped()).spawn().unwrap();
    let prompt = BufReader::new(first.stderr.take().unwrap()).lines().next();
    let said = waits(sign_in());
    let _ = first.kill();
    first.wait().unwrap();
    assert!(said.starts_with("Process ") && prompt.is_some(), "{said}");
    assert!(said.contains("is signing in already. To complete that sign-in, open the page "), "{said}");
}

/// On a narrow terminal the counter stays on its line, inside of a call too.
#[test]
fn a_wait_inside_of_a_call_counts_on_one_line() {
    let silent = Listener::start(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    let command = format!(
        "{} get-token --timeout 5s --server-id s --client-id c --tenant-id t --disable-instance-discovery --authority-host https://127.0.0.1:{}/",
        binary().display(),
        silent.port()
    );
    let Some(shown) = terminal(30, &[], &command) else { return };
    let counters: Vec<&str> = shown.split("\r\x1b[K").filter(|part| part.starts_with("Wait")).collect();
    assert!(counters.len() >= 2, "{shown:?}");
    for (line, seconds) in counters.iter().zip(2..) {
        let line = line.lines().next().unwrap();
        assert!(
            line.chars().count() <= 29 + 2 && line.contains(&format!(": {seconds} s (Ctrl-C to cancel)")),
            "{line:?}"
        );
    }
    assert!(!shown.trim_end().trim_start_matches("\r\x1b[K").contains("\nWait"), "{shown:?}");
}
