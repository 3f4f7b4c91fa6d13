//! On a real terminal: colours, line breaks, and a counter that goes away.

use crate::support::TempDir;
use crate::support::kubelogin::binary;
use crate::support::people::People;
use std::process::{Command, Stdio};

/// What a terminal of this many columns gets from a command; `None`, and SKIP, without `script`.
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
            println!("SKIP script");
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
    assert!(shown.contains(" s (Ctrl-C ends it)\r\x1b[K"), "{shown:?}");
    assert!(shown.trim_end().ends_with('}'), "{shown:?}");
}
