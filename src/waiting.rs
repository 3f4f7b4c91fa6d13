//! Waiting that a person may wonder about: after two seconds it is said for what, and how to end it. On a
//! terminal in one line that counts and goes away, elsewhere in one line that stays.

use crate::context::Context;
use crate::error::one_line;
use crate::sys::process::write_to_stderr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nobody wonders before.
const QUIET: Duration = Duration::from_secs(2);
/// How often a long sleep looks up.
const STEP: Duration = Duration::from_millis(250);
/// A watcher only sleeps and writes a line.
const WATCHERS_STACK: usize = 64 << 10;
/// Back to the line's beginning, and wipe it.
const WIPE: &str = "\r\x1b[K";

/// A wait that looks up now and then.
pub struct Waiting<'a> {
    ctx: &'a Context,
    start: Duration,
    /// The second that was shown last.
    shown: Option<u64>,
    what: Option<String>,
}

impl<'a> Waiting<'a> {
    /// Begins now.
    pub fn new(ctx: &'a Context) -> Self {
        Self { ctx, start: ctx.clock.monotonic(), shown: None, what: None }
    }

    /// Begins now, for a person who has just been asked to do something: where nobody watches, that was the one
    /// line.
    pub fn after_prompt(ctx: &'a Context) -> Self {
        let mut waiting = Self::new(ctx);
        waiting.shown = (!ctx.stderr_screen.is_terminal).then_some(u64::MAX);
        waiting
    }

    /// Says what is waited for, if it is time to; `what` is asked once.
    pub fn tick(&mut self, what: impl FnOnce() -> String) {
        let waited = self.ctx.clock.monotonic().saturating_sub(self.start);
        if waited < QUIET || self.shown.is_some_and(|shown| shown >= waited.as_secs()) {
            return;
        }
        let what = self.what.get_or_insert_with(|| one_line(&what()));
        if self.ctx.stderr_screen.is_terminal {
            self.ctx.show(&format!("{WIPE}Waiting for {what}: {} s (Ctrl-C ends it)", waited.as_secs()));
            self.shown = Some(waited.as_secs());
        } else {
            self.ctx.say(&format!("Waiting for {what} (Ctrl-C ends it)"));
            self.shown = Some(u64::MAX);
        }
    }

    /// Sleeps, looking up.
    pub fn sleep(&mut self, duration: Duration, what: impl Fn() -> String) {
        let end = self.ctx.clock.monotonic().saturating_add(duration);
        loop {
            let left = end.saturating_sub(self.ctx.clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.ctx.clock.sleep(left.min(STEP));
            self.tick(&what);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() && self.ctx.stderr_screen.is_terminal {
            self.ctx.show(WIPE);
        }
    }
}

/// A wait inside of a call that does not look up: a thread says the line in its place.
pub struct Watched {
    end: Option<Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Watched {
    /// Begins now; ends when it is dropped. Where no thread is to be had, nothing is said.
    pub fn new(ctx: &Context, what: String) -> Self {
        let (end, ended) = channel::<()>();
        let is_terminal = ctx.stderr_screen.is_terminal;
        let watch = move || {
            if ended.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                let line = format!("Waiting for {} (Ctrl-C ends it)", one_line(&what));
                if is_terminal {
                    write_to_stderr(&format!("{WIPE}{line}"));
                    let _ = ended.recv();
                    write_to_stderr(WIPE);
                } else {
                    write_to_stderr(&format!("{line}\n"));
                }
            }
        };
        let watcher = std::thread::Builder::new().stack_size(WATCHERS_STACK).spawn(watch).ok();
        Self { end: Some(end), watcher }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end.take();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Clock, Env, Screen};
    use std::cell::{Cell, RefCell};
    use std::io::Write;
    use std::rc::Rc;

    #[derive(Default)]
    struct Fake(Cell<Duration>);

    impl Clock for Fake {
        fn now(&self) -> Duration {
            self.0.get()
        }
        fn monotonic(&self) -> Duration {
            self.0.get()
        }
        fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration);
        }
    }

    #[derive(Clone, Default)]
    struct Said(Rc<RefCell<Vec<u8>>>);

    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn said(is_terminal: bool, seconds: u64) -> String {
        let said = Said::default();
        let out = Box::new(std::io::sink());
        let mut ctx =
            Context::fake(&[], Env::default(), Rc::new(Fake::default()), out, Box::new(said.clone()));
        ctx.stderr_screen = Screen { is_terminal };
        let mut waiting = Waiting::new(&ctx);
        waiting.sleep(Duration::from_secs(seconds), || "a bus".to_owned());
        drop(waiting);
        String::from_utf8(said.0.take()).unwrap()
    }

    #[test]
    fn nothing_is_said_in_the_first_two_seconds() {
        assert_eq!(said(false, 1), "");
        assert_eq!(said(true, 1), "");
    }

    #[test]
    fn one_line_where_nobody_watches_and_a_counter_on_a_terminal() {
        assert_eq!(said(false, 60), "Waiting for a bus (Ctrl-C ends it)\n");
        let line = |n: u64| format!("\r\x1b[KWaiting for a bus: {n} s (Ctrl-C ends it)");
        assert_eq!(said(true, 4), format!("{}{}{}\r\x1b[K", line(2), line(3), line(4)));
    }
}
