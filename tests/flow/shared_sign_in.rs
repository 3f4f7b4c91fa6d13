//! One sign-in for many servers: the refresh token of one server's entry gets the next server's token.

use super::adfs;
use super::interactive::sign_in_with;
use crate::support::entra::SERVER;
use crate::support::entra::people::{field, refuse};
use crate::support::people::{People, Run, names};
use std::path::PathBuf;

fn run(people: &People, server: &str, more: &[&str]) -> Run {
    people.run("contoso", &[&["--server-id", server], more].concat())
}

fn entries(people: &People) -> Vec<PathBuf> {
    let mut names = names(&people.cache());
    names.retain(|name| name.ends_with(".token.json"));
    names.into_iter().map(|name| people.cache().join(name)).collect()
}

#[test]
fn three_servers_cost_one_prompt() {
    let people = People::start();
    let runs = ["aks", "arc", "own"].map(|server| run(&people, server, &[]));
    for (server, run) in ["aks", "arc", "own"].iter().zip(&runs) {
        assert!(people.entra.knows(&run.token, server), "{run:?}");
    }
    assert!(runs[0].stderr.ends_with("Signed in as device-user\n"), "{runs:?}");
    assert_eq!((runs[1].stderr.as_str(), runs[2].stderr.as_str()), ("", ""), "nobody was asked");
    assert_eq!((people.count("devicecode"), people.count("refresh_token")), (1, 2));
    let grants = people.grants();
    let scopes = grants.seen.iter().filter(|(grant, _)| grant == "refresh_token");
    let scopes: Vec<&str> = scopes.map(|(_, form)| field(form, "scope").unwrap()).collect();
    assert_eq!(
        scopes,
        ["arc", "own"].map(|server| format!("{server}/.default openid offline_access profile"))
    );
}

#[test]
fn a_spent_sign_in_is_replaced_by_another_server_s() {
    let people = People::start();
    people.grants().rotates = false;
    for server in ["aks", "arc"] {
        assert_eq!(run(&people, server, &[]).code, Some(0));
    }
    people.grants().script.push_back(("refresh_token", refuse("invalid_grant", "AADSTS70043: expired")));
    let forced = run(&people, "arc", &["--force-refresh"]);
    assert!(forced.code == Some(0) && people.entra.knows(&forced.token, "arc"), "{forced:?}");
    assert_eq!((people.count("devicecode"), people.count("refresh_token")), (1, 3));
}

#[test]
fn a_refused_one_leads_to_the_prompt_and_the_other_entry_stays() {
    let people = People::start();
    assert_eq!(run(&people, "aks", &[]).code, Some(0));
    let entry = people.entry();
    let before = std::fs::read(&entry).unwrap();
    for error in ["invalid_grant", "interaction_required", "consent_required"] {
        people.grants().script.push_back(("refresh_token", refuse(error, "AADSTS65001: no consent")));
        let other = run(&people, error, &[]);
        assert!(other.code == Some(0) && other.stderr.contains("devicelogin"), "{other:?}");
        assert_eq!(std::fs::read(&entry).unwrap(), before);
    }
    assert_eq!(people.count("devicecode"), 4);
}

#[test]
fn a_service_that_is_down_is_no_reason_to_prompt() {
    let people = People::start();
    assert_eq!(run(&people, "aks", &[]).code, Some(0));
    let down = (503, serde_json::json!({ "error": "temporarily_unavailable" }));
    people.grants().script.extend((0..9).map(|_| ("refresh_token", down.clone())));
    let other = people.run_without_pauses("contoso", &["--server-id=arc", "--timeout=1s"]);
    assert_eq!((other.code, other.token.as_str()), (Some(1), ""), "{other:?}");
    assert_eq!(people.count("devicecode"), 1);
}

#[test]
fn of_two_accounts_the_person_chooses() {
    let people = People::start();
    run(&people, "aks", &[]);
    people.grants().script.push_back(("refresh_token", refuse("invalid_grant", "AADSTS65001")));
    people.grants().next_user = Some("eve".to_owned());
    assert!(run(&people, "arc", &[]).stderr.ends_with("Signed in as eve\n"));
    let third = run(&people, "own", &[]);
    assert!(third.stderr.contains("devicelogin"), "{third:?}");
    assert_eq!((people.count("devicecode"), people.count("refresh_token")), (3, 1));
}

#[test]
fn what_differs_in_more_than_the_server_is_not_shared() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    run(&people, "aks", &[]);
    run(&people, "arc", &["--legacy"]);
    run(&people, "arc", &["--client-id=other"]);
    people.run("fabrikam", &["--server-id=arc"]);
    run(&people, "arc", &["-lropc", "--username=u", "--password=p"]);
    assert_eq!((people.count("devicecode"), people.count("password")), (4, 1));
    assert_eq!(people.count("refresh_token"), 0);
}

#[test]
fn ad_fs_signs_in_for_each_server() {
    let people = People::start();
    let endpoint = format!("{}adfs", people.entra.url());
    for server in [SERVER, "another"] {
        let mut command = adfs::command(&people, &endpoint, &["-ldevicecode", "--server-id", server]);
        assert_eq!(Run::of(command.output().unwrap()).code, Some(0));
    }
    assert_eq!((people.count("devicecode"), people.count("refresh_token")), (2, 0));
}

#[test]
fn a_login_hint_selects_the_entry_of_the_account_that_signed_in() {
    let people = People::start();
    people.grants().rotates = false;
    for name in ["ada@contoso.com", "eve@contoso.com"] {
        people.grants().next_user = Some(name.to_owned());
        let server = format!("--server-id={name}");
        people.grants().script.push_back(("refresh_token", refuse("invalid_grant", "AADSTS65001")));
        assert_eq!(sign_in_with(&people, &[&server]).code, Some(0));
    }
    people.grants().script.clear();
    let browsers = people.count("authorize");
    let chosen = run(&people, "arc", &["-linteractive", "--login-hint=ADA@contoso.com"]);
    assert!(chosen.token.ends_with("-ada@contoso.com"), "{chosen:?}");
    assert_eq!(people.count("authorize"), browsers);
}

#[test]
fn another_account_than_the_one_asked_for_is_an_error_and_nothing_is_kept() {
    let people = People::start();
    people.grants().next_user = Some("eve@contoso.com".to_owned());
    let run = sign_in_with(&people, &["--login-hint=ada@contoso.com"]);
    assert_eq!((run.code, run.token.as_str()), (Some(1), ""));
    assert!(
        run.stderr.contains("Error: signed in as eve@contoso.com, asked for ada@contoso.com\nHint: "),
        "{run:?}"
    );
    assert!(entries(&people).is_empty());
}
