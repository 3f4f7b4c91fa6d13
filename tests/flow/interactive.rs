//! `interactive` with a browser played by the test; a real one is in `chromium`.

use crate::support::entra::people::{field, refuse};
use crate::support::http::parse_form;
use crate::support::people::{People, Run, names};
use base64::Engine;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// What was said before the address.
    said: String,
    url: String,
}

/// Starts a sign-in and reads the address that the browser has to open.
fn start(people: &People, more: &[&str]) -> Waiting {
    start_after(people, more, 1)
}

/// The same at the highest verbosity, where more is said before the address.
fn start_verbose(people: &People) -> Waiting {
    start_after(people, &["-v10"], 10)
}

fn start_after(people: &People, more: &[&str], most_lines: usize) -> Waiting {
    let mut args = vec!["-linteractive", "--skip-open-browser"];
    args.extend(more);
    started(people.command("contoso", &args), most_lines)
}

fn started(mut command: Command, most_lines: usize) -> Waiting {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = Vec::new();
    while said.len() <= most_lines && !said.last().is_some_and(|line: &String| line.starts_with("https://")) {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        said.push(line);
    }
    let url = said.pop().unwrap().trim().to_owned();
    assert!(url.starts_with("https://localhost"), "{said:?}");
    Waiting { child, stderr, said: said.concat(), url }
}

impl Waiting {
    fn parameter(&self, name: &str) -> String {
        let query = self.url.split_once('?').unwrap().1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
        value.replace("%3A", ":").replace("%2F", "/").replace("%5B", "[").replace("%5D", "]")
    }

    fn port(&self) -> u16 {
        let uri = self.parameter("redirect_uri");
        uri.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
    }

    /// What the page that was printed sends back, as the query of the redirect address.
    fn signed_in(&self, people: &People) -> String {
        self.signed_in_with(people, &self.parameter("code_challenge"))
    }

    /// The same page opened with another challenge.
    fn signed_in_with(&self, people: &People, challenge: &str) -> String {
        let url = self.url.replace(&self.parameter("code_challenge"), challenge);
        let (status, address) = people.entra.browse(&url);
        assert_eq!(status, 302, "{address}");
        let (to, query) = address.split_once("/?").unwrap();
        assert_eq!(to, self.parameter("redirect_uri"));
        query.trim_end_matches('#').to_owned()
    }

    fn end(mut self) -> Run {
        let mut stderr = self.said;
        self.stderr.read_to_string(&mut stderr).unwrap();
        let mut run = Run::of(self.child.wait_with_output().unwrap());
        run.stderr = stderr;
        run
    }
}

/// A whole sign-in.
pub fn sign_in_with(people: &People, more: &[&str]) -> Run {
    finish(people, start_after(people, more, 10))
}

/// A whole sign-in by a command that prints the address and opens no browser.
pub fn sign_in_by(people: &People, command: Command) -> Run {
    finish(people, started(command, 1))
}

/// The form that a page with `response_mode=form_post` would post.
#[cfg(unix)]
fn form_of(page: &str) -> String {
    let mut pairs = Vec::new();
    for input in page.split("<input ").skip(1) {
        let attribute = |name: &str| {
            let value = input.split_once(&format!("{name}=\"")).unwrap().1;
            value
                .split('"')
                .next()
                .unwrap()
                .replace("&lt;", "<")
                .replace("&quot;", "\"")
                .replace("&amp;", "&")
        };
        let encoded: String = attribute("value").bytes().map(|b| format!("%{b:02X}")).collect();
        pairs.push(format!("{}={encoded}", attribute("name")));
    }
    pairs.join("&")
}

fn finish(people: &People, waiting: Waiting) -> Run {
    let form = waiting.signed_in(people);
    send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &form));
    waiting.end()
}

fn send(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn post(path: &str, form: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

#[test]
fn a_posted_form_signs_in_over_ipv4_and_ipv6() {
    for host in ["127.0.0.1", "[::1]"] {
        if TcpListener::bind((host.trim_matches(['[', ']']), 0)).is_err() {
            crate::support::skip("IPv6");
            continue;
        }
        let people = People::start();
        let waiting = start(&people, &["--login-hint=ada@example"]);
        let form = waiting.signed_in(&people);
        let answer = send(&format!("{host}:{}", waiting.port()), &post("/", &form));
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("close this window"),
            "{answer}"
        );
        let run = waiting.end();
        assert_eq!((run.code, run.token.as_str()), (Some(0), "access-2-contoso-ada@example"), "{run:?}");
        assert_eq!(people.run("contoso", &["-linteractive", "--login-hint=ada@example"]).token, run.token);
    }
}

#[test]
fn nothing_secret_is_said_at_any_verbosity() {
    let people = People::start();
    let waiting = start_verbose(&people);
    let form = waiting.signed_in(&people);
    send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &form));
    let run = waiting.end();
    assert_eq!(run.code, Some(0), "{run:?}");
    let seen = people.grants().seen.last().unwrap().1.clone();
    let secrets: Vec<&str> = ["code", "code_verifier"]
        .iter()
        .map(|name| field(&seen, name).unwrap())
        .chain(["access-", "refresh-"])
        .collect();
    for secret in secrets {
        assert!(!run.stderr.contains(secret), "{secret} in {}", run.stderr);
    }
    assert!(run.stderr.contains("/token"), "it was verbose: {}", run.stderr);
}

#[test]
fn a_query_is_taken_too_and_dropped_from_the_history() {
    let people = People::start();
    let waiting = start(&people, &[]);
    let form = waiting.signed_in(&people);
    let answer = send(&format!("127.0.0.1:{}", waiting.port()), &format!("GET /?{form} HTTP/1.1\r\n\r\n"));
    assert!(answer.contains("history.replaceState(null,'','/')"), "{answer}");
    assert_eq!(waiting.end().code, Some(0));
}

#[test]
fn only_the_port_of_a_redirect_url_counts() {
    for form in
        ["http://127.0.0.1:PORT/call/back", "https://localhost:PORT", "localhost:PORT", "http://[::1]:PORT"]
    {
        let people = People::start();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = form.replace("PORT", &port.to_string());
        let waiting = start(&people, &["--redirect-url", &url]);
        assert_eq!(waiting.parameter("redirect_uri"), format!("http://localhost:{port}"));
        let form = waiting.signed_in(&people);
        let address = format!("127.0.0.1:{port}");
        for path in ["/call/back", "/call/back/", "/favicon.ico"] {
            assert!(send(&address, &post(path, &form)).starts_with("HTTP/1.1 404 "), "{path}");
        }
        send(&address, &post("/", &form));
        let run = waiting.end();
        assert_eq!(run.code, Some(0), "{run:?}");
    }
}

#[test]
fn a_wrong_state_and_hostile_clients_do_not_end_the_wait() {
    let people = People::start();
    let waiting = start(&people, &[]);
    let address = format!("127.0.0.1:{}", waiting.port());
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let form = waiting.signed_in(&people);
    for (request, status) in [
        (post("/", "code=stolen&state=guess"), "400"),
        (post("/", "error=access_denied&state=guess"), "400"),
        (post("/", &form.replace("state=", "stat=")), "400"),
        (format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(17 << 10)), "431"),
        ("POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 65537\r\n\r\n".into(), "413"),
        ("GET /favicon.ico HTTP/1.1\r\n\r\n".into(), "404"),
        ("\0\r\n\r\n".into(), "400"),
    ] {
        let answer = send(&address, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert!(send(&address, &post("/", &form)).starts_with("HTTP/1.1 200 "));
    drop(silent);
    assert_eq!(waiting.end().code, Some(0));
}

/// A local program that knows even the state can post a code of its own sign-in, so that the user would work in
/// its name; and it can take the user's code. The verifier stops both.
#[test]
fn a_code_is_worth_nothing_without_its_verifier() {
    let people = People::start();
    let waiting = start(&people, &[]);
    let verifier = "v".repeat(43);
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let posted = waiting.signed_in_with(&people, &challenge);
    send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &posted));
    let run = waiting.end();
    assert!(run.code == Some(1) && run.token.is_empty(), "{run:?}");
    assert!(run.stderr.contains("AADSTS501481"), "{run:?}");
    assert!(names(&people.cache()).iter().all(|name| !name.ends_with(".token.json")));

    let waiting = start(&people, &[]);
    let taken = parse_form(&waiting.signed_in(&people));
    let mut form = people.grants().seen.iter().rfind(|(of, _)| of == "authorization_code").unwrap().1.clone();
    for (name, value) in &mut form {
        match name.as_str() {
            "code" => field(&taken, "code").unwrap().clone_into(value),
            "redirect_uri" => *value = waiting.parameter("redirect_uri"),
            "code_verifier" => value.clone_from(&verifier),
            _ => {}
        }
    }
    let (status, answer) = people.grants().token("contoso", &form);
    assert!(status == 400 && answer.to_string().contains("AADSTS501481"), "{answer}");
    form.retain(|(name, _)| name != "code_verifier");
    let (status, answer) = people.grants().token("contoso", &form);
    assert!(status == 400 && answer["access_token"].is_null(), "{answer}");
    let mut child = waiting.child;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_refusal_is_shown_on_the_page_and_on_stderr() {
    let people = People::start();
    let waiting = start(&people, &[]);
    let refusal = refuse("access_denied", "AADSTS65004: <b>User</b> declined");
    people.grants().script.push_back(("authorize", refusal));
    let form = waiting.signed_in(&people);
    let page = send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &form));
    assert!(page.contains("AADSTS65004: &lt;b&gt;User&lt;/b&gt; declined"), "{page}");
    let run = waiting.end();
    assert_eq!((run.code, run.token.as_str()), (Some(1), ""));
    assert!(run.stderr.contains("AADSTS65004: <b>User</b> declined (access_denied)"), "{}", run.stderr);
    assert!(run.stderr.ends_with("\nTrace ID: trace\nCorrelation ID: corr\n"), "{}", run.stderr);
}

#[test]
fn a_refused_code_is_explained() {
    let people = People::start();
    let waiting = start(&people, &[]);
    let form = waiting.signed_in(&people);
    people
        .grants()
        .script
        .push_back(("authorization_code", refuse("invalid_grant", "AADSTS54005: redeemed")));
    send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &form));
    let run = waiting.end();
    assert!(run.code == Some(1) && run.stderr.contains("AADSTS54005: redeemed (invalid_grant)"), "{run:?}");
}

#[test]
fn a_busy_port_is_a_clear_error() {
    let people = People::start();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("--redirect-url=http://localhost:{}", busy.local_addr().unwrap().port());
    let run = people.run("contoso", &["-linteractive", &url]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("of the redirect URL is already in use\nHint: "), "{}", run.stderr);
    assert_eq!(people.count("authorize"), 0);
}

#[test]
fn other_redirect_urls_are_refused() {
    let people = People::start();
    for url in ["http://example.com", "http://example.com:8400", "ftp://localhost", "http://localhost:x", "x"]
    {
        let run = people.run("contoso", &["-linteractive", "--redirect-url", url]);
        assert!(run.stderr.contains(&format!("redirect URL \"{url}\" is not valid: ")), "{}", run.stderr);
    }
}

#[test]
fn the_wait_ends_with_the_authentication_timeout() {
    let people = People::start();
    let run =
        people.run("contoso", &["-linteractive", "--skip-open-browser", "--authentication-timeout=10ms"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("timed out after 10ms waiting for the browser sign-in")
            && run.stderr.contains("--authentication-timeout"),
        "{run:?}"
    );
}

#[test]
fn a_browser_that_cannot_be_opened_is_said_and_waited_on() {
    for (browser, why) in [
        ("/nonexistent/browser", "is not a program"),
        ("./browser", "is a path that is not absolute"),
        ("/bin/false", "/bin/false: exit status: 1"),
    ] {
        let people = People::start();
        let mut command = people.command(
            "contoso",
            &["-linteractive", "--browser-command", browser, "--authentication-timeout=1500ms"],
        );
        let run = Run::of(command.output().unwrap());
        assert!(
            run.stderr.contains("Warning: no browser was opened (") && run.stderr.contains(why),
            "{run:?}"
        );
        assert!(run.stderr.contains("\nhttps://localhost"), "the address is printed: {run:?}");
    }
}

/// A program that leaves its arguments and its working folder in files.
#[cfg(unix)]
fn recorder(people: &People) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (script, home) = (people.home.path().join("browser"), people.home.path().display());
    let text = format!(
        "#!/bin/sh\necho garbage; echo garbage >&2\npwd >{home}/folder\nprintf '%s\\n' \"$#\" \"$@\" >{home}/seen.new\nmv {home}/seen.new {home}/seen\n"
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    script
}

/// The arguments that the recorder got, once it has run.
#[cfg(unix)]
fn recorded(people: &People) -> Vec<String> {
    let seen = people.home.path().join("seen");
    while !seen.exists() {
        std::thread::yield_now();
    }
    let text = std::fs::read_to_string(seen).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn the_browser_gets_the_address_as_its_one_argument_and_none_of_our_streams() {
    for variable in [false, true] {
        let people = People::start();
        let script = recorder(&people);
        let mut command = people.command("contoso", &["-linteractive"]);
        if variable {
            command.env("BROWSER", &script);
        } else {
            command.arg("--browser-command").arg(&script);
        }
        let waiting = started(command, 1);
        let opened = recorded(&people);
        assert_eq!(opened, [waiting.url.replace("response_mode=query", "response_mode=form_post")]);
        assert_ne!(opened[0], waiting.url);
        let (status, page) = people.entra.browse(&opened[0]);
        assert_eq!(status, 200, "{page}");
        send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &form_of(&page)));
        let run = waiting.end();
        assert!(run.code == Some(0) && !run.stderr.contains("garbage"), "{run:?}");
        assert!(
            run.stderr.starts_with("Opening the sign-in page in your browser. If it does not open, visit:\n")
        );
        let folder = std::fs::read_to_string(people.home.path().join("folder")).unwrap();
        assert_eq!(Path::new(folder.trim()), Path::new("/bin").canonicalize().unwrap());
    }
}

/// Alternatives, arguments and `%s`, as xdg-open reads them.
#[cfg(target_os = "linux")]
#[test]
fn browser_may_name_alternatives_with_arguments() {
    let people = People::start();
    let script = recorder(&people).display().to_string();
    let mut command = people.command("contoso", &["-linteractive"]);
    command.env("BROWSER", format!("./relative:none-such:/bin/false:{script} --new %s -x"));
    let waiting = started(command, 1);
    let opened = waiting.url.replace("response_mode=query", "response_mode=form_post");
    assert_eq!(recorded(&people), ["--new", &opened, "-x"]);
    let form = waiting.signed_in(&people);
    send(&format!("127.0.0.1:{}", waiting.port()), &post("/", &form));
    let run = waiting.end();
    assert!(run.code == Some(0) && !run.stderr.contains("Warning"), "{run:?}");
}

/// A program of this name in the current folder, which may be a stranger's repository, is not run.
#[cfg(unix)]
#[test]
fn only_absolute_folders_of_path_are_searched_for_the_browser() {
    let people = People::start();
    recorder(&people);
    let args = ["-linteractive", "--browser-command=browser", "--authentication-timeout=100ms"];
    let mut command = people.command("contoso", &args);
    command.current_dir(people.home.path()).env("PATH", ".::bin");
    let run = Run::of(command.output().unwrap());
    assert!(run.stderr.contains("browser in --browser-command is not a program"), "{run:?}");
    assert!(!people.home.path().join("seen").exists());
}
