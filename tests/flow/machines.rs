//! Managed identity, workload identity, pipelines, and the developer tools.

use crate::support::entra::{CLIENT, SERVER, TENANT, now, unsigned_jwt};
use crate::support::http::{Listener, Reply, Request, Server};
use crate::support::kubelogin::Output;
use crate::support::turned::{Turned, run_by};
use crate::support::{Entra, Kubelogin, TempDir};
use serde_json::json;
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

fn msi() -> Kubelogin {
    Kubelogin::new(&["get-token", "-l", "msi", "--server-id", SERVER])
}

fn token_reply() -> Reply {
    Reply::json(
        200,
        &json!({ "access_token": "msi-token", "expires_on": (now() + 3600).to_string(), "resource": SERVER, "token_type": "Bearer" }),
    )
}

fn local(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(None, handler)
}

fn has(request: &Request, name: &str, value: &str) -> bool {
    request.query().contains(&(name.to_owned(), value.to_owned()))
}

#[test]
fn imds_is_asked_with_its_header_and_never_through_a_proxy() {
    let imds = local(|_| token_reply());
    let run = |args: &[&str]| {
        msi()
            .args(args)
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", imds.url())
            .envs(&[
                ("HTTP_PROXY", "http://127.0.0.1:9"),
                ("HTTPS_PROXY", "http://127.0.0.1:9"),
                ("ALL_PROXY", "http://127.0.0.1:9"),
            ])
            .run()
    };
    assert_eq!(run(&[]).token(), "msi-token");
    run(&["--client-id", "c"]).token();
    run(&["--identity-resource-id", "/r"]).token();
    run(&["--client-id", "c", "--identity-resource-id", "/r"]).token();
    let requests = imds.requests();
    for request in &requests {
        assert_eq!((request.method.as_str(), request.path()), ("GET", "/metadata/identity/oauth2/token"));
        assert_eq!(request.header("metadata"), Some("true"));
        assert!(has(request, "api-version", "2018-02-01") && has(request, "resource", SERVER));
    }
    assert_eq!(requests[0].query().len(), 2);
    assert!(has(&requests[1], "client_id", "c") && has(&requests[2], "msi_res_id", "/r"));
    assert!(has(&requests[3], "client_id", "c") && requests[3].query().len() == 3);
}

#[test]
fn imds_that_is_starting_is_tried_again_and_a_missing_identity_is_named() {
    let answers = std::sync::Mutex::new(vec![404, 410, 429]);
    let imds = local(move |_| match answers.lock().unwrap().pop() {
        Some(status) => Reply::json(status, &json!({ "error": "starting" })),
        None => token_reply(),
    });
    let run = msi().env("AZURE_POD_IDENTITY_AUTHORITY_HOST", imds.url()).run_without_pauses();
    assert_eq!(run.token(), "msi-token");
    assert_eq!(imds.requests().len(), 4);
    let none = local(|_| {
        Reply::json(400, &json!({ "error": "invalid_request", "error_description": "Identity not found" }))
    });
    let output = msi().args(&["--client-id", "c"]).env("AZURE_POD_IDENTITY_AUTHORITY_HOST", none.url()).run();
    output.fails_with("refused: Identity not found (HTTP 400)");
    output.hints("client id c (from --client-id) is not assigned");
    let html = local(|_| Reply::new(200, "text/html", "<html>hotel Wi-Fi</html>"));
    msi()
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", html.url())
        .run()
        .fails_with("did not answer with a token");
}

/// The variables that lead to each source at this address.
fn sources(endpoint: &str) -> [(&'static str, Vec<(&'static str, String)>); 5] {
    let endpoint = || endpoint.to_owned();
    [
        ("IMDS", vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoint())]),
        ("Arc", vec![("IDENTITY_ENDPOINT", endpoint()), ("IMDS_ENDPOINT", "x".to_owned())]),
        ("App Service", vec![("IDENTITY_ENDPOINT", endpoint()), ("IDENTITY_HEADER", "h".to_owned())]),
        ("Machine Learning", vec![("MSI_ENDPOINT", endpoint()), ("MSI_SECRET", "s".to_owned())]),
        ("Cloud Shell", vec![("MSI_ENDPOINT", endpoint())]),
    ]
}

/// Runs `msi` with these variables by a clock of its own; the output, and how many seconds it has slept.
fn by_the_clock(variables: &[(&'static str, String)], args: &[&str]) -> (Output, f64) {
    let clock = Turned::now();
    let command = variables.iter().fold(msi().args(args), |command, (name, value)| command.env(name, value));
    let (command, home) = command.into_command();
    let (code, stdout, stderr) = run_by(&command, &clock);
    (Output { stdout, stderr, code: code.into(), home }, clock.slept().as_secs_f64())
}

/// 404 and 410 mean that an identity is not ready yet, which may last 70 s.
#[test]
fn an_identity_that_is_not_ready_is_waited_for() {
    for status in [404, 410, 429, 500, 503] {
        let server = local(move |_| Reply::json(status, &json!({ "error": "updating" })));
        let lasts = status == 404 || status == 410;
        for (source, variables) in sources(&format!("{}token", server.url())) {
            let tries = || server.requests().len();
            let before = tries();
            let (output, slept) = by_the_clock(&variables, &[]);
            output.fails_with(&format!("updating (HTTP {status})"));
            let (expected, range) = match source {
                "IMDS" | "Arc" => (8, 73.0..73.1),
                _ if lasts => (1, 0.0..0.1),
                _ => (4, 7.2..10.8),
            };
            assert_eq!(tries() - before, expected, "{source} {status}");
            assert!(range.contains(&slept), "{source} {status} {slept}");
            let (output, slept) = by_the_clock(&variables, &["--timeout", "20s"]);
            output.fails_with(&format!("updating (HTTP {status})"));
            assert!(slept < 20.0, "{source} {status} {slept}");
        }
    }
    // It is ready after a minute.
    let clock = Turned::now();
    let slept = clock.clone();
    let server = local(move |_| match slept.slept().as_secs() {
        ..60 => Reply::json(410, &json!({ "error": "updating" })),
        _ => token_reply(),
    });
    let (command, _home) = msi().env("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url()).into_command();
    let (code, _, stderr) = run_by(&command, &clock);
    assert_eq!((code, stderr.as_str()), (0, ""));
}

/// Other clouds have a metadata service at the same address.
#[test]
fn another_cloud_is_recognised_at_once() {
    for (header, value, name) in [
        ("Metadata-Flavor", "Google", "Google Cloud"),
        ("metadata-flavor", "google", "Google Cloud"),
        ("Server", "EC2ws", "Amazon EC2"),
    ] {
        for status in [200, 403, 404, 410, 503] {
            let server = local(move |_| Reply::new(status, "text/html", "<html>").header(header, value));
            let (imds, arc) = {
                let [imds, arc, ..] = sources(&server.url());
                (imds.1, arc.1)
            };
            let (output, slept) = by_the_clock(&imds, &[]);
            output.fails_with(&format!("the metadata service of {name} answered (HTTP {status})"));
            output.hints("not in Azure");
            assert_eq!((slept, server.requests().len()), (0.0, 1), "{header} {status}");
            let doctor = Kubelogin::new(&["doctor", "-l", "msi", "--server-id", SERVER, "--output=json"]);
            let doctor = doctor.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url()).run();
            assert!(doctor.stdout.contains(&format!("the metadata service of {name}")), "{}", doctor.stdout);
            // Azure Arc's agent may run anywhere.
            let (output, _) = by_the_clock(&arc, &["--timeout", "1s"]);
            assert!(!output.stderr.contains(name), "{}", output.stderr);
        }
    }
}

#[test]
fn a_refusal_that_stays_is_said_at_once() {
    for (status, text) in [(400, "Identity not found"), (401, "no"), (403, "no")] {
        let server = local(move |_| Reply::json(status, &json!({ "error": text })));
        for (source, variables) in sources(&format!("{}token", server.url())) {
            if (source, status) != ("Arc", 401) {
                let (output, slept) = by_the_clock(&variables, &[]);
                output.fails_with(text);
                assert_eq!(slept, 0.0, "{source} {status}");
            }
        }
    }
}

/// What the service wants is said, and not that there is no managed identity.
#[test]
fn a_pause_that_is_too_long_is_said() {
    for (asked, args, said) in [
        ("3600", &[][..], "asks us to wait 1h before the next try (HTTP 429)"),
        ("61", &[], "wait 1m1s"),
        ("30", &["--timeout", "20s"], "wait 30s"),
    ] {
        let server =
            local(move |_| Reply::json(429, &json!({ "error": "busy" })).header("Retry-After", asked));
        for (source, variables) in sources(&format!("{}token", server.url())) {
            let (output, slept) = by_the_clock(&variables, args);
            assert!(output.fails_with(said).contains("127.0.0.1"), "{source}");
            assert!(!output.stderr.contains("no managed identity"), "{source}");
            assert_eq!(slept, 0.0, "{source}");
        }
    }
    let short = std::sync::Mutex::new(vec!["59", "1"]);
    let server = local(move |_| match short.lock().unwrap().pop() {
        Some(asked) => Reply::json(503, &json!({})).header("Retry-After", asked),
        None => token_reply(),
    });
    let (output, slept) = by_the_clock(&sources(&server.url())[0].1, &[]);
    assert_eq!((output.token().as_str(), slept), ("msi-token", 60.0));
}

#[cfg(unix)]
#[test]
fn a_variable_that_cannot_be_read_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"x\xff");
    let app = ["--client-id", CLIENT, "--tenant-id", TENANT];
    let azure = [&app[..], &["--azure-pipelines-service-connection-id", "c"]].concat();
    for (login, args, set, name) in [
        ("msi", &[][..], &[][..], "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
        ("msi", &[], &[], "IDENTITY_ENDPOINT"),
        ("msi", &[], &["MSI_ENDPOINT"], "MSI_SECRET"),
        ("azurepipelines", &azure, &[], "SYSTEM_ACCESSTOKEN"),
        ("azurepipelines", &azure, &["SYSTEM_ACCESSTOKEN"], "SYSTEM_OIDCREQUESTURI"),
        ("workloadidentity", &app, &[], "ACTIONS_ID_TOKEN_REQUEST_URL"),
        ("workloadidentity", &app, &["ACTIONS_ID_TOKEN_REQUEST_URL"], "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    ] {
        let command = Kubelogin::new(&["get-token", "-l", login, "--server-id", SERVER]).args(args);
        let command = set.iter().fold(command, |command, name| command.env(name, "https://127.0.0.1:1/"));
        let output = command.env(name, odd).run();
        output.fails_with(&format!("cannot read the environment variable {name}: it is not UTF-8 text"));
    }
}

#[test]
fn no_managed_identity_is_said_at_once() {
    let closed = Listener::start(drop);
    let host = format!("http://127.0.0.1:{}", closed.port());
    drop(closed);
    let output = msi().env("AZURE_POD_IDENTITY_AUTHORITY_HOST", host).run();
    output.fails_with("no managed identity here: tried the instance metadata service at http://127.0.0.1:");
    output.hints("another --login");
}

#[test]
fn app_service_machine_learning_and_cloud_shell() {
    let server = local(|_| token_reply());
    let endpoint = format!("{}token", server.url());
    let app = msi()
        .args(&["--identity-resource-id", "/r"])
        .envs(&[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "h")])
        .run();
    assert_eq!(app.token(), "msi-token");
    let ml = msi()
        .envs(&[("MSI_ENDPOINT", &endpoint), ("MSI_SECRET", "s"), ("DEFAULT_IDENTITY_CLIENT_ID", "d")])
        .run();
    assert_eq!(ml.token(), "msi-token");
    let shell = msi().env("MSI_ENDPOINT", &endpoint).run();
    assert_eq!(shell.token(), "msi-token");
    let requests = server.requests();
    assert_eq!(requests[0].header("x-identity-header"), Some("h"));
    assert!(has(&requests[0], "api-version", "2019-08-01") && has(&requests[0], "mi_res_id", "/r"));
    assert_eq!(requests[1].header("secret"), Some("s"));
    assert!(has(&requests[1], "api-version", "2017-09-01") && has(&requests[1], "clientid", "d"));
    assert_eq!((requests[2].method.as_str(), requests[2].header("metadata")), ("POST", Some("true")));
    assert_eq!(requests[2].form(), [("resource".to_owned(), SERVER.to_owned())]);
    let refused = msi().args(&["--client-id", "c"]).env("MSI_ENDPOINT", &endpoint).run();
    refused.fails_with("Cloud Shell does not support user-assigned identities");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn expiry_of_a_machine_s_token_comes_in_every_form() {
    for expires_on in [
        json!(4_102_444_800_u64),
        json!("4102444800"),
        json!("01/01/2100 00:00:00 +00:00"),
        json!("2100-01-01T00:00:00Z"),
    ] {
        let imds = local(move |_| {
            Reply::json(
                200,
                &json!({ "access_token": "t", "token_type": "Bearer", "expires_on": expires_on }),
            )
        });
        let output = msi().env("AZURE_POD_IDENTITY_AUTHORITY_HOST", imds.url()).run();
        assert_eq!(output.credential()["status"]["expirationTimestamp"], "2100-01-01T00:00:00Z");
    }
}

/// The services keep tokens: `expires_in` counts from the token's issuance, which may be long ago.
#[test]
fn a_kept_token_of_a_machine_expires_when_expires_on_says() {
    let server = local(|_| {
        Reply::json(
            200,
            &json!({ "access_token": "t", "token_type": "Bearer", "expires_on": "4102444800", "expires_in": "86400" }),
        )
    });
    let endpoint = format!("{}token", server.url());
    for env in [
        &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoint.as_str())][..],
        &[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "h")],
        &[("IDENTITY_ENDPOINT", &endpoint), ("IMDS_ENDPOINT", "http://x")],
        &[("MSI_ENDPOINT", &endpoint), ("MSI_SECRET", "s")],
        &[("MSI_ENDPOINT", &endpoint)],
    ] {
        let output = msi().envs(env).run();
        let status = &output.credential()["status"];
        assert_eq!(status["expirationTimestamp"], "2100-01-01T00:00:00Z", "{env:?}");
    }
}

#[test]
fn service_fabric_is_pinned_to_one_certificate() {
    use sha1::{Digest, Sha1};
    // Self-signed, for another name: only the thumbprint counts.
    let ca = crate::support::Ca::new("Fabric");
    let (config, der) = ca.server_and_der(crate::support::ca::Leaf::OtherName);
    let fabric = Server::start(Some(config), |_| token_reply());
    let thumbprint: String = Sha1::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect();
    let run = |thumbprint: &str| {
        msi()
            .env("IDENTITY_ENDPOINT", format!("{}token", fabric.url()))
            .envs(&[("IDENTITY_HEADER", "h"), ("IDENTITY_SERVER_THUMBPRINT", thumbprint)])
            .run()
    };
    assert_eq!(run(&thumbprint).token(), "msi-token");
    assert_eq!(fabric.requests()[0].header("secret"), Some("h"));
    assert!(has(&fabric.requests()[0], "api-version", "2019-07-01-preview"));
    run(&"0".repeat(40)).fails_with("IDENTITY_SERVER_THUMBPRINT");
    run("x").fails_with("is not the SHA-1 thumbprint");
    assert_eq!(fabric.requests().len(), 1);
}

/// What a shell does before the program runs, in a mount namespace whose `/var/opt` is empty: the agent's folder
/// with a key, a link and a large file. The machine's own folder is not touched.
#[cfg(target_os = "linux")]
const ARC_AGENT: &str = "\
mount -t tmpfs none /var/opt && mkdir -p /var/opt/azcmagent/tokens && cd /var/opt/azcmagent/tokens || exit 99
echo arc-secret >good.key
ln -s /etc/passwd link.key
head -c 5000 /dev/zero >large.key
exec \"$@\"";

#[cfg(target_os = "linux")]
#[test]
fn arc_s_challenge_may_only_name_the_agent_s_own_key_files() {
    let in_namespace = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", ARC_AGENT, "sh"]).args(words);
        command
    };
    if !in_namespace(&["true"]).output().is_ok_and(|output| output.status.success()) {
        return crate::support::skip("unshare");
    }
    let run = |realm: &str, args: &[&str]| {
        let realm = realm.to_owned();
        let arc = local(move |request| match request.header("authorization") {
            Some("Basic arc-secret") => Reply::json(
                200,
                &json!({ "access_token": "arc", "token_type": "Bearer", "expires_in": "60", "client_id": "mine" }),
            ),
            _ => Reply::json(401, &json!({})).header("WWW-Authenticate", &format!("Basic realm={realm}")),
        });
        let (program, home) = msi().args(args).into_command();
        let output = in_namespace(&[program.get_program().to_str().unwrap()])
            .args(program.get_args())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("IDENTITY_ENDPOINT", format!("{}token", arc.url()))
            .env("IMDS_ENDPOINT", "http://x")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        for request in arc.requests() {
            assert_eq!(request.header("metadata"), Some("true"));
            assert!(has(&request, "api-version", "2020-06-01"));
        }
        Output::new(output, home)
    };
    let folder = "/var/opt/azcmagent/tokens";
    let good = &format!("{folder}/good.key");
    assert_eq!(run(good, &[]).token(), "arc");
    assert_eq!(run(good, &["--client-id", "mine"]).token(), "arc");
    run(good, &["--client-id", "other"]).fails_with("the token of another identity");
    run("/etc/shadow", &[]).fails_with("is not in /var/opt/azcmagent/tokens: refused");
    run(&format!("{folder}/../tokens/x.key"), &[]).fails_with("is not directly in");
    run(&format!("{folder}/link.key"), &[]).fails_with("is a symbolic link: refused");
    run(&format!("{folder}/large.key"), &[]).fails_with("is larger than 4096 bytes");
    run(&format!("{folder}/missing.key"), &[]).fails_with("cannot be read");
}

fn assertion() -> String {
    unsigned_jwt(
        &json!({ "iss": "https://issuer.example", "sub": "system:serviceaccount:ns:app", "aud": "api://AzureADTokenExchange", "exp": 4_102_444_800_u64 }),
    )
}

#[test]
fn a_projected_token_is_exchanged_and_read_anew_each_time() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let path = files.file("token", format!("\u{feff}{}\n", assertion()));
    entra.state().federated = Some(assertion());
    let run = || {
        entra
            .get_token("workloadidentity")
            .envs(&[("AZURE_CLIENT_ID", CLIENT), ("AZURE_TENANT_ID", TENANT)])
            .env("AZURE_FEDERATED_TOKEN_FILE", &path)
            .run()
    };
    assert!(entra.knows(&run().token(), SERVER));
    // The file rotates; the old token is not taken any more.
    let next = assertion().replace("signature", "x").replace('.', "A.");
    entra.state().federated = Some(next.clone());
    let refused = run();
    refused.fails_with("AADSTS700213");
    refused.hints("issuer https://issuer.example, subject system:serviceaccount:ns:app, audience api://AzureADTokenExchange, expiry 2100-01-01T00:00:00Z");
    assert!(!refused.stderr.contains(&assertion()));
    std::fs::write(&path, next).unwrap();
    assert!(entra.knows(&run().token(), SERVER));
}

#[test]
fn token_files_that_hold_no_token() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let run = |path: PathBuf| {
        entra
            .get_token("workloadidentity")
            .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--federated-token-file"])
            .arg(path)
            .run()
    };
    run(files.file("empty", "")).fails_with("it is empty");
    run(files.file("blank", " \n\t")).fails_with("it is empty");
    run(files.file("text", "hello")).fails_with("does not hold a JWT");
    run(files.file("bytes", [0xff, 0xfe])).fails_with("it is not text");
    run(files.file("large", vec![b'a'; 10 << 20])).fails_with("is larger than");
    run(files.path().to_owned()).fails_with("is a folder");
    run(files.path().join("missing")).fails_with("No such file");
    assert!(entra.requests().is_empty());
}

#[test]
fn github_is_asked_for_the_cloud_s_audience_unless_a_file_is_named() {
    let (entra, files) = (Entra::start(), TempDir::new());
    entra.state().federated = Some(assertion());
    let jwt = assertion();
    let github = Server::start(Some(entra.ca().server(crate::support::ca::Leaf::Good)), move |_| {
        Reply::json(200, &json!({ "value": jwt }))
    });
    let run_with = |args: &[&str], env: &[(&str, &str)]| {
        entra
            .get_token("workloadidentity")
            .args(&["-v", "1", "--client-id", CLIENT, "--tenant-id", TENANT])
            .args(args)
            .envs(env)
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}idtoken?api-version=2.0", github.url()))
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "gh-s3cret")
            .run()
    };
    let run = |args: &[&str]| run_with(args, &[]);
    let output = run(&[]);
    assert!(entra.knows(&output.token(), SERVER));
    assert!(
        output.stderr.contains("federated token from GitHub Actions") && !output.stderr.contains("gh-s3cret")
    );
    let request = &github.requests()[0];
    assert!(has(request, "api-version", "2.0") && has(request, "audience", "api://AzureADTokenExchange"));
    assert_eq!(request.header("authorization"), Some("bearer gh-s3cret"));
    assert_eq!(request.header("accept"), Some("application/json; api-version=2.0"));
    let file = files.file("token", assertion());
    let by_file = run(&["--federated-token-file", file.to_str().unwrap()]);
    assert!(
        by_file.stderr.contains("federated token from the file") && entra.knows(&by_file.token(), SERVER)
    );
    // A variable that names a file does not keep GitHub from being asked; a flag does, and then the
    // variable's file is the one that is read.
    let file = file.to_str().unwrap();
    let variable = [("AZURE_FEDERATED_TOKEN_FILE", file)];
    let both = run_with(&["--federated-token-file", "/missing"], &variable);
    assert!(entra.knows(&both.token(), SERVER));
    assert_eq!(github.requests().len(), 1);
    assert!(entra.knows(&run_with(&[], &variable).token(), SERVER));
    assert_eq!(github.requests().len(), 2);
    let plain = entra
        .get_token("workloadidentity")
        .args(&["--client-id", CLIENT, "--tenant-id", TENANT])
        .envs(&[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1/x"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ])
        .run();
    plain.fails_with("is not https");
}

#[test]
fn github_s_token_is_asked_for_with_the_audience_of_each_cloud() {
    let entra = Entra::start();
    entra.state().federated = Some(assertion());
    let proxy = super::proxies::Proxy::start(entra.port(), None);
    let github = Server::start(Some(entra.ca().server(crate::support::ca::Leaf::Good)), |_| {
        Reply::json(200, &json!({ "value": assertion() }))
    });
    for (environment, host, audience) in [
        ("AzurePublicCloud", "login.microsoftonline.com", "api://AzureADTokenExchange"),
        ("AzureChinaCloud", "login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"),
        ("AzureUSGovernmentCloud", "login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
    ] {
        let run = Kubelogin::new(&["get-token", "-lworkloadidentity", "-e", environment])
            .args(&["--server-id", SERVER, "--client-id", CLIENT, "--tenant-id", TENANT])
            .env("HTTPS_PROXY", proxy.url(""))
            .env("SSL_CERT_FILE", entra.ca_file())
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}idtoken", github.url()))
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")
            .run();
        assert!(entra.knows(&run.token(), SERVER), "{environment}");
        assert!(has(&github.requests().pop().unwrap(), "audience", audience), "{environment}");
        let asked = proxy.asked.lock().unwrap().pop().unwrap();
        assert_eq!(asked.0, format!("CONNECT {host}:443"));
    }
}

#[test]
fn azure_pipelines_exchanges_its_own_token() {
    let entra = Entra::start();
    entra.state().federated = Some(assertion());
    let jwt = assertion();
    let devops = Server::start(Some(entra.ca().server(crate::support::ca::Leaf::Good)), move |request| {
        if request.header("authorization") == Some("Bearer sys-s3cret") {
            Reply::json(200, &json!({ "oidcToken": jwt }))
        } else {
            Reply::new(203, "text/html", "<html>Sign in</html>")
        }
    });
    let run = |token: &str| {
        entra
            .get_token("azurepipelines")
            .envs(&[
                ("AZURESUBSCRIPTION_CLIENT_ID", CLIENT),
                ("AZURESUBSCRIPTION_TENANT_ID", TENANT),
                ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "conn"),
                ("SYSTEM_ACCESSTOKEN", token),
            ])
            .env("SYSTEM_OIDCREQUESTURI", format!("{}oidctoken", devops.url()))
            .run()
    };
    assert!(entra.knows(&run("sys-s3cret").token(), SERVER));
    let request = &devops.requests()[0];
    assert_eq!((request.method.as_str(), request.header("content-length")), ("POST", Some("0")));
    assert!(has(request, "api-version", "7.1") && has(request, "serviceConnectionId", "conn"));
    assert_eq!(request.header("x-tfs-fedauthredirect"), Some("Suppress"));
    run("other").fails_with("answered with its sign-in page (HTTP 203)");
    let unset = entra
        .get_token("azurepipelines")
        .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--azure-pipelines-service-connection-id", "c"])
        .run();
    unset.fails_with("SYSTEM_ACCESSTOKEN environment variable not set");
}

/// A folder with a program that notes its arguments and then runs a script.
fn tool(name: &str, script: &str) -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new();
    let notes = folder.path().join("argv");
    let path = folder.file(
        name,
        format!("#!/bin/sh\nfor a in \"$@\"; do echo \"$a\" >>{}; done\n{script}\n", notes.display()),
    );
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn with_tool(login: &str, folder: &TempDir, args: &[&str]) -> crate::support::kubelogin::Output {
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    Kubelogin::new(&["get-token", "-l", login, "--server-id", SERVER]).args(args).env("PATH", path).run()
}

#[test]
fn az_and_azd_are_run_directly_and_both_date_forms_are_read() {
    let az = tool(
        "az",
        r#"echo '{"accessToken":"az-token","expires_on":4102444800,"expiresOn":"2001-01-01 00:00:00.000000"}'"#,
    );
    let output = with_tool("azurecli", &az, &["--tenant-id", "t"]);
    assert_eq!(
        (output.token().as_str(), output.credential()["status"]["expirationTimestamp"].as_str()),
        ("az-token", Some("2100-01-01T00:00:00Z"))
    );
    let argv = std::fs::read_to_string(az.path().join("argv")).unwrap();
    let argv_of = |more: &str| format!("account\nget-access-token\n-o\njson\n--resource\n{SERVER}\n{more}");
    assert_eq!(argv, argv_of("--tenant\nt\n"));
    // az takes no tenant beside a subscription, and the environment alone may name one.
    std::fs::remove_file(az.path().join("argv")).unwrap();
    let path = format!("{}:/usr/bin:/bin", az.path().display());
    Kubelogin::new(&["get-token", "-l", "azurecli", "--server-id", SERVER, "--subscription", "My Sub"])
        .envs(&[("PATH", path.as_str()), ("AZURE_TENANT_ID", "t")])
        .run()
        .token();
    let argv = std::fs::read_to_string(az.path().join("argv")).unwrap();
    assert_eq!(argv, argv_of("--subscription\nMy Sub\n"));

    let old = tool("az", r#"echo '{"accessToken":"t","expiresOn":"2100-01-01 00:00:00.000000"}'"#);
    let path = format!("{}:/usr/bin:/bin", old.path().display());
    let output = Kubelogin::new(&["get-token", "-l", "azurecli", "--server-id", SERVER])
        .env("PATH", path)
        .env("TZ", "EST5")
        .run();
    assert_eq!(output.credential()["status"]["expirationTimestamp"], "2100-01-01T05:00:00Z");

    let azd = tool("azd", r#"echo '{"token":"azd-token","expiresOn":"2100-01-01T00:00:00Z"}'"#);
    assert_eq!(with_tool("azd", &azd, &["--tenant-id", "t"]).token(), "azd-token");
    let argv = std::fs::read_to_string(azd.path().join("argv")).unwrap();
    assert_eq!(
        argv,
        format!("auth\ntoken\n-o\njson\n--no-prompt\n--scope\n{SERVER}/.default\n--tenant-id\nt\n")
    );
}

/// `az` of pip and Homebrew is `python -m azure.cli`, and Python looks for modules in the current folder first: a
/// repository must not be able to bring its own. Nor is a program of its own found through PATH.
#[test]
fn nothing_in_the_current_folder_is_run() {
    use std::os::unix::fs::PermissionsExt;
    let (own, repository) = (TempDir::new(), TempDir::new());
    let token = |token: &str| {
        format!(
            "print('{{\"accessToken\":\"{token}\",\"token\":\"{token}\",\"expiresOn\":\"2100-01-01T00:00:00Z\"}}')"
        )
    };
    for module in ["azure/cli", "azure/developer"] {
        own.file(&format!("{module}/__main__.py"), token("right"));
        repository.file(&format!("{module}/__main__.py"), token("stolen"));
    }
    let program = |folder: &TempDir, name: &str, script: &str| {
        let path = folder.file(name, format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program(&own, "bin/az", "exec python3 -m azure.cli \"$@\"");
    program(&own, "bin/azd", "exec python3 -m azure.developer \"$@\"");
    for name in ["az", "azd", "bin/az", "bin/azd"] {
        program(&repository, name, &token("stolen").replace("print(", "echo ").replace(')', ""));
    }
    let run = |login: &str, path: &str| {
        let (mut command, home) =
            Kubelogin::new(&["get-token", "-l", login, "--server-id", SERVER]).into_command();
        let command = command.env("PATH", path).env("PYTHONPATH", own.path()).current_dir(repository.path());
        crate::support::kubelogin::Output::new(command.output().unwrap(), home)
    };
    let absolute = format!("{}/bin:/usr/bin:/bin", own.path().display());
    for login in ["azurecli", "azd"] {
        assert_eq!(run(login, &format!(".:bin::{absolute}")).token(), "right", "{login}");
        // Without one elsewhere there is none, unless one is installed on this machine.
        let none = run(login, ".:bin:");
        assert!(!none.stdout.contains("stolen"), "{login}: {}", none.stdout);
    }
}

#[test]
fn tools_are_found_where_installers_put_them() {
    use std::os::unix::fs::PermissionsExt;
    for (login, place, field) in
        [("azurecli", ".local/bin/az", "accessToken"), ("azd", ".azd/bin/azd", "token")]
    {
        let command = Kubelogin::new(&["get-token", "-l", login, "--server-id", SERVER]);
        let program = command.home().join(place);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        let script =
            format!("#!/bin/sh\necho '{{\"{field}\":\"found\",\"expiresOn\":\"2100-01-01T00:00:00Z\"}}'\n");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(command.env("PATH", "/nonexistent").run().token(), "found", "{login}");
    }
}

/// az starts a program of its own for its telemetry, which keeps az's pipes open (Azure/azure-sdk-for-go#24685).
#[test]
fn the_answer_counts_when_the_tool_has_ended() {
    let answer = r#"echo '{"accessToken":"t","token":"t","expiresOn":"2100-01-01T00:00:00Z"}'"#;
    for (login, name) in [("azurecli", "az"), ("azd", "azd")] {
        for (before, after) in [("sleep 50 &", ""), ("", "(sleep 50; echo late) 2>/dev/null &")] {
            let folder = tool(name, &format!("{before}\n{answer}\n{after}"));
            assert_eq!(
                with_tool(login, &folder, &["--timeout", "40s"]).token(),
                "t",
                "{login} {before}{after}"
            );
        }
        let failing = tool(name, "sleep 50 &\necho why >&2; exit 1");
        with_tool(login, &failing, &["--timeout", "40s"]).fails_with("returned no token: why");
    }
}

#[test]
fn text_around_the_answer_is_no_matter() {
    let answer = r#"{"accessToken":"t","token":"t","expiresOn":"2100-01-01T00:00:00Z"}"#;
    for (before, after) in [
        ("WARNING: {not json", ""),
        ("WARNING: set {} in {\"core\": 1}", "{bye}"),
        ("[1, 2]", "}} ["),
        ("\u{feff}\u{1b}[0m", "\u{1b}[0m"),
    ] {
        for (login, name) in [("azurecli", "az"), ("azd", "azd")] {
            let folder = tool(name, &format!("cat <<'END'\n{before}\n{answer}{after}\nEND"));
            assert_eq!(with_tool(login, &folder, &[]).token(), "t", "{login} {before}");
        }
    }
}

/// There is no shell between: a subscription's name may be any text.
#[test]
fn a_subscription_is_named_as_people_name_it() {
    let az = tool("az", r#"echo '{"accessToken":"t","expires_on":4102444800}'"#);
    for name in ["R&D (Köln) 100%", "it's $HOME `id` \"x\"", "a|b;c>d", "\\"] {
        let _ = std::fs::remove_file(az.path().join("argv"));
        assert_eq!(with_tool("azurecli", &az, &["--subscription", name]).token(), "t");
        let argv = std::fs::read_to_string(az.path().join("argv")).unwrap();
        assert!(argv.ends_with(&format!("--subscription\n{name}\n")), "{argv}");
    }
    for name in ["-x", "a\tb", "a\u{1b}b", "a\u{7f}"] {
        with_tool("azurecli", &az, &["--subscription", name]).fails_with("not allowed");
    }
}

#[test]
fn failures_of_az_are_told_apart() {
    let fails = |script: &str, args: &[&str], text: &str, hint: &str| {
        let output = with_tool("azurecli", &tool("az", script), args);
        output.fails_with(text);
        output.hints(hint);
    };
    fails(
        "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1",
        &[],
        "Please run 'az login'",
        "az login",
    );
    fails(
        "echo \"ERROR: The subscription of 'x' doesn't exist\" >&2; exit 1",
        &[],
        "doesn't exist",
        "az account list",
    );
    fails("echo \"Subscription 'x' not found.\" >&2; exit 1", &[], "not found", "az account list");
    fails("echo 'No subscription found.' >&2; exit 1", &[], "No subscription", "az account list");
    let other = "echo 'ERROR: (AuthorizationFailed) over scope /subscriptions/x' >&2; exit 1";
    let unexplained = with_tool("azurecli", &tool("az", other), &[]);
    assert!(!unexplained.fails_with("AuthorizationFailed").contains("Hint: "), "{}", unexplained.stderr);
    fails("echo garbage", &[], "printed no JSON", "az account get-access-token");
    fails("echo '{}'", &[], "no access token", "");
    fails("echo '{\"accessToken\":\"t\"}'", &[], "without a time at which it expires", "");
    fails("head -c 10485760 /dev/zero", &[], "printed more than", "");
    fails(
        "trap '' TERM; while :; do sleep 1; done",
        &["--timeout", "300ms"],
        "did not finish within 0.3 s",
        "--timeout",
    );
    let missing = Kubelogin::new(&["get-token", "-l", "azurecli", "--server-id", SERVER])
        .env("PATH", "/nonexistent")
        .run();
    missing.fails_with("is not installed");
    let odd = with_tool("azurecli", &tool("az", "exit 9"), &["--tenant-id", "a;b"]);
    odd.fails_with("--tenant-id \"a;b\" contains characters that are not allowed in an ID");
    let azd = with_tool(
        "azd",
        &tool("azd", "echo 'ERROR: not logged in, run `azd auth login` to login' >&2; exit 1"),
        &[],
    );
    azd.fails_with("not logged in");
    azd.hints("azd auth login");
}

/// What `doctor` asks the tools.
#[test]
fn the_account_of_az_and_azd_is_named() {
    let doctor = |login: &str, folder: &TempDir, args: &[&str]| {
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let run = Kubelogin::new(&["doctor", "-l", login, "--server-id", SERVER])
            .args(&["--output=json"])
            .args(args)
            .env("PATH", path)
            .run();
        let argv = std::fs::read_to_string(folder.path().join("argv")).unwrap();
        (run.stdout, argv.replace('\n', " "))
    };
    let az = || tool("az", r#"echo '{"user":{"name":"ada"},"tenantId":"T1"}'"#);
    let (said, argv) = doctor("azurecli", &az(), &["--subscription", "My Sub", "--tenant-id", "T2"]);
    assert!(said.contains("signed in as ada in tenant T1; --tenant-id names T2"), "{said}");
    assert_eq!(argv, "account show -o json --subscription My Sub ");
    let (said, argv) = doctor("azurecli", &az(), &["--tenant-id", "t1"]);
    assert!(
        said.contains("signed in as ada in tenant T1; az keeps its tokens in plain form: no ("),
        "{said}"
    );
    assert_eq!(argv, "account show -o json ");

    let (said, argv) = doctor("azd", &tool("azd", r#"echo '{"status":"success"}'"#), &[]);
    assert!(said.contains("the Azure Developer CLI is installed and signed in"), "{said}");
    assert_eq!(argv, "auth login --check-status --output json ");
    for script in [r#"echo '{"status":"unauthenticated"}'"#, "echo 'Not logged in'"] {
        let (said, _) = doctor("azd", &tool("azd", script), &[]);
        assert!(said.contains("no account is signed in") && said.contains("azd auth login"), "{said}");
    }
}

/// Without it Azure DevOps answers a call without rights with a redirect to its sign-in page.
#[test]
fn azure_pipelines_is_told_not_to_redirect() {
    let entra = Entra::start();
    let devops = Server::start(Some(entra.ca().server(crate::support::ca::Leaf::Good)), |_| {
        Reply::json(200, &json!({ "oidcToken": assertion() }))
    });
    entra.state().federated = Some(assertion());
    let run = entra
        .get_token("azurepipelines")
        .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--azure-pipelines-service-connection-id=c"])
        .env("SYSTEM_ACCESSTOKEN", "t")
        .env("SYSTEM_OIDCREQUESTURI", format!("{}oidctoken", devops.url()))
        .run();
    assert!(entra.knows(&run.token(), SERVER));
    assert_eq!(devops.requests()[0].header("x-tfs-fedauthredirect"), Some("Suppress"));
}

/// What is missing there is a line of the workflow's, or another login mode.
#[test]
fn a_pipeline_without_a_federated_token_gets_the_line_that_is_missing() {
    let sign_in = |variable: &str, value: &str| {
        Kubelogin::new(&["get-token", "-lworkloadidentity", "--server-id", SERVER, "--client-id", CLIENT])
            .args(&["--tenant-id", TENANT])
            .env(variable, value)
            .run()
    };
    sign_in("GITHUB_ACTIONS", "true").hints("id-token: write");
    sign_in("TF_BUILD", "True").hints("azurepipelines");
}
