//! A clock that the test turns: what waits for minutes is over at once. The program then runs in the test's own
//! process, with its real sockets and files.

use super::kubelogin::{Kubelogin, Output};
use kubelogin::context::{Clock, Context};
use std::io::Write;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A wall clock and a monotonic one; sleeping turns both.
#[derive(Clone)]
pub struct Turned {
    /// Seconds since 1970 of the wall clock's start.
    start: u64,
    /// Milliseconds.
    slept: Arc<AtomicU64>,
    jumped: Arc<AtomicU64>,
}

impl Default for Turned {
    /// Begins on 2026-01-01.
    fn default() -> Self {
        Self::starting_at(1_767_225_600)
    }
}

impl Turned {
    /// Begins at so many seconds since 1970.
    pub fn starting_at(start: u64) -> Self {
        Self { start, slept: Arc::default(), jumped: Arc::default() }
    }

    /// Begins at the real time.
    pub fn now() -> Self {
        Self::starting_at(super::entra::now())
    }

    /// How long the program has slept.
    pub fn slept(&self) -> Duration {
        Duration::from_millis(self.slept.load(Ordering::SeqCst))
    }

    /// Sets the wall clock to so many seconds after its start.
    pub fn set(&self, seconds: u64) {
        self.jumped.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> Duration {
        Duration::from_secs(self.start + self.jumped.load(Ordering::SeqCst)) + self.slept()
    }

    fn monotonic(&self) -> Duration {
        self.slept()
    }

    fn sleep(&self, duration: Duration) {
        // A child process that another test is starting holds this process's locks until it runs its program: a wait
        // for one of them must not be over before that.
        std::thread::sleep(Duration::from_micros(100));
        self.slept.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Exit code, stdout and stderr of this command line in this process, by this clock.
pub fn run_by(command: &Command, clock: &Turned) -> (u8, String, String) {
    let args: Vec<&str> = command.get_args().map(|arg| arg.to_str().unwrap()).collect();
    let env = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
    let (stdout, stderr) = (Captured::default(), Captured::default());
    let (out, err) = (Box::new(stdout.clone()), Box::new(stderr.clone()));
    let ctx = Context::fake(&args, env, Rc::new(clock.clone()), out, err);
    (kubelogin::run(&ctx), stdout.text(), stderr.text())
}

impl Kubelogin {
    /// Runs it in this process by a clock that starts now, so that no pause takes time.
    pub fn run_without_pauses(self) -> Output {
        let (command, home) = self.into_command();
        let (code, stdout, stderr) = run_by(&command, &Turned::now());
        Output { stdout, stderr, code: code.into(), home }
    }
}
