//! SOCKS5 proxies (RFC 1928) under every spelling of their kind, and proxy variables that cannot be used.

use super::hostile::pass_through;
use crate::support::entra::SERVER;
use crate::support::http::Listener;
use crate::support::{Entra, Kubelogin, TempDir};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// A SOCKS5 proxy that sends everything to one port; it notes the names that it was asked for.
fn socks(port: u16) -> (Listener, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let listener = Listener::start(move |stream| drop(serve(stream, port, &log)));
    (listener, asked)
}

fn serve(mut stream: TcpStream, port: u16, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting)?;
    stream.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    // No authentication.
    stream.write_all(&[5, 0])?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    // Only a name (type 3) lets the proxy do the resolving.
    if head[..4] != [5, 1, 0, 3] {
        return stream.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let mut name = vec![0; usize::from(head[4]) + 2];
    stream.read_exact(&mut name)?;
    name.truncate(name.len() - 2);
    log.lock().unwrap().push(String::from_utf8(name).unwrap());
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    pass_through(stream, port);
    Ok(())
}

/// A sign-in at a name that only a proxy can find.
fn behind(entra: &Entra, files: &TempDir) -> Kubelogin {
    let cloud = format!(r#"{{"activeDirectoryEndpoint":"https://login.test:{}/"}}"#, entra.port());
    Kubelogin::spn()
        .args(&["-e", "AzureStackCloud"])
        .env("AZURE_ENVIRONMENT_FILEPATH", files.file("cloud.json", cloud))
        .env("SSL_CERT_FILE", entra.ca_file())
}

#[test]
fn socks_is_understood_in_every_spelling() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let (proxy, asked) = socks(entra.port());
    for (variable, kind) in [
        ("HTTPS_PROXY", "socks5://"),
        ("https_proxy", "socks5h://"),
        ("HTTPS_PROXY", "SOCKS5://"),
        ("ALL_PROXY", "socks://"),
        ("all_proxy", "Socks5H://"),
        ("HTTPS_PROXY", "SOCKS://"),
    ] {
        // GNOME ends the address with a slash.
        for end in ["", "/"] {
            let url = format!("{kind}127.0.0.1:{}{end}", proxy.port());
            let run = behind(&entra, &files).env(variable, &url).run();
            assert_eq!(run.code, 0, "{variable}={url}: {}", run.stderr);
            assert!(entra.knows(&run.token(), SERVER), "{variable}={url}");
            assert_eq!(asked.lock().unwrap().drain(..).collect::<Vec<_>>(), ["login.test"], "{url}");
        }
    }
}

/// Go's tools, kubectl among them, do not read ALL_PROXY.
#[test]
fn an_all_proxy_of_an_unknown_kind_is_logged_and_ignored() {
    let entra = Entra::start();
    for address in ["gopher://127.0.0.1:9/", "quic://proxy.example"] {
        let files = TempDir::new();
        let direct = || behind(&entra, &files).env("ALL_PROXY", address);
        // Without a proxy nobody finds that name.
        direct().run_without_pauses().fails_with("cannot find the address of login.test");
        let logged = direct().args(&["-v", "1"]).run_without_pauses();
        assert!(logged.stderr.contains("ALL_PROXY"), "{address}: {}", logged.stderr);
        behind(&entra, &files).env("HTTPS_PROXY", "gopher://127.0.0.1:9/").run().fails_with("HTTPS_PROXY");
    }
}

#[test]
fn a_proxy_variable_that_cannot_be_read_is_an_error_and_no_request_goes_out() {
    use std::os::unix::ffi::OsStrExt;
    let entra = Entra::start();
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY"] {
        let value = std::ffi::OsStr::from_bytes(b"http://127.0.0.1:9/\xff");
        let files = TempDir::new();
        let run = behind(&entra, &files);
        // NO_PROXY matters only beside a proxy; another variable that counts first would hide the rest.
        let run = if variable == "NO_PROXY" { run.env("HTTPS_PROXY", "http://127.0.0.1:9") } else { run };
        run.env(variable, value).run().fails_with(variable);
    }
    assert!(entra.requests().is_empty());
}

#[test]
fn a_proxy_whose_name_cannot_be_found_is_named() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let run = behind(&entra, &files).env("HTTPS_PROXY", "http://proxy.invalid:3128").run_without_pauses();
    run.fails_with("proxy.invalid");
    let run = behind(&entra, &files).env("HTTPS_PROXY", "socks5://proxy.invalid:1080").run_without_pauses();
    let stderr = run.fails_with("proxy.invalid");
    assert!(!stderr.contains("address of login.test"), "{stderr}");
}
