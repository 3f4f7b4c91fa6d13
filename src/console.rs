//! The two streams: stdout is the protocol, all else is stderr.
//!
//! Every line for a terminal is cleaned here: no text from outside moves a cursor or hides what stands there.

use crate::error::{Error, Result, clean, one_line};
use std::cell::{Cell, RefCell};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Moves to the line's beginning and clears it.
pub const CLEAR_LINE: &str = "\r\x1b[K";

/// What is behind an output stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Whether it is a terminal.
    pub is_terminal: bool,
}

/// One of the streams. Whether it is a terminal is asked only where it matters.
struct Stream {
    writer: RefCell<Box<dyn Write>>,
    terminal: Cell<Option<Terminal>>,
}

impl Stream {
    fn write(&self, text: &str) -> std::io::Result<()> {
        let mut writer = self.writer.borrow_mut();
        writer.write_all(text.as_bytes()).and_then(|()| writer.flush())
    }
}

/// The two streams of one run.
pub struct Console {
    stdout: Stream,
    stderr: Stream,
    /// Whether stderr's last line is one that the next takes the place of. Shared with the threads that show
    /// such lines.
    progress_shown: Arc<AtomicBool>,
    verbosity: Cell<u8>,
}

impl Console {
    /// The process's own streams.
    pub fn real() -> Self {
        #![allow(clippy::disallowed_methods)] // This is the one place where they are allowed.
        let stream = |writer| Stream { writer: RefCell::new(writer), terminal: Cell::new(None) };
        Self {
            stdout: stream(Box::new(std::io::stdout())),
            stderr: stream(Box::new(std::io::stderr())),
            progress_shown: Arc::default(),
            verbosity: Cell::new(0),
        }
    }

    /// Streams that a test can read afterwards; no terminals.
    pub fn fake(stdout: Box<dyn Write>, stderr: Box<dyn Write>) -> Self {
        let stream = |writer| Stream {
            writer: RefCell::new(writer),
            terminal: Cell::new(Some(Terminal { is_terminal: false })),
        };
        Self { stdout: stream(stdout), stderr: stream(stderr), ..Self::real() }
    }

    /// What is behind stdout.
    pub fn stdout_terminal(&self) -> Terminal {
        #![allow(clippy::disallowed_methods)] // As above.
        terminal(&self.stdout, || std::io::stdout().is_terminal())
    }

    /// What is behind stderr.
    pub fn stderr_terminal(&self) -> Terminal {
        #![allow(clippy::disallowed_methods)] // As above.
        terminal(&self.stderr, || std::io::stderr().is_terminal())
    }

    /// Lets stderr be a terminal, or none, in a test.
    pub fn set_stderr_terminal(&self, terminal: Terminal) {
        self.stderr.terminal.set(Some(terminal));
    }

    /// Writes to stdout, which is the protocol: one answer, nothing else.
    ///
    /// # Errors
    /// When stdout is closed or its device is full.
    pub fn print(&self, text: &str) -> Result<()> {
        self.stdout.write(text).map_err(|e| Error::new(format!("cannot write to standard output: {e}")))
    }

    /// Writes a line, or several, to stderr at once, each cleaned. Errors writing to stderr are ignored.
    pub fn eprintln(&self, text: &str) {
        self.eprint_styled(&clean(text));
    }

    /// Writes lines to stderr that have been cleaned and then coloured.
    pub fn eprint_styled(&self, text: &str) {
        self.clear_progress();
        self.write_stderr(&format!("{text}\n"));
    }

    /// Tells the user what to know or change.
    pub fn warn(&self, text: &str) {
        self.eprintln(&format!("Warning: {}", one_line(text)));
    }

    /// Shows a line on stderr, a terminal, that the next one takes the place of.
    pub fn show_progress(&self, line: &str) {
        self.write_stderr(&format!("{CLEAR_LINE}{}", one_line(line)));
        self.progress_shown.store(true, Ordering::Relaxed);
    }

    /// Takes such a line away, where there is one.
    pub fn clear_progress(&self) {
        if self.progress_shown.swap(false, Ordering::Relaxed) {
            self.write_stderr(CLEAR_LINE);
        }
    }

    /// Whether such a line is shown, for a thread that shows one.
    pub fn progress_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.progress_shown)
    }

    fn write_stderr(&self, text: &str) {
        let _ = self.stderr.write(text);
    }

    /// Sets how much is logged (`-v N`).
    pub fn set_verbosity(&self, verbosity: u8) {
        self.verbosity.set(verbosity);
    }

    /// How much is logged.
    pub fn verbosity(&self) -> u8 {
        self.verbosity.get()
    }
}

fn terminal(stream: &Stream, look: impl FnOnce() -> bool) -> Terminal {
    let terminal = stream.terminal.get().unwrap_or_else(|| Terminal { is_terminal: look() });
    stream.terminal.set(Some(terminal));
    terminal
}

/// Writes to stderr from a thread that shows progress: it has no console, which belongs to the thread that waits.
pub fn write_to_stderr(text: &str) {
    #![allow(clippy::disallowed_methods)] // As above.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
