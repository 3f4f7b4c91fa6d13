//! Many processes, one prompt; and what happens when the one that prompts dies.

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
    let prompts = runs.iter().filter(|run| run.stderr.contains("microsoft.com/devicelogin")).count();
    assert_eq!(prompts, 1);
    let waiting: Vec<&Run> = runs.iter().filter(|run| run.stderr.contains("signing in already")).collect();
    assert!(!waiting.is_empty());
    for run in waiting {
        let holder = run.stderr.trim().strip_prefix("Waiting for process ").unwrap();
        assert!(
            holder.contains(" (since 20") && holder.ends_with("Z) that is signing in already"),
            "{run:?}"
        );
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
    people.grants().device.entered_at_poll = 0;
    people.grants().device.lifetime = 1;
    let runs = ends((0..3).map(|_| people.command("contoso", &[]).spawn().unwrap()).collect());
    assert!(runs.iter().all(|run| run.code == Some(1)), "{runs:?}");
    assert_eq!(people.count("devicecode"), 3);
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
    assert_eq!(left.len(), 2, "the entry and its lock, no leftovers: {left:?}");
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
