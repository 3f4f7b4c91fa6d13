//! The way to the service: names, connections, TLS, proxies, time limits.

use super::{APP, Case, login, pin};
use crate::flow::hostile::Raw;
use crate::flow::proxies::Proxy;
use crate::support::ca::Leaf;
use crate::support::http::Reply;
use crate::support::{Ca, Entra};
use serde_json::json;
use std::io::{Read, Write};

fn sign_in(name: &str) -> Case {
    login(name, "spn", APP).args(&["--client-secret", super::SECRET])
}

/// A sign-in at a listener that misbehaves, without pauses.
fn at(name: &str, what: &str, raw: Raw) -> Case {
    let root = std::fs::read_to_string(raw.files.path().join("ca.pem"));
    let root = root.unwrap_or_else(|_| Ca::new("Test Root").pem());
    sign_in(name).note(what).at_port(raw.listener.port(), &root).without_pauses().keep(raw)
}

/// A port of this machine at which nothing listens; one that was free a moment ago may be another test's now.
fn closed_port() -> u16 {
    1
}

#[test]
fn connections() {
    let silent = || Raw::tls(|stream, _| drop(stream.read_to_end(&mut Vec::new())));
    let part = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let mut no_name = sign_in("name-not-found")
        .args(&["-e", "AzureStackCloud"])
        .file("cloud.json", r#"{"activeDirectoryEndpoint":"https://login.invalid/"}"#);
    no_name = no_name.env("AZURE_ENVIRONMENT_FILEPATH", "@files/cloud.json").without_pauses();
    let mut slow =
        at("no-answer-in-time", "the service never answers", silent()).args(&["--timeout", "300ms"]);
    slow.turned = None;
    pin(
        "connections",
        vec![
            no_name,
            sign_in("refused")
                .note("nothing listens there")
                .at_port(closed_port(), &Ca::new("x").pem())
                .without_pauses(),
            slow,
            at(
                "closed-at-once",
                "the service closes each connection",
                Raw::start(|mut stream| drop(stream.read(&mut [0; 4096]))),
            ),
            at("closed-before-the-answer", "the service closes after the request", Raw::tls(|_, _| {})),
            at(
                "closed-within-the-answer",
                "the service closes within its answer",
                Raw::tls(move |stream, _| drop(stream.write_all(part))),
            ),
            at(
                "not-http",
                "the service answers: 220 mail.example ESMTP",
                Raw::tls(|stream, _| drop(stream.write_all(b"220 mail.example ESMTP\r\n\r\n"))),
            ),
        ],
    );
}

#[test]
fn tls() {
    let with = |name: &str, what: &str, leaf: Leaf| {
        let entra = Entra::start_with(leaf);
        let root = entra.ca().pem();
        sign_in(name).note(what).at_port(entra.port(), &root).without_pauses().keep(entra)
    };
    let stranger = {
        let entra = Entra::start();
        let other = Ca::new("Another Root").pem();
        sign_in("unknown-issuer")
            .note("SSL_CERT_FILE holds another root than the certificate's")
            .at_port(entra.port(), &other)
            .without_pauses()
            .keep(entra)
    };
    let own = {
        let (config, pem) = Ca::self_signed();
        let server = crate::support::http::Server::start(Some(config), |_| Reply::json(200, &json!({})));
        sign_in("authority-s-own-certificate")
            .note("the service's certificate is a trusted authority's own")
            .at_port(server.port(), &pem)
            .without_pauses()
            .keep(server)
    };
    let roots = |name: &str, variable: &str, value: &str| {
        let entra = Entra::start();
        let mut case = sign_in(name).hidden_file("empty.pem", "").at_port(entra.port(), "");
        case.env.retain(|(name, _)| name != "SSL_CERT_FILE");
        case.env(variable, value).without_pauses().keep(entra)
    };
    let plain = Raw::start(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let alert = |code: u8| {
        Raw::start(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            // A fatal alert (RFC 8446 section 6).
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, code]);
            let _ = stream.read_to_end(&mut Vec::new());
        })
    };
    pin(
        "tls",
        vec![
            with("expired", "the certificate has expired", Leaf::Expired),
            with("other-name", "the certificate is for other.example", Leaf::OtherName),
            stranger,
            own,
            at("no-tls", "the service speaks HTTP without TLS", plain),
            at("alert", "the service refuses the handshake", alert(0x28)),
            at("alert-version", "the service knows no TLS version of ours", alert(70)),
            at("alert-client-certificate", "the service wants a client's certificate", alert(116)),
            at("alert-unknown", "the service gives a reason that no standard has", alert(200)),
            roots("roots-missing", "SSL_CERT_FILE", "@files/missing.pem"),
            roots("roots-are-a-folder", "SSL_CERT_FILE", "@files"),
            roots("roots-empty", "SSL_CERT_FILE", "@files/empty.pem"),
            roots("roots-folder-missing", "SSL_CERT_DIR", "@files/missing"),
            roots("authority-missing", "SSL_CERT_FILE", "")
                .args(&["--certificate-authority", "@files/missing.pem"]),
        ],
    );
}

#[test]
fn proxies() {
    let behind = |name: &str, proxy: &str| {
        sign_in(name)
            .args(&["-e", "AzureStackCloud"])
            .file("cloud.json", r#"{"activeDirectoryEndpoint":"https://login.test/"}"#)
            .env("AZURE_ENVIRONMENT_FILEPATH", "@files/cloud.json")
            .env("HTTPS_PROXY", proxy)
            .without_pauses()
    };
    let refusing = |name: &str, status: u16| {
        let proxy = Proxy::start(1, None);
        proxy.script.lock().unwrap().extend([status; 100]);
        behind(name, &proxy.url("")).note(format!("the proxy answers: HTTP {status}")).keep(proxy)
    };
    let wanting = |name: &str, userinfo: &str| {
        let proxy = Proxy::start(1, Some("Basic x"));
        behind(name, &proxy.url(userinfo)).note("the proxy answers: HTTP 407").keep(proxy)
    };
    let gone = format!("http://127.0.0.1:{}", closed_port());
    let intercepting = {
        let entra = Entra::start();
        let face = entra.face(&Ca::new("Company Proxy Root"));
        let proxy = Proxy::start(face.port(), None);
        behind("intercepting", &proxy.url(""))
            .note("the proxy opens TLS with a certificate of its own root")
            .keep((proxy, face, entra))
    };
    pin(
        "proxies",
        vec![
            behind("not-there", &gone),
            behind("name-not-found", "http://proxy.invalid:3128"),
            behind("unknown-kind", "gopher://proxy.example"),
            behind("no-address", "http://"),
            wanting("password-missing", ""),
            wanting("password-wrong", "ada:s3cr3t@"),
            refusing("forbidden", 403),
            refusing("broken", 500),
            refusing("busy", 503),
            intercepting,
        ],
    );
}

#[test]
fn authority_hosts() {
    let at = |name: &str, answers: Vec<Reply>| {
        let entra = Entra::start();
        entra.script(answers.clone());
        let proxy = Proxy::start(entra.port(), None);
        let root = entra.ca().pem();
        let case = sign_in(name).args(&["--authority-host", "https://login.test/"]);
        case.answers(&answers)
            .hidden_file("ca.pem", root)
            .env("SSL_CERT_FILE", "@files/ca.pem")
            .env("HTTPS_PROXY", &proxy.url(""))
            .note("through the proxy, login.microsoftonline.com is the service, too")
            .without_pauses()
            .keep((proxy, entra))
    };
    pin(
        "authority-hosts",
        vec![
            at(
                "unknown",
                vec![Reply::json(
                    400,
                    &json!({ "error": "invalid_instance", "error_description": "AADSTS50049: Unknown or invalid instance." }),
                )],
            ),
            at("page-in-place-of-discovery", vec![Reply::new(200, "text/html", "<html>Wi-Fi</html>")]),
        ],
    );
}
