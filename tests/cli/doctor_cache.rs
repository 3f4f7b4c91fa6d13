//! `doctor` and `whoami` at the cache folder: looking at it changes nothing.

use super::doctor::{checks, has};
use crate::support::entra::SERVER;
use crate::support::people::{People, names};
use crate::support::{Kubelogin, TempDir};
use std::fs::{File, Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

const DEAD: &str = "--authority-host=https://127.0.0.1:1/";

fn doctor(args: &[&str]) -> Vec<String> {
    let ids = ["doctor", "--server-id", SERVER, "--client-id=client", "--tenant-id=contoso"];
    checks(Kubelogin::new(&ids).args(args)).1
}

fn at(people: &People, args: &[&str]) -> Vec<String> {
    let folder = format!("--cache-dir={}", people.cache().display());
    doctor(&[args, &[&folder, "--authority-host", &people.entra.url()]].concat())
}

#[test]
fn a_folder_that_cannot_be_made() {
    let files = TempDir::new();
    let file = files.file("file", "");
    let lines = doctor(&[DEAD, &format!("--cache-dir={}/below/it", file.display())]);
    has(&lines, "fail cache", &format!("below/it cannot be made below {}", file.display()));
    let lines = doctor(&[DEAD, &format!("--cache-dir={}/new/one", files.path().display())]);
    has(&lines, "ok cache", "new/one will be made at the first sign-in");
    assert_eq!(names(files.path()), ["file"]);
    has(&doctor(&[DEAD, &format!("--cache-dir={}", file.display())]), "fail cache", "cannot be read");
}

/// Tokens in a folder that cannot be written are used while they are fresh.
#[test]
fn a_folder_that_cannot_be_written() {
    let people = People::start();
    assert_eq!(people.run("contoso", &[]).code, Some(0));
    // Modes do not stop root: everything is given to nobody, who runs the program.
    const NOBODY: u32 = 65534;
    let is_root = File::open("/proc/self").is_ok_and(|own| own.metadata().unwrap().uid() == 0);
    if is_root {
        for path in [people.cache(), people.entry()] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    set_permissions(people.cache(), Permissions::from_mode(0o500)).unwrap();
    set_permissions(people.home.path().join(".kube"), Permissions::from_mode(0o755)).unwrap();
    set_permissions(people.home.path().join(".kube/cache"), Permissions::from_mode(0o755)).unwrap();
    let mut command = match is_root {
        true => Command::new("setpriv"),
        false => Command::new("env"),
    };
    if is_root {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    let binary = crate::support::kubelogin::binary();
    let args = ["doctor", "--server-id", SERVER, "--client-id=client", "--tenant-id=contoso", DEAD];
    let output = command.arg(binary).args(args).env("HOME", people.home.path()).output();
    set_permissions(people.cache(), Permissions::from_mode(0o700)).unwrap();
    let Ok(output) = output else { return crate::support::skip("setpriv") };
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() && text.is_empty() {
        return crate::support::skip(&format!("setpriv: {}", String::from_utf8_lossy(&output.stderr)));
    }
    assert!(text.contains("FAIL   cache        the folder "), "{text}");
    assert!(
        text.contains("cannot be written: no new token is kept") && !text.contains("every call"),
        "{text}"
    );
    assert!(text.contains("ok     cache        devicecode token of"), "{text}");
}

#[test]
fn the_key_of_proof_of_possession() {
    let people = People::start();
    people.grants().passwords.insert("ada@contoso.com".to_owned(), "p".to_owned());
    let pop = ["-lropc", "--username=ada@contoso.com", "--password=p", "--pop-enabled", "--pop-claims=u=/c"];
    assert_eq!(people.run("contoso", &pop).code, Some(0));
    let key = people.cache().join("pop_key.pem");
    has(&at(&people, &pop), "ok cache", &format!("the proof-of-possession key is {}", key.display()));
    set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    has(&at(&people, &pop), "warn cache", "pop_key.pem; it can be read by others chmod 600");
    assert_eq!(key.metadata().unwrap().mode() & 0o777, 0o644, "it has only looked");
    std::fs::write(&key, "no key").unwrap();
    has(&at(&people, &pop), "warn cache", "pop_key.pem is not used: it is damaged");
    std::fs::remove_file(&key).unwrap();
    has(&at(&people, &pop), "info cache", "will be made at the first sign-in");
    assert!(!key.exists());
}

/// What a holder looks like from outside: a lock, and a note in it.
fn hold(path: &Path) -> File {
    std::fs::write(path, "process 7 (since 2026-01-02T03:04:05Z)\n").unwrap();
    set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let file = File::open(path).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn who_holds_a_lock_is_named_and_nothing_is_changed() {
    let people = People::start();
    assert_eq!(people.run("contoso", &[]).code, Some(0));
    let entry = people.entry().file_name().unwrap().to_str().unwrap().to_owned();
    let first = "devicecode_fabrikam_client_server_0123456789abcdef.token.json";
    let locks: Vec<_> = [&entry, first, "pop_key.pem"]
        .map(|name| people.cache().join(format!("{name}.lock")))
        .into_iter()
        .collect();
    let _held: Vec<File> = locks.iter().map(|lock| hold(lock)).collect();
    // A lock that nobody holds, and no lock at all.
    people.home.file(".kube/cache/kubelogin/devicecode_0123456789abcdee.token.json.lock", "");
    people.home.file(".kube/cache/kubelogin/notes.lock", "");
    let before = names(&people.cache());
    let lines = at(&people, &[]);
    has(&lines, "warn cache", "; process 7 (since 2026-01-02T03:04:05Z) is getting the next one");
    has(&lines, "warn cache", &format!("process 7 (since 2026-01-02T03:04:05Z) is getting {first}; others"));
    has(&lines, "warn cache", "is getting pop_key.pem; others that want it wait");
    assert_eq!(lines.iter().filter(|line| line.contains("is getting")).count(), 3, "{lines:#?}");
    assert_eq!(names(&people.cache()), before);
    for lock in &locks {
        assert_eq!(lock.metadata().unwrap().mode() & 0o777, 0o644, "{}", lock.display());
    }
}

#[test]
fn whoami_says_in_both_forms_what_it_cannot_read() {
    let home = TempDir::new();
    home.file(".kube/cache/kubelogin/devicecode_0123456789abcdef.token.json", "{");
    for (form, printed) in [("text", ""), ("json", "[]\n")] {
        let run = Kubelogin::new(&["whoami", "--output", form]).env("HOME", home.path()).run();
        assert_eq!((run.code, run.stdout.as_str()), (1, printed));
        let mut lines = run.stderr.lines();
        assert!(
            lines.next().unwrap().ends_with("is left out: it is damaged or not a token"),
            "{}",
            run.stderr
        );
        assert!(lines.next().unwrap().starts_with("Error: no account is signed in"), "{}", run.stderr);
    }
}
