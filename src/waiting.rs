//! What a long wait shows: after two seconds, what it is for and how to end it. On a terminal that is one line that
//! counts and goes away; elsewhere nothing, unless `-v 1` asks for it, because pipelines fail steps that write to
//! stderr and full-screen clients show it in their screen.

use crate::context::Context;
use crate::error::one_line;
use crate::style::{Style, takes_sequences};
use std::time::Duration;

/// Shorter waits are not announced.
pub const NOTICE_DELAY: Duration = Duration::from_secs(2);
/// How often a long sleep wakes up.
const STEP: Duration = Duration::from_millis(250);

/// How a wait is shown on this stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// Not at all.
    Silent,
    /// In one line that stays.
    Line,
    /// In one line that counts the seconds and goes away, no longer than this many columns.
    Counter(Option<usize>),
}

impl Display {
    /// What fits this run.
    pub fn of(ctx: &Context) -> Self {
        let terminal = ctx.console.stderr_terminal();
        if takes_sequences(terminal, &ctx.env) {
            return Self::Counter(Style::of(terminal, &ctx.env).width);
        }
        if terminal.is_terminal || ctx.console.verbosity() > 0 { Self::Line } else { Self::Silent }
    }

    /// The notice after so many seconds. A counter stays shorter than the terminal's line: clearing a full one would
    /// leave the line above.
    pub fn text(self, what: &str, seconds: u64) -> String {
        const END: &str = " (Ctrl-C to cancel)";
        let (mut text, tail) = (format!("Waiting for {}", one_line(what)), format!(": {seconds} s{END}"));
        let width = match self {
            Self::Silent | Self::Line => return text,
            Self::Counter(None) => return text + &tail,
            Self::Counter(Some(width)) => width,
        };
        let room = width.saturating_sub(1 + tail.len());
        if text.chars().count() > room {
            text = text.chars().take(room.saturating_sub(1)).chain(['…']).collect();
        }
        (text + &tail).chars().take(width.saturating_sub(1)).collect()
    }
}

/// A wait that wakes up now and then.
pub struct WaitNotice<'a> {
    ctx: &'a Context,
    start: Duration,
    display: Display,
    /// The second that was shown last.
    shown: Option<u64>,
}

impl<'a> WaitNotice<'a> {
    /// Begins now.
    pub fn new(ctx: &'a Context) -> Self {
        Self { ctx, start: ctx.clock.monotonic(), display: Display::of(ctx), shown: None }
    }

    /// Begins now, for a user who has just been asked to do something: without a terminal that prompt is enough.
    pub fn after_prompt(ctx: &'a Context) -> Self {
        let mut waiting = Self::new(ctx);
        if waiting.display == Display::Line {
            waiting.display = Display::Silent;
        }
        waiting
    }

    /// Shows the notice when it is time to; `what` is asked each time, because the lock holder may change.
    pub fn tick(&mut self, what: impl FnOnce() -> String) {
        let waited = self.ctx.clock.monotonic().saturating_sub(self.start);
        if waited < NOTICE_DELAY || self.shown.is_some_and(|shown| shown >= waited.as_secs()) {
            return;
        }
        self.shown = Some(waited.as_secs());
        match self.display {
            Display::Silent => {}
            Display::Line => {
                self.ctx.eprintln(&self.display.text(&what(), waited.as_secs()));
                self.shown = Some(u64::MAX);
            }
            Display::Counter(_) => {
                self.ctx.console.show_progress(&self.display.text(&what(), waited.as_secs()));
            }
        }
    }

    /// Sleeps, waking up to tick.
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
        self.ctx.console.clear_progress();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Terminal;
    use crate::context::{Clock, Env};
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
        let ctx = Context::fake(&[], env, Rc::new(Fake::default()), out, Box::new(said.clone()));
        ctx.console.set_stderr_terminal(Terminal { is_terminal: columns.is_some() });
        let mut waiting = WaitNotice::new(&ctx);
        act(&ctx, &mut waiting);
        drop(waiting);
        String::from_utf8(said.0.take()).unwrap()
    }

    fn a_bus(seconds: u64) -> impl Fn(&Context, &mut WaitNotice) {
        move |_, waiting| waiting.sleep(Duration::from_secs(seconds), || "a bus".to_owned())
    }

    fn line(n: u64) -> String {
        format!("\r\x1b[KWaiting for a bus: {n} s (Ctrl-C to cancel)")
    }

    #[test]
    fn nothing_is_said_in_the_first_two_seconds() {
        assert_eq!(said(None, &[], a_bus(1)), "");
        assert_eq!(said(Some("80"), &[], a_bus(1)), "");
    }

    #[test]
    fn nothing_without_a_terminal_and_a_counter_on_one() {
        let plain = "Waiting for a bus\n";
        assert_eq!(said(None, &[], a_bus(60)), "");
        assert_eq!(said(Some("80"), &[("TERM", "dumb")], a_bus(60)), plain);
        assert_eq!(said(Some("80"), &[], a_bus(4)), format!("{}{}{}\r\x1b[K", line(2), line(3), line(4)));
    }

    #[test]
    fn the_counter_stays_shorter_than_the_screen() {
        let what = "process 4711 (since 2026-01-02T03:04:05Z) that is signing in already";
        for width in [30, 40, 80] {
            let text = Display::Counter(Some(width)).text(what, 9999);
            assert_eq!(text.chars().count(), width - 1, "{text}");
            assert!(text.ends_with(": 9999 s (Ctrl-C to cancel)"), "{text}");
        }
        assert_eq!(Display::Counter(Some(50)).text("a bus", 2), "Waiting for a bus: 2 s (Ctrl-C to cancel)");
        assert_eq!(Display::Counter(Some(20)).text("a bus", 2).chars().count(), 19);
    }

    #[test]
    fn a_message_during_the_wait_has_its_own_line() {
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
