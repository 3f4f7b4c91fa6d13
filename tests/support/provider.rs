//! An OpenID provider of our own: strict by default, and as hostile as a test makes it.

use super::ca::Leaf;
use super::entra::now;
use super::http::{Reply, Request, Server, parse_form};
use super::issuer::Issuer;
use super::kubelogin::binary;
use super::people::Run;
use super::{Ca, TempDir};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

pub const CLIENT: &str = "client";
pub const PASSWORD: &str = "hunter2";

pub struct Provider {
    server: Server,
    ca: Ca,
    state: Arc<Mutex<State>>,
    pub home: TempDir,
}

/// What a browser has asked for.
#[derive(Clone)]
struct Asked {
    code: String,
    nonce: Option<String>,
    challenge: Option<String>,
    redirect_uri: Option<String>,
}

pub struct State {
    issuer: Issuer,
    /// Laid over the document.
    pub document: Value,
    /// Laid over the claims of each ID token; `null` takes one away.
    pub claims: Value,
    /// Answers of these paths, before the provider's own.
    pub script: VecDeque<(&'static str, Reply)>,
    /// The secret that clients must have, and where: `basic` or `post`.
    pub secret: Option<(String, &'static str)>,
    /// How long ID tokens live, in seconds.
    pub life: u64,
    /// No ID token in answers to a refresh without a scope, or in any.
    pub id_token_needs_scope: bool,
    pub no_id_token: bool,
    /// The refresh token that is good for one use.
    refresh: Option<String>,
    /// An old one came: the family is revoked (RFC 9700 section 4.14.2).
    pub reused: bool,
    asked: Vec<Asked>,
    /// So many polls are pending before a device code is good.
    pub pending: u32,
    number: u64,
}

impl Provider {
    pub fn start() -> Self {
        let ca = Ca::new("kubelogin test provider");
        let state = Arc::new(Mutex::new(State {
            issuer: Issuer::new(""),
            document: json!({}),
            claims: json!({}),
            script: VecDeque::new(),
            secret: None,
            life: 3600,
            id_token_needs_scope: false,
            no_id_token: false,
            refresh: None,
            reused: false,
            asked: Vec::new(),
            pending: 0,
            number: 0,
        }));
        let shared = Arc::clone(&state);
        let server =
            Server::start(Some(ca.server(Leaf::Good)), move |request| shared.lock().unwrap().answer(request));
        let home = TempDir::new();
        std::fs::write(home.path().join("ca.pem"), ca.pem()).unwrap();
        let provider = Self { server, ca, state, home };
        provider.state().issuer.url = provider.issuer();
        provider
    }

    /// Without a slash at its end.
    pub fn issuer(&self) -> String {
        self.server.url().trim_end_matches('/').to_owned()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    pub fn ca_file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The paths of all requests after the first `skipped`.
    pub fn paths(&self, skipped: usize) -> Vec<String> {
        self.requests().iter().skip(skipped).map(|request| request.path().to_owned()).collect()
    }

    /// The answer of a path, once, before the provider's own.
    pub fn script(&self, path: &'static str, reply: Reply) {
        self.state().script.push_back((path, reply));
    }

    pub fn cache(&self) -> PathBuf {
        self.home.path().join(".kube/cache/kubelogin")
    }

    /// The one cached entry.
    pub fn entry(&self) -> Option<PathBuf> {
        let mut entries = super::people::names(&self.cache());
        entries.retain(|name| name.ends_with(".token.json"));
        assert!(entries.len() < 2, "{entries:?}");
        entries.first().map(|name| self.cache().join(name))
    }

    /// Makes the cached token one that has just expired.
    pub fn expire(&self) {
        self.expire_in(0);
    }

    /// Makes the cached token one that is stale and lives for so many seconds.
    pub fn expire_in(&self, seconds: u64) {
        let path = self.entry().unwrap();
        let mut entry: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        entry["expires_on"] = (now() + seconds).into();
        std::fs::write(&path, entry.to_string()).unwrap();
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(["get-token", "--oidc-client-id", CLIENT, "--oidc-issuer-url", &self.issuer()])
            .arg("--certificate-authority")
            .arg(self.ca_file())
            .args(["--listen-address", "127.0.0.1:0"])
            .args(more)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, more: &[&str]) -> Run {
        Run::of(self.command(more).output().unwrap())
    }

    /// The same with the user's name and password, which ask nobody.
    pub fn run_with_password(&self, more: &[&str]) -> Run {
        self.run(&[&["--username", "ada", "--password", PASSWORD], more].concat())
    }

    /// Signs in as a browser would: `browse` gets the listener's address and the one of the sign-in page.
    pub fn browse(&self, more: &[&str], browse: impl FnOnce(&Self, &str, &str)) -> Run {
        let mut child = self.command(&[&["--skip-open-browser"], more].concat()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        const BEFORE: &str = "in your browser: ";
        while !said.contains(BEFORE) || !said.ends_with('\n') {
            if stderr.read_line(&mut said).unwrap() == 0 {
                break;
            }
        }
        if let Some((_, after)) = said.split_once(BEFORE) {
            let short = after.split_whitespace().next().unwrap().to_owned();
            let page = location(&get(&short));
            browse(self, &short, &page);
        }
        stderr.read_to_string(&mut said).unwrap();
        let output = child.wait_with_output().unwrap();
        Run::of(std::process::Output { stderr: said.into_bytes(), ..output })
    }

    /// The same for a user who does what is asked.
    pub fn sign_in(&self, more: &[&str]) -> Run {
        self.browse(more, |provider, _, page| {
            get(&provider.answer_to(page));
        })
    }

    /// The address to which the provider sends the browser from its sign-in page.
    pub fn answer_to(&self, page: &str) -> String {
        let query = parse_form(page.split_once('?').unwrap().1);
        let issuer = self.issuer();
        self.state().authorize(&query, &issuer)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path();
        if let Some(at) = self.script.iter().position(|(of, _)| *of == path) {
            return self.script.remove(at).unwrap().1;
        }
        let url = self.issuer.url.clone();
        match path {
            "/.well-known/openid-configuration" => {
                let mut document = json!({
                    "issuer": url,
                    "authorization_endpoint": format!("{url}/auth"),
                    "token_endpoint": format!("{url}/token"),
                    "device_authorization_endpoint": format!("{url}/device"),
                    "code_challenge_methods_supported": ["S256"],
                    "authorization_response_iss_parameter_supported": true,
                });
                overlay(&mut document, &self.document);
                Reply::json(200, &document)
            }
            "/device" => self.device(request),
            "/token" | "/moved" => self.token(request),
            _ => Reply::new(404, "text/html", "<html>no such page"),
        }
    }

    fn device(&mut self, request: &Request) -> Reply {
        if let Some(refusal) = self.check_client(request) {
            return refusal;
        }
        let challenge = field(&request.form(), "code_challenge");
        self.asked.push(Asked { code: "device".to_owned(), nonce: None, challenge, redirect_uri: None });
        Reply::json(
            200,
            &json!({
                "device_code": "device", "user_code": "ABCD-EFGH", "verification_uri": "https://localhost:1/d",
                "expires_in": 600, "interval": 1,
            }),
        )
    }

    fn authorize(&mut self, query: &[(String, String)], issuer: &str) -> String {
        self.number += 1;
        let code = format!("code-{}", self.number);
        let redirect_uri = field(query, "redirect_uri");
        self.asked.push(Asked {
            code: code.clone(),
            nonce: field(query, "nonce"),
            challenge: field(query, "code_challenge"),
            redirect_uri: redirect_uri.clone(),
        });
        let state = field(query, "state").unwrap();
        let iss = issuer.replace(':', "%3A").replace('/', "%2F");
        let to = redirect_uri.unwrap();
        let root = if to.matches('/').count() == 2 { "/" } else { "" };
        format!("{to}{root}?code={code}&state={state}&iss={iss}")
    }

    fn check_client(&self, request: &Request) -> Option<Reply> {
        let (secret, place) = self.secret.as_ref()?;
        let refuse = || Some(Reply::json(401, &json!({ "error": "invalid_client" })));
        let form = request.form();
        let posted = field(&form, "client_secret");
        let is_good = match *place {
            _ if request.path() == "/device" => posted.as_ref() == Some(secret),
            "post" => posted.as_ref() == Some(secret) && request.header("authorization").is_none(),
            _ => {
                let header = request.header("authorization").and_then(|h| h.strip_prefix("Basic "));
                let pair = header.and_then(|h| base64::engine::general_purpose::STANDARD.decode(h).ok());
                let pair =
                    pair.map(|pair| parse_form(&String::from_utf8(pair).unwrap().replacen(':', "=", 1)));
                pair == Some(vec![(CLIENT.to_owned(), secret.clone())])
            }
        };
        if is_good { None } else { refuse() }
    }

    fn token(&mut self, request: &Request) -> Reply {
        if let Some(refusal) = self.check_client(request) {
            return refusal;
        }
        let form = request.form();
        let refuse =
            |error: &str| Reply::json(400, &json!({ "error": error, "error_description": "said no" }));
        let grant = field(&form, "grant_type").unwrap_or_default();
        let mut nonce = None;
        match grant.as_str() {
            "password" if field(&form, "password").as_deref() == Some(PASSWORD) => {}
            "client_credentials" => {}
            "refresh_token" => {
                let sent = field(&form, "refresh_token");
                if sent != self.refresh || self.refresh.is_none() {
                    self.reused = true;
                    self.refresh = None;
                    return refuse("invalid_grant");
                }
            }
            "authorization_code" | "urn:ietf:params:oauth:grant-type:device_code" => {
                if grant != "authorization_code" && self.pending > 0 {
                    self.pending -= 1;
                    return refuse("authorization_pending");
                }
                let code = field(&form, "code").or(field(&form, "device_code"));
                let at = self.asked.iter().position(|asked| Some(&asked.code) == code.as_ref());
                let Some(asked) = at.map(|at| self.asked.remove(at)) else { return refuse("invalid_grant") };
                let verifier = field(&form, "code_verifier").unwrap_or_default();
                let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
                let is_redirect = asked.redirect_uri == field(&form, "redirect_uri");
                if asked.challenge.is_some_and(|challenge| challenge != hash) || !is_redirect {
                    return refuse("invalid_grant");
                }
                nonce = asked.nonce;
            }
            _ => return refuse("invalid_grant"),
        }
        self.number += 1;
        let is_user = grant != "client_credentials";
        let mut answer = json!({
            "access_token": format!("access-{}", self.number), "token_type": "Bearer", "expires_in": self.life,
        });
        if is_user {
            let refresh = format!("refresh-{}", self.number);
            answer["refresh_token"] = refresh.clone().into();
            self.refresh = Some(refresh);
        }
        let has_scope = grant != "refresh_token" || field(&form, "scope").is_some();
        if is_user && !self.no_id_token && (has_scope || !self.id_token_needs_scope) {
            answer["id_token"] = self.id_token(nonce).into();
        }
        Reply::json(200, &answer)
    }

    fn id_token(&self, nonce: Option<String>) -> String {
        let mut claims = json!({
            "aud": CLIENT, "sub": "ada", "email": "ada@example.com", "jti": self.number.to_string(),
            "iss": self.issuer.url, "iat": now(), "exp": now() + self.life,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        overlay(&mut claims, &self.claims);
        self.issuer.sign_exactly(&claims)
    }
}

fn overlay(value: &mut Value, over: &Value) {
    for (name, new) in over.as_object().unwrap() {
        match new {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            new => value[name] = new.clone(),
        }
    }
}

pub fn field(form: &[(String, String)], name: &str) -> Option<String> {
    form.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}

/// Sends a request to the listener; its whole answer.
pub fn send(address: &str, request: &str) -> String {
    let authority = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let port = authority.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// GET of an address of the listener.
pub fn get(address: &str) -> String {
    get_with(address, "")
}

/// The same with more header lines.
pub fn get_with(address: &str, headers: &str) -> String {
    let path = address.splitn(4, '/').nth(3).unwrap_or_default();
    send(address, &format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
}

/// Where an answer sends the browser.
pub fn location(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("Location: "));
    line.unwrap_or_else(|| panic!("no redirection: {answer}")).to_owned()
}

/// A program for `--browser-command` that leaves its argument in a file.
#[cfg(unix)]
pub fn opener(folder: &Path) -> (PathBuf, PathBuf) {
    let (program, opened) = (folder.join("opener"), folder.join("opened"));
    write_script(&program, &format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>{}\n", opened.display()));
    (program, opened)
}

/// Writes a program by another process: a fork elsewhere in this one would keep it open for writing, and busy.
#[cfg(unix)]
pub fn write_script(path: &Path, text: &str) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "cat >\"$0\" && chmod 700 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
