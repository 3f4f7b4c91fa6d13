//! Sign-ins by a clock that the test turns: waits of minutes, clock jumps.

use crate::support::entra::people::refuse;
use crate::support::people::People;
use crate::support::turned::{Turned, run_by};
use std::sync::Arc;
use std::time::Duration;

/// Exit code, stdout and stderr of a run by this clock.
fn run(people: &People, clock: &Turned, more: &[&str]) -> (u8, String, String) {
    run_by(&people.command("contoso", more), clock)
}

fn people(clock: &Turned) -> People {
    let people = People::start();
    let shared = clock.clone();
    people.grants().now = Arc::new(move || shared.slept());
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    people
}

#[test]
fn a_device_code_is_waited_for_until_it_expires_whatever_the_timeout() {
    let clock = Turned::default();
    let people = people(&clock);
    people.grants().device.entered_at_poll = 0;
    people.grants().device.interval = 5;
    let (code, stdout, stderr) = run(&people, &clock, &["--timeout=30s"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("the device code has expired"), "{stderr}");
    assert_eq!((clock.slept(), people.count("device_code")), (Duration::from_secs(900), 180));
}

#[test]
fn slow_down_lasts() {
    let clock = Turned::default();
    let people = people(&clock);
    people.grants().device.interval = 5;
    people.grants().script.extend([
        ("device_code", refuse("slow_down", "AADSTS70022")),
        ("device_code", refuse("authorization_pending", "AADSTS70016")),
        ("device_code", refuse("slow_down", "AADSTS70022")),
    ]);
    let (code, _, stderr) = run(&people, &clock, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(clock.slept(), Duration::from_secs(5 + 10 + 10 + 15));
}

#[test]
fn clock_jumps_cost_a_refresh_and_nothing_else() {
    let clock = Turned::default();
    let people = people(&clock);
    let ropc = ["-lropc", "--username=u", "--password=p"];
    clock.set(86_400);
    assert_eq!(run(&people, &clock, &ropc).0, 0);
    // Forward to the last fresh second, past it, back by a day, and far ahead.
    for (jump, refreshes) in
        [(86_400 + 3299, 0), (86_400 + 3300, 1), (0, 2), (10, 2), (100_000_000, 3), (0, 4)]
    {
        clock.set(jump);
        let (code, stdout, stderr) = run(&people, &clock, &ropc);
        assert_eq!((code, stderr.as_str()), (0, ""), "{jump}: {stdout}");
        assert_eq!(people.count("refresh_token"), refreshes, "{jump}");
    }
    assert_eq!(people.count("password"), 1);
}
