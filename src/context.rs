//! Everything that comes from outside: arguments, environment, clock, randomness; the streams are in `console`.
//!
//! Only `main` makes a real `Context`; tests make their own. Nothing else in the program asks the
//! operating system for any of these (clippy's `disallowed-methods` enforces it, `sys/` apart).

use crate::console::Console;
use crate::error::{Error, Result};
use crate::prompt::PromptBoard;
use crate::time::{UnixTime, civil};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

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

/// The environment variables, by exact name.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// The value of `name`, unless it is unset or empty: a variable that is set but empty counts as unset.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// The value of `name`, also an empty one: other programs tell an empty variable from one that is not set.
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The value of `name` as text; unset, empty or not Unicode gives `None`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.os(name).and_then(OsStr::to_str)
    }

    /// The value of a variable that matters too much to count as unset when it cannot be read.
    ///
    /// # Errors
    /// It is not Unicode.
    pub fn try_text(&self, name: &str) -> Result<Option<&str>> {
        let Some(value) = self.os(name) else { return Ok(None) };
        value.to_str().map(Some).ok_or_else(|| {
            Error::new(format!("cannot read the environment variable {name}: it is not UTF-8 text"))
                .hint(format!("set {name} anew, or unset it"))
        })
    }

    /// Every variable.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The same with some variables set otherwise.
    #[must_use]
    pub fn with(&self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut all = self.0.clone();
        all.extend(variables.into_iter().map(|(name, value)| (comparable(name), value)));
        Self(all)
    }

    /// The value of `name` as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(k, v)| (comparable(k.into()), v.into())).collect())
    }
}

/// Windows does not tell `Https_Proxy` from `HTTPS_PROXY`.
fn comparable(name: OsString) -> OsString {
    if cfg!(windows) { name.to_ascii_uppercase() } else { name }
}

/// The world as one run of the program sees it.
#[derive(Clone)]
pub struct Context {
    /// The arguments after the program's name.
    pub args: Vec<OsString>,
    /// The environment.
    pub env: Env,
    /// The time.
    pub clock: Rc<dyn Clock>,
    /// The streams.
    pub console: Rc<Console>,
    /// Where prompts are published for other processes.
    pub prompts: Rc<PromptBoard>,
    random: Random,
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
                getrandom::fill(bytes).map_err(|e| {
                    Error::new(format!("cannot get random numbers from the operating system: {e}"))
                })
            }),
            console: Rc::new(Console::real()),
            prompts: Rc::default(),
        }
    }

    /// The same world with another environment: that of a kubeconfig's exec entry.
    pub fn with_env(&self, env: Env) -> Self {
        Self { env, ..self.clone() }
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
            console: Rc::new(Console::fake(stdout, stderr)),
            ..Self::real()
        }
    }

    /// See [`Console::print`].
    ///
    /// # Errors
    /// When stdout is closed or its device is full.
    pub fn print(&self, text: &str) -> Result<()> {
        self.console.print(text)
    }

    /// See [`Console::eprintln`].
    pub fn eprintln(&self, text: &str) {
        self.console.eprintln(text);
    }

    /// See [`Console::warn`].
    pub fn warn(&self, text: &str) {
        self.console.warn(text);
    }

    /// A log line in klog's form on stderr, if `-v` is at least `level`.
    pub fn log(&self, level: u8, message: impl FnOnce() -> String) {
        if self.console.verbosity() < level {
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
