//! `ropc` against the fake Entra ID.

use crate::support::people::{People, Run};
use serde_json::json;

fn sign_in(people: &People, user: &str, more: &[&str]) -> Run {
    let mut args = vec!["-lropc", "--username", user, "--password", "hunter2"];
    args.extend(more);
    people.run("contoso", &args)
}

fn people() -> People {
    let people = People::start();
    people.grants().passwords.insert("ada@example".to_owned(), "hunter2".to_owned());
    people
}

#[test]
fn signs_in_after_the_realm_check_and_caches() {
    let people = people();
    let run = sign_in(&people, "ada@example", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(sign_in(&people, "ada@example", &[]).token, run.token);
    assert_eq!((people.count("realm"), people.count("password")), (1, 1));
    let kept = std::fs::read_to_string(people.entry()).unwrap();
    assert!(!kept.contains("hunter2"));
}

#[test]
fn a_federated_account_is_sent_to_the_browser_without_its_password() {
    let people = people();
    let run = sign_in(&people, "ada@federated.example", &[]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("federated domain") && run.stderr.contains("-l interactive"),
        "{}",
        run.stderr
    );
    assert_eq!(people.count("password"), 0);
}

#[test]
fn an_unreachable_realm_service_keeps_nobody_out() {
    for answer in [(0, json!({})), (503, json!({})), (200, json!([]))] {
        let people = people();
        people.grants().script.push_back(("realm", answer));
        assert_eq!(sign_in(&people, "ada@example", &[]).code, Some(0));
    }
}

#[test]
fn a_wrong_password_is_the_services_refusal_and_never_shown() {
    let people = people();
    let run = sign_in(&people, "bob@example", &["-v", "10"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("AADSTS50126"), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter2"));
}

#[test]
fn user_and_password_are_needed() {
    let people = people();
    let run = people.run("contoso", &["-lropc", "--password=x"]);
    assert!(run.stderr.starts_with("Error: username cannot be empty\n"), "{}", run.stderr);
    let run = people.run("contoso", &["-lropc", "--username=x"]);
    assert!(run.stderr.starts_with("Error: password cannot be empty\n"), "{}", run.stderr);
}

#[test]
fn two_users_tenants_and_clouds_live_side_by_side() {
    let (people, other_cloud) = (people(), people_with_bob());
    people.grants().passwords.insert("bob@example".to_owned(), "hunter2".to_owned());
    let tokens: Vec<String> = ["ada@example", "bob@example"]
        .iter()
        .flat_map(|user| {
            ["contoso", "fabrikam"]
                .map(|tenant| people.run(tenant, &["-lropc", "--username", user, "--password=hunter2"]).token)
        })
        .collect();
    let cache = people.cache();
    let elsewhere =
        ["-lropc", "--username=bob@example", "--password=hunter2", "--cache-dir", cache.to_str().unwrap()];
    let theirs = other_cloud.run("contoso", &elsewhere).token;
    for (token, end) in tokens.iter().zip(["contoso-ada", "fabrikam-ada", "contoso-bob", "fabrikam-bob"]) {
        assert!(token.contains(end), "{token}");
    }
    for _ in 0..2 {
        assert_eq!(sign_in(&people, "ada@example", &[]).token, tokens[0]);
        assert_eq!(sign_in(&people, "bob@example", &[]).token, tokens[2]);
        assert_eq!(other_cloud.run("contoso", &elsewhere).token, theirs);
    }
    assert_eq!((people.count("password"), other_cloud.count("password")), (4, 1));
}

fn people_with_bob() -> People {
    let people = People::start();
    people.grants().passwords.insert("bob@example".to_owned(), "hunter2".to_owned());
    people
}
