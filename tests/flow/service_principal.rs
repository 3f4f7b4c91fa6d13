//! `spn` with a secret, and the ExecCredential that every mode answers with.

use crate::support::Entra;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT};

#[test]
fn one_connection_one_request_one_credential() {
    let entra = Entra::start();
    let output = entra.spn().run();
    assert!(entra.knows(&output.token(), SERVER));
    assert_eq!((entra.connections(), entra.requests().len()), (1, 1));
    assert_eq!(output.stderr, "");
    let expiry = output.credential()["status"]["expirationTimestamp"].as_str().unwrap().to_owned();
    let expires_on = kubelogin::time::parse_rfc3339(&expiry).unwrap();
    assert!(expires_on.abs_diff(crate::support::entra::now() + 3599) < 60, "{expiry}");
    let request = &entra.requests()[0];
    assert_eq!(request.path(), format!("/{TENANT}/oauth2/v2.0/token"));
    assert!(request.form().contains(&("scope".to_owned(), format!("{SERVER}/.default"))));
}

#[test]
fn every_environment_form_signs_in() {
    let aad = [
        ("AAD_SERVICE_PRINCIPAL_CLIENT_ID", CLIENT),
        ("AAD_SERVICE_PRINCIPAL_CLIENT_SECRET", SECRET),
        ("AZURE_TENANT_ID", TENANT),
    ];
    let azure = [("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", SECRET), ("AZURE_TENANT_ID", TENANT)];
    let arm = [("ARM_CLIENT_ID", CLIENT), ("ARM_CLIENT_SECRET", SECRET), ("ARM_TENANT_ID", TENANT)];
    for (env, flag) in [(&aad, None), (&azure, None), (&arm, Some("--use-azurerm-env-vars"))] {
        let entra = Entra::start();
        let output = entra.get_token("spn").envs(env).args(flag.as_slice()).run();
        assert!(entra.knows(&output.token(), SERVER), "{env:?}");
    }
    let entra = Entra::start();
    let by_environment = entra.get_token("devicecode").env("AAD_LOGIN_METHOD", "spn").envs(&azure).run();
    assert!(entra.knows(&by_environment.token(), SERVER));
}

#[test]
fn the_environment_beats_the_flag_and_says_so() {
    let entra = Entra::start();
    let output = entra
        .get_token("spn")
        .args(&["--client-id", "from-the-flag", "--tenant-id", TENANT, "-v", "1"])
        .envs(&[
            ("AAD_SERVICE_PRINCIPAL_CLIENT_ID", "from-aad"),
            ("AZURE_CLIENT_ID", CLIENT),
            ("AZURE_CLIENT_SECRET", SECRET),
        ])
        .run();
    assert!(entra.knows(&output.token(), SERVER));
    assert!(
        output.stderr.contains("environment variable AZURE_CLIENT_ID overrides --client-id"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("environment variable AZURE_CLIENT_SECRET sets --client-secret"));
    let ignored = entra.spn().arg("--disable-environment-override").env("AZURE_CLIENT_ID", "other").run();
    assert!(entra.knows(&ignored.token(), SERVER));
    let empty = entra.spn().env("AZURE_CLIENT_ID", "").run();
    assert!(entra.knows(&empty.token(), SERVER));
}

#[test]
fn the_answer_has_the_version_that_was_asked_for() {
    let entra = Entra::start();
    let version =
        |info: &str| entra.spn().env("KUBERNETES_EXEC_INFO", info).run().credential()["apiVersion"].clone();
    let beta = "client.authentication.k8s.io/v1beta1";
    assert_eq!(entra.spn().run().credential()["apiVersion"], beta);
    assert_eq!(version(""), beta);
    assert_eq!(version("{}"), beta);
    assert_eq!(
        version(&format!(
            r#"{{"kind":"ExecCredential","apiVersion":"{beta}","spec":{{"interactive":false}}}}"#
        )),
        beta
    );
    let v1 = "client.authentication.k8s.io/v1";
    assert_eq!(
        version(&format!(r#"{{"kind":"ExecCredential","apiVersion":"{v1}","spec":{{"interactive":true}}}}"#)),
        v1
    );
    let before = entra.requests().len();
    entra
        .spn()
        .env("KUBERNETES_EXEC_INFO", "{")
        .run()
        .fails_with("KUBERNETES_EXEC_INFO is not an ExecCredential");
    entra
        .spn()
        .env("KUBERNETES_EXEC_INFO", r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#)
        .run()
        .fails_with("client.authentication.k8s.io/v1alpha1");
    assert_eq!(entra.requests().len(), before);
}

#[test]
fn refusals_carry_the_code_a_hint_and_all_ids() {
    let entra = Entra::start();
    let output = entra
        .get_token("spn")
        .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--client-secret", "wr0ng"])
        .run();
    let stderr = output.fails_with("sign-in failed: AADSTS7000215").to_owned();
    output.hints("the client secret is wrong");
    assert!(stderr.contains("Trace ID: 0f0f0f0f-"));
    let id = entra.requests()[0].header("client-request-id").unwrap().to_owned();
    assert!(stderr.contains(&format!("Correlation ID: {id}")));
    assert!(!stderr.contains("wr0ng"));

    let with = |client: &str, tenant: &str, server: &str| {
        entra
            .get_token("spn")
            .args(&[
                "--client-id",
                client,
                "--tenant-id",
                tenant,
                "--client-secret",
                SECRET,
                "--server-id",
                server,
            ])
            .run()
    };
    with("other", TENANT, SERVER).hints("client other (from --client-id)").fails_with("AADSTS700016");
    with(CLIENT, "contoso.com", SERVER)
        .hints("tenant contoso.com (from --tenant-id)")
        .fails_with("AADSTS90002");
    with(CLIENT, TENANT, "other").hints("no server app other in this tenant").fails_with("AADSTS500011");
}

#[test]
fn a_wrong_clock_is_named_when_the_service_refuses() {
    let entra = Entra::start();
    entra.state().clock_offset = -3600;
    entra
        .get_token("spn")
        .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--client-secret", "x"])
        .run()
        .hints("secret is wrong");
    let denied = serde_json::json!({ "error": "invalid_client", "error_description": "AADSTS700024: not within its valid time range" });
    entra.script([crate::support::http::Reply::json(401, &denied)]);
    entra.spn().run().hints("this machine's clock is 360");
}

#[test]
fn the_secret_never_shows() {
    let entra = Entra::start();
    let good = entra.spn().args(&["-v", "10"]).run();
    assert_eq!(good.code, 0);
    let token = good.token();
    assert!(good.stderr.contains("POST https://localhost"), "{}", good.stderr);
    assert!(!good.stderr.contains(SECRET) && !good.stderr.contains(&token));
    entra.state().secret = "changed".to_owned();
    let refused = entra.spn().args(&["-v", "10"]).run();
    assert_eq!(refused.code, 1);
    assert!(!refused.stderr.contains(SECRET));
}

#[test]
fn a_server_id_with_its_scope_is_the_same_server() {
    let entra = Entra::start();
    for id in [format!("{SERVER}/"), format!("{SERVER}/.default")] {
        assert!(entra.knows(&entra.spn().args(&["--server-id", &id]).run().token(), SERVER), "{id}");
    }
}
