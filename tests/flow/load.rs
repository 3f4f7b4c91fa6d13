//! Many processes of many users on one cache: hits, refreshes and failures at once. `LOAD_SECONDS` makes it
//! longer.

use crate::support::people::{People, Run, names};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

const USERS: usize = 10;
const PROCESSES: usize = 200;
const ROUNDS: usize = 2;

/// Whose password one process in 23 has wrong.
fn stranger(i: usize) -> Option<String> {
    (i % 23 == 22).then(|| format!("stranger{i}"))
}

#[test]
fn nobody_gets_anothers_token_and_nothing_is_left_over() {
    let people = People::start();
    for user in 0..USERS {
        people.grants().passwords.insert(format!("user{user}"), format!("password{user}"));
    }
    let seconds = std::env::var("LOAD_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    let start = Instant::now();
    let goes_on = |round| match seconds {
        Some(seconds) => start.elapsed() < Duration::from_secs(seconds),
        None => round < ROUNDS,
    };
    let (mut round, mut failures) = (0, 0);
    while goes_on(round) {
        // Tokens that are never fresh: each process of this round, and the first of the next, refreshes.
        people.grants().lifetime = if round % 2 == 1 { 9 } else { 3600 };
        if round % 2 == 1 {
            // The service is down for some of the refreshes; not for four of one process, which would give up.
            let down = (503, json!({ "error": "temporarily_unavailable" }));
            people.grants().script.extend((0..3).map(|_| ("refresh_token", down.clone())));
        }
        let start = |i: usize| -> Child {
            let user = i % USERS;
            let name = stranger(i).unwrap_or_else(|| format!("user{user}"));
            let (name, password) = (format!("--username={name}"), format!("--password=password{user}"));
            let force = if i.is_multiple_of(17) && round > 0 { "--force-refresh" } else { "--legacy=false" };
            people.command("contoso", &["-lropc", &name, &password, force]).spawn().unwrap()
        };
        let children: Vec<Child> = (0..PROCESSES).map(start).collect();
        for (i, child) in children.into_iter().enumerate() {
            let run = Run::of(child.wait_with_output().unwrap());
            if stranger(i).is_some() {
                assert!(
                    run.code == Some(1) && run.token.is_empty() && run.stderr.contains("AADSTS50126"),
                    "round {round}, process {i}: {run:?}"
                );
                failures += 1;
                continue;
            }
            let owner = format!("-user{}", i % USERS);
            assert!(
                run.code == Some(0) && run.token.ends_with(&owner),
                "round {round}, process {i}: {run:?}"
            );
        }
        let asked = sign_ins(&people);
        assert!(asked <= USERS, "round {round}: {asked} sign-ins for {USERS} keys");
        round += 1;
    }
    println!(
        "{} processes in {round} rounds and {} s: {} sign-ins for {USERS} keys, {} refreshes, {failures} failures that were asked for",
        round * PROCESSES,
        start.elapsed().as_secs(),
        sign_ins(&people),
        people.count("refresh_token"),
    );
    // Everything that was given out last is what is kept, and a refresh still works with it.
    for user in 0..USERS {
        let (name, password) = (format!("--username=user{user}"), format!("--password=password{user}"));
        let args = ["-lropc", &name, &password, "--force-refresh"];
        let run = people.run("contoso", &args);
        assert!(run.code == Some(0) && run.stderr.is_empty(), "{run:?}");
    }
    assert_eq!(sign_ins(&people), USERS, "no update of a refresh token was lost");
    // An entry for each user, a lock for each key and each identity, and nothing else.
    let left: BTreeSet<String> = names(&people.cache()).into_iter().collect();
    let entries: Vec<&String> = left.iter().filter(|name| name.ends_with(".token.json")).collect();
    assert_eq!(entries.len(), USERS, "{left:?}");
    assert!(entries.iter().all(|entry| left.contains(&format!("{entry}.lock"))), "{left:?}");
    let strangers = (0..PROCESSES).filter_map(stranger).count();
    assert_eq!(left.len(), 3 * USERS + 2 * strangers, "{left:?}");
    let is_known = |name: &String| {
        [".token.json", ".token.json.lock", ".identity.lock"].iter().any(|end| name.ends_with(end))
    };
    assert!(left.iter().all(is_known), "{left:?}");
}

/// How often somebody who is known signed in with a password.
fn sign_ins(people: &People) -> usize {
    let grants = people.grants();
    let user = |form: &[(String, String)]| {
        form.iter().any(|(name, value)| name == "username" && value.starts_with("user"))
    };
    grants.seen.iter().filter(|(of, form)| of == "password" && user(form)).count()
}
