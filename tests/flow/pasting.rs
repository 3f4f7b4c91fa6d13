//! Real terminals: the prompts for user names and passwords, and `interactive` on a host whose browser is elsewhere: the answer is pasted on a real terminal.

use crate::support::api_server::NODE;
use crate::support::entra::SERVER;
use crate::support::people::People;
use crate::support::pty::Pty;
use crate::support::{ApiServer, TempDir};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

/// The end of what the prompt says.
const PROMPT: &str = "can sign in as you.\n";

/// A sign-in on a terminal; stdout goes to a file.
struct SignIn {
    people: People,
    pty: Pty,
}

fn out(people: &People) -> PathBuf {
    people.home.path().join("out")
}

/// `command` in a shell, with `KUBELOGIN` in the script's text replaced by a sign-in.
fn shell(people: &People, shell: &[&str], script: &str, more: &[&str]) -> Command {
    let sign_in = people.command("contoso", &[&["-linteractive", "--skip-open-browser"], more].concat());
    let words: Vec<&str> = std::iter::once(sign_in.get_program())
        .chain(sign_in.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).env_clear().env("PS1", "$ ").env("ENV", "").env("HISTFILE", "");
    command.envs(sign_in.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let script = script.replace("KUBELOGIN", &format!("{} >{}", words.join(" "), out(people).display()));
    if !script.is_empty() {
        command.args(["-c".to_owned(), script]);
    }
    command
}

/// The text of the command, for a shell that is typed at.
fn typed(people: &People, more: &[&str]) -> String {
    let command = shell(people, &["sh"], "KUBELOGIN", more);
    command.get_args().last().unwrap().to_str().unwrap().to_owned()
}

/// A sign-in that is the terminal's only program.
fn start(script: &str, more: &[&str]) -> Option<SignIn> {
    let people = People::start();
    let pty = Pty::start(&shell(&people, &["sh"], script, more))?;
    Some(SignIn { people, pty })
}

impl SignIn {
    /// The address that was printed last.
    fn url(&self) -> String {
        let shown = self.pty.shown();
        shown.lines().rfind(|line| line.starts_with("https://localhost")).unwrap().trim().to_owned()
    }

    /// The address to which the browser is sent.
    fn answer(&self) -> String {
        let (status, address) = self.people.entra.browse(&self.url());
        assert_eq!(status, 302, "{address}");
        address
    }

    /// The browser on this machine gets there.
    fn browse_here(&self) {
        let address = self.answer();
        let (host, query) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
        write!(stream, "GET /{} HTTP/1.1\r\n\r\n", query.trim_end_matches('#')).unwrap();
        let _ = stream.read_to_string(&mut String::new());
    }

    #[track_caller]
    fn paste(&mut self, text: &str) {
        self.pty.type_text(&format!("{text}\r"));
    }

    fn token(&self) -> String {
        let out = std::fs::read_to_string(out(&self.people)).unwrap();
        let credential: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
        credential["status"]["token"].as_str().unwrap_or_default().to_owned()
    }

    /// It ends with a token, nothing of the pasted text was shown, and the terminal is as before.
    #[track_caller]
    fn succeeds(mut self) {
        assert_eq!(self.pty.exit_code(), Some(0), "{}", self.pty.shown());
        assert!(self.token().ends_with("-contoso-browser-user"), "{}", self.pty.shown());
        assert!(self.pty.echoes());
        let shown = self.pty.shown();
        assert!(!shown.contains("code-1") && !shown.contains("session_state"), "{shown}");
        assert_eq!(self.people.count("authorization_code"), 1);
    }
}

#[test]
fn a_long_address_is_taken_and_not_shown() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for("To sign in, open this page in any browser (Ctrl-C to cancel):\nhttps://");
    assert!(!sign_in.pty.echoes(), "the echo is off before the address is shown");
    sign_in.pty.wait_for(PROMPT);
    let address = sign_in.answer();
    let padding = "x".repeat(3000 - address.len() - "&pad=".len());
    sign_in.paste(&format!("{}&pad={padding}#", address.trim_end_matches('#')));
    sign_in.pty.wait_for("kubelogin received 3,000 characters.");
    sign_in.succeeds();
}

#[test]
fn the_query_the_bare_code_and_a_bracketed_paste_are_taken() {
    for form in ["query", "code", "bracketed", "edited"] {
        let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
        sign_in.pty.wait_for(PROMPT);
        let address = sign_in.answer();
        let query = address.split_once('?').unwrap().1;
        let code = query.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap();
        let text = match form {
            "query" => format!("'{query}'"),
            "code" => code.to_owned(),
            "bracketed" => format!("\x1b[200~{address}\n\x1b[201~"),
            _ => format!("wrong\x15{query}y\x7f"),
        };
        sign_in.paste(&text);
        sign_in.succeeds();
    }
}

#[test]
fn a_wrong_text_can_be_pasted_again_and_after_five_the_listener_waits_alone() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for(PROMPT);
    sign_in.paste("");
    let stale = sign_in.answer().replace("state=", "state=x");
    let url = sign_in.url();
    for (text, said) in [
        ("two words", "kubelogin received 9 characters.\nThat is not the answer to the sign-in."),
        (&url, "That is the address of the sign-in page."),
        (&stale, "That address belongs to another sign-in."),
        (&"x".repeat(20_000), "That text is too long."),
    ] {
        assert!(!sign_in.pty.echoes());
        sign_in.paste(text);
        sign_in.pty.wait_for(said);
    }
    assert!(!sign_in.pty.echoes());
    sign_in.paste("http://localhost/");
    sign_in.pty.wait_for("kubelogin reads no more pasted text and waits for a browser on this machine.");
    sign_in.pty.wait_for_echo(true);
    sign_in.browse_here();
    sign_in.succeeds();
}

#[test]
fn after_a_wrong_text_the_right_one_signs_in() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for(PROMPT);
    sign_in.paste("two words");
    sign_in.pty.wait_for("That is not the answer");
    let address = sign_in.answer();
    sign_in.paste(&address);
    sign_in.succeeds();
}

#[test]
fn a_refusal_can_be_pasted_too() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for(PROMPT);
    let refusal = crate::support::entra::people::refuse("access_denied", "AADSTS65004: declined");
    sign_in.people.grants().script.push_back(("authorize", refusal));
    let address = sign_in.answer();
    sign_in.paste(&address);
    sign_in.pty.wait_for("AADSTS65004: declined (access_denied)");
    assert_eq!(sign_in.pty.exit_code(), Some(1));
    assert!(sign_in.pty.echoes());
}

#[test]
fn the_first_of_both_ways_counts() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for(PROMPT);
    sign_in.browse_here();
    sign_in.succeeds();
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for(PROMPT);
    let address = sign_in.answer();
    let (host, query) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
    let request = format!("GET /{} HTTP/1.1\r\n\r\n", query.trim_end_matches('#'));
    sign_in.paste(&address);
    let _ = stream.write_all(request.as_bytes());
    sign_in.succeeds();
}

#[test]
fn signals_give_the_terminal_back() {
    for (key, signal, code) in [
        (Some("\x03"), "", 130),
        (Some("\x1c"), "", 131),
        (None, "-TERM", 143),
        (None, "-HUP", 129),
        (None, "-INT", 130),
        (None, "-QUIT", 131),
    ] {
        let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
        let before = sign_in.pty.settings();
        sign_in.pty.wait_for(PROMPT);
        assert!(!sign_in.pty.echoes());
        sign_in.pty.type_text("http://localhost/?co");
        match key {
            Some(key) => sign_in.pty.type_text(key),
            None => {
                let pid = sign_in.pty.pid().to_string();
                assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
            }
        }
        assert_eq!(sign_in.pty.exit_code(), Some(code), "{}", sign_in.pty.shown());
        let after = sign_in.pty.settings();
        assert_eq!(after.local_modes, before.local_modes, "{signal}");
        assert_eq!(format!("{:?}", after.special_codes), format!("{:?}", before.special_codes));
    }
}

#[test]
fn the_timeout_gives_the_terminal_back() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &["--authentication-timeout=100ms"]) else { return };
    sign_in.pty.wait_for("timed out after 100ms");
    assert_eq!(sign_in.pty.exit_code(), Some(1));
    assert!(sign_in.pty.echoes());
}

/// Ctrl-Z gives the terminal back to the shell, `fg` takes it again.
#[test]
fn a_stopped_sign_in_is_resumed() {
    for program in [&["bash", "--norc", "--noprofile", "-i"][..], &["dash", "-i"]] {
        let people = People::start();
        if Command::new(program[0]).args(["-c", ":"]).status().is_err() {
            crate::support::skip(program[0]);
            continue;
        }
        let Some(pty) = Pty::start(&shell(&people, program, "", &[])) else { return };
        let mut sign_in = SignIn { people, pty };
        sign_in.pty.wait_for("$ ");
        let command = typed(&sign_in.people, &[]);
        sign_in.pty.type_text(&format!("{command}\n"));
        sign_in.pty.wait_for(PROMPT);
        for _ in 0..2 {
            sign_in.pty.type_text("half\x1a");
            sign_in.pty.wait_for("$ ");
            sign_in.pty.type_text("stty -a | grep -c ' echo '; echo ag''ain\n");
            sign_in.pty.wait_for("\n1\nagain\n");
            sign_in.pty.wait_for("$ ");
            sign_in.pty.type_text("fg\n");
            sign_in.pty.wait_for("Paste the browser's address here and press Enter.\n");
            assert!(!sign_in.pty.echoes());
        }
        // In the background the listener waits alone, and nothing is read.
        sign_in.pty.type_text("\x1a");
        sign_in.pty.wait_for("$ ");
        sign_in.pty.type_text("bg\n");
        sign_in.pty.wait_for("$ ");
        sign_in.pty.type_text("echo be''hind\n");
        sign_in.pty.wait_for("\nbehind\n");
        sign_in.pty.type_text("fg\n");
        sign_in.pty.wait_for("Paste the browser's address here and press Enter.\n");
        let address = sign_in.answer();
        // What was typed before the stop is gone.
        sign_in.paste(&address);
        sign_in.pty.wait_for("received ");
        sign_in.pty.wait_for("$ ");
        sign_in.pty.type_text("echo status $?\n");
        sign_in.pty.wait_for("\nstatus 0\n");
        assert!(sign_in.token().ends_with("-contoso-browser-user"));
        assert!(!sign_in.pty.shown().contains("code-1"), "{}", sign_in.pty.shown());
        sign_in.pty.type_text("exit\n");
        assert_eq!(sign_in.pty.exit_code(), Some(0));
    }
}

/// kubectl ends and stops as soon as it gets the signal, and its shell then has the terminal: it must be as it was
/// before. dash does not repair it, as other shells do.
#[test]
fn under_kubectl_the_shell_gets_its_terminal_back() {
    let Some(program) = super::kubectl::kubectls().pop() else { return };
    let (people, files) = (People::start(), TempDir::new());
    let api = ApiServer::start(people.entra.ca(), people.entra.checker(SERVER));
    let more = ["-linteractive", "--skip-open-browser"];
    let kubectl = super::kubectl_people::kubectl_with(&program, &people, &api, &files, &more);
    let words: Vec<&str> = std::iter::once(kubectl.get_program())
        .chain(kubectl.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let mut dash = Command::new("dash");
    dash.arg("-i").env("PS1", "$ ");
    dash.envs(kubectl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Some(mut pty) = Pty::start(&dash) else { return };
    pty.wait_for("$ ");
    let settings = |pty: &Pty| format!("{:?}", pty.settings());
    let before = settings(&pty);
    for key in ["\x03", "\x1c"] {
        pty.type_text(&format!("{}\n", words.join(" ")));
        pty.wait_for(PROMPT);
        assert!(!pty.echoes());
        pty.type_text(key);
        pty.wait_for("$ ");
        assert_eq!(settings(&pty), before);
    }
    pty.type_text(&format!("{}\n", words.join(" ")));
    pty.wait_for(PROMPT);
    pty.type_text("\x1a");
    pty.wait_for("$ ");
    assert_eq!(settings(&pty), before);
    pty.type_text("fg\n");
    pty.wait_for("Paste the browser's address here and press Enter.\n");
    let mut sign_in = SignIn { people, pty };
    let address = sign_in.answer();
    sign_in.paste(&address);
    sign_in.pty.wait_for(NODE);
    sign_in.pty.wait_for("$ ");
    assert_eq!(settings(&sign_in.pty), before);
}

/// With no shell that could resume it, Ctrl-Z does nothing.
#[test]
fn a_session_leader_is_not_stopped() {
    let Some(mut sign_in) = start("exec KUBELOGIN", &[]) else { return };
    sign_in.pty.wait_for(PROMPT);
    sign_in.pty.type_text("\x1a");
    sign_in.pty.wait_for("Paste the browser's address here and press Enter.\n");
    let address = sign_in.answer();
    sign_in.paste(&address);
    sign_in.succeeds();
}

#[test]
fn in_the_background_the_listener_waits_alone() {
    let people = People::start();
    let Some(pty) = Pty::start(&shell(&people, &["dash", "-i"], "", &[])) else { return };
    let mut sign_in = SignIn { people, pty };
    sign_in.pty.wait_for("$ ");
    let command = typed(&sign_in.people, &[]);
    sign_in.pty.type_text(&format!("{command} &\n"));
    sign_in.pty.wait_for("paste the answer there (here kubelogin runs in the background).\n");
    assert!(sign_in.pty.echoes());
    sign_in.browse_here();
    sign_in.pty.type_text("wait $!; echo status $?\n");
    sign_in.pty.wait_for("\nstatus 0\n");
    assert!(sign_in.token().ends_with("-contoso-browser-user"));
}

/// k9s and `kubectl edit` have the terminal in a mode of their own.
#[test]
fn a_terminal_in_raw_mode_is_left_alone() {
    let Some(mut sign_in) = start("stty raw -echo; KUBELOGIN; s=$?; stty -a >&2; exit $s", &[]) else {
        return;
    };
    sign_in.pty.wait_for("paste the answer there (here another program controls the terminal).\n");
    let during = sign_in.pty.settings();
    sign_in.browse_here();
    assert_eq!(sign_in.pty.exit_code(), Some(0), "{}", sign_in.pty.shown());
    assert_eq!(sign_in.pty.settings().local_modes, during.local_modes);
    assert!(sign_in.token().ends_with("-contoso-browser-user"));
}

#[test]
fn a_client_that_keeps_the_terminal_is_obeyed() {
    let info = r#"KUBERNETES_EXEC_INFO='{"apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}' "#;
    let Some(mut sign_in) = start(&format!("{info} KUBELOGIN"), &[]) else { return };
    sign_in.pty.wait_for("(here the Kubernetes client keeps the terminal for itself).\n");
    assert!(sign_in.pty.echoes());
    sign_in.browse_here();
    assert_eq!(sign_in.pty.exit_code(), Some(0), "{}", sign_in.pty.shown());
}

/// A browser that could be started and then fails: pasting begins late.
#[test]
fn after_a_browser_that_fails_the_answer_can_be_pasted() {
    let people = People::start();
    let with = shell(&people, &["sh"], "exec KUBELOGIN", &[]);
    let text = with.get_args().last().unwrap().to_str().unwrap().replace(" --skip-open-browser", "");
    let mut command = Command::new("sh");
    command.args(["-c", &text]).env_clear();
    command
        .envs(with.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("BROWSER", "/bin/false");
    let Some(pty) = Pty::start(&command) else { return };
    let mut sign_in = SignIn { people, pty };
    sign_in.pty.wait_for("Opening the sign-in page in your browser.");
    sign_in.pty.wait_for("Warning: no browser was opened (/bin/false: exit status: 1)");
    sign_in.pty.wait_for(PROMPT);
    let address = sign_in.answer();
    sign_in.paste(&address);
    sign_in.succeeds();
}

/// Names the file for the answers of [`asking`], which is run on a terminal.
const ANSWERS: &str = "KUBELOGIN_TEST_ANSWERS";

/// The prompts themselves: the tests below run this one on a terminal.
#[test]
fn asking() {
    use kubelogin::context::Context;
    use kubelogin::sys::terminal::{ask_hidden, ask_line};
    let Some(path) = std::env::var_os(ANSWERS) else { return };
    let ctx = Context::real();
    let name = ask_line(&ctx, "Username: ");
    let password = ask_hidden(&ctx, "Password: ").map(|secret| secret.expose().clone());
    std::fs::write(path, format!("{name:?} {password:?}")).unwrap();
}

/// Runs `asking` on a terminal, after this shell command.
fn asked(answers: &std::path::Path, before: &str) -> Option<Pty> {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    let script = format!("{before} {} --exact flow::pasting::asking --nocapture", test.display());
    command.args(["-c", &script]).env_clear().env(ANSWERS, answers);
    Pty::start(&command)
}

#[test]
fn a_user_name_is_shown_and_a_password_is_not() {
    let folder = TempDir::new();
    let answers = folder.path().join("answers");
    let Some(mut pty) = asked(&answers, "exec") else { return };
    pty.wait_for("Username: ");
    assert!(pty.echoes());
    pty.type_text("ada@example\n");
    pty.wait_for("ada@example\n");
    pty.wait_for("Password: ");
    assert!(!pty.echoes());
    pty.type_text(&"x".repeat(20_000));
    pty.type_text("\r");
    pty.wait_for("That is too long.\nPassword: ");
    pty.type_text("h\u{fc}nterX\x7f2 \r");
    assert_eq!(pty.exit_code(), Some(0));
    assert!(pty.echoes() && !pty.shown().contains("nter"), "{}", pty.shown());
    assert_eq!(std::fs::read_to_string(answers).unwrap(), "Ok(\"ada@example\") Ok(\"h\u{fc}nter2 \")");
}

#[test]
fn a_prompt_ends_with_ctrl_d_and_with_ctrl_c() {
    let folder = TempDir::new();
    let answers = folder.path().join("answers");
    let Some(mut pty) = asked(&answers, "exec") else { return };
    pty.wait_for("Username: ");
    pty.type_text("\x04");
    pty.wait_for("Password: ");
    pty.type_text("\x04");
    assert_eq!(pty.exit_code(), Some(0));
    assert!(pty.echoes());
    assert_eq!(std::fs::read_to_string(&answers).unwrap(), "Err(Ended) Err(Ended)");

    let Some(mut pty) = asked(&answers, "exec") else { return };
    pty.wait_for("Username: ");
    pty.type_text("a\n");
    pty.wait_for("Password: ");
    pty.type_text("secret\x03");
    assert_eq!(pty.exit_code(), Some(130));
    assert!(pty.echoes() && !pty.shown().contains("secret"), "{}", pty.shown());
}

#[test]
fn nothing_is_asked_without_a_terminal_of_ones_own() {
    let folder = TempDir::new();
    let answers = folder.path().join("answers");
    for (before, said) in [
        ("exec setsid --wait", "Err(NoTerminal) Err(NoTerminal)"),
        ("stty raw -echo;", "Err(Taken) Err(Taken)"),
        ("stty -echo;", "Err(Taken) Err(Taken)"),
    ] {
        let Some(mut pty) = asked(&answers, before) else { return };
        pty.exit_code();
        assert_eq!(std::fs::read_to_string(&answers).unwrap(), said);
    }
}
