//! Answers that no authority should give: each is a clear error, exit 1, nothing on stdout.

use crate::support::ca::Leaf;
use crate::support::entra::{SERVER, http_date, now};
use crate::support::http::{Listener, Reply, Request, read_request};
use crate::support::turned::{Turned, run_by};
use crate::support::{Ca, Entra, Kubelogin, TempDir, side_by_side};
use rustls::{ServerConnection, StreamOwned};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

fn refused(entra: &Entra, reply: Reply, text: &str) {
    entra.script([reply]);
    entra.spn().run().fails_with(text);
}

#[test]
fn answers_that_are_no_token() {
    let entra = Entra::start();
    let json = |body: &str| Reply::new(200, "application/json", body);
    refused(&entra, json("{"), "incomplete JSON");
    refused(&entra, json("[]"), "not a token response");
    refused(&entra, json("null"), "not a token response");
    refused(&entra, json("{}"), "no access token");
    refused(
        &entra,
        json(r#"{"access_token":"a b","token_type":"Bearer","expires_in":1}"#),
        "contains invalid characters",
    );
    refused(
        &entra,
        json(r#"{"access_token":"a","token_type":"Bearer"}"#),
        "does not say when the token expires",
    );
    refused(&entra, json(r#"{"access_token":"a","token_type":"dpop","expires_in":1}"#), "unknown token type");
    refused(
        &entra,
        Reply::new(200, "text/html", "<html>Sign in to the Wi-Fi</html>"),
        "(HTTP 200, an HTML page)",
    );
    refused(&entra, Reply::new(400, "application/json", "{\"error\":[]}"), "unexpected error (HTTP 400)");
    refused(
        &entra,
        Reply::new(302, "text/plain", "").header("Location", "https://evil.example/"),
        "HTTP 302",
    );
    refused(&entra, json(&"[".repeat(200_000)), "not a token response");
    assert_eq!(entra.connections(), entra.requests().len());
}

#[test]
fn text_of_the_service_moves_no_cursor() {
    let entra = Entra::start();
    let evil = serde_json::json!({ "error": "invalid_client", "error_description": "\u{1b}[2J\u{1b}]0;x\u{7}AADSTS1: \u{202e}evil\nHint: run this" });
    entra.script([Reply::json(401, &evil)]);
    let output = entra.spn().run();
    assert!(!output.stderr.contains(|c: char| c.is_control() && c != '\n'), "{:?}", output.stderr);
    assert!(!output.stderr.contains("Hint: run this"));
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let entra = Entra::start();
    refused(
        &entra,
        Reply::new(200, "application/json", vec![b' '; (1 << 20) + 1]),
        "more than 1048576 bytes",
    );
    let endless = Raw::tls(|stream, _| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n",
        );
        while stream.write_all(&[b' '; 65536]).is_ok() {}
    });
    endless.sign_in().run().fails_with("more than 1048576 bytes");
    let headers = Raw::tls(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n").is_ok() {}
    });
    headers.sign_in().run().fails_with("too many headers");
}

#[test]
fn an_answer_that_never_comes_or_only_drips_ends_with_the_time_limit() {
    let silent = Raw::tls(|stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let dripping = Raw::tls(|stream, _| {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
        for byte in answer.iter().chain([b' '].iter().cycle()) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    let vanished = Raw::tls(|stream, _| {
        let _ = stream.write_all(PART);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    side_by_side([silent, dripping, vanished], |peer| {
        let run = peer.sign_in().arg("--timeout=1500ms").run();
        run.fails_with("no complete answer from localhost within 1.");
    });
}

#[test]
fn a_truncated_answer_is_tried_again_and_then_named() {
    let short = Raw::tls(|stream, _| {
        let _ = stream.write_all(PART);
    });
    // Half open: nothing more will come, but it goes on reading.
    let half = Raw::tls(|stream, _| {
        let _ = stream.write_all(PART);
        let _ = stream.sock.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let notified = Raw::tls(|stream, _| {
        let _ = stream.write_all(PART);
        stream.conn.send_close_notify();
        let _ = stream.flush();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    for peer in [short, half, notified] {
        let run = peer.sign_in().run_without_pauses();
        run.fails_with("closed the connection before its answer was complete");
        assert_eq!(peer.listener.connections(), 4);
    }
}

/// The beginning of an answer.
const PART: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"access_token\":";

/// A second answer behind the first on one connection is nobody's: the next request must not take it for its
/// own.
#[test]
fn an_answer_that_nobody_asked_for_is_not_taken() {
    let answer = |body: serde_json::Value| {
        let body = body.to_string();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let token = |text: &str| {
        answer(serde_json::json!({ "access_token": text, "token_type": "Bearer", "expires_in": 3600 }))
    };
    let device =
        answer(serde_json::json!({ "device_code": "d", "user_code": "U", "verification_uri": "https://v/",
                                            "expires_in": 900, "interval": 1 }));
    let right = token("right");
    // In one TLS record; in one of its own, also one that is too long to be looked at together with the first.
    let stray = token("stray");
    let long = token(&format!("stray{}", "y".repeat(9000)));
    for records in [vec![device.clone() + &stray], vec![device.clone(), stray], vec![device, long]] {
        let right = right.clone();
        let peer = Raw::tls(move |stream, request| {
            let mut stream = BufReader::new(stream);
            let mut next = Some(request.clone());
            while let Some(request) = next {
                let stream = &mut stream;
                if request.path().ends_with("/devicecode") {
                    for record in &records {
                        stream.get_mut().conn.writer().write_all(record.as_bytes()).unwrap();
                    }
                    let _ = stream.get_mut().flush();
                } else {
                    let _ = stream.get_mut().write_all(right.as_bytes());
                }
                next = read_request(stream);
            }
        });
        assert!(peer.sign_in().arg("-ldevicecode").run_without_pauses().token() == "right");
    }
}

#[test]
fn what_is_not_http_is_named() {
    let nonsense = Raw::tls(|stream, _| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n");
    });
    nonsense.sign_in().run().fails_with("is not valid HTTP");
    let length = Raw::tls(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nxx");
    });
    assert_eq!(length.sign_in().run().code, 1);
}

#[test]
fn connections_reset_at_every_stage_are_tried_again_and_then_named() {
    // At accept, after some bytes of the handshake, after the request, within the headers.
    let accept = Raw::start(drop);
    accept.sign_in().run_without_pauses().fails_with("closed the connection");
    assert_eq!(accept.listener.connections(), 4);
    let handshake = Raw::start(|mut stream| {
        let _ = stream.read(&mut [0; 10]);
    });
    handshake.sign_in().run_without_pauses().fails_with("connection");
    let request = Raw::tls(|_, _| {});
    request.sign_in().run_without_pauses().fails_with("closed the connection");
    let headers = Raw::tls(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le");
    });
    headers.sign_in().run_without_pauses().fails_with("closed the connection");
}

#[test]
fn a_reset_that_passes_does_not_show() {
    let entra = Entra::start();
    let port = entra.port();
    let tries = std::sync::atomic::AtomicUsize::new(0);
    // Two connections are dropped, the third goes through.
    let flaky = Raw::start(move |stream| {
        if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 2 {
            pass_through(stream, port);
        }
    });
    let output = entra
        .spn()
        .env("AZURE_ENVIRONMENT_FILEPATH", flaky.files.file("cloud.json", environment(flaky.listener.port())))
        .run_without_pauses();
    assert!(entra.knows(&output.token(), SERVER));
}

#[test]
fn overload_is_waited_out_and_retry_after_is_honoured() {
    let entra = Entra::start();
    let busy = || Reply::json(503, &serde_json::json!({ "error": "temporarily_unavailable" }));
    entra.script([busy(), busy(), busy()]);
    let clock = Turned::now();
    let (command, _home) = entra.spn().into_command();
    assert_eq!(run_by(&command, &clock).0, 0);
    assert_eq!(entra.requests().len(), 4);
    // 1, 3 and 5 s, give or take a fifth.
    assert!((7.2..=10.8).contains(&clock.slept().as_secs_f64()), "{:?}", clock.slept());
    entra.script([Reply::json(429, &serde_json::json!({ "error": "temporarily_unavailable" }))
        .header("Retry-After", "0")]);
    assert!(entra.knows(&entra.spn().run_without_pauses().token(), SERVER));
    // A wait that is longer than the time there is: no wait at all.
    entra.script([Reply::json(429, &serde_json::json!({ "error": "temporarily_unavailable" }))
        .header("Retry-After", "3600")]);
    entra.spn().run_without_pauses().fails_with("asks us to wait 1h before the next try (HTTP 429)");
    // The same as dates of the service's clock, which need not be ours.
    for (offset, pause, again) in
        [(0, 0, true), (86_400, 0, true), (-86_400, 0, true), (-86_400, 3600, false)]
    {
        entra.state().clock_offset = offset;
        let until = http_date(i64::try_from(now()).unwrap() + offset + pause);
        entra.script([Reply::json(429, &serde_json::json!({ "error": "temporarily_unavailable" }))
            .header("Retry-After", &until)]);
        let before = entra.requests().len();
        assert_eq!(entra.spn().run_without_pauses().code == 0, again, "{offset} {pause}");
        assert_eq!(entra.requests().len() - before, if again { 2 } else { 1 }, "{offset} {pause}");
    }
    entra.state().clock_offset = 0;
    // An error of the OAuth kind is final.
    let before = entra.requests().len();
    entra.script([Reply::json(400, &serde_json::json!({ "error": "invalid_request" }))]);
    entra.spn().run_without_pauses().fails_with("invalid_request");
    assert_eq!(entra.requests().len(), before + 1);
}

#[test]
fn tls_failures_name_host_and_issuer() {
    let expired = Entra::start_with(Leaf::Expired);
    expired.spn().run().fails_with("the TLS certificate of localhost, issued by \"Test Root\", has expired");
    let other = Entra::start_with(Leaf::OtherName);
    other.spn().run().fails_with("is for another host name");
    let unknown = Entra::start();
    let files = TempDir::new();
    let stranger = files.file("other.pem", Ca::new("Another Root").pem());
    let output = unknown.spn().env("SSL_CERT_FILE", stranger).run();
    output.fails_with("the TLS certificate of localhost, issued by \"Test Root\", is not trusted");
    output.hints("SSL_CERT_FILE");
    let plain = Raw::start(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    plain.sign_in().run().fails_with("does not speak TLS on this port");
}

#[test]
fn a_tls_alert_is_a_refusal() {
    let picky = Raw::start(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        // A fatal handshake_failure (RFC 8446 section 6.2).
        let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 0x28]);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    picky.sign_in().run().fails_with("refused the TLS connection: it accepts none of this program");
    assert_eq!(picky.listener.connections(), 1);
}

#[test]
fn nobody_there() {
    let closed = Listener::start(drop);
    let port = closed.port();
    drop(closed);
    let files = TempDir::new();
    sign_in(&files, port).run_without_pauses().fails_with("cannot connect to localhost: connection refused");
}

#[test]
fn environment_files_that_cannot_be_used() {
    let files = TempDir::new();
    let with = |path: &std::path::Path| {
        Kubelogin::spn().args(&["-e", "AzureStackCloud"]).env("AZURE_ENVIRONMENT_FILEPATH", path).run()
    };
    with(files.path()).fails_with("is a folder");
    with(&files.path().join("missing")).fails_with("No such file");
    with(&files.file("text", "x")).fails_with("not JSON");
    with(&files.file("empty.json", "{}")).fails_with("it has no activeDirectoryEndpoint");
    with(&files.file("http.json", r#"{"activeDirectoryEndpoint":"http://localhost/"}"#))
        .fails_with("is not https");
    with(&files.file("user.json", r#"{"activeDirectoryEndpoint":"https://u:hunter2@localhost/"}"#))
        .fails_with("must not contain a user name");
    with(&files.file("large.json", vec![b' '; 2 << 20])).fails_with("is larger than");
}

/// A listener that misbehaves.
pub struct Raw {
    pub listener: Listener,
    pub files: TempDir,
}

impl Raw {
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self { listener: Listener::start(serve), files: TempDir::new() }
    }

    /// Reads one request over TLS, then does what it wants with the stream.
    pub fn tls(
        serve: impl Fn(&mut StreamOwned<ServerConnection, TcpStream>, &Request) + Send + Sync + 'static,
    ) -> Self {
        let ca = Ca::new("Test Root");
        let config = ca.server(Leaf::Good);
        let raw = Self::start(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            if let Some(request) = read_request(&mut stream) {
                serve(stream.get_mut(), &request);
            }
        });
        raw.files.file("ca.pem", ca.pem());
        raw
    }

    fn sign_in(&self) -> Kubelogin {
        sign_in(&self.files, self.listener.port())
    }
}

pub fn environment(port: u16) -> String {
    format!(r#"{{"activeDirectoryEndpoint":"https://localhost:{port}/"}}"#)
}

fn sign_in(files: &TempDir, port: u16) -> Kubelogin {
    let cloud = files.file("cloud.json", environment(port));
    let ca = files.path().join("ca.pem");
    if !ca.exists() {
        files.file("ca.pem", Ca::new("Test Root").pem());
    }
    Kubelogin::spn()
        .args(&["-e", "AzureStackCloud"])
        .env("AZURE_ENVIRONMENT_FILEPATH", cloud)
        .env("SSL_CERT_FILE", ca)
}

/// Copies bytes both ways to a port of this machine.
pub fn pass_through(mut client: TcpStream, port: u16) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let forward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = forward.join();
}
