//! The notice of a wait inside a call that does not return until it is over: a thread shows it.

use super::thread;
use crate::console::{CLEAR_LINE, write_to_stderr};
use crate::context::Context;
use crate::waiting::{Display, NOTICE_DELAY};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the counter changes.
const SECOND: Duration = Duration::from_secs(1);

/// Shows what a wait is for until it is dropped.
pub struct WaitNoticeThread {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WaitNoticeThread {
    /// Begins now. Where the system allows no thread, nothing is shown.
    pub fn new(ctx: &Context, what: String) -> Self {
        let display = Display::of(ctx);
        if display == Display::Silent {
            return Self { end: None, thread: None };
        }
        let (end, ended) = channel::<()>();
        let progress_shown = ctx.console.progress_flag();
        let watch = move || {
            let (mut step, mut seconds) = (NOTICE_DELAY, NOTICE_DELAY.as_secs());
            while ended.recv_timeout(step) == Err(RecvTimeoutError::Timeout) {
                let text = display.text(&what, seconds);
                if display == Display::Line {
                    return write_to_stderr(&format!("{text}\n"));
                }
                progress_shown.store(true, Ordering::Relaxed);
                write_to_stderr(&format!("{CLEAR_LINE}{text}"));
                (step, seconds) = (SECOND, seconds + 1);
            }
            if progress_shown.swap(false, Ordering::Relaxed) {
                write_to_stderr(CLEAR_LINE);
            }
        };
        Self { end: Some(end), thread: thread::spawn(watch).ok() }
    }
}

impl Drop for WaitNoticeThread {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
