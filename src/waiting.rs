//! Waiting that a person may wonder about: after two seconds it is said for what, and how to end it. On a
//! terminal in one line that counts and goes away, elsewhere in one line that stays.

use crate::context::{CLEAR_LINE, Context};
use crate::error::one_line;
use crate::style::{Style, takes_sequences};
use crate::sys::process::write_to_stderr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nobody wonders before.
const NOTICE_DELAY: Duration = Duration::from_secs(2);
/// How often a long sleep looks up.
const STEP: Duration = Duration::from_millis(250);
/// How often the counter changes.
const SECOND: Duration = Duration::from_secs(1);
/// How to end it.
const END: &str = " (Ctrl-C ends it)";
/// A watcher only sleeps and writes a line.
const WATCHERS_STACK: usize = 64 << 10;
/// A wait that looks up now and then.
pub struct WaitNotice<'a> {
    ctx: &'a Context,
    start: Duration,
    /// Whether the seconds are counted.
    counts: bool,
    /// The second that was shown last.
    shown: Option<u64>,
}

impl<'a> WaitNotice<'a> {
    /// Begins now.
    pub fn new(ctx: &'a Context) -> Self {
        let counts = takes_sequences(ctx.stderr_terminal, &ctx.env);
        Self { ctx, start: ctx.clock.monotonic(), counts, shown: None }
    }

    /// Begins now, for a person who has just been asked to do something: where nobody watches, that was the one
    /// line.
    pub fn after_prompt(ctx: &'a Context) -> Self {
        let mut waiting = Self::new(ctx);
        waiting.shown = (!waiting.counts).then_some(u64::MAX);
        waiting
    }

    /// Says what is waited for, if it is time to; `what` is asked each time, because who holds a lock may change.
    pub fn tick(&mut self, what: impl FnOnce() -> String) {
        let waited = self.ctx.clock.monotonic().saturating_sub(self.start);
        if waited < NOTICE_DELAY || self.shown.is_some_and(|shown| shown >= waited.as_secs()) {
            return;
        }
        let what = one_line(&what());
        if self.counts {
            let width = Style::of(self.ctx.stderr_terminal, &self.ctx.env).width;
            self.ctx.show_progress(&counter(&what, waited.as_secs(), width));
            self.shown = Some(waited.as_secs());
        } else {
            self.ctx.eprintln(&format!("Waiting for {what}{END}"));
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

impl Drop for WaitNotice<'_> {
    fn drop(&mut self) {
        self.ctx.clear_progress();
    }
}

/// The line that counts. It stays shorter than the screen: on a full line wiping would leave the line above.
fn counter(what: &str, seconds: u64, width: Option<usize>) -> String {
    let (mut text, tail) = (format!("Waiting for {what}"), format!(": {seconds} s{END}"));
    let Some(width) = width else { return text + &tail };
    let room = width.saturating_sub(1 + tail.len());
    if text.chars().count() > room {
        text = text.chars().take(room.saturating_sub(1)).chain(['…']).collect();
    }
    (text + &tail).chars().take(width.saturating_sub(1)).collect()
}

/// A wait inside of a call that does not look up: a thread says the line in its place.
pub struct WaitNoticeThread {
    end: Option<Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl WaitNoticeThread {
    /// Begins now; ends when it is dropped. Where no thread is to be had, nothing is said.
    pub fn new(ctx: &Context, what: String) -> Self {
        let (end, ended) = channel::<()>();
        let counts = takes_sequences(ctx.stderr_terminal, &ctx.env);
        let width = if counts { Style::of(ctx.stderr_terminal, &ctx.env).width } else { None };
        let progress_shown = Arc::clone(&ctx.progress_shown);
        let watch = move || {
            let (mut step, mut seconds) = (NOTICE_DELAY, NOTICE_DELAY.as_secs());
            while ended.recv_timeout(step) == Err(RecvTimeoutError::Timeout) {
                let what = one_line(&what);
                if !counts {
                    return write_to_stderr(&format!("Waiting for {what}{END}\n"));
                }
                progress_shown.store(true, Ordering::Relaxed);
                write_to_stderr(&format!("{CLEAR_LINE}{}", counter(&what, seconds, width)));
                (step, seconds) = (SECOND, seconds + 1);
            }
            if progress_shown.swap(false, Ordering::Relaxed) {
                write_to_stderr(CLEAR_LINE);
            }
        };
        let watcher = std::thread::Builder::new().stack_size(WATCHERS_STACK).spawn(watch).ok();
        Self { end: Some(end), watcher }
    }
}

impl Drop for WaitNoticeThread {
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
    use crate::context::{Clock, Env, Terminal};
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

    /// What `act` makes a wait say on a terminal of these columns, or where there is none.
    fn said(columns: Option<&str>, env: &[(&str, &str)], act: impl Fn(&Context, &mut WaitNotice)) -> String {
        let said = Said::default();
        let out = Box::new(std::io::sink());
        let env: Env = [("TERM", "xterm"), ("COLUMNS", columns.unwrap_or_default())]
            .into_iter()
            .chain(env.iter().copied())
            .collect();
        let mut ctx = Context::fake(&[], env, Rc::new(Fake::default()), out, Box::new(said.clone()));
        ctx.stderr_terminal = Terminal { is_terminal: columns.is_some() };
        let mut waiting = WaitNotice::new(&ctx);
        act(&ctx, &mut waiting);
        drop(waiting);
        String::from_utf8(said.0.take()).unwrap()
    }

    fn a_bus(seconds: u64) -> impl Fn(&Context, &mut WaitNotice) {
        move |_, waiting| waiting.sleep(Duration::from_secs(seconds), || "a bus".to_owned())
    }

    fn line(n: u64) -> String {
        format!("\r\x1b[KWaiting for a bus: {n} s (Ctrl-C ends it)")
    }

    #[test]
    fn nothing_is_said_in_the_first_two_seconds() {
        assert_eq!(said(None, &[], a_bus(1)), "");
        assert_eq!(said(Some("80"), &[], a_bus(1)), "");
    }

    #[test]
    fn one_line_where_nobody_watches_and_a_counter_on_a_terminal() {
        let plain = "Waiting for a bus (Ctrl-C ends it)\n";
        assert_eq!(said(None, &[], a_bus(60)), plain);
        assert_eq!(said(Some("80"), &[("TERM", "dumb")], a_bus(60)), plain);
        assert_eq!(said(Some("80"), &[], a_bus(4)), format!("{}{}{}\r\x1b[K", line(2), line(3), line(4)));
    }

    #[test]
    fn the_counter_stays_shorter_than_the_screen() {
        let what = "process 4711 (since 2026-01-02T03:04:05Z) that is signing in already";
        for width in [30, 40, 80] {
            let text = counter(what, 9999, Some(width));
            assert_eq!(text.chars().count(), width - 1, "{text}");
            assert!(text.ends_with(": 9999 s (Ctrl-C ends it)"), "{text}");
        }
        assert_eq!(counter("a bus", 2, Some(40)), "Waiting for a bus: 2 s (Ctrl-C ends it)");
        assert_eq!(counter("a bus", 2, Some(20)).chars().count(), 19);
    }

    #[test]
    fn what_is_said_meanwhile_has_a_line_of_its_own() {
        let text = said(Some("80"), &[], |ctx, waiting| {
            waiting.sleep(Duration::from_secs(2), || "a bus".to_owned());
            ctx.eprintln("rain");
            ctx.eprintln("more rain");
            waiting.sleep(Duration::from_secs(1), || "a bus".to_owned());
        });
        assert_eq!(text, format!("{}\r\x1b[Krain\nmore rain\n{}\r\x1b[K", line(2), line(3)));
    }

    #[test]
    fn a_new_holder_is_named() {
        let holders = RefCell::new(["first", "second"].into_iter());
        let text = said(Some("80"), &[], |_, waiting| {
            waiting.sleep(Duration::from_secs(3), || holders.borrow_mut().next().unwrap().to_owned());
        });
        assert!(text.contains("for first: 2 s") && text.contains("for second: 3 s"), "{text:?}");
    }
}
