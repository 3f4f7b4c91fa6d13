//! `--legacy`: the v1 endpoints and the `spn:` audience, and where it is ignored.

use crate::support::entra::SERVER;
use crate::support::http::{Reply, Server};
use crate::support::people::People;
use crate::support::{Entra, Kubelogin, TempDir};

#[test]
fn devicecode_and_ropc_use_the_v1_endpoints_with_a_cache_of_their_own() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    for mode in [&["-ldevicecode"][..], &["-lropc", "--username=u", "--password=p"]] {
        let with = |more: &[&str]| people.run("contoso", &[mode, more].concat());
        let legacy = with(&["--legacy"]);
        assert_eq!(legacy.code, Some(0), "{legacy:?}");
        assert!(people.entra.knows(&legacy.token, &format!("spn:{SERVER}")));
        let usual = with(&[]);
        assert!(people.entra.knows(&usual.token, SERVER), "{usual:?}");
        assert_eq!(with(&["--legacy"]).token, legacy.token);
        let refreshed = with(&["--legacy", "--force-refresh"]);
        assert!(people.entra.knows(&refreshed.token, &format!("spn:{SERVER}")), "{refreshed:?}");
    }
    assert_eq!(
        (people.count("devicecode"), people.count("password"), people.count("refresh_token")),
        (2, 2, 2)
    );
}

#[test]
fn interactive_ignores_it_and_says_so_at_v_1() {
    let people = People::start();
    let args = ["-linteractive", "--skip-open-browser", "--authentication-timeout=1ms", "--legacy", "-v1"];
    let run = people.run("contoso", &args);
    assert!(run.stderr.contains("--legacy is ignored in interactive login"), "{run:?}");
    assert!(run.stderr.contains("/contoso/oauth2/v2.0/authorize?"), "{run:?}");
}

#[test]
fn a_service_principal_gets_the_spn_audience_from_v1_with_a_cache_of_its_own() {
    let entra = Entra::start();
    let legacy = entra.spn().args(&["--legacy", "--pop-enabled", "--pop-claims", "u=/x", "-v1"]).run();
    assert!(entra.knows(&legacy.token(), &format!("spn:{SERVER}")));
    assert!(legacy.stderr.contains("--pop-enabled is ignored with --legacy"), "{}", legacy.stderr);
    let target = entra.requests()[0].target.clone();
    assert!(target.ends_with("/oauth2/token?api-version=1.0"), "{target}");
    let cache = TempDir::new();
    let cache = format!("--cache-dir={}", cache.path().display());
    let with = |more: &[&str]| entra.spn().args(&["--token-cache=all", &cache]).args(more).run().token();
    let (legacy, usual) = (with(&["--legacy"]), with(&[]));
    assert!(entra.knows(&legacy, &format!("spn:{SERVER}")) && entra.knows(&usual, SERVER));
    assert_eq!((with(&["--legacy"]), with(&[])), (legacy, usual));
    assert_eq!(entra.requests().len(), 3);
}

#[test]
fn modes_that_know_no_legacy_tokens_say_so_at_v_1() {
    says_what_is_ignored(&["msi", "azurecli", "azd", "workloadidentity", "azurepipelines"], &["--legacy"]);
}

/// In each of these modes `-v 1` says that the first flag does not count, whether the sign-in works or not.
#[track_caller]
pub fn says_what_is_ignored(modes: &[&str], flags: &[&str]) {
    let imds = Server::start(None, |_| Reply::new(400, "application/json", "{}"));
    for mode in modes {
        let run = Kubelogin::new(&["get-token", "--server-id=s", "-v1", "-l", mode])
            .args(flags)
            .env("PATH", "/nonexistent")
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", imds.url())
            .run();
        assert!(run.stderr.contains(&format!("{} is ignored in {mode} login", flags[0])), "{}", run.stderr);
    }
}
