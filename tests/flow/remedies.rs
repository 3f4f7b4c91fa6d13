//! Failures that users meet, each with the remedy that the table of remedies has for it.

use super::proxies::Proxy;
use crate::support::entra::people::refuse;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT, unsigned_jwt};
use crate::support::http::Reply;
use crate::support::people::People;
use crate::support::{Entra, Kubelogin, TempDir, openssl};
use serde_json::json;

fn refusal(code: u32) -> Reply {
    Reply::json(
        400,
        &json!({ "error": "invalid_grant", "error_description": format!("AADSTS{code}: Refused.\r\nTrace ID: tr"),
                 "error_codes": [code], "trace_id": "tr-1", "correlation_id": "co-1" }),
    )
}

#[test]
fn every_code_of_an_application_has_its_remedy() {
    let entra = Entra::start();
    let used = [
        format!("tenant {TENANT} (from --tenant-id)"),
        format!("client {CLIENT} (from --client-id)"),
        format!(
            "authority {} (from the file {}, AZURE_ENVIRONMENT_FILEPATH)",
            entra.url(),
            entra.environment_file().display()
        ),
    ];
    let used: Vec<&str> = used.iter().map(String::as_str).collect();
    for (codes, hints) in [
        (&[50105, 65001][..], &["an administrator"][..]),
        (&[70002, 7_000_215], &["the client secret is wrong", "not its id"]),
        (&[7_000_222], &["has expired: make a new one"]),
        (&[700_016, 90002, 900_023], &used),
        (&[500_011], &[SERVER]),
    ] {
        for code in codes {
            entra.script([refusal(*code)]);
            let run = entra.spn().run();
            let stderr = run.fails_with(&format!("Error: sign-in failed: AADSTS{code}: Refused."));
            assert!(stderr.contains("\nTrace ID: tr-1\nCorrelation ID: co-1\n"), "{stderr}");
            for hint in hints {
                run.hints(hint);
            }
        }
    }
}

#[test]
fn the_authority_s_remedy_says_where_it_came_from() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let proxy = Proxy::start(entra.port(), None);
    let url = entra.url();
    let token = files.file("token", unsigned_jwt(&json!({}))).display().to_string();
    let sign_in = |args: &[&str], env: &[(&str, &str)]| {
        let ids = ["--server-id", SERVER, "--client-id", CLIENT, "--tenant-id", TENANT];
        Kubelogin::new(&["get-token", "--disable-instance-discovery"])
            .args(&ids)
            .args(args)
            .args(&["--client-secret", "x", "--federated-token-file", &token])
            .env("SSL_CERT_FILE", entra.ca_file())
            .env("HTTPS_PROXY", proxy.url(""))
            .envs(env)
            .run()
    };
    let none = || Reply::json(404, &json!({}));
    for (replies, args, env, said) in [
        (
            vec![none()],
            &["-lspn", "--authority-host", &url][..],
            &[][..],
            format!("{url} (from --authority-host)"),
        ),
        (
            vec![none()],
            &["-lworkloadidentity"],
            &[("AZURE_AUTHORITY_HOST", url.as_str())],
            format!("{url} (from AZURE_AUTHORITY_HOST)"),
        ),
        (
            vec![],
            &["-lspn", "-e", "AzureChinaCloud"],
            &[],
            "https://login.chinacloudapi.cn/ (from --environment)".to_owned(),
        ),
        (vec![], &["-lspn"], &[], "https://login.microsoftonline.com/".to_owned()),
    ] {
        entra.script(replies.into_iter().chain([refusal(90002)]));
        let hint = format!("authority {said}");
        let run = sign_in(args, env);
        let remedy = run.fails_with("AADSTS90002").lines().find(|line| line.starts_with("Hint: "));
        assert!(remedy.is_some_and(|remedy| remedy.ends_with(&hint)), "no {hint:?} in {}", run.stderr);
    }
}

#[test]
fn every_code_of_a_federated_token_has_its_remedy() {
    let (entra, files) = (Entra::start(), TempDir::new());
    let token =
        unsigned_jwt(&json!({ "iss": "https://i", "sub": "s", "aud": "a", "exp": 4_102_444_800_u64 }));
    let file = files.file("token", &token);
    let sign_in = || {
        entra
            .get_token("workloadidentity")
            .args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--federated-token-file"])
            .arg(&file)
            .run()
    };
    for code in [700_021, 700_022, 700_023, 700_024, 70021, 700_211, 700_212, 700_213, 700_027, 7_000_272] {
        entra.script([refusal(code)]);
        let run = sign_in();
        run.fails_with(&format!("AADSTS{code}: Refused."));
        run.hints("no federated credential of the app matches this token, or it has expired");
        run.hints("issuer https://i, subject s, audience a, expiry 2100-01-01T00:00:00Z");
        assert!(!run.stderr.contains(&token), "{}", run.stderr);
    }
}

#[test]
fn a_certificate_that_is_not_registered_is_described_and_a_secret_is_not() {
    let entra = Entra::start();
    entra.script([refusal(700_027)]);
    let secret = entra.spn().run();
    assert!(!secret.fails_with("AADSTS700027").contains("Hint: "), "{}", secret.stderr);
    if !openssl::is_there() {
        return;
    }
    entra.script([refusal(700_027)]);
    let certificate = entra.with_certificate(&openssl::Identity::rsa().pem()).run();
    certificate.fails_with("AADSTS700027");
    certificate.hints("not the one registered").hints("this one has SHA-1 thumbprint ");
}

#[test]
fn every_code_of_a_person_has_its_remedy() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    for (codes, hint) in [
        (&[50126, 50034][..], "check the user name and the password"),
        (&[50053], "the account is locked"),
        (&[50055], "the password has expired"),
        (&[50011, 500_113], "--redirect-url"),
        (&[70043, 700_082, 700_084, 50173, 50089], "sign in again"),
        (&[90072, 50020], "pass --tenant-id"),
    ] {
        for code in codes {
            let body = json!({ "error": "invalid_grant", "error_description": format!("AADSTS{code}: Refused."), "error_codes": [code] });
            people.grants().script.push_back(("password", (400, body)));
            let run = people.run_without_pauses("contoso", &["-lropc", "--username=u", "--password=p"]);
            assert!(
                run.stderr.contains(&format!("Error: sign-in failed: AADSTS{code}: Refused.")),
                "{run:?}"
            );
            let remedy = run.stderr.lines().find(|line| line.starts_with("Hint: ")).unwrap_or_default();
            assert!(remedy.contains(hint), "{code}: {run:?}");
        }
    }
}

#[test]
fn a_policy_s_remedy_fits_who_signs_in() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    let secret = format!("--client-secret={SECRET}");
    for code in [50005, 50076, 50079, 53000, 53001, 53002, 53003, 530_003] {
        let device_code = match code {
            50076 | 50079 => "complete the second factor on its page",
            _ => "convert-kubeconfig -l interactive",
        };
        for (args, hint) in [
            (&["-ldevicecode"][..], device_code),
            (&["-lropc", "--username=u", "--password=p"], "convert-kubeconfig -l interactive"),
            (&["-lspn", &secret], "blocks this application: ask an administrator"),
        ] {
            let answer = refuse("invalid_grant", &format!("AADSTS{code}: Refused."));
            if args[0] == "-lspn" {
                // After the configuration document.
                let none = Reply::json(404, &json!({}));
                people.entra.script([none, Reply::json(answer.0, &answer.1)]);
            } else {
                let grant = if args[0] == "-lropc" { "password" } else { "device_code" };
                people.grants().script.push_back((grant, answer));
            }
            let run = people.run_without_pauses("contoso", args);
            let remedy = run.stderr.lines().find(|line| line.starts_with("Hint: ")).unwrap_or_default();
            assert!(
                run.stderr.contains(&format!("AADSTS{code}: Refused.")) && remedy.contains(hint),
                "{args:?}: {run:?}"
            );
            assert_eq!(hint.contains("interactive"), remedy.contains("interactive"), "{remedy}");
        }
    }
}

#[test]
fn a_wrong_clock_is_named_where_no_code_says_more() {
    let entra = Entra::start();
    entra.state().clock_offset = 3600;
    entra.script([refusal(1)]);
    let run = entra.spn().run();
    run.fails_with("AADSTS1");
    run.hints("s behind the service's");
}
