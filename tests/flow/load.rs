//! Many processes of many users on one cache: hits, refreshes and failures at once. `LOAD_ROUNDS` makes it
//! longer.

use crate::support::people::{People, Run, names};
use serde_json::json;
use std::process::Child;

const USERS: usize = 10;
const PROCESSES: usize = 200;

#[test]
fn nobody_gets_anothers_token_and_nothing_is_left_over() {
    let people = People::start();
    for user in 0..USERS {
        people.grants().passwords.insert(format!("user{user}"), format!("password{user}"));
    }
    let rounds = std::env::var("LOAD_ROUNDS").map_or(2, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        if round % 2 == 1 {
            // The service is down for some of the refreshes; not for four of one process, which would give up.
            let down = (503, json!({ "error": "temporarily_unavailable" }));
            people.grants().script.extend((0..3).map(|_| ("refresh_token", down.clone())));
        }
        let start = |i: usize| -> Child {
            let user = i % USERS;
            let (name, password) = (format!("--username=user{user}"), format!("--password=password{user}"));
            let force = if i.is_multiple_of(17) && round > 0 { "--force-refresh" } else { "--legacy=false" };
            people.command("contoso", &["-lropc", &name, &password, force]).spawn().unwrap()
        };
        let children: Vec<Child> = (0..PROCESSES).map(start).collect();
        for (i, child) in children.into_iter().enumerate() {
            let run = Run::of(child.wait_with_output().unwrap());
            let owner = format!("-user{}", i % USERS);
            assert!(
                run.code == Some(0) && run.token.ends_with(&owner),
                "round {round}, process {i}: {run:?}"
            );
        }
        let asked = people.count("password");
        assert!(asked <= USERS, "round {round}: {asked} sign-ins for {USERS} keys");
    }
    // Everything that was given out last is what is kept, and a refresh still works with it.
    for user in 0..USERS {
        let (name, password) = (format!("--username=user{user}"), format!("--password=password{user}"));
        let args = ["-lropc", &name, &password, "--force-refresh"];
        let run = people.run("contoso", &args);
        assert!(run.code == Some(0) && run.stderr.is_empty(), "{run:?}");
    }
    assert_eq!(people.count("password"), USERS, "no update of a refresh token was lost");
    let left = names(&people.cache());
    let is_expected = |name: &&String| name.ends_with(".token.json") || name.ends_with(".token.json.lock");
    assert_eq!(left.iter().filter(is_expected).count(), 2 * USERS, "{left:?}");
    assert_eq!(left.len(), 2 * USERS, "{left:?}");
}
