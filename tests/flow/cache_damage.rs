//! The cache is never the reason of a failure, whatever stands in its place.

use crate::support::people::{People, Run, names};
use std::path::Path;

fn people() -> People {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    people
}

const ARGS: [&str; 3] = ["-lropc", "--username=u", "--password=p"];

fn run(people: &People) -> Run {
    people.run("contoso", &ARGS)
}

/// After this run, the next one finds a cached token again and says nothing.
#[track_caller]
fn recovers(people: &People, said: &str) {
    let before = people.count("password");
    let run1 = run(people);
    assert_eq!(run1.code, Some(0), "{run1:?}");
    assert_eq!(run1.stderr.matches("Warning: the token cache ").count(), 1, "{run1:?}");
    assert!(run1.stderr.contains(said), "no {said:?} in {run1:?}");
    assert_eq!(people.count("password"), before + 1);
    let run2 = run(people);
    assert_eq!((run2.token, run2.stderr.as_str()), (run1.token, ""));
    assert_eq!(people.count("password"), before + 1);
}

#[test]
fn an_entry_cut_off_at_any_byte_is_a_miss_with_a_warning() {
    let people = people();
    run(&people);
    let entry = people.entry();
    let whole = std::fs::read(&entry).unwrap();
    // The reading itself is tested at every byte beside the code; here the program at some.
    for end in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&entry, &whole[..end]).unwrap();
        recovers(&people, "is not used: it is damaged or not a token");
    }
}

#[test]
fn foreign_json_and_other_keys_are_misses() {
    let people = people();
    run(&people);
    let entry = people.entry();
    let whole = std::fs::read_to_string(&entry).unwrap();
    for (content, why) in [
        ("{\"access_token\":\"x\"}".to_owned(), "is damaged or not a token"),
        ("[[[[[[".repeat(50_000), "is damaged or not a token"),
        (whole.replace("\"version\":1", "\"version\":9"), "was written by another version"),
        (whole.replace("contoso", "fabrikam"), "holds the token of another sign-in"),
    ] {
        std::fs::write(&entry, content).unwrap();
        recovers(&people, why);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_neither_hangs_nor_is_followed() {
    let people = people();
    run(&people);
    let entry = people.entry();
    let clear = || {
        let _ = std::fs::remove_file(&entry);
    };
    clear();
    std::fs::create_dir(&entry).unwrap();
    recovers(&people, "it is a folder");
    clear();
    rustix::fs::mkfifoat(rustix::fs::CWD, &entry, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    recovers(&people, "it is not a regular file");
    let elsewhere = people.home.path().join("elsewhere");
    std::fs::rename(&entry, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &entry).unwrap();
    let before = std::fs::read(&elsewhere).unwrap();
    recovers(&people, "it is a symbolic link");
    assert_eq!(std::fs::read(&elsewhere).unwrap(), before);
    clear();
    std::fs::File::create(&entry).unwrap().set_len(1 << 30).unwrap();
    recovers(&people, "it is larger than");
    std::fs::hard_link(&entry, people.home.path().join("second")).unwrap();
    recovers(&people, "it is a file with several names (hard links)");
}

#[cfg(unix)]
#[test]
fn files_that_others_can_read_are_tightened_and_only_v1_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let people = people();
    let token = run(&people).token;
    let entry = people.entry();
    assert_eq!((mode(&entry), mode(&people.cache())), (0o600, 0o700));
    std::fs::set_permissions(&entry, std::fs::Permissions::from_mode(0o644)).unwrap();
    let again = run(&people);
    assert_eq!(again.token, token, "a token that was readable is still good");
    assert_eq!((mode(&entry), again.stderr.as_str()), (0o600, ""));
    std::fs::set_permissions(people.cache(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::remove_file(&entry).unwrap();
    assert_eq!((run(&people).stderr.as_str(), mode(&people.cache())), ("", 0o700));
    let logged = [&ARGS[..], &["-v=1"]].concat();
    std::fs::set_permissions(&entry, std::fs::Permissions::from_mode(0o640)).unwrap();
    let said = people.run("contoso", &logged).stderr;
    assert!(
        said.contains("others could read the token cache") && said.contains("its mode is 0600 now"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn a_given_folder_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let people = people();
    let shared = people.home.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut args = ARGS.to_vec();
    args.extend(["--cache-dir", shared.to_str().unwrap()]);
    assert_eq!(people.run("contoso", &args).stderr, "");
    assert_eq!(shared.metadata().unwrap().permissions().mode() & 0o777, 0o777);
}

#[cfg(unix)]
#[test]
fn another_users_entry_is_not_used() {
    let people = people();
    run(&people);
    if std::os::unix::fs::chown(people.entry(), Some(12345), None).is_err() {
        crate::support::skip("root: a file cannot be given to another user");
        return;
    }
    recovers(&people, "it belongs to another user");
}

#[cfg(target_os = "linux")]
#[test]
fn two_users_of_one_open_folder_never_use_each_others_tokens() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let people = people();
    let shared = people.home.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let program = people.home.path().join("kubelogin");
    // By another process: a file that this one has open for writing might not run.
    let copied =
        std::process::Command::new("cp").arg(crate::support::kubelogin::binary()).arg(&program).status();
    assert!(copied.unwrap().success());
    let run = |user: u32| {
        let prepared = people.command("contoso", &ARGS);
        let mut command = std::process::Command::new(&program);
        command.args(prepared.get_args()).arg("--cache-dir").arg(&shared).env_clear();
        command.envs(prepared.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.uid(user).output().ok().map(Run::of)
    };
    let Some(first) = run(12345) else {
        crate::support::skip("root: a process cannot be given to another user");
        return;
    };
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    assert_eq!(run(12345).unwrap().token, first.token);
    let second = run(12346).unwrap();
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.token != first.token && second.stderr.contains("Warning: the token cache"), "{second:?}");
    // Whoever reads a file of root's own folder as root is another user too.
    assert!(run(0).unwrap().stderr.contains("it belongs to another user"));
}

/// Runs in a folder where nothing can be written: a sign-in each time, with one warning.
fn works_without_a_cache(folder: &Path) {
    let people = people();
    let mut args = ARGS.to_vec();
    args.extend(["--cache-dir", folder.to_str().unwrap()]);
    for _ in 0..2 {
        let run = people.run("contoso", &args);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.stderr.matches("Warning: ").count(), 1, "{run:?}");
        assert!(run.stderr.contains("), so every call may need to sign in again: "), "{run:?}");
        for way in ["--cache-dir", "KUBECACHEDIR", "--token-cache none"] {
            assert!(run.stderr.contains(way), "{way}: {run:?}");
        }
    }
    assert_eq!(people.count("password"), 2);
}

#[test]
fn a_cache_folder_that_cannot_be_one_costs_a_warning() {
    let people = people();
    let file = people.home.path().join("file");
    std::fs::write(&file, "x").unwrap();
    works_without_a_cache(&file);
    works_without_a_cache(&file.join("below"));
    works_without_a_cache(Path::new("/proc/kubelogin"));
    let mut command = people.command("contoso", &ARGS);
    let run = Run::of(command.env_remove("HOME").output().unwrap());
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.starts_with("Warning: there is no folder for the token cache"), "{run:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn read_only_and_full_file_systems_cost_a_warning() {
    use std::process::Command;
    let mount = |options: &str, folder: &Path| {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    for options in ["ro", "size=4k,nr_inodes=3"] {
        let people = people();
        let folder = people.home.path().join("mounted");
        std::fs::create_dir(&folder).unwrap();
        if !mount(options, &folder) {
            crate::support::skip("mount: it needs root");
            return;
        }
        if options != "ro" {
            std::fs::write(folder.join("full"), vec![0; 4096]).unwrap();
        }
        let outcome = std::panic::catch_unwind(|| works_without_a_cache(&folder));
        let left = names(&folder);
        assert!(Command::new("umount").arg(&folder).status().unwrap().success());
        outcome.unwrap();
        assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
    }
}

/// A network mount without locks: only the taking of turns is lost.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_without_locks_keeps_tokens_and_says_once_what_is_lost() {
    for code in ["ENOLCK", "ENOSYS", "EOPNOTSUPP"] {
        let people = people();
        let program = people.command("contoso", &ARGS);
        let mut strace = std::process::Command::new("strace");
        strace
            .args(["-f", "-o", "/dev/null", "-e", "trace=flock", "-e"])
            .arg(format!("inject=flock:error={code}"));
        strace.arg(program.get_program()).args(program.get_args());
        strace.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let Ok(output) = strace.output() else {
            return crate::support::skip("strace");
        };
        let first = Run::of(output);
        let text = format!(
            "Warning: the token cache {} is on a file system without locks: sign-ins at the same time do not wait for one another\n",
            people.cache().display()
        );
        assert_eq!((first.code, first.stderr), (Some(0), text), "{code}");
        let second = run(&people);
        assert_eq!((second.token, second.stderr.as_str()), (first.token, ""));
    }
}
