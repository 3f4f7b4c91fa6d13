//! Everything that comes from outside: arguments, environment, clock, randomness, standard streams.
//!
//! Only `main` makes a real `Context`; tests make their own. Nothing else in the program asks the
//! operating system for any of these (clippy's `disallowed-methods` enforces it, `sys/` apart).

use crate::error::{Error, Result};
use crate::time::{UnixTime, civil};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Back to the line's beginning, and wipe it.
pub const CLEAR_LINE: &str = "\r\x1b[K";

/// The time, and waiting for it.
pub trait Clock {
    /// Wall-clock time.
    fn now(&self) -> Duration;
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// A source of random bytes that are fit for keys and nonces.
pub type Random = Rc<dyn Fn(&mut [u8]) -> Result<()>>;

/// What stands behind an output stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// A person watches it.
    pub is_terminal: bool,
}

/// The environment variables, by exact name.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// The value of `name`, unless it is unset or empty: a variable that is set but empty counts as unset.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The value of `name` as text; unset, empty or not Unicode gives `None`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.os(name).and_then(OsStr::to_str)
    }

    /// Every variable.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The same with some variables set otherwise.
    #[must_use]
    pub fn with(&self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut all = self.0.clone();
        all.extend(variables);
        Self(all)
    }

    /// The value of `name` as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let name = |k: OsString| if cfg!(windows) { k.to_ascii_uppercase() } else { k };
        Self(variables.into_iter().map(|(k, v)| (name(k.into()), v.into())).collect())
    }
}

/// The world as one run of the program sees it.
pub struct Context {
    /// The arguments after the program's name.
    pub args: Vec<OsString>,
    /// The environment.
    pub env: Env,
    /// The time.
    pub clock: Rc<dyn Clock>,
    random: Random,
    stdout: Rc<RefCell<Box<dyn Write>>>,
    stderr: Rc<RefCell<Box<dyn Write>>>,
    /// How stdout is looked at.
    pub stdout_terminal: Terminal,
    /// How stderr is looked at.
    pub stderr_terminal: Terminal,
    /// Whether stderr's last line is one that the next takes the place of. Shared with the threads that show
    /// such lines.
    pub progress_shown: Arc<AtomicBool>,
    verbosity: Cell<u8>,
}

impl Context {
    /// The real world.
    pub fn real() -> Self {
        #![allow(clippy::disallowed_methods)] // This is the one place where they are allowed.
        Self {
            args: std::env::args_os().skip(1).collect(),
            env: std::env::vars_os().collect(),
            clock: Rc::new(RealClock { start: std::time::Instant::now() }),
            random: Rc::new(|bytes| {
                getrandom::fill(bytes)
                    .map_err(|e| Error::new(format!("the system gives no random numbers: {e}")))
            }),
            stdout: Rc::new(RefCell::new(Box::new(std::io::stdout()))),
            stderr: Rc::new(RefCell::new(Box::new(std::io::stderr()))),
            stdout_terminal: Terminal { is_terminal: std::io::stdout().is_terminal() },
            stderr_terminal: Terminal { is_terminal: std::io::stderr().is_terminal() },
            progress_shown: Arc::default(),
            verbosity: Cell::new(0),
        }
    }

    /// The same world with another environment: that of a kubeconfig's exec entry.
    pub fn with_env(&self, env: Env) -> Self {
        Self {
            args: self.args.clone(),
            env,
            clock: Rc::clone(&self.clock),
            random: Rc::clone(&self.random),
            stdout: Rc::clone(&self.stdout),
            stderr: Rc::clone(&self.stderr),
            stdout_terminal: self.stdout_terminal,
            stderr_terminal: self.stderr_terminal,
            progress_shown: Arc::clone(&self.progress_shown),
            verbosity: self.verbosity.clone(),
        }
    }

    /// A world made up for a test: real randomness, and streams that the test can read afterwards.
    pub fn fake(
        args: &[&str],
        env: Env,
        clock: Rc<dyn Clock>,
        stdout: Box<dyn Write>,
        stderr: Box<dyn Write>,
    ) -> Self {
        Self {
            args: args.iter().map(OsString::from).collect(),
            env,
            clock,
            stdout: Rc::new(RefCell::new(stdout)),
            stderr: Rc::new(RefCell::new(stderr)),
            stdout_terminal: Terminal { is_terminal: false },
            stderr_terminal: Terminal { is_terminal: false },
            ..Self::real()
        }
    }

    /// Writes to stdout, which is the protocol: one answer, nothing else.
    ///
    /// # Errors
    /// When stdout is closed or its device is full.
    pub fn print(&self, text: &str) -> Result<()> {
        let mut stdout = self.stdout.borrow_mut();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|e| Error::new(format!("cannot write to standard output: {e}")))
    }

    /// Writes a line to stderr at once; a closed stderr is nobody's failure.
    pub fn eprintln(&self, line: &str) {
        self.clear_progress();
        self.write_stderr(&format!("{line}\n"));
    }

    /// Says on stderr what the user should know or change; each line is cleaned.
    pub fn warn(&self, text: &str) {
        self.eprintln(&format!("Warning: {}", crate::error::one_line(text)));
    }

    /// Shows a line on stderr, a terminal, that the next one takes the place of.
    pub fn show_progress(&self, line: &str) {
        self.write_stderr(&format!("{CLEAR_LINE}{line}"));
        self.progress_shown.store(true, Ordering::Relaxed);
    }

    /// Takes such a line away, where there is one.
    pub fn clear_progress(&self) {
        if self.progress_shown.swap(false, Ordering::Relaxed) {
            self.write_stderr(CLEAR_LINE);
        }
    }

    /// Writes to stderr as it is, at once.
    fn write_stderr(&self, text: &str) {
        let mut stderr = self.stderr.borrow_mut();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// Sets how much [`Context::log`] shows (`-v N`).
    pub fn set_verbosity(&self, verbosity: u8) {
        self.verbosity.set(verbosity);
    }

    /// A log line in klog's form on stderr, if `-v` is at least `level`.
    pub fn log(&self, level: u8, message: impl FnOnce() -> String) {
        if self.verbosity.get() < level {
            return;
        }
        let now = self.clock.now();
        let (_, month, day, hour, minute, second) = civil(now.as_secs());
        self.eprintln(&format!(
            "I{month:02}{day:02} {hour:02}:{minute:02}:{second:02}.{:06} {:7} kubelogin] {}",
            now.subsec_micros(),
            std::process::id(),
            crate::error::one_line(&message()),
        ));
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> UnixTime {
        self.clock.now().as_secs()
    }

    /// `N` random bytes.
    ///
    /// # Errors
    /// When the operating system has none.
    pub fn random<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        (self.random)(&mut bytes)?;
        Ok(bytes)
    }

    /// A random (version 4) UUID, RFC 9562 section 5.4.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn uuid(&self) -> Result<String> {
        let random = u128::from_be_bytes(self.random()?);
        let versioned = random & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
        let hex = format!("{versioned:032x}");
        let mut uuid = String::with_capacity(36);
        for (i, c) in hex.chars().enumerate() {
            if matches!(i, 8 | 12 | 16 | 20) {
                uuid.push('-');
            }
            uuid.push(c);
        }
        Ok(uuid)
    }

    /// The user's home folder: `HOME`, on Windows `USERPROFILE`.
    pub fn home(&self) -> Option<PathBuf> {
        self.env.path("HOME").or_else(|| cfg!(windows).then(|| self.env.path("USERPROFILE")).flatten())
    }
}

struct RealClock {
    start: std::time::Instant,
}

impl Clock for RealClock {
    #[allow(clippy::disallowed_methods)] // This is the clock.
    fn now(&self) -> Duration {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    #[allow(clippy::disallowed_methods)] // This is the clock.
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_count_as_unset() {
        let env: Env = [("A", ""), ("B", "x")].into_iter().collect();
        assert_eq!(env.text("A"), None);
        assert_eq!(env.text("B"), Some("x"));
        assert_eq!(env.text("C"), None);
    }

    #[test]
    fn uuids_are_version_4() {
        let uuid = Context::real().uuid().unwrap();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
