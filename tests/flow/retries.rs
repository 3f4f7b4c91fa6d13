//! How long a failure that passes is retried, by a clock that the test turns.

use crate::support::entra::SERVER;
use crate::support::http::{Reply, Request, Server};
use crate::support::turned::{Turned, run_by};
use crate::support::{Entra, Kubelogin};
use serde_json::json;
use std::time::Duration;

/// Exit code, stderr, and how long the program has slept.
fn run(kubelogin: Kubelogin) -> (u8, String, Duration) {
    let (command, _home) = kubelogin.into_command();
    let clock = Turned::now();
    let (code, _, stderr) = run_by(&command, &clock);
    (code, stderr, clock.slept())
}

fn seconds(from: u64, to: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_secs(from)..=Duration::from_secs(to)
}

#[test]
fn the_authority_is_asked_four_times_within_some_nine_seconds() {
    for status in [408, 429, 500, 502, 503, 504] {
        let entra = Entra::start();
        entra.script(vec![Reply::json(status, &json!({})); 10]);
        let (code, stderr, slept) = run(entra.spn());
        assert_eq!((code, entra.requests().len()), (1, 4), "{status}: {stderr}");
        assert!(seconds(7, 11).contains(&slept), "{status}: {slept:?}");
    }
}

fn imds(answer: Reply) -> (Server, Kubelogin) {
    let server = Server::start(None, move |_: &Request| answer.clone());
    let run = Kubelogin::new(&["get-token", "-l", "msi", "--server-id", SERVER])
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url());
    (server, run)
}

#[test]
fn the_metadata_service_may_take_over_a_minute() {
    for status in [404, 410, 429, 500] {
        let (server, kubelogin) = imds(Reply::json(status, &json!({ "error": "updating" })));
        let (code, stderr, slept) = run(kubelogin);
        assert_eq!(code, 1, "{status}: {stderr}");
        assert!(seconds(60, 75).contains(&slept), "{status}: {slept:?} in {} tries", server.requests().len());
    }
    // A limit that was given holds.
    let (_server, kubelogin) = imds(Reply::json(410, &json!({ "error": "updating" })));
    let (code, _, slept) = run(kubelogin.arg("--timeout=20s"));
    assert_eq!(code, 1);
    assert!(seconds(10, 20).contains(&slept), "{slept:?}");
}

#[test]
fn what_will_not_pass_ends_at_once() {
    let not_found = json!({ "error": "invalid_request", "error_description": "Identity not found" });
    let other_cloud = |name: &str, value: &str| Reply::new(404, "text/html", "<html>").header(name, value);
    for answer in [
        Reply::json(400, &not_found),
        other_cloud("Metadata-Flavor", "Google"),
        other_cloud("Server", "EC2ws"),
    ] {
        let (server, kubelogin) = imds(answer);
        let (code, stderr, slept) = run(kubelogin);
        assert_eq!((code, server.requests().len(), slept), (1, 1, Duration::ZERO), "{stderr}");
    }
}

#[test]
fn a_pause_that_is_too_long_ends_at_once_and_says_how_long() {
    let busy = Reply::json(429, &json!({ "error": "temporarily_unavailable" }));
    for (asked, args, said) in
        [("50", &["--timeout=30s"][..], "50s"), ("3600", &[], "1h"), ("90", &["--timeout=45s"], "1m30s")]
    {
        let entra = Entra::start();
        entra.script([busy.clone().header("Retry-After", asked)]);
        let (code, stderr, slept) = run(entra.spn().args(args));
        assert_eq!((code, entra.requests().len(), slept), (1, 1, Duration::ZERO), "{asked}: {stderr}");
        assert!(stderr.contains(said), "{asked}: {stderr}");
    }
}

/// A trusted address is asked for its endpoints once, however many requests follow.
#[test]
fn discovery_is_asked_once_in_a_process() {
    let people = crate::support::people::People::start();
    let proxy = super::proxies::Proxy::start(people.entra.port(), None);
    people.entra.state().document = Some(json!({
        "issuer": "https://login.test/contoso/v2.0",
        "token_endpoint": "https://login.test/contoso/oauth2/v2.0/token",
        "authorization_endpoint": "https://login.test/contoso/oauth2/v2.0/authorize",
        "device_authorization_endpoint": "https://login.test/contoso/oauth2/v2.0/devicecode",
    }));
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    for login in [&["-ldevicecode"][..], &["-lropc", "--username=u", "--password=p"]] {
        let before = people.entra.requests().len();
        let mut command = people.command("contoso", login);
        command.args(["--authority-host", "https://login.test/"]).env("HTTPS_PROXY", proxy.url(""));
        let run = people.without_pauses(&command);
        assert_eq!(run.code, Some(0), "{run:?}");
        let requests = people.entra.requests();
        let documents = requests[before..].iter().filter(|r| r.path().ends_with("openid-configuration"));
        assert_eq!(documents.count(), 1, "{login:?}");
    }
}

/// A page in place of the public cloud's answer says nothing about an authority.
#[test]
fn an_authority_is_valid_only_by_the_public_cloud_s_word() {
    for answer in [
        Reply::new(200, "text/html", "<html>Sign in to the Wi-Fi</html>"),
        Reply::json(200, &json!({})),
        Reply::json(200, &json!([])),
        Reply::new(200, "application/json", "{"),
    ] {
        let entra = Entra::start();
        entra.script([answer]);
        let proxy = super::proxies::Proxy::start(entra.port(), None);
        let sign_in = Kubelogin::spn()
            .args(&["--authority-host", "https://login.test/"])
            .env("SSL_CERT_FILE", entra.ca_file())
            .env("HTTPS_PROXY", proxy.url(""));
        let (code, stderr, _) = run(sign_in);
        assert!(code == 1 && stderr.contains("login.test"), "{stderr}");
        assert!(
            entra.requests().iter().all(|request| request.method == "GET"),
            "a secret was sent: {stderr}"
        );
    }
}

/// The code's life bounds the first wait, too.
#[test]
fn a_code_that_expires_before_the_first_poll_ends_the_wait() {
    let people = crate::support::people::People::start();
    people.grants().device.interval = 3000;
    people.grants().device.lifetime = 60;
    let clock = Turned::now();
    let shared = clock.clone();
    people.grants().now = std::sync::Arc::new(move || shared.slept());
    let (code, _, stderr) = run_by(&people.command("contoso", &["-ldevicecode"]), &clock);
    assert!(code == 1 && stderr.contains("expired"), "{stderr}");
    assert!(clock.slept() <= Duration::from_secs(60), "{:?}", clock.slept());
}
