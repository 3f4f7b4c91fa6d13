//! `oidc` login as its users see it: grants, flags, what is sent and what is said.

use crate::support::http::Reply;
use crate::support::people::Run;
use crate::support::provider::{CLIENT, PASSWORD, Provider, field, get, get_with, location, send};
use serde_json::json;

fn ok(run: &Run) -> &Run {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

fn fails(run: &Run, why: &str) {
    assert_eq!((run.code, run.token.as_str()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains(why), "no {why:?} in {}", run.stderr);
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_browser_sign_in_is_the_document_and_one_token_request() {
    let provider = Provider::start();
    let run = provider.browse(&["--oidc-extra-scope=email,groups"], |provider, short, page| {
        let query = crate::support::http::parse_form(page.split_once('?').unwrap().1);
        let value = |name: &str| field(&query, name).unwrap();
        assert_eq!(
            (value("scope").as_str(), value("response_type").as_str()),
            ("email groups openid", "code")
        );
        assert_eq!(
            (value("access_type").as_str(), value("code_challenge_method").as_str()),
            ("offline", "S256")
        );
        assert_eq!(format!("{}/", value("redirect_uri")), short);
        assert!(value("state").len() >= 43 && value("nonce").len() >= 43);
        assert_eq!(field(&query, "response_mode"), None);
        assert!(get(&provider.answer_to(page)).starts_with("HTTP/1.1 200 "));
    });
    assert!(ok(&run).stderr.contains("Please visit the following URL in your browser: http://localhost:"));
    assert!(run.stderr.ends_with("Signed in as ada@example.com\n"), "{}", run.stderr);
    assert_eq!(provider.paths(0), ["/.well-known/openid-configuration", "/token"]);
    let cached = provider.run(&["--oidc-extra-scope=email,groups"]);
    assert_eq!((ok(&cached).token.as_str(), cached.stderr.as_str()), (run.token.as_str(), ""));
    assert_eq!(provider.paths(0).len(), 2);
}

/// Only the first right answer ends the wait.
#[test]
fn other_answers_change_nothing() {
    let provider = Provider::start();
    let run = provider.browse(&[], |provider, short, page| {
        let right = provider.answer_to(page);
        for (wrong, status) in [
            (format!("{short}?code=x&state=wrong"), "400"),
            (format!("{short}?error=access_denied&state=wrong"), "400"),
            (format!("{short}?error=access_denied"), "400"),
            (format!("{short}?code=x"), "400"),
            // The right state of another provider (RFC 9207), and of none although it is announced.
            (right.replace("iss=https", "iss=http"), "400"),
            (right.split("&iss").next().unwrap().to_owned(), "400"),
            (format!("{short}favicon.ico"), "404"),
        ] {
            let answer = get(&wrong);
            assert_eq!(&answer[9..12], status, "{wrong}");
        }
        assert_eq!(location(&get(short)), *page);
        assert_eq!(&get_with(&right, "Sec-Purpose: prefetch\r\n")[9..12], "403");
        let path = right.splitn(4, '/').nth(3).unwrap();
        assert!(!send(&right, &format!("HEAD /{path} HTTP/1.1\r\n\r\n")).contains(" 200 "));
        assert!(get(&right).starts_with("HTTP/1.1 200 "));
    });
    ok(&run);
}

#[test]
fn a_refusal_in_the_browser_ends_it_with_a_remedy() {
    let provider = Provider::start();
    let run = provider.browse(&[], |provider, _, page| {
        let right = provider.answer_to(page);
        let state = right.split("state=").nth(1).unwrap();
        let base = right.split('?').next().unwrap();
        get(&format!("{base}?error=invalid_scope&error_description=no%1b[2J&state={state}"));
    });
    fails(&run, "(invalid_scope)");
    assert!(run.stderr.contains("Hint: ") && !run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn the_form_post_and_where_the_browser_goes_in_the_end() {
    let provider = Provider::start();
    let extra = "--oidc-auth-request-extra-params=response_mode=form_post,prompt=login";
    let run = provider.browse(&[extra, "--open-url-after-authentication=https://wiki.example/a"], |provider, short, page| {
        assert!(page.contains("response_mode=form_post") && page.contains("prompt=login"), "{page}");
        let answer = provider.answer_to(page);
        let form = answer.split_once('?').unwrap().1;
        let request = format!(
            "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        assert_eq!(location(&send(short, &request)), "https://wiki.example/a");
    });
    ok(&run);
}

#[test]
fn an_own_redirect_address_is_sent_as_it_is() {
    let provider = Provider::start();
    let port = free_port();
    let (url, place) =
        (format!("--oidc-redirect-url=http://localhost:{port}/cb"), format!("127.0.0.1:{port}"));
    // Of the places only the one with the address's port counts.
    let run = provider.browse(&[&url, "--listen-address", &place], |provider, short, page| {
        assert_eq!(short, format!("http://localhost:{port}/"));
        assert!(page.contains(&format!("redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2Fcb")), "{page}");
        let right = provider.answer_to(page);
        assert_eq!(&get(&right.replace("/cb?", "/other?"))[9..12], "404");
        assert!(get(&right).starts_with("HTTP/1.1 200 "));
    });
    ok(&run);
}

#[test]
fn each_grant_gets_a_token() {
    let provider = Provider::start();
    let password = provider.run_with_password(&[]);
    assert_eq!(ok(&password).stderr, "");
    let device = provider.run(&[
        "--grant-type=device-code",
        "--skip-open-browser",
        "--force-refresh",
        "--token-cache=none",
    ]);
    assert!(
        ok(&device)
            .stderr
            .contains("Please enter the following code when asked in your browser: ABCD-EFGH\n")
    );
    assert!(
        device.stderr.contains("Please visit the following URL in your browser: https://localhost:1/d\n")
    );
    assert!(device.stderr.contains("Signed in as ada@example.com\n"));
    let form = provider.requests().last().unwrap().form();
    assert!(field(&form, "code_verifier").is_some() && field(&form, "scope").is_none(), "{form:?}");

    let machine = provider.run(&["--grant-type=client-credentials", "--token-cache-storage=none"]);
    fails(&machine, "id_token is missing in the token response");
    assert!(machine.stderr.contains("--oidc-use-access-token"), "{}", machine.stderr);
    let extra = ["--oidc-auth-request-extra-params=audience=k,scope=a b", "--oidc-use-access-token"];
    let machine = provider.run(&[&["--grant-type=client-credentials"], &extra[..]].concat());
    assert!(ok(&machine).token.starts_with("access-"));
    let form = provider.requests().last().unwrap().form();
    assert_eq!(
        (field(&form, "audience").unwrap(), field(&form, "scope").unwrap()),
        ("k".to_owned(), "a b".to_owned())
    );
}

#[test]
fn a_device_code_s_page_is_opened_only_where_it_is_a_page() {
    #[cfg(unix)]
    for (page, is_opened) in [
        ("https://localhost:1/d?user_code=ABCD", true),
        ("file:///etc/passwd", false),
        ("\\\\host\\share", false),
        ("vscode://x", false),
        ("-option", false),
        ("http://keycloak.internal/d", false),
        ("https://a/\u{1b}]0;x\u{7}", false),
        ("https://u:p@a/", false),
        ("https://a/\" --x", false),
    ] {
        let provider = Provider::start();
        let (program, opened) = crate::support::provider::opener(provider.home.path());
        provider.script(
            "/device",
            Reply::json(
                200,
                &json!({
                    "device_code": "device", "user_code": "AB\u{1b}[2JCD", "verification_uri": page,
                    "verification_uri_complete": page, "expires_in": 600, "interval": 1,
                }),
            ),
        );
        let run = provider.run(&["--grant-type=device-code", "--browser-command", program.to_str().unwrap()]);
        // The code was never asked for at our own endpoint: the provider refuses it.
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(!run.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", run.stderr);
        assert!(run.stderr.contains("asked in your browser: AB"), "{}", run.stderr);
        // The program may be a moment behind.
        let start = std::time::Instant::now();
        while is_opened && !opened.exists() && start.elapsed().as_secs() < 20 {
            std::thread::yield_now();
        }
        assert_eq!(opened.exists(), is_opened, "{page}");
    }
}

#[test]
fn the_command_line_is_one_kind_or_the_other() {
    let provider = Provider::start();
    for (args, why) in [
        (&["--tenant-id=t"][..], "--tenant-id"),
        (&["--server-id=s"], "--server-id"),
        (&["--login=devicecode"], "devicecode"),
        (
            &["--grant-type=foo"],
            "must be one of (auto|authcode|authcode-keyboard|password|device-code|client-credentials)",
        ),
        (&["--oidc-pkce-method=plain"], "oidc-pkce-method must be one of (auto|no|S256)"),
        (&["--token-cache-storage=foo"], "token-cache-storage must be one of (disk|keyring|none"),
        (&["--oidc-auth-request-extra-params=state=x"], "state"),
        (&["--oidc-auth-request-extra-params=client_secret=x"], "client_secret"),
        (&["--oidc-auth-request-extra-params=foo"], "foo must be formatted as key=value"),
        (&["--oidc-request-header=Host=x"], "Host"),
        (&["--oidc-request-header=content-length=1"], "content-length"),
        (&["--oidc-request-header=A=b\r\nC: d"], "--oidc-request-header"),
        (&["--local-server-cert=x"], "not supported"),
        (&["--open-url-after-authentication=file:///x"], "--open-url-after-authentication"),
        (&["--authentication-timeout-sec=10", "--authentication-timeout=10s"], "--authentication-timeout"),
        (&["--certificate-authority=/nonexistent"], "/nonexistent"),
        (&["--certificate-authority-data=e30="], "certificate"),
        (&["--listen-address=nowhere"], "nowhere"),
        (&["--oidc-client-secret-env=NOWHERE"], "NOWHERE"),
        (
            &["--grant-type=password", "--username=ada"],
            "--password is missing and there is no terminal to ask at",
        ),
    ] {
        fails(&provider.run(args), why);
    }
    assert!(provider.requests().is_empty());
    // No variable of Azure's counts: one would make another grant or another provider of it.
    let mut command = provider.command(&["--username", "ada", "--password", PASSWORD, "--token-cache=none"]);
    command.envs([
        ("AZURE_CLIENT_ID", "x"),
        ("AZURE_TENANT_ID", "x"),
        ("AAD_LOGIN_METHOD", "msi"),
        ("AZURE_AUTHORITY_HOST", "x"),
    ]);
    ok(&Run::of(command.output().unwrap()));
    let mut command = provider.command(&["--grant-type=password", "--password", PASSWORD]);
    command.env("AZURE_USERNAME", "eve");
    fails(&Run::of(command.output().unwrap()), "--username is missing");
}

#[test]
fn flags_of_old_versions_and_of_klog_are_understood() {
    let provider = Provider::start();
    let old = [
        "--oidc-use-pkce",
        "--token-cache-storage=auto",
        "--tls-renegotiation-once",
        "--tls-renegotiation-freely",
    ];
    let klog =
        ["--log_dir", "/nonexistent", "--skip_headers", "--vmodule=a=1", "--logtostderr=false", "--v=0"];
    ok(&provider.run_with_password(&[&old[..], &klog[..]].concat()));
    let listen = format!("--listen-port={}", free_port());
    let run = provider.browse(
        &[&listen, "--oidc-redirect-url-hostname=127.0.0.1", "--token-cache=none"],
        |provider, short, page| {
            assert_eq!(short, listen.replace("--listen-port=", "http://127.0.0.1:") + "/");
            get(&provider.answer_to(page));
        },
    );
    ok(&run);
}

#[test]
fn a_client_secret_comes_from_a_flag_a_file_or_a_variable() {
    let provider = Provider::start();
    let secret = "s3cr&t+/= \u{fc}";
    provider.state().secret = Some((secret.to_owned(), "basic"));
    let file = provider.home.path().join("secret");
    let none = ["--token-cache=none"];
    let of_file = ["--oidc-client-secret-file", file.to_str().unwrap(), none[0]];
    for (text, is_good) in [
        (secret.to_owned(), true),
        (format!("{secret}\n"), true),
        (format!("{secret}\r\n"), true),
        (format!("{secret}\n\n"), false),
        (format!(" {secret}"), false),
        (format!("{secret}\0"), false),
        (String::new(), false),
    ] {
        std::fs::write(&file, &text).unwrap();
        let run = provider.run_with_password(&of_file);
        assert_eq!(run.code == Some(0), is_good, "{text:?}: {}", run.stderr);
        assert!(is_good || run.stderr.contains(file.to_str().unwrap()) && !run.stderr.contains("s3cr"));
    }
    ok(&provider.run_with_password(&["--oidc-client-secret", secret, none[0]]));
    let mut command =
        provider.command(&["--username=ada", "--password", PASSWORD, "--oidc-client-secret-env=MINE"]);
    ok(&Run::of(command.env("MINE", secret).output().unwrap()));
    let wrong = provider.run_with_password(&["--oidc-client-secret=wrong", none[0]]);
    fails(&wrong, "invalid_client");
    assert!(wrong.stderr.contains("Hint: ") && !wrong.stderr.contains("=wrong"), "{}", wrong.stderr);
}

#[test]
fn the_client_authenticates_as_the_provider_takes_it() {
    let provider = Provider::start();
    provider.state().secret = Some(("s".to_owned(), "post"));
    let secret = ["--oidc-client-secret=s"];
    // It does not say how: Basic first, once more in the form, and that is remembered.
    ok(&provider.run_with_password(&secret));
    assert_eq!(provider.paths(1), ["/token", "/token"]);
    provider.expire();
    ok(&provider.run_with_password(&secret));
    assert_eq!(provider.paths(3), ["/token"]);
    provider.state().document = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
    ok(&provider.run_with_password(&[secret[0], "--token-cache=none"]));
    assert_eq!(provider.paths(4), ["/.well-known/openid-configuration", "/token"]);
    provider.state().document =
        json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"] });
    fails(&provider.run_with_password(&[secret[0], "--token-cache=none"]), "private_key_jwt");
    assert_eq!(provider.paths(6), ["/.well-known/openid-configuration"]);
}

#[test]
fn own_headers_go_to_the_provider_and_nowhere_else() {
    let provider = Provider::start();
    let other = Provider::start();
    let both = std::fs::read_to_string(provider.ca_file()).unwrap()
        + &std::fs::read_to_string(other.ca_file()).unwrap();
    std::fs::write(provider.ca_file(), both).unwrap();
    let target = format!("{}/elsewhere", other.issuer());
    provider.script(
        "/.well-known/openid-configuration",
        Reply::new(302, "text/plain", "").header("Location", &target),
    );
    let document =
        json!({ "issuer": provider.issuer(), "token_endpoint": format!("{}/token", provider.issuer()) });
    other.script("/elsewhere", Reply::json(200, &document));
    let run = provider.run_with_password(&["--oidc-request-header=X-Key=hunter3,User-Agent=mine", "-v9"]);
    assert!(!ok(&run).stderr.contains("hunter3"), "{}", run.stderr);
    for request in provider.requests() {
        assert_eq!((request.header("x-key"), request.header("user-agent")), (Some("hunter3"), Some("mine")));
        assert_eq!(request.header("client-request-id"), None);
    }
    assert_eq!(other.requests()[0].header("x-key"), None);
}

#[test]
fn the_first_port_that_is_free_on_both_families_is_taken() {
    let provider = Provider::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, free) =
        (taken.local_addr().map(|address| (taken, address.to_string())).unwrap(), free_port());
    let run = |places: &str| {
        let mut command = std::process::Command::new(crate::support::kubelogin::binary());
        command
            .args([
                "get-token",
                "--oidc-client-id",
                CLIENT,
                "--oidc-issuer-url",
                &provider.issuer(),
                "--certificate-authority",
            ])
            .arg(provider.ca_file())
            .args([
                "--token-cache=none",
                "--skip-open-browser",
                "--authentication-timeout-sec=1",
                "--listen-address",
                places,
            ])
            .env_clear()
            .env("HOME", provider.home.path());
        Run::of(command.output().unwrap())
    };
    let places = format!("{},127.0.0.1:{free}", taken.1);
    let run_on_free = run(&places);
    fails(&run_on_free, "timed out after 1s");
    assert!(run_on_free.stderr.contains(&format!("http://localhost:{free}/")), "{}", run_on_free.stderr);
    fails(&run(&taken.1), &format!("no available port: could not listen on {}", taken.1));
}

#[test]
fn storage_none_keeps_nothing() {
    let provider = Provider::start();
    ok(&provider.run_with_password(&["--token-cache-storage=none"]));
    assert!(!provider.home.path().join(".kube").exists());
}

#[test]
fn the_keyboard_takes_the_code_or_the_whole_address() {
    use std::io::{BufRead, BufReader, Read, Write};
    for (typed, is_good) in
        [("CODE", true), ("ADDRESS", true), ("http://localhost/?code=x&state=wrong", false), ("", false)]
    {
        let provider = Provider::start();
        let redirect = "--oidc-redirect-url=http://localhost:1/cb";
        let mut command = provider.command(&["--grant-type=authcode-keyboard", redirect]);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let page = line.trim().strip_prefix("Please visit the following URL in your browser: ").unwrap();
        let answer = provider.answer_to(page);
        let code = answer.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let typed = typed.replace("CODE", code).replace("ADDRESS", &answer);
        child.stdin.take().unwrap().write_all(format!(" {typed} \n").as_bytes()).unwrap();
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        let run =
            Run::of(std::process::Output { stderr: said.into_bytes(), ..child.wait_with_output().unwrap() });
        assert_eq!(run.code == Some(0), is_good, "{typed}: {}", run.stderr);
        assert!(is_good || run.stderr.contains("could not read an authorization code"), "{}", run.stderr);
    }
}

#[test]
fn setup_shows_the_claims_and_repeats_the_flags() {
    let provider = Provider::start();
    let mut command = std::process::Command::new(crate::support::kubelogin::binary());
    command
        .args(["setup", "--oidc-client-id", CLIENT, "--oidc-issuer-url", &provider.issuer()])
        .args([
            "--username=ada",
            "--password",
            PASSWORD,
            "--oidc-client-secret=$(id)",
            "--certificate-authority",
        ])
        .arg(provider.ca_file())
        .args(["--oidc-extra-scope=email,a b", "--oidc-auth-request-extra-params=prompt=it's"])
        .env_clear()
        .env("HOME", provider.home.path());
    let output = command.output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), stdout.as_str()), (Some(0), ""), "{stderr}");
    for shown in [
        "\"email\": \"ada@example.com\"",
        "kubectl config set-credentials oidc",
        "--exec-arg=--oidc-extra-scope=email \\\n",
        "'--exec-arg=--oidc-extra-scope=a b'",
        "'--exec-arg=--oidc-auth-request-extra-params=prompt=it'\\''s'",
        "--oidc-client-secret-file=",
        "'YOUR_SECRET'",
        "--oidc-username-claim=email",
        "kind: AuthenticationConfiguration",
    ] {
        assert!(
            stderr.contains(shown) || stderr.contains(&shown.replace("'YOUR_SECRET'", "YOUR_SECRET")),
            "no {shown} in {stderr}"
        );
    }
    assert!(!stderr.contains("$(id)") && !stderr.contains(PASSWORD), "{stderr}");
    assert!(!provider.home.path().join(".kube").exists());
}

#[test]
fn clean_takes_the_entries_of_providers_and_of_the_other_program() {
    let provider = Provider::start();
    ok(&provider.run_with_password(&[]));
    let cache = provider.cache();
    let other = provider.home.path().join(".kube/cache/oidc-login");
    std::fs::create_dir_all(&other).unwrap();
    let hash = "0123456789abcdef".repeat(4);
    for name in [&hash, &format!("{hash}.lock"), "notes.txt"] {
        std::fs::write(other.join(name), "x").unwrap();
    }
    let foreign = "devicecode_t_c_s_0123456789abcdef.token.json";
    std::fs::write(cache.join(foreign), "x").unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(crate::support::kubelogin::binary());
        command.arg("clean").args(args).env_clear().env("HOME", provider.home.path()).output().unwrap()
    };
    let named = run(&["--token-cache-dir", cache.to_str().unwrap()]);
    assert!(named.status.success() && other.join(&hash).exists());
    assert_eq!(crate::support::people::names(&cache), [foreign]);
    let output = run(&[]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(crate::support::people::names(&other), ["notes.txt"]);
    assert!(
        String::from_utf8(output.stderr).unwrap().contains("secret-tool clear service kubelogin")
            || !cfg!(target_os = "linux")
    );
}
