//! AD FS, as Azure Stack Hub has it: every mode that talks to an authority, with no tenant.

use crate::support::entra::{CLIENT, SECRET, SERVER};
use crate::support::openssl::{self, Identity};
use crate::support::people::{People, Run};
use serde_json::json;
use std::process::Command;

/// A sign-in by the environment file, whose endpoint is in one of the forms that people write.
pub fn command(people: &People, endpoint: &str, args: &[&str]) -> Command {
    let file = people.home.file(
        "stack.json",
        json!({ "name": "AzureStackCloud", "activeDirectoryEndpoint": endpoint, "tokenAudience": 7, "x": null })
            .to_string(),
    );
    let mut command = Command::new(crate::support::kubelogin::binary());
    command
        .args(["get-token", "-e", "AzureStackCloud", "--server-id", SERVER, "--client-id", CLIENT])
        .args(args)
        .env_clear()
        .env("HOME", people.home.path())
        .env("SSL_CERT_FILE", people.entra.ca_file())
        .env("AZURE_ENVIRONMENT_FILEPATH", file);
    command
}

fn run(people: &People, args: &[&str]) -> Run {
    let endpoint = format!("{}adfs", people.entra.url());
    Run::of(command(people, &endpoint, args).output().unwrap())
}

fn only_adfs(people: &People) -> bool {
    people.entra.requests().iter().all(|request| request.path().starts_with("/adfs/oauth2/"))
}

#[test]
fn device_code_and_password_sign_in_and_refresh() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    for mode in [&["-ldevicecode"][..], &["-lropc", "--username=u", "--password=p"]] {
        let first = run(&people, mode);
        assert!(people.entra.knows(&first.token, SERVER), "{first:?}");
        assert_eq!(run(&people, mode).token, first.token);
        let refreshed = run(&people, &[mode, &["--force-refresh"]].concat());
        assert!(
            people.entra.knows(&refreshed.token, SERVER) && refreshed.token != first.token,
            "{refreshed:?}"
        );
    }
    assert_eq!(
        (people.count("devicecode"), people.count("password"), people.count("refresh_token")),
        (1, 1, 2)
    );
    // AD FS has no realm service.
    assert_eq!(people.count("realm"), 0);
    assert!(only_adfs(&people));
}

#[test]
fn a_browser_signs_in() {
    let people = People::start();
    let adfs = format!("{}adfs/", people.entra.url());
    let run = super::interactive::sign_in_with(&people, &["--authority-host", &adfs]);
    assert!(people.entra.knows(&run.token, SERVER), "{run:?}");
    assert!(only_adfs(&people));
}

#[test]
fn an_application_signs_in_with_secret_or_certificate() {
    let people = People::start();
    let secret = run(&people, &["-lspn", "--client-secret", SECRET]);
    assert!(people.entra.knows(&secret.token, SERVER), "{secret:?}");
    if openssl::is_there() {
        let identity = Identity::rsa();
        people.entra.state().certificates.push(identity.registration());
        let file = identity.pem().display().to_string();
        let certificate = run(&people, &["-lspn", "--client-certificate", &file]);
        assert!(people.entra.knows(&certificate.token, SERVER), "{certificate:?}");
    }
    assert!(only_adfs(&people));
}

#[test]
fn every_way_to_write_the_endpoint_is_read() {
    let people = People::start();
    let url = people.entra.url();
    for (endpoint, more) in [
        (format!("{url}adfs"), &[][..]),
        (format!("{url}adfs/"), &[]),
        (format!("  {url}adfs/ "), &["--tenant-id=ignored"]),
        (url.clone(), &["--tenant-id=adfs"]),
        (url.trim_end_matches('/').to_owned(), &["--tenant-id=adfs"]),
    ] {
        let args = [&["-lspn", "--client-secret", SECRET], more].concat();
        let run = Run::of(command(&people, &endpoint, &args).output().unwrap());
        assert!(people.entra.knows(&run.token, SERVER), "{endpoint}: {run:?}");
    }
}

#[test]
fn bad_environment_files_are_told_apart() {
    let people = People::start();
    let fails = |content: &str, why: &str| {
        let mut command = command(&people, "https://x/", &["-lspn", "--client-secret=s", "--tenant-id=t"]);
        people.home.file("stack.json", content);
        let run = Run::of(command.output().unwrap());
        assert!(run.code == Some(1) && run.stderr.contains(why), "{content}: {}", run.stderr);
    };
    let with = |endpoint: &str| json!({ "activeDirectoryEndpoint": endpoint }).to_string();
    fails("", "not JSON");
    fails("[]", "not a JSON object");
    fails("{\"name\":\"AzureStackCloud\"}", "it has no activeDirectoryEndpoint");
    fails("{\"activeDirectoryEndpoint\":7}", "activeDirectoryEndpoint is not text");
    fails("{\"activeDirectoryEndpoint\":\" \"}", "activeDirectoryEndpoint is empty");
    fails(&with("http://login.local/"), "is not https");
    fails(&with("https://user:secret@login.local/"), "user name");
    fails(&with("https://münchen.local/"), "xn--");
    fails(&with("login.local"), "is not");
    fails(&with("https://login.local/?x=1"), "query");
    fails(&format!("{}{}", " ".repeat(2 << 20), with("https://x/")), "is larger than");
    assert!(people.entra.requests().is_empty());
}
