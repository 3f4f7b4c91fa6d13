//! Proxies and trust: which way a request takes, and whom it believes.

use super::hostile::pass_through;
use crate::support::ca::Leaf;
use crate::support::entra::SERVER;
use crate::support::http::{Listener, Reply, read_request, write_reply};
use crate::support::people::People;
use crate::support::{Ca, Entra, Kubelogin, TempDir};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request line and the credentials that came with it.
pub type Asked = (String, Option<String>);

/// A CONNECT proxy that sends everything to one port, and remembers what it was asked.
pub struct Proxy {
    listener: Listener,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    /// Statuses to give in place of the next connections; 200 lets one through, 0 closes it.
    pub script: Arc<Mutex<VecDeque<u16>>>,
}

impl Proxy {
    pub fn start(port: u16, credentials: Option<&'static str>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::new()));
        let (log, scripted) = (Arc::clone(&asked), Arc::clone(&script));
        let listener = Listener::start(move |mut stream| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let Some(request) = read_request(&mut reader) else { return };
            let given = request.header("proxy-authorization").map(str::to_owned);
            log.lock().unwrap().push((format!("{} {}", request.method, request.target), given.clone()));
            if credentials.is_some_and(|wanted| given.as_deref() != Some(wanted)) {
                let _ = write_reply(&mut stream, &Reply::new(407, "text/html", "<html>who are you</html>"));
                return;
            }
            match scripted.lock().unwrap().pop_front() {
                None | Some(200) => {}
                Some(0) => return,
                Some(status) => {
                    let _ =
                        write_reply(&mut stream, &Reply::new(status, "text/html", "<html>not now</html>"));
                    return;
                }
            }
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            pass_through(stream, port);
        });
        Self { listener, asked, script }
    }

    pub fn url(&self, userinfo: &str) -> String {
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

/// A SOCKS5 proxy (RFC 1928) that sends everything to one port; it is told names, not addresses.
fn socks(port: u16) -> (Listener, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let listener = Listener::start(move |mut stream| {
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).ok().map(|()| bytes)
        };
        let Some(greeting) = read(2) else { return };
        assert_eq!(greeting[0], 5);
        read(greeting[1].into()).unwrap();
        stream.write_all(&[5, 0]).unwrap();
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        };
        let request = read(5);
        assert_eq!(request[..4], [5, 1, 0, 3], "a name to connect to");
        let name = String::from_utf8(read(request[4].into())).unwrap();
        let asked_port = read(2);
        log.lock().unwrap().push(format!("{name}:{}", u16::from_be_bytes([asked_port[0], asked_port[1]])));
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        pass_through(stream, port);
    });
    (listener, asked)
}

/// GNOME exports `socks://HOST:PORT/`; schemes have no case.
#[test]
fn socks_proxies_are_named_in_several_ways() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let (proxy, asked) = socks(entra.port());
    let cases = [
        ("ALL_PROXY", "socks", "/"),
        ("all_proxy", "SOCKS", ""),
        ("HTTPS_PROXY", "SOCKS5", ""),
        ("https_proxy", "Socks5h", "/"),
        ("HTTPS_PROXY", "socks", ""),
    ];
    for (variable, scheme, end) in cases {
        let address = format!("{scheme}://127.0.0.1:{}{end}", proxy.port());
        let run = behind(&entra, &files).env(variable, &address).run();
        assert!(entra.knows(&run.token(), SERVER), "{variable}={address}");
    }
    assert_eq!(*asked.lock().unwrap(), vec![format!("login.test:{}", entra.port()); cases.len()]);
}

/// Desktops export `ALL_PROXY` for all programs; kubectl does not read it.
#[test]
fn a_proxy_of_an_unknown_kind_for_all_programs_is_left_alone() {
    let entra = Entra::start();
    let files = TempDir::new();
    for variable in ["ALL_PROXY", "all_proxy"] {
        for kind in ["socks4", "quic", "FTP"] {
            let sign_in = || {
                // Only where a proxy would be taken: this machine is never behind one.
                behind(&entra, &files).env(variable, format!("{kind}://127.0.0.1:9")).arg("-v1").run()
            };
            let run = sign_in();
            run.fails_with("cannot find the address of login.test");
            let said = format!(
                "{variable} is ignored: it names a proxy of the unsupported kind {}://",
                kind.to_lowercase()
            );
            assert!(run.stderr.contains(&said), "{}", run.stderr);
        }
    }
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let run = behind(&entra, &files).env(variable, "socks4://127.0.0.1:9").run();
        run.fails_with(&format!("{variable} names a proxy of the unsupported kind socks4://"));
    }
}

/// The request must not go out directly as if there were no proxy, nor through one from which a host is excepted.
#[cfg(unix)]
#[test]
fn a_proxy_variable_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let (entra, files) = (Entra::start(), TempDir::new());
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        let odd = std::ffi::OsStr::from_bytes(b"http://127.0.0.1:9/\xff");
        let run = behind(&entra, &files).env(variable, odd).run();
        run.fails_with(&format!("cannot read the environment variable {variable}: it is not UTF-8 text"));
        run.hints(variable);
    }
    assert_eq!(entra.connections(), 0);
}

#[test]
fn a_proxy_whose_name_is_not_found_is_named() {
    let (entra, files) = (Entra::start(), TempDir::new());
    for (variable, scheme) in
        [("HTTPS_PROXY", "http"), ("https_proxy", "socks5"), ("ALL_PROXY", "socks"), ("all_proxy", "https")]
    {
        let address = format!("{scheme}://ada:hunter2@proxy.invalid:3128");
        let run = behind(&entra, &files).env(variable, address).run();
        run.fails_with("cannot find the address of the proxy proxy.invalid");
        run.hints(&format!("check the proxy in {variable}"));
        assert!(!run.stderr.contains("hunter2") && !run.stderr.contains("login.test"), "{}", run.stderr);
    }
}

/// A company's proxy that opens TLS: it answers in the place of everybody, with a certificate of its own root.
#[test]
fn an_intercepting_proxy_is_believed_only_by_its_root() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let company = Ca::new("Company Proxy Root");
    let face = entra.face(&company);
    let proxy = Proxy::start(face.port(), None);
    let through = || behind(&entra, &files).env("HTTPS_PROXY", proxy.url(""));
    through().run().fails_with("\"Company Proxy Root\"");
    through().run().hints("SSL_CERT_FILE");
    let root = files.file("roots/company.pem", company.pem());
    for run in [
        through().env("SSL_CERT_FILE", &root).run(),
        through().env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", files.path().join("roots")).run(),
        through().arg("--certificate-authority").arg(&root).run(),
    ] {
        assert!(entra.knows(&run.token(), SERVER));
    }
    assert_eq!(entra.connections(), 0);
}

/// TLS to the proxy, and TLS through it to the authority.
#[test]
fn a_proxy_may_speak_tls_itself() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let plain = Proxy::start(entra.port(), None);
    let (tls, port) = (entra.ca().server(Leaf::Good), plain.listener.port());
    let front = Listener::start(move |stream| relay(stream, &tls, port));
    let address = format!("https://localhost:{}", front.port());
    let run = behind(&entra, &files).env("HTTPS_PROXY", &address).run();
    assert!(entra.knows(&run.token(), SERVER));
    assert_eq!(plain.asked.lock().unwrap().len(), 1);
    let untrusted = behind(&entra, &files).env("HTTPS_PROXY", &address).env("SSL_CERT_FILE", "").run();
    untrusted.fails_with("is not trusted");
}

/// Takes TLS off a connection and passes it on.
fn relay(client: TcpStream, tls: &Arc<ServerConfig>, port: u16) {
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), client);
    if tls.conn.complete_io(&mut tls.sock).is_err() {
        return;
    }
    let mut plain = server;
    for socket in [&tls.sock, &plain] {
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    }
    let idle = |e: &std::io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    let mut buffer = [0; 16 << 10];
    loop {
        match tls.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => plain.write_all(&buffer[..n]).unwrap(),
            Err(e) if idle(&e) => {}
            Err(_) => return,
        }
        match plain.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => tls.write_all(&buffer[..n]).unwrap(),
            Err(e) if idle(&e) => {}
            Err(_) => return,
        }
    }
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
    bad.hints("check user name and password");
    assert!(!bad.stderr.contains("hunter2"));
}

#[test]
fn a_busy_proxy_is_tried_again_and_a_refusal_is_final() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let proxy = Proxy::start(entra.port(), None);
    let through = |statuses: &[u16]| {
        proxy.script.lock().unwrap().extend(statuses);
        behind(&entra, &files).env("HTTPS_PROXY", proxy.url("")).run_without_pauses()
    };
    for statuses in [&[503, 429, 408][..], &[502, 0, 504]] {
        assert!(entra.knows(&through(statuses).token(), SERVER), "{statuses:?}");
    }
    assert_eq!(proxy.asked.lock().unwrap().drain(..).count(), 8);
    through(&[500; 4]).fails_with("(HTTP 500)");
    let refused = through(&[403, 200]);
    refused.fails_with("the proxy refused the connection to login.test through the proxy 127.0.0.1:");
    refused.hints("NO_PROXY");
    assert_eq!(proxy.asked.lock().unwrap().len(), 5);
}

#[test]
fn a_device_code_is_polled_for_over_a_busy_proxy() {
    let people = People::start();
    let proxy = Proxy::start(people.entra.port(), None);
    // The first poll loses its connection; the next one's is not let through.
    people.grants().script.push_back(("device_code", (0, serde_json::json!({}))));
    proxy.script.lock().unwrap().extend([200, 503]);
    let authority = format!("https://login.test:{}/", people.entra.port());
    let mut command = people.command("contoso", &["--authority-host", &authority]);
    let run = people.without_pauses(command.env("HTTPS_PROXY", proxy.url("")));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(proxy.asked.lock().unwrap().len(), 3);
}

#[test]
fn a_proxy_that_only_drips_ends_with_the_time_limit() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let dripping = Listener::start(|mut stream| {
        // Without the limit it would end, with another error.
        for byte in b"HTTP/1.1 200 OK\r\nX: ".iter().chain([b'x'; 400].iter()) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let proxy = format!("http://127.0.0.1:{}", dripping.port());
    let run = behind(&entra, &files).env("HTTPS_PROXY", &proxy).arg("--timeout=1500ms").run();
    run.fails_with("no complete answer from login.test through the proxy 127.0.0.1:");
    assert_eq!(dripping.connections(), 1);
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

/// An authority without a name, at an address that leads nowhere but through the proxy.
#[test]
fn no_proxy_covers_addresses_and_networks() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let proxy = Proxy::start(entra.port(), None);
    for (address, except, is_direct) in [
        ("240.0.0.1", "240.0.0.1".to_owned(), true),
        ("240.0.0.1", format!("240.0.0.1:{}", entra.port()), true),
        ("240.0.0.1", "10.0.0.0/8,240.0.0.0/4".to_owned(), true),
        ("[fd12::1]", "fd12::1".to_owned(), true),
        ("[fd12::1]", "fd00::/8".to_owned(), true),
        ("240.0.0.1", String::new(), false),
        ("240.0.0.1", "240.0.0.1:1,240.0.0.2,240.0.0.0/32,fd00::/8".to_owned(), false),
        ("[fd12::1]", "fc00::/8,fd12::2,::/129".to_owned(), false),
    ] {
        let cloud = format!(r#"{{"activeDirectoryEndpoint":"https://{address}:{}/"}}"#, entra.port());
        let before = proxy.listener.connections();
        let run = behind(&entra, &files)
            .env("AZURE_ENVIRONMENT_FILEPATH", files.file("address.json", cloud))
            .env("HTTPS_PROXY", proxy.url(""))
            .env("NO_PROXY", &except)
            .arg("--timeout=1s")
            .run();
        let connections = proxy.listener.connections() - before;
        if is_direct {
            assert_eq!((run.code, connections), (1, 0), "{address} {except}: {}", run.stderr);
        } else {
            assert!(entra.knows(&run.token(), SERVER), "{address} {except}");
            let asked = format!("CONNECT {address}:{}", entra.port());
            assert_eq!(proxy.asked.lock().unwrap().pop().unwrap().0, asked);
        }
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let closed = Listener::start(drop);
    let address = format!("http://127.0.0.1:{}", closed.port());
    drop(closed);
    let output = behind(&entra, &files).env("HTTPS_PROXY", &address).run_without_pauses();
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
