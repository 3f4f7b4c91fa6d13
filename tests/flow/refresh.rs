//! Refreshing: every kind of answer, rotation, `--force-refresh`, clock jumps.

use crate::support::entra::people::{field, refuse};
use crate::support::people::{People, Run};
use serde_json::{Value, json};
use std::path::Path;

fn people() -> People {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    people
}

fn run(people: &People, more: &[&str]) -> Run {
    let mut args = vec!["-lropc", "--username=u", "--password=p"];
    args.extend(more);
    people.run("contoso", &args)
}

/// Changes a number of the cached entry by `seconds`.
fn shift(entry: &Path, field: &str, seconds: i64) {
    let mut json: Value = serde_json::from_slice(&std::fs::read(entry).unwrap()).unwrap();
    json[field] = (json[field].as_i64().unwrap() + seconds).into();
    std::fs::write(entry, json.to_string()).unwrap();
}

/// Signs in and lets the token have `left` seconds to live.
fn nearly_expired(people: &People, left: i64) -> Run {
    let first = run(people, &[]);
    assert_eq!(first.code, Some(0), "{first:?}");
    shift(&people.entry(), "expires_on", left - 3600);
    first
}

#[test]
fn a_token_with_five_minutes_left_is_refreshed_and_the_refresh_token_rotated() {
    let people = people();
    nearly_expired(&people, 290);
    let second = run(&people, &[]);
    assert_eq!((second.token.as_str(), second.stderr.as_str()), ("access-2-contoso-u", ""));
    shift(&people.entry(), "expires_on", -3600);
    assert_eq!(run(&people, &[]).token, "access-3-contoso-u");
    let grants = people.grants();
    let sent: Vec<&str> = grants
        .seen
        .iter()
        .filter(|(grant, _)| grant == "refresh_token")
        .map(|(_, form)| field(form, "refresh_token").unwrap())
        .collect();
    assert_eq!(sent, ["refresh-1-contoso", "refresh-2-contoso"]);
    assert_eq!(grants.count("password"), 1);
}

#[test]
fn a_refresh_token_that_is_not_rotated_is_kept() {
    let people = people();
    people.grants().rotates = false;
    for _ in 0..3 {
        nearly_expired(&people, 0);
    }
    assert_eq!((people.count("password"), people.count("refresh_token")), (1, 2));
}

#[test]
fn a_final_refusal_leads_to_a_new_sign_in() {
    for error in ["invalid_grant", "interaction_required", "invalid_client", "unauthorized_client"] {
        let people = people();
        nearly_expired(&people, 200);
        people.grants().script.push_back(("refresh_token", refuse(error, "AADSTS70043: expired")));
        let second = run(&people, &[]);
        assert_eq!((second.code, second.token.as_str()), (Some(0), "access-2-contoso-u"), "{error}");
        assert_eq!(people.count("password"), 2);
    }
}

#[test]
fn a_refused_refresh_token_is_never_sent_again() {
    let people = people();
    nearly_expired(&people, 0);
    people.grants().script.push_back(("refresh_token", refuse("invalid_grant", "AADSTS70043")));
    people.grants().script.push_back(("password", refuse("invalid_grant", "AADSTS50126")));
    assert_eq!(run(&people, &[]).code, Some(1));
    assert_eq!(run(&people, &[]).code, Some(0));
    assert_eq!(people.count("refresh_token"), 1);
}

#[test]
fn a_passing_failure_returns_the_old_token_while_it_lives_and_else_fails_without_a_sign_in() {
    let answers = [
        (0, json!({})),
        (500, json!({"error": "server_error"})),
        (503, json!("<html>")),
        (429, json!({"error": "too_many_requests"})),
        (200, json!("not a token")),
        (302, json!({})),
    ];
    for answer in answers {
        for left in [200, 0] {
            let people = people();
            let first = nearly_expired(&people, left);
            // The transport tries four times.
            people.grants().script.extend(std::iter::repeat_n(("refresh_token", answer.clone()), 4));
            let second = run(&people, &["--timeout=1s"]);
            if left > 0 {
                assert_eq!(second.token, first.token, "{answer:?}");
                assert!(second.stderr.starts_with("Warning: the token could not be refreshed"), "{second:?}");
            } else {
                assert_eq!((second.code, second.token.as_str()), (Some(1), ""), "{answer:?}");
            }
            assert_eq!(people.count("password"), 1, "{answer:?}");
            people.grants().script.clear();
            assert_eq!(run(&people, &[]).token, "access-2-contoso-u", "the refresh token was kept");
        }
    }
}

#[test]
fn force_refresh_does_not_use_the_cached_token() {
    let people = people();
    run(&people, &[]);
    assert_eq!(run(&people, &["--force-refresh"]).token, "access-2-contoso-u");
    assert_eq!(run(&people, &[]).token, "access-2-contoso-u");
    assert_eq!((people.count("password"), people.count("refresh_token")), (1, 1));
}

#[test]
fn token_cache_none_neither_reads_nor_writes() {
    let people = people();
    run(&people, &["--token-cache=none"]);
    assert!(!people.cache().exists());
    run(&people, &[]);
    run(&people, &["--token-cache=none"]);
    assert_eq!(people.count("password"), 3);
}

#[test]
fn a_token_from_the_future_is_not_trusted() {
    let people = people();
    run(&people, &[]);
    shift(&people.entry(), "obtained_on", 86_400);
    shift(&people.entry(), "expires_on", 86_400);
    assert_eq!(run(&people, &[]).token, "access-2-contoso-u");
}
