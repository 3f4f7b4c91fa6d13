//! Clouds, authority hosts and discovery.

use super::proxies::Proxy;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};
use crate::support::http::Reply;
use crate::support::{Entra, Kubelogin, TempDir};
use serde_json::json;

fn by_host(entra: &Entra) -> Kubelogin {
    Kubelogin::spn().args(&["--authority-host", &entra.url()]).env("SSL_CERT_FILE", entra.ca_file())
}

#[test]
fn an_unknown_cloud_is_refused_with_the_list() {
    Kubelogin::spn().args(&["-e", "Azure"])
        .run()
        .fails_with("unknown environment \"Azure\"; use one of AzurePublicCloud, AzureChinaCloud, AzureUSGovernmentCloud, AzureStackCloud");
    Kubelogin::spn()
        .args(&["-e", "AzureStackCloud"])
        .run()
        .fails_with("AZURE_ENVIRONMENT_FILEPATH, which is not set");
}

#[test]
fn another_authority_host_is_asked_for_its_endpoints() {
    let entra = Entra::start();
    let output = by_host(&entra).arg("--disable-instance-discovery").run();
    assert!(entra.knows(&output.token(), SERVER));
    let targets: Vec<String> = entra.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(
        targets,
        [format!("/{TENANT}/v2.0/.well-known/openid-configuration"), format!("/{TENANT}/oauth2/v2.0/token")]
    );
    assert_eq!(entra.connections(), 1);

    entra.state().document = Some(json!({
        "issuer": format!("{}{TENANT}/v2.0", entra.url()),
        "token_endpoint": format!("{}{TENANT}/oauth2/v2.0/token", entra.url()),
    }));
    assert!(entra.knows(&by_host(&entra).arg("--disable-instance-discovery").run().token(), SERVER));
}

#[test]
fn a_document_that_points_elsewhere_is_refused() {
    let entra = Entra::start();
    for endpoint in ["https://evil.example/token", "http://localhost/token", "token"] {
        entra.state().document = Some(json!({ "token_endpoint": endpoint }));
        let before = entra.state().issued.len();
        let output = by_host(&entra).arg("--disable-instance-discovery").run();
        assert_eq!((output.code, entra.state().issued.len()), (1, before), "{endpoint}");
    }
    entra.script([Reply::new(200, "text/html", "<html>")]);
    by_host(&entra)
        .arg("--disable-instance-discovery")
        .run()
        .fails_with("is not an OpenID configuration document");
    entra.script([Reply::new(403, "text/plain", "no")]);
    by_host(&entra).arg("--disable-instance-discovery").run().fails_with("openid-configuration failed");
}

#[test]
fn validation_needs_the_public_cloud_and_names_the_flag_that_does_without() {
    let entra = Entra::start();
    let closed = crate::support::http::Listener::start(drop);
    let proxy = format!("http://127.0.0.1:{}", closed.port());
    drop(closed);
    let output = by_host(&entra).env("HTTPS_PROXY", proxy).run();
    output.fails_with("cannot validate the authority host");
    output.hints("--disable-instance-discovery");
    assert!(entra.requests().is_empty());
}

/// The public cloud, played by the fake behind a proxy.
#[test]
fn the_public_cloud_is_asked_whether_it_knows_the_host() {
    let entra = Entra::start();
    let proxy = Proxy::start(entra.port(), None);
    let sign_in = || by_host(&entra).env("HTTPS_PROXY", proxy.url("")).run();
    entra.script([Reply::json(200, &json!({ "tenant_discovery_endpoint": "https://login.test/x" }))]);
    assert!(entra.knows(&sign_in().token(), SERVER));
    let asked = entra.requests().remove(0);
    assert_eq!(asked.path(), "/common/discovery/instance");
    let endpoint = format!("{}{TENANT}/oauth2/v2.0/authorize", entra.url());
    let expected = [("api-version", "1.1"), ("authorization_endpoint", endpoint.as_str())];
    assert_eq!(asked.query(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(proxy.asked.lock().unwrap()[0].0, "CONNECT login.microsoftonline.com:443");

    let issued = entra.state().issued.len();
    entra.script([Reply::json(
        400,
        &json!({ "error": "invalid_instance", "error_description": "AADSTS50049: Unknown" }),
    )]);
    let refused = sign_in();
    refused.fails_with("the authority host localhost is not known to Microsoft Entra ID (invalid_instance)");
    refused.hints("--disable-instance-discovery");
    entra.script([Reply::new(403, "text/html", "<html>blocked")]);
    sign_in().fails_with("validating the authority host failed");
    assert_eq!(entra.state().issued.len(), issued);
}

/// Sign-ins at the clouds' own names: one connection and one request each.
#[test]
fn well_known_clouds_need_no_discovery() {
    let entra = Entra::start();
    let proxy = Proxy::start(entra.port(), None);
    for (environment, host) in [
        ("AzurePublicCloud", "login.microsoftonline.com"),
        ("azurechinacloud", "login.chinacloudapi.cn"),
        ("AzureUSGovernment", "login.microsoftonline.us"),
    ] {
        let run = Kubelogin::spn()
            .args(&["-e", environment])
            .env("HTTPS_PROXY", proxy.url(""))
            .env("SSL_CERT_FILE", entra.ca_file())
            .run();
        assert!(entra.knows(&run.token(), SERVER));
        assert_eq!(proxy.asked.lock().unwrap().pop().unwrap().0, format!("CONNECT {host}:443"));
        let by_host = Kubelogin::spn()
            .args(&["--authority-host", &format!("https://{host}/")])
            .env("HTTPS_PROXY", proxy.url(""))
            .env("SSL_CERT_FILE", entra.ca_file())
            .run();
        assert!(entra.knows(&by_host.token(), SERVER));
    }
    assert_eq!((entra.connections(), entra.requests().len()), (6, 6));
}

#[test]
fn authority_hosts_that_are_none() {
    let with = |host: &str| Kubelogin::spn().args(&["--authority-host", host]).run();
    with("x").fails_with("authority host \"x\" is not valid");
    with("https://x").fails_with("authority host \"https://x\" should have a trailing slash");
    with("http://x/").fails_with("is not https");
    with("https://münchen.example/").fails_with("xn--");
}

/// Every form in which a password may stand in an address, in every place that takes one.
#[test]
fn a_password_in_an_address_is_never_shown() {
    const ADDRESSES: &[&str] = &[
        "http://u:hunter2@h/",
        "ftp://u:hunter2@h/",
        "u:hunter2@h/",
        "u:a://hunter2@h",
        "https://u:hunter2@h",
        "https://u:hunter2@h/",
        "https://u:hunter2@h/?/",
        "https://u:hunter2@h/?x=1",
        "https://u:hunter2@h/#f",
        "https://u:hun/ter2@h/?\\",
        "https://u:hunter2@h:x/",
        "https://u:hunter2@h\u{1b}/",
    ];
    let files = TempDir::new();
    let token = crate::support::entra::unsigned_jwt(&json!({}));
    let token = files.file("token", token).display().to_string();
    let ids = ["--server-id", SERVER, "--client-id", CLIENT, "--tenant-id", TENANT, "-v10"];
    let login = |mode: &str| Kubelogin::new(&["get-token", "--login", mode]).args(&ids);
    for address in ADDRESSES {
        let cloud = files.file("cloud.json", json!({ "activeDirectoryEndpoint": address }).to_string());
        let spn = || login("spn").args(&["--client-secret", "x"]);
        let runs = [
            ("--authority-host", spn().args(&["--authority-host", address])),
            (
                "AZURE_AUTHORITY_HOST",
                login("workloadidentity")
                    .args(&["--federated-token-file", &token])
                    .env("AZURE_AUTHORITY_HOST", address),
            ),
            (
                "AZURE_ENVIRONMENT_FILEPATH",
                spn().args(&["-e", "AzureStackCloud"]).env("AZURE_ENVIRONMENT_FILEPATH", cloud),
            ),
            (
                "SYSTEM_OIDCREQUESTURI",
                login("azurepipelines")
                    .args(&["--azure-pipelines-service-connection-id=c"])
                    .envs(&[("SYSTEM_ACCESSTOKEN", "t"), ("SYSTEM_OIDCREQUESTURI", address)]),
            ),
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                login("workloadidentity").envs(&[
                    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
                    ("ACTIONS_ID_TOKEN_REQUEST_URL", address),
                ]),
            ),
            ("--redirect-url", login("interactive").args(&["--redirect-url", address])),
            // A proxy that is one in form is not there.
            (
                "HTTPS_PROXY",
                spn().args(&["--timeout=1s"]).env("HTTPS_PROXY", address.replace("@h", "@[::1]:1")),
            ),
            (
                "AZURE_POD_IDENTITY_AUTHORITY_HOST",
                login("msi").env("AZURE_POD_IDENTITY_AUTHORITY_HOST", address.replace("@h", "@[::1]:1")),
            ),
        ];
        for (place, command) in runs {
            let run = command.run();
            assert_eq!(run.code, 1, "{place}={address:?}");
            assert!(!run.stderr.contains("ter2"), "{place}={address:?}: {}", run.stderr);
        }
    }
}

#[test]
fn adfs_has_no_tenant_and_takes_a_resource() {
    let entra = Entra::start();
    let cloud = json!({ "activeDirectoryEndpoint": format!("{}adfs", entra.url()) }).to_string();
    let output = entra
        .get_token("spn")
        .args(&["--client-id", CLIENT, "--client-secret", SECRET])
        .env("AZURE_ENVIRONMENT_FILEPATH", {
            let path = entra.environment_file().with_file_name("adfs.json");
            std::fs::write(&path, cloud).unwrap();
            path
        })
        .run();
    assert!(entra.knows(&output.token(), SERVER));
    assert_eq!(entra.requests()[0].path(), "/adfs/oauth2/token");
    // The tenant "adfs" says the same.
    let by_tenant =
        entra.get_token("spn").args(&["--client-id", CLIENT, "--client-secret", SECRET, "-t", "adfs"]).run();
    assert!(entra.knows(&by_tenant.token(), SERVER));
}
