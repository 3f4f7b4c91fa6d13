//! `devicecode` against the fake Entra ID.

use crate::support::entra::people::refuse;
use crate::support::people::{People, Run};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::Command;

const MESSAGE: &str = "To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter the code ABC123 to authenticate.\n";

#[test]
fn the_services_message_comes_unmodified_and_the_token_is_cached() {
    let people = People::start();
    people.grants().device.entered_at_poll = 2;
    let first = people.run("contoso", &[]);
    assert_eq!((first.code, first.token.as_str()), (Some(0), "access-2-contoso-device-user"), "{first:?}");
    assert_eq!(first.stderr, format!("{MESSAGE}Signed in as device-user\n"));
    let again = people.run("contoso", &[]);
    assert_eq!((again.token, again.stderr), (first.token, String::new()));
    assert_eq!(people.count("devicecode"), 1);
}

#[test]
fn a_callers_interactive_false_refuses_nothing() {
    let people = People::start();
    let info = r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;
    let run = Run::of(people.command("contoso", &[]).env("KUBERNETES_EXEC_INFO", info).output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn broken_connections_and_a_busy_service_are_polled_over() {
    let people = People::start();
    people.grants().device.interval = 1;
    people.grants().script.extend([
        ("device_code", (0, json!({}))),
        ("device_code", (503, json!({"error": "temporarily_unavailable"}))),
        ("device_code", refuse("authorization_pending", "AADSTS70016")),
        ("device_code", (400, json!({"error": "authorization_pending", "error_description": null}))),
    ]);
    let run = people.run("contoso", &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(people.count("device_code"), 5);
}

#[test]
fn every_refusal_ends_it_in_the_services_words() {
    for (error, said) in [
        ("authorization_declined", "AADSTS1: declined (authorization_declined)"),
        ("access_denied", "AADSTS1: declined (access_denied)"),
        ("bad_verification_code", "AADSTS1: declined (bad_verification_code)"),
        ("expired_token", "the device code has expired"),
        ("code_expired", "the device code has expired"),
    ] {
        let people = People::start();
        people.grants().script.push_back(("device_code", refuse(error, "AADSTS1: declined")));
        let run = people.run("contoso", &[]);
        assert_eq!((run.code, run.token.as_str()), (Some(1), ""));
        assert!(run.stderr.contains(said), "{error}: {}", run.stderr);
        assert_eq!(people.count("device_code"), 1);
    }
}

#[test]
fn a_refused_device_code_request_is_explained() {
    let people = People::start();
    people
        .grants()
        .script
        .push_back(("devicecode", refuse("unauthorized_client", "AADSTS700016: no such app")));
    let run = people.run("contoso", &[]);
    assert!(run.stderr.contains("AADSTS700016: no such app (unauthorized_client)\nHint: "), "{}", run.stderr);
    assert!(run.stderr.contains("Trace ID: trace\n"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_exits_with_130_and_frees_the_lock() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let mut child = people.command("contoso", &[]).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, MESSAGE);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left = crate::support::people::names(&people.cache());
    let locks: Vec<&String> = left.iter().filter(|name| name.ends_with(".lock")).collect();
    assert!(locks.len() == 2 && !left.iter().any(|name| name.ends_with(".json")), "{left:?}");
    for lock in locks {
        assert!(kubelogin::sys::lock::try_lock(&people.cache().join(lock)).unwrap().is_some());
    }
}
