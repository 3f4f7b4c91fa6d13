//! Every failure's whole output, pinned as one file each in `tests/golden/errors`, so that all messages can be read
//! in one sitting: `UPDATE_GOLDEN=1 cargo test errors` writes them anew, and `git diff` shows what changed.
//!
//! Ports, ids, process ids and times have placeholders, and of Entra's refusals only status, error and text are shown;
//! `/files` and `/home/ada` are folders of the test.

mod command_line;
mod files;
mod identities;
mod network;
mod service;

use super::golden::pinned;
use crate::flow::hostile::environment;
use crate::support::entra::{CLIENT, SERVER, TENANT};
use crate::support::http::{Reply, Request, Server};
use crate::support::kubelogin::binary;
use crate::support::people::names;
use crate::support::turned::{Turned, run_by};
use crate::support::{Entra, TempDir, side_by_side};
use std::any::Any;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

const SECRET: &str = "s3cr3t";
/// The settings of an application, without its proof.
const APP: &[&str] = &["--client-id", CLIENT, "--tenant-id", TENANT];

/// One failure. In arguments, variables and files, `@files` and `@home` are the folders of the case.
pub struct Case {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// What else the failure takes: answers of a service, files, tools.
    notes: Vec<String>,
    files: TempDir,
    home: TempDir,
    /// The clock of a run in this process.
    turned: Option<Turned>,
    /// What the browser brings back, as a query without the state.
    browser: Option<String>,
    /// Servers that live as long as the case.
    peers: Vec<Box<dyn Any + Send>>,
}

/// A case of the command line alone.
pub fn case(name: &str, args: &[&str]) -> Case {
    Case {
        name: name.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: Vec::new(),
        notes: Vec::new(),
        files: TempDir::new(),
        home: TempDir::new(),
        turned: None,
        browser: None,
        peers: Vec::new(),
    }
}

/// A case of `get-token` in this mode, for the server.
pub fn login(name: &str, mode: &str, more: &[&str]) -> Case {
    case(name, &["get-token", "--login", mode, "--server-id", SERVER]).args(more)
}

/// A case of `get-token -l spn` with a secret, at a service that gives these answers.
pub fn spn(name: &str, answers: impl IntoIterator<Item = Reply>) -> Case {
    login(name, "spn", APP).args(&["--client-secret", SECRET]).at_entra(answers)
}

impl Case {
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says in the file what the failure takes besides.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// A file below `@files`, shown in the case's file.
    pub fn file(self, name: &str, content: &str) -> Self {
        let shown = content.trim_end().replace('\n', "\n  ");
        self.hidden_file(name, content).note(format!("file /files/{name}:\n  {shown}"))
    }

    /// The same, too long to show or of no interest. Only its owner may read it, whatever the umask is.
    pub fn hidden_file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.files.file(name, content);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
        self
    }

    /// Gives a file below `@files` this mode.
    pub fn mode(self, name: &str, mode: u32) -> Self {
        std::fs::set_permissions(self.files.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
        self.note(format!("the mode of /files/{name} is {mode:o}"))
    }

    /// A program on PATH that is this shell script.
    pub fn tool(self, name: &str, script: &str) -> Self {
        self.program(name, &format!("#!/bin/sh\n{script}\n"))
    }

    /// A program on PATH with this content.
    pub fn program(self, name: &str, content: &str) -> Self {
        let case = self.file(&format!("bin/{name}"), content).env("PATH", "@files/bin:/usr/bin:/bin");
        let path = case.files.path().join("bin").join(name);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        case
    }

    /// Runs it in this process, where no pause takes time.
    pub fn without_pauses(mut self) -> Self {
        self.turned = Some(Turned::now());
        self
    }

    /// Something that has to live as long as the case.
    pub fn keep(mut self, peer: impl Any + Send) -> Self {
        self.peers.push(Box::new(peer));
        self
    }

    /// The browser comes back with this query, and the state that it got.
    pub fn browser_returns(mut self, query: &str) -> Self {
        self.browser = Some(query.to_owned());
        self.note(format!("the browser returns with: {query}"))
    }

    /// AzureStackCloud is this port of this machine, whose certificate has this root.
    pub fn at_port(self, port: u16, root: &str) -> Self {
        self.hidden_file("cloud.json", environment(port))
            .hidden_file("ca.pem", root)
            .args(&["--environment", "AzureStackCloud"])
            .env("AZURE_ENVIRONMENT_FILEPATH", "@files/cloud.json")
            .env("SSL_CERT_FILE", "@files/ca.pem")
    }

    /// AzureStackCloud is a fake Entra ID that gives these answers first. Runs without pauses.
    pub fn at_entra(self, answers: impl IntoIterator<Item = Reply>) -> Self {
        let entra = Entra::start();
        let answers: Vec<Reply> = answers.into_iter().collect();
        entra.script(answers.clone());
        self.answers(&answers).at(entra)
    }

    /// The same, for the requests of one of a user's grants.
    pub fn at_grant(self, grant: &'static str, answers: impl IntoIterator<Item = Reply>) -> Self {
        let entra = Entra::start();
        let answers: Vec<Reply> = answers.into_iter().collect();
        let scripted =
            answers.iter().map(|reply| (grant, (reply.status, serde_json::from_slice(&reply.body).unwrap())));
        entra.state().people.script.extend(scripted);
        self.answers(&answers).at(entra)
    }

    fn answers(self, answers: &[Reply]) -> Self {
        answers.iter().fold(self, |case, reply| {
            let more = |(name, value): &(String, String)| format!(", {name}: {value}");
            let headers: String = reply.headers.iter().map(more).collect();
            let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let is_refusal = json["error_codes"].is_array();
            let note = match std::str::from_utf8(&reply.body) {
                // Entra's own form, in short.
                Ok(_) if is_refusal => {
                    let text = json["error_description"].as_str().unwrap().split(" Trace ID").next().unwrap();
                    format!("{} {}: {text}", reply.status, json["error"].as_str().unwrap())
                }
                Ok("") => format!("{}{headers}", reply.status),
                Ok(text) if text.len() < 1000 => format!("{}{headers}\n  {text}", reply.status),
                _ => format!("{}{headers}\n  {} bytes", reply.status, reply.body.len()),
            };
            case.note(format!("the service answers: HTTP {note}"))
        })
    }

    fn at(self, entra: Entra) -> Self {
        let root = entra.ca().pem();
        let mut case = self.at_port(entra.port(), &root);
        if case.browser.is_none() {
            let clock = case.turned.get_or_insert_with(Turned::now).clone();
            entra.state().people.now = Arc::new(move || clock.slept());
        }
        case.keep(entra)
    }

    /// A server without TLS at the address in this variable, which gives these answers and then the last one for
    /// ever. Runs without pauses.
    pub fn at_machine(self, variable: &str, path: &str, answers: impl IntoIterator<Item = Reply>) -> Self {
        let answers: Vec<Reply> = answers.into_iter().collect();
        let left = Mutex::new(VecDeque::from(answers.clone()));
        let server = Server::start(None, move |_: &Request| {
            let mut left = left.lock().unwrap();
            if left.len() > 1 { left.pop_front().unwrap() } else { left[0].clone() }
        });
        let url = format!("{}{path}", server.url());
        self.answers(&answers).env(variable, &url).without_pauses().keep(server)
    }

    /// Several answers that are the same are shown once.
    pub fn without_repeated_notes(mut self) -> Self {
        self.notes.dedup();
        self
    }

    fn real(&self, text: &str) -> String {
        text.replace("@files", &self.files.path().display().to_string())
            .replace("@home", &self.home.path().display().to_string())
    }

    /// The text with placeholders for what differs from run to run.
    fn steady(&self, text: &str) -> String {
        let text = text
            .replace(&self.files.path().display().to_string(), "/files")
            .replace(&self.home.path().display().to_string(), "/home/ada")
            .replace("@files", "/files")
            .replace("@home", "/home/ada")
            .replace(&binary().display().to_string(), "/usr/bin/kubelogin")
            .replace(&format!("kubelogin {}", env!("CARGO_PKG_VERSION")), "kubelogin VERSION");
        let cut = |line: &str| match line.split_once("/authorize?") {
            Some((start, _)) => format!("{start}/authorize?…\n"),
            None => line.to_owned(),
        };
        let text: String = text.split_inclusive('\n').map(cut).collect();
        let text = numbers_after(&text, &["localhost:", "127.0.0.1:", "[::1]:"], "PORT");
        let text = numbers_after(&text, &["process "], "PID");
        let text = numbers_after(&text, &["this machine's clock is "], "SECONDS");
        times(&ids(&text))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.args(self.args.iter().map(|arg| self.real(arg))).env_clear().env("HOME", self.home.path());
        command.envs(self.env.iter().map(|(name, value)| (name, self.real(value)))).stdin(Stdio::null());
        command
    }

    /// Runs it; the exit code, stdout and stderr.
    fn run(&self) -> (i32, String, String) {
        if let Some(clock) = &self.turned {
            let (code, stdout, stderr) = run_by(&self.command(), clock);
            return (code.into(), stdout, stderr);
        }
        let mut command = self.command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        if let Some(query) = &self.browser {
            while !said.lines().last().is_some_and(|line| line.starts_with("https://")) {
                assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{}: {said}", self.name);
            }
            let url = said.lines().last().unwrap().to_owned();
            return_from_browser(&url, query);
        }
        stderr.read_to_string(&mut said).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap(), said)
    }

    /// The case's file as it is now.
    fn page(&self) -> String {
        let quoted = |word: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:@+%[]".contains(c);
            match !word.is_empty() && word.chars().all(is_plain) {
                true => word.to_owned(),
                false => format!("'{}'", word.replace('\'', "'\\''")),
            }
        };
        let variables = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = self.args.iter().map(|arg| quoted(arg));
        let line: Vec<String> = variables.chain(["kubelogin".to_owned()]).chain(words).collect();
        let mut page = self.steady(&format!("$ {}\n", line.join(" ")));
        for note in &self.notes {
            page += &self.steady(&format!("{note}\n"));
        }
        let (code, stdout, stderr) = self.run();
        page += &format!("exit code {code}\n");
        for (stream, text) in [("stdout", stdout), ("stderr", stderr)] {
            assert!(!text.contains(SECRET), "{}: {text}", self.name);
            assert!(!text.contains("panicked"), "{}: {text}", self.name);
            if !text.is_empty() {
                page += &format!("--- {stream}\n{}", self.steady(&text));
            }
        }
        page
    }
}

/// Plays the browser's last step: it goes where the address says, with this query.
fn return_from_browser(url: &str, query: &str) {
    let parameter = |name: &str| {
        let all = url.split_once('?').unwrap().1;
        all.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
    };
    let uri = parameter("redirect_uri").replace("%3A", ":").replace("%2F", "/");
    let port: u16 = uri.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET /?{query}&state={} HTTP/1.1\r\nHost: localhost\r\n\r\n", parameter("state"));
    stream.write_all(request.as_bytes()).unwrap();
    let _ = stream.read_to_string(&mut String::new());
}

/// A placeholder for the digits after each of these words.
fn numbers_after(text: &str, words: &[&str], placeholder: &str) -> String {
    words.iter().fold(text.to_owned(), |text, word| {
        let mut parts = text.split(word);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            out += word;
            out += if rest.len() < part.len() { placeholder } else { "" };
            out += rest;
        }
        out
    })
}

/// Placeholders for UUIDs: those of the cases, and random ones.
fn ids(text: &str) -> String {
    let known = [
        (TENANT, "TENANT-ID"),
        (CLIENT, "CLIENT-ID"),
        (SERVER, "SERVER-ID"),
        (TRACE, "TRACE-ID"),
        (CORRELATION, "CORRELATION-ID"),
    ];
    let text = known.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
    replaced(&text, 36, "RANDOM-ID", |word| {
        let lengths: Vec<usize> = word.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12] && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
    })
}

/// A placeholder for times of this year or the next ones.
fn times(text: &str) -> String {
    replaced(text, 20, "TIME", |word| {
        let is_like = |(at, b): (usize, u8)| match at {
            4 | 7 => b == b'-',
            10 => b == b'T',
            13 | 16 => b == b':',
            19 => b == b'Z',
            _ => b.is_ascii_digit(),
        };
        word.starts_with("202") && word.bytes().enumerate().all(is_like)
    })
}

/// The text with what has this length and passes the test replaced.
fn replaced(text: &str, length: usize, by: &str, is_one: impl Fn(&str) -> bool) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let length = match rest.get(..length) {
            Some(word) if is_one(word) => {
                out += by;
                length
            }
            _ => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

const TRACE: &str = "0f0f0f0f-1111-2222-3333-444444444444";
const CORRELATION: &str = "0c0c0c0c-1111-2222-3333-444444444444";

/// An error in Entra's words.
pub fn refused(code: u32, text: &str) -> Reply {
    let error = match code {
        50076 | 50079 | 53003 | 65001 => "interaction_required",
        7_000_215 | 7_000_222 | 700_027 => "invalid_client",
        700_016 | 700_025 => "unauthorized_client",
        90002 | 900_023 | 90009 => "invalid_request",
        500_011 => "invalid_resource",
        _ => "invalid_grant",
    };
    let description = format!(
        "AADSTS{code}: {text} Trace ID: {TRACE} Correlation ID: {CORRELATION} Timestamp: 2026-01-02 03:04:05Z"
    );
    Reply::json(
        400,
        &serde_json::json!({ "error": error, "error_description": description, "error_codes": [code],
                             "trace_id": TRACE, "correlation_id": CORRELATION }),
    )
}

/// Compares each case with its file, in the folder of this group, which has no others.
fn pin(group: &str, cases: Vec<Case>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errors").join(group);
    let mut expected: Vec<String> = cases.iter().map(|case| format!("{}.txt", case.name)).collect();
    expected.sort();
    let failures = Mutex::new(Vec::new());
    // A few at a time.
    let cases = Mutex::new(cases);
    side_by_side(0..4, |_| {
        loop {
            let Some(case) = cases.lock().unwrap().pop() else { return };
            let page = case.page();
            let name = format!("errors/{group}/{}.txt", case.name);
            if std::panic::catch_unwind(|| pinned(&name, &page)).is_err() {
                failures.lock().unwrap().push(name);
            }
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "changed, see above: {failures:?}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for stale in names(&folder).iter().filter(|name| !expected.contains(name)) {
            std::fs::remove_file(folder.join(stale)).unwrap();
        }
    }
    assert_eq!(names(&folder), expected, "the files of {group}");
}
