//! Many processes, one prompt; and what happens when the one that prompts dies.

use crate::support::entra::SERVER;
use crate::support::entra::people::refuse;
use crate::support::people::{People, Run, names};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

/// Waits for something that other processes do; the bound only ends a broken test.
#[track_caller]
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn ends(children: Vec<Child>) -> Vec<Run> {
    children.into_iter().map(|child| Run::of(child.wait_with_output().unwrap())).collect()
}

#[test]
fn fifty_cold_processes_prompt_once_and_all_succeed() {
    let people = People::start();
    people.grants().device.entered_at_poll = 3;
    let children: Vec<Child> = (0..50).map(|_| people.command("contoso", &[]).spawn().unwrap()).collect();
    let runs = ends(children);
    for run in &runs {
        assert_eq!((run.code, &run.token), (Some(0), &runs[0].token), "{run:?}");
    }
    assert_eq!((people.count("devicecode"), people.count("device_code")), (1, 3));
    let (prompted, waited): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| run.stderr.contains("Signed in as device-user"));
    assert_eq!(prompted.len(), 1);
    let shown: Vec<&str> =
        waited.iter().map(|run| run.stderr.as_str()).filter(|said| !said.is_empty()).collect();
    assert!(!shown.is_empty());
    for said in shown {
        shows_the_prompt(said);
    }
    let left = names(&people.cache());
    assert!(!left.iter().any(|name| name.contains(".note")), "{left:?}");
}

/// What a waiter says, once: whom it waits for, and what that one has asked.
#[track_caller]
fn shows_the_prompt(said: &str) {
    let rest = said.strip_prefix("Process ").unwrap_or_else(|| panic!("{said}"));
    assert!(rest.contains(" (since 20"), "{said}");
    let end = "Z) is signing in already. To complete that sign-in, open the page https://microsoft.com/devicelogin in a web browser and enter the code ABC123.\n";
    assert!(rest.ends_with(end) && said.lines().count() == 1, "{said}");
}

#[test]
fn processes_for_many_servers_of_one_identity_prompt_once() {
    let people = People::start();
    people.grants().device.entered_at_poll = 3;
    let servers = ["--server-id=one", "--server-id=two", "--server-id=three"];
    let children =
        servers.iter().cycle().take(12).map(|server| people.command("contoso", &[server]).spawn().unwrap());
    let runs = ends(children.collect());
    for (i, run) in runs.iter().enumerate() {
        assert_eq!((run.code, &run.token), (Some(0), &runs[i % 3].token), "{run:?}");
    }
    assert_eq!((people.count("devicecode"), people.count("refresh_token")), (1, 2));
    assert!(runs.iter().filter(|run| run.stderr.contains("is signing in already")).count() > 0, "{runs:?}");
}

/// A program with windows has asked where it is not seen; a terminal shows it, and what is done there ends both waits.
#[test]
fn a_hidden_prompt_is_seen_by_the_process_that_waits_for_it() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    let mut hidden = people.command("contoso", &[]).spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(hidden.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    for server in [SERVER, "another"] {
        let mut waiter = people.command("contoso", &["--server-id", server]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(waiter.stderr.take().unwrap()).read_line(&mut line).unwrap();
        shows_the_prompt(&line);
        if server == SERVER {
            waiter.kill().unwrap();
            waiter.wait().unwrap();
            continue;
        }
        people.grants().device.entered_at_poll = 1;
        assert_eq!(Run::of(waiter.wait_with_output().unwrap()).code, Some(0));
    }
    assert_eq!(Run::of(hidden.wait_with_output().unwrap()).code, Some(0));
    assert_eq!(people.count("devicecode"), 1);
}

#[test]
fn who_waits_for_a_browser_sign_in_sees_its_address() {
    let people = People::start();
    let args = ["-linteractive", "--skip-open-browser"];
    let lines = |child: &mut Child, count: usize| -> Vec<String> {
        let said = BufReader::new(child.stderr.take().unwrap());
        said.lines().take(count).map(Result::unwrap).collect()
    };
    let mut holder = people.command("contoso", &args).spawn().unwrap();
    let asked = lines(&mut holder, 2);
    let mut waiter = people.command("contoso", &args).spawn().unwrap();
    let shown = lines(&mut waiter, 2);
    assert!(shown[0].ends_with("open this page in a browser on this machine:"), "{shown:?}");
    assert!(shown[1].starts_with("https://localhost") && shown[1] == asked[1], "{shown:?}: {asked:?}");
    for child in [&mut holder, &mut waiter] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn ten_processes_with_a_stale_token_refresh_once() {
    let people = People::start();
    people.grants().lifetime = 5;
    assert_eq!(people.run("contoso", &[]).code, Some(0));
    people.grants().lifetime = 3600;
    let runs = ends((0..10).map(|_| people.command("contoso", &[]).spawn().unwrap()).collect());
    assert!(runs.iter().all(|run| run.code == Some(0) && run.token == runs[0].token), "{runs:?}");
    assert_eq!((people.count("devicecode"), people.count("refresh_token")), (1, 1));
}

#[test]
fn a_failed_holder_lets_the_next_one_try() {
    let people = People::start();
    let refusal = refuse("invalid_client", "AADSTS7000218: The request body must contain a secret");
    people.grants().script.extend((0..3).map(|_| ("devicecode", refusal.clone())));
    let runs = ends((0..3).map(|_| people.command("contoso", &[]).spawn().unwrap()).collect());
    assert!(runs.iter().all(|run| run.code == Some(1)), "{runs:?}");
    assert_eq!(people.count("devicecode"), 3);
}

#[test]
fn who_waited_for_a_person_that_did_not_come_ends_with_the_same_error() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    people.grants().device.lifetime = 3;
    let servers = [SERVER, SERVER, "another"];
    let start = |server| people.command("contoso", &["--server-id", server]).spawn().unwrap();
    let runs = ends(servers.into_iter().map(start).collect());
    for run in &runs {
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains("Error: the device code has expired before"), "{run:?}");
    }
    assert_eq!(people.count("devicecode"), 1);
}

#[cfg(unix)]
#[test]
fn a_refusal_is_final_for_a_minute_and_the_same_parent() {
    let people = People::start();
    let declined = refuse("authorization_declined", "AADSTS70016: The user declined");
    people.grants().script.push_back(("device_code", declined));
    let first = people.run("contoso", &[]);
    assert!(first.code == Some(1) && first.stderr.contains("AADSTS70016"), "{first:?}");
    for server in [SERVER, "another"] {
        let again = people.run("contoso", &["--server-id", server]);
        let lines: Vec<&str> = again.stderr.lines().collect();
        assert!(lines[0].starts_with("Error: sign-in failed: AADSTS70016: The user declined"), "{again:?}");
        assert!(lines[1].starts_with("Hint: the program that runs kubelogin got this answer"), "{again:?}");
        assert_eq!(lines[2], "Trace ID: trace");
    }
    assert_eq!(people.count("devicecode"), 1);
    // Another parent: a shell that waits for it.
    let program = people.command("contoso", &[]);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "\"$@\"; exit $?", "sh"]).arg(program.get_program()).args(program.get_args());
    shell.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(Run::of(shell.output().unwrap()).code, Some(0));
    assert_eq!(people.count("devicecode"), 2);
    assert!(!names(&people.cache()).iter().any(|name| name.ends_with(".unanswered")), "a sign-in ends it");
}

#[cfg(unix)]
#[test]
fn a_holder_killed_at_any_point_leaves_a_cache_that_works() {
    let people = People::start();
    people.grants().device.entered_at_poll = 0;
    // Before the lock, at its taking, at the request for a code, while polling.
    for point in 0..10 {
        let requests = people.count("devicecode");
        let mut holder = people.command("contoso", &[]).spawn().unwrap();
        match point {
            0..=3 => std::thread::sleep(Duration::from_millis(2 * point)),
            4..=6 => eventually("a request", || people.count("devicecode") > requests),
            _ => {
                let mut line = String::new();
                BufReader::new(holder.stderr.take().unwrap()).read_line(&mut line).unwrap();
                assert!(line.contains("devicelogin"), "{line}");
            }
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
    }
    people.grants().device.entered_at_poll = 1;
    let run = people.run("contoso", &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!run.stderr.contains("Waiting"), "the kernel freed the lock: {run:?}");
    assert_eq!(people.run("contoso", &[]).token, run.token);
}

#[cfg(unix)]
#[test]
fn a_writer_killed_at_any_point_leaves_the_old_token_or_the_new() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    let args = ["-lropc", "--username=u", "--password=p"];
    assert_eq!(people.run("contoso", &args).code, Some(0));
    let force = ["-lropc", "--username=u", "--password=p", "--force-refresh"];
    for _ in 0..10 {
        let before = people.count("refresh_token");
        let mut writer = people.command("contoso", &force).spawn().unwrap();
        // The answer is on its way: the writing happens now.
        eventually("a refresh", || {
            people.count("refresh_token") > before || writer.try_wait().unwrap().is_some()
        });
        writer.kill().unwrap();
        writer.wait().unwrap();
        let run = people.run("contoso", &args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(people.run("contoso", &force).code, Some(0));
    let left = names(&people.cache());
    assert_eq!(left.len(), 3, "the entry, its lock and the identity's, no leftovers: {left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_cached_token_opens_one_file_and_takes_no_lock() {
    let people = People::start();
    assert_eq!(people.run("contoso", &[]).code, Some(0));
    let entry = people.entry();
    let lock = kubelogin::sys::lock::try_lock(&entry.with_extension("json.lock")).unwrap().unwrap();
    let trace = people.home.path().join("trace");
    let program = people.command("contoso", &[]);
    let mut strace = std::process::Command::new("strace");
    strace
        .arg("-f")
        .arg("-o")
        .arg(&trace)
        .arg("-e")
        .arg("trace=openat,open,flock,socket,connect,clone,clone3,execve");
    strace.arg(program.get_program()).args(program.get_args());
    strace.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(output) = strace.output() else {
        crate::support::skip("strace");
        return;
    };
    assert_eq!(Run::of(output).code, Some(0));
    let trace = std::fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let opened = lines
        .iter()
        .filter(|line| line.contains(people.home.path().to_str().unwrap()) && line.contains("open"));
    assert_eq!(opened.count(), 1, "{trace}");
    for call in ["flock(", "socket(", "connect(", "clone(", "clone3("] {
        assert!(!trace.contains(call), "{call}: {trace}");
    }
    assert_eq!(lines.iter().filter(|line| line.contains("execve(")).count(), 1);
    drop(lock);
}
