//! Sign-ins by a clock that the test turns: waits of minutes, clock jumps.

use crate::support::entra::people::refuse;
use crate::support::people::People;
use kubelogin::context::{Clock, Context};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Seconds since 1970 of the clock's start.
const START: u64 = 1_767_225_600;

/// A wall clock and a monotonic one; sleeping turns both.
#[derive(Clone, Default)]
struct Turned {
    slept: Arc<AtomicU64>,
    jumped: Arc<AtomicU64>,
}

impl Turned {
    fn slept(&self) -> Duration {
        Duration::from_millis(self.slept.load(Ordering::SeqCst))
    }

    /// Sets the wall clock to so many seconds after its start.
    fn set(&self, seconds: u64) {
        self.jumped.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Duration {
        Duration::from_secs(START + self.jumped.load(Ordering::SeqCst)) + self.slept()
    }

    fn monotonic(&self) -> Duration {
        self.slept()
    }

    fn sleep(&self, duration: Duration) {
        self.slept.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Exit code, stdout and stderr of a run by this clock.
fn run(people: &People, clock: &Turned, more: &[&str]) -> (u8, String, String) {
    let command = people.command("contoso", more);
    let args: Vec<&str> = command.get_args().map(|arg| arg.to_str().unwrap()).collect();
    let env = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
    let (stdout, stderr) = (Said::default(), Said::default());
    let ctx = Context::fake(
        &args,
        env,
        std::rc::Rc::new(clock.clone()),
        Box::new(stdout.clone()),
        Box::new(stderr.clone()),
    );
    (kubelogin::run(&ctx), stdout.text(), stderr.text())
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
