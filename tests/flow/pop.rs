//! Proof of possession: the tokens that a cluster takes, and the key behind them.

use crate::support::entra::{PopAnswer, SECRET, SERVER, now, unsigned_jwt};
use crate::support::people::{People, Run, names};
use crate::support::{ApiServer, Entra, TempDir, openssl, pop};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kubelogin::keys::RsaKey;
use kubelogin::keys::rsa_key::Padding;
use kubelogin::sys::lock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

const CLUSTER: &str = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/c";

fn flags() -> [String; 2] {
    ["--pop-enabled".to_owned(), format!("--pop-claims=u={CLUSTER},host=ignored.example")]
}

#[track_caller]
fn inner(wrapper: &str) -> String {
    pop::unwrap(wrapper, CLUSTER, now()).unwrap()
}

#[test]
fn a_service_principals_wrapper_is_taken_by_the_cluster() {
    let entra = Entra::start();
    let run = entra.spn().args(&flags().each_ref().map(String::as_str)).run();
    assert!(entra.knows(&inner(&run.token()), SERVER));
    assert_eq!(run.stderr, "");
    assert!(pop::unwrap(&run.token(), "/another/cluster", now()).is_err());
    assert!(pop::unwrap(&run.token(), CLUSTER, now() + 901).is_err());
    if openssl::is_there() {
        let identity = openssl::Identity::rsa();
        entra.state().certificates.push(identity.registration());
        let run = entra.with_certificate(&identity.pem()).args(&flags().each_ref().map(String::as_str)).run();
        assert!(entra.knows(&inner(&run.token()), SERVER));
    }
}

/// Each change is signed anew, so that the one check that it is for has to find it.
#[test]
fn the_cluster_refuses_every_change() {
    const NOW: u64 = 2_000_000_000;
    type Change = fn(&mut Value, &mut Value);
    let key = RsaKey::generate().unwrap();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (encode(key.modulus()), encode(key.exponent()));
    let id = encode(&Sha256::digest(format!("{{\"e\":\"{e}\",\"kty\":\"RSA\",\"n\":\"{n}\"}}")));
    let changed = |change: Change| {
        let mut header = json!({ "typ": "pop", "alg": "RS256", "kid": id });
        let mut claims = json!({
            "at": unsigned_jwt(&json!({ "cnf": { "kid": id } })), "ts": NOW, "u": CLUSTER, "nonce": "0".repeat(32),
            "cnf": { "jwk": { "kty": "RSA", "alg": "RS256", "kid": id, "n": n, "e": e } },
        });
        change(&mut header, &mut claims);
        let input =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = key.sign(Padding::Pkcs1, input.as_bytes()).unwrap();
        format!("{input}.{}", encode(&signature))
    };
    let unchanged = changed(|_, _| {});
    assert!(pop::unwrap(&unchanged, CLUSTER, NOW).is_ok());
    let changes: &[(&str, Change)] = &[
        ("typ", |header, _| header["typ"] = json!("JWT")),
        ("alg", |header, _| header["alg"] = json!("none")),
        ("kid", |header, _| header["kid"] = json!("another")),
        ("kid", |_, claims| claims["cnf"]["jwk"]["kid"] = json!("another")),
        ("kid", |_, claims| claims["cnf"]["jwk"]["e"] = json!("Aw")),
        ("jwk", |_, claims| claims["cnf"]["jwk"]["kty"] = json!("EC")),
        ("jwk", |_, claims| claims["cnf"] = json!({})),
        ("ts", |_, claims| claims["ts"] = json!(NOW - 900)),
        ("ts", |_, claims| claims["ts"] = json!(NOW + 301)),
        ("u", |_, claims| claims["u"] = json!("/another/cluster")),
        ("nonce", |_, claims| claims["nonce"] = json!("")),
        ("other claims", |_, claims| claims["aud"] = json!("x")),
        ("the token is bound to another key", |_, claims| {
            claims["at"] = json!(unsigned_jwt(&json!({ "cnf": { "kid": "another" } })));
        }),
        ("the token is bound to another key", |_, claims| claims["at"] = json!(unsigned_jwt(&json!({})))),
    ];
    for (check, change) in changes {
        assert_eq!(pop::unwrap(&changed(*change), CLUSTER, NOW).unwrap_err(), *check);
    }
    let (signed, _) = unchanged.rsplit_once('.').unwrap();
    let of_another = RsaKey::generate().unwrap().sign(Padding::Pkcs1, signed.as_bytes()).unwrap();
    let resigned = format!("{signed}.{}", encode(&of_another));
    assert_eq!(pop::unwrap(&resigned, CLUSTER, NOW).unwrap_err(), "signature");
}

#[test]
fn the_expiry_is_the_wrappers_or_the_tokens_whichever_is_earlier() {
    let entra = Entra::start();
    let expiry = || {
        let credential = entra.spn().args(&flags().each_ref().map(String::as_str)).run().credential();
        kubelogin::time::parse_rfc3339(credential["status"]["expirationTimestamp"].as_str().unwrap()).unwrap()
    };
    let before = now();
    let wrappers = expiry();
    assert!((before + 840..=now() + 840).contains(&wrappers), "{wrappers}");
    entra.state().lifetime = 600;
    let before = now();
    let tokens = expiry();
    assert!((before + 600..=now() + 600).contains(&tokens), "{tokens}");
}

#[test]
fn a_person_signs_in_once_and_gets_a_new_wrapper_each_time() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    let flags = flags();
    let ropc = ["-lropc", "--username=u", "--password=p", &flags[0], &flags[1]];
    let (first, second) = (people.run("contoso", &ropc), people.run("contoso", &ropc));
    assert_ne!(first.token, second.token);
    assert_eq!(inner(&first.token), inner(&second.token));
    assert_eq!(people.count("password"), 1);
    let refreshed = people.run("contoso", &[&ropc[..], &["--force-refresh"]].concat());
    assert_ne!(inner(&refreshed.token), inner(&first.token));
    assert_eq!((people.count("password"), people.count("refresh_token")), (1, 1));
    // Bearer tokens of the same user stand beside it.
    let bearer = people.run("contoso", &ropc[..3]);
    assert!(bearer.token.starts_with("access-"), "{bearer:?}");
    // Without the key, its token is of no use: a miss, not a failure.
    let key = people.cache().join("pop_key.pem");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&key).unwrap();
    let again = people.run("contoso", &ropc);
    assert!(again.stderr.is_empty() && inner(&again.token) != inner(&refreshed.token), "{again:?}");
    assert_eq!(people.count("password"), 3);
}

#[test]
fn an_interactive_sign_in_binds_its_token_when_the_code_is_redeemed() {
    let people = People::start();
    let flags = flags();
    let run = super::interactive::sign_in_with(&people, &[&flags[0], &flags[1]]);
    inner(&run.token);
    let grants = people.grants();
    let (_, form) = grants.seen.iter().find(|(grant, _)| grant == "authorization_code").unwrap();
    assert!(pop::requested(form).unwrap().is_some());
}

#[test]
fn one_key_is_made_by_many_and_never_rewritten() {
    let entra = Entra::start();
    let cache = TempDir::new();
    let cache_dir = format!("--cache-dir={}", cache.path().display());
    let run = || {
        let flags = flags();
        entra.spn().args(&[&flags[0], &flags[1], &cache_dir]).run()
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| inner(&run().token()))).collect();
        runs.into_iter().for_each(|run| assert!(entra.knows(&run.join().unwrap(), SERVER)));
    });
    let ids: std::collections::HashSet<Option<String>> =
        entra.requests().iter().map(|request| pop::requested(&request.form()).unwrap()).collect();
    assert_eq!(ids.len(), 1, "one key");
    assert_eq!(names(cache.path()), ["pop_key.pem", "pop_key.pem.lock"]);
    let key = cache.path().join("pop_key.pem");
    let before = (std::fs::read(&key).unwrap(), key.metadata().unwrap().modified().unwrap());
    run().token();
    assert_eq!((std::fs::read(&key).unwrap(), key.metadata().unwrap().modified().unwrap()), before);
    crate::support::Kubelogin::new(&["remove-cache-dir", &cache_dir]).run();
    assert!(!cache.path().exists());
}

#[test]
fn a_key_that_cannot_be_kept_or_read_costs_a_warning() {
    let entra = Entra::start();
    let folder = TempDir::new();
    let run = |cache: &str, more: &[&str]| {
        let flags = flags();
        let cache = format!("--cache-dir={cache}");
        let run = entra.spn().args(&[&flags[0], &flags[1], &cache]).args(more).run();
        inner(&run.token());
        run.stderr
    };
    let file = folder.file("a-file", "");
    let stderr = run(&file.display().to_string(), &[]);
    assert!(
        stderr.starts_with("Warning: the proof-of-possession key ") && stderr.contains("cannot be kept"),
        "{stderr}"
    );
    let cache = folder.path().join("cache");
    let path = cache.display().to_string();
    assert_eq!(run(&path, &["--token-cache=none"]), "");
    assert!(!cache.exists());
    let key = folder.file("cache/pop_key.pem", "-----BEGIN RSA PRIVATE KEY-----\n");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let stderr = run(&path, &[]);
    let warnings: Vec<&str> = stderr.lines().collect();
    assert!(warnings.len() == 1 && warnings[0].contains("is damaged; a new one takes its place"), "{stderr}");
    assert_eq!(run(&path, &[]), "");
    if std::os::unix::fs::chown(&key, Some(12345), None).is_err() {
        crate::support::skip("root: a file cannot be given to another user");
        return;
    }
    let stderr = run(&path, &[]);
    assert!(
        stderr.lines().count() == 1 && stderr.contains("is not used (belongs to another user)"),
        "{stderr}"
    );
    assert_eq!(run(&path, &[]), "");
}

#[test]
fn a_held_key_lock_is_waited_for_with_words() {
    let entra = Entra::start();
    let cache = TempDir::new();
    let mut held = lock::try_lock(&cache.path().join("pop_key.pem.lock")).unwrap().unwrap();
    held.note("process 7");
    let flags = flags();
    let run = entra.spn().args(&["-v1", &flags[0], &flags[1]]).arg("--cache-dir").arg(cache.path());
    let (mut command, _home) = run.into_command();
    let mut waiting = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(waiting.stderr.take().unwrap());
    while !line.starts_with("Waiting") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "no notice");
    }
    let words = "Waiting for process 7 that is making the proof-of-possession key\n";
    assert_eq!(line, words);
    drop(held);
    let ended = waiting.wait_with_output().unwrap();
    inner(&Run::of(ended).token);
}

#[test]
fn a_bearer_answer_counts_only_if_its_token_is_bound() {
    let entra = Entra::start();
    let spn = || entra.spn().args(&flags().each_ref().map(String::as_str)).run();
    entra.state().pop_answer = PopAnswer::Bearer;
    inner(&spn().token());
    entra.state().pop_answer = PopAnswer::Unbound;
    spn().fails_with("a token that is not bound to this machine's key");
}

#[test]
fn claims_are_checked_before_anything_is_sent() {
    let entra = Entra::start();
    for (claims, why) in [
        ("host=x", "required u-claim not provided for PoP token flow"),
        ("u", "failed to parse PoP token claims"),
        ("u=", "failed to parse PoP token claims"),
    ] {
        let run = entra.spn().args(&["--pop-enabled", "--pop-claims", claims]).run();
        run.fails_with(why);
        run.hints("--pop-claims u=ARM_ID_OF_CLUSTER");
    }
    let adfs = format!("{}adfs/", entra.url());
    let run =
        entra.spn().args(&flags().each_ref().map(String::as_str)).args(&["--authority-host", &adfs]).run();
    run.fails_with("AD FS issues no proof-of-possession tokens");
    assert!(entra.requests().is_empty());
}

#[test]
fn where_it_is_ignored_v_1_says_so() {
    let people = People::start();
    let flags = flags();
    let run = people.run("contoso", &["-ldevicecode", &flags[0], &flags[1], "-v1"]);
    assert!(run.stderr.contains("--pop-enabled is ignored in devicecode login"), "{run:?}");
    assert!(run.token.starts_with("access-"));
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    let ropc = ["-lropc", "--username=u", "--password=p", "--legacy", &flags[0], &flags[1], "-v1"];
    let run = people.run("contoso", &ropc);
    assert!(run.stderr.contains("--pop-enabled is ignored with --legacy"), "{run:?}");
    let modes = ["msi", "azurecli", "azd", "workloadidentity", "azurepipelines"];
    super::legacy::says_what_is_ignored(&modes, &flags.each_ref().map(String::as_str));
}

#[test]
fn kubectl_reaches_an_arc_cluster_with_it() {
    let kubectls = super::kubectls();
    if kubectls.is_empty() {
        return;
    }
    let entra = Entra::start();
    let known = entra.checker(SERVER);
    let api = ApiServer::start(entra.ca(), move |token| {
        pop::unwrap(token, CLUSTER, now()).is_ok_and(|token| known(&token))
    });
    let folder = TempDir::new();
    let flags = flags();
    let config = super::kubectl::kubeconfig_with(&entra, &api, "v1beta1", &flags);
    for kubectl in kubectls {
        let nodes = super::kubectl::get_nodes(&kubectl, &entra, &folder, &config)
            .env("AZURE_CLIENT_SECRET", SECRET)
            .output()
            .unwrap();
        assert!(nodes.status.success(), "{kubectl:?}: {}", String::from_utf8_lossy(&nodes.stderr));
    }
}

/// A container's process is number 1 at every start: a temporary file that one left behind, killed while it wrote,
/// must not be taken for its own.
#[test]
fn the_leftovers_of_a_killed_process_cost_nothing() {
    let (entra, home) = (Entra::start(), TempDir::new());
    let leftover = home.file("cache/.pop_key.pem.1.tmp", "half a key");
    let (run, _home) = entra.spn().args(&flags().each_ref().map(String::as_str)).into_command();
    let output = std::process::Command::new("unshare")
        .args(["-p", "-f", "--kill-child"])
        .arg(run.get_program())
        .args(run.get_args())
        .arg("--cache-dir")
        .arg(home.path().join("cache"))
        .env_clear()
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output();
    let Some(output) = output.ok().filter(|output| !output.stderr.starts_with(b"unshare:")) else {
        println!("SKIP unshare: a process number 1 takes root");
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    assert!(home.path().join("cache/pop_key.pem").exists());
    assert!(!leftover.exists());
}
