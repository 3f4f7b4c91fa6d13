//! Proxies and trust: which way a request takes, and whom it believes.

use super::hostile::pass_through;
use crate::support::entra::SERVER;
use crate::support::http::{Listener, Reply, read_request, write_reply};
use crate::support::{Entra, Kubelogin, TempDir};
use std::io::BufReader;
use std::sync::{Arc, Mutex};

/// A request line and the credentials that came with it.
type Asked = (String, Option<String>);

/// A CONNECT proxy that sends everything to one port, and remembers what it was asked.
struct Proxy {
    listener: Listener,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    fn start(port: u16, credentials: Option<&'static str>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let listener = Listener::start(move |mut stream| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let Some(request) = read_request(&mut reader) else { return };
            let given = request.header("proxy-authorization").map(str::to_owned);
            log.lock().unwrap().push((format!("{} {}", request.method, request.target), given.clone()));
            if credentials.is_some_and(|wanted| given.as_deref() != Some(wanted)) {
                let _ = write_reply(&mut stream, &Reply::new(407, "text/html", "<html>who are you</html>"));
                return;
            }
            use std::io::Write;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            pass_through(stream, port);
        });
        Self { listener, asked }
    }

    fn url(&self, userinfo: &str) -> String {
        format!("http://{userinfo}127.0.0.1:{}", self.listener.port())
    }
}

/// A sign-in at a name that only the proxy can reach.
fn behind(entra: &Entra, files: &TempDir) -> Kubelogin {
    let cloud = format!(r#"{{"activeDirectoryEndpoint":"https://login.test:{}/"}}"#, entra.port());
    Kubelogin::spn()
        .args(&["-e", "AzureStackCloud"])
        .env("AZURE_ENVIRONMENT_FILEPATH", files.file("cloud.json", cloud))
        .env("SSL_CERT_FILE", entra.ca_file())
}

#[test]
fn a_proxy_is_asked_to_connect_by_name() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let proxy = Proxy::start(entra.port(), None);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let output = behind(&entra, &files).env(variable, proxy.url("")).run();
        assert!(entra.knows(&output.token(), SERVER), "{variable}");
    }
    let asked = proxy.asked.lock().unwrap();
    assert_eq!(asked.len(), 4);
    assert!(
        asked.iter().all(|(line, _)| *line == format!("CONNECT login.test:{}", entra.port())),
        "{asked:?}"
    );
}

#[test]
fn credentials_of_the_proxy_are_sent_and_never_shown() {
    let (entra, files) = (Entra::start(), TempDir::new());
    // user:p@ss
    let proxy = Proxy::start(entra.port(), Some("Basic dXNlcjpwQHNz"));
    let good = behind(&entra, &files).args(&["-v", "10"]).env("HTTPS_PROXY", proxy.url("user:p%40ss@")).run();
    assert!(entra.knows(&good.token(), SERVER));
    assert!(!good.stderr.contains("p%40ss") && !good.stderr.contains("p@ss"), "{}", good.stderr);
    let bad = behind(&entra, &files).env("HTTPS_PROXY", proxy.url("user:hunter2@")).run();
    bad.fails_with("the proxy refused the connection to login.test");
    assert!(!bad.stderr.contains("hunter2"));
}

#[test]
fn no_proxy_and_http_proxy_leave_the_proxy_alone() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let proxy = Proxy::start(entra.port(), None);
    let direct = |name: &str, value: &str| {
        behind(&entra, &files).env("HTTPS_PROXY", proxy.url("")).env(name, value).run()
    };
    for value in [
        "login.test",
        ".test",
        "*.test",
        "test",
        "*",
        "other,login.test",
        &format!("login.test:{}", entra.port()),
    ] {
        direct("NO_PROXY", value).fails_with("cannot find the address of login.test");
    }
    behind(&entra, &files)
        .env("HTTP_PROXY", proxy.url(""))
        .run()
        .fails_with("cannot find the address of login.test");
    // This machine is never behind a proxy.
    assert!(entra.knows(&entra.spn().env("HTTPS_PROXY", proxy.url("")).run().token(), SERVER));
    assert_eq!(proxy.listener.connections(), 0);
    assert!(entra.knows(&direct("NO_PROXY", "login.test:1").token(), SERVER));
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let closed = Listener::start(drop);
    let address = format!("http://127.0.0.1:{}", closed.port());
    drop(closed);
    let output = behind(&entra, &files).env("HTTPS_PROXY", &address).run();
    output.fails_with("through the proxy 127.0.0.1:");
    output.hints("HTTPS_PROXY");
    behind(&entra, &files).env("HTTPS_PROXY", "gopher://x").run().fails_with("unsupported kind gopher://");
}

#[test]
fn trust_comes_from_file_folder_or_flag() {
    let entra = Entra::start();
    let files = TempDir::new();
    files.file("folder/0a1b2c3d.0", entra.ca().pem());
    files.file("folder/readme.txt", "not a certificate");
    let folder = files.path().join("folder");
    let empty = files.file("empty.pem", "");
    let sign_in =
        || entra.spn().env("SSL_CERT_FILE", "").env("AZURE_ENVIRONMENT_FILEPATH", entra.environment_file());
    assert!(entra.knows(&sign_in().env("SSL_CERT_DIR", &folder).run().token(), SERVER));
    assert!(
        entra.knows(&sign_in().arg("--certificate-authority").arg(entra.ca_file()).run().token(), SERVER)
    );
    sign_in().run().fails_with("is not trusted");
    sign_in().env("SSL_CERT_FILE", &empty).run().fails_with("it holds no certificate in PEM");
    sign_in().env("SSL_CERT_FILE", files.path()).run().fails_with("(SSL_CERT_FILE): is a folder");
    sign_in().env("SSL_CERT_FILE", files.path().join("missing")).run().fails_with("No such file");
    sign_in()
        .env("SSL_CERT_DIR", files.path().join("missing"))
        .run()
        .fails_with("SSL_CERT_DIR names no folder");
    sign_in().args(&["--certificate-authority", "/missing"]).run().fails_with("(--certificate-authority)");
}
