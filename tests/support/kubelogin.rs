//! A builder over the real binary, in an environment of its own.

use super::TempDir;
use super::entra::{CLIENT, SECRET, SERVER, TENANT};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[must_use]
pub struct Kubelogin {
    command: Command,
    home: TempDir,
}

pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
    /// Kept so that a test can look at what was written.
    pub home: TempDir,
}

/// The binary under test: what cargo built for the tests, or what `KUBELOGIN` names.
pub fn binary() -> PathBuf {
    match (option_env!("CARGO_BIN_EXE_kubelogin"), std::env::var_os("KUBELOGIN")) {
        (_, Some(path)) => PathBuf::from(path).canonicalize().unwrap(),
        (Some(path), None) => PathBuf::from(path),
        (None, None) => panic!("set KUBELOGIN to the binary's path"),
    }
}

/// The same command, its streams apart, with the signals' default actions: the tests may run with some of them
/// ignored, as under `nohup` or in a shell's background, and child processes inherit that.
#[cfg(unix)]
pub fn with_default_signals(command: &Command) -> Command {
    // By its path: the command may have a PATH of its own. A Mac's `env` has no such option.
    let mut wrapped = Command::new("/usr/bin/env");
    if cfg!(target_os = "linux") {
        wrapped.arg("--default-signal=INT,TERM,HUP");
    }
    wrapped
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    wrapped
}

impl Kubelogin {
    /// An empty environment with a fresh HOME.
    pub fn new(args: &[&str]) -> Self {
        let home = TempDir::new();
        let mut command = Command::new(binary());
        command.args(args).env_clear().env("HOME", home.path()).stdin(Stdio::null());
        Self { command, home }
    }

    /// `get-token` of the registered app with its secret; the authority is yet to be said.
    pub fn spn() -> Self {
        let ids =
            ["--server-id", SERVER, "--client-id", CLIENT, "--tenant-id", TENANT, "--client-secret", SECRET];
        Self::new(&["get-token", "-l", "spn"]).args(&ids)
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs(mut self, variables: &[(&str, &str)]) -> Self {
        self.command.envs(variables.iter().copied());
        self
    }

    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// The command itself, for tests that watch it run.
    pub fn into_command(self) -> (Command, TempDir) {
        (self.command, self.home)
    }

    pub fn run(mut self) -> Output {
        Output::new(self.command.output().unwrap(), self.home)
    }
}

impl Output {
    /// What a run in this home folder left; the code is -1 after a signal.
    pub fn new(output: std::process::Output, home: TempDir) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap_or(-1),
            home,
        }
    }

    /// Exit code 0 and one ExecCredential on stdout; returns it.
    #[track_caller]
    pub fn credential(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        let credential: serde_json::Value = serde_json::from_str(&self.stdout).unwrap();
        assert_eq!(credential["kind"], "ExecCredential");
        credential
    }

    #[track_caller]
    pub fn token(&self) -> String {
        self.credential()["status"]["token"].as_str().unwrap().to_owned()
    }

    /// Exit code 1, nothing on stdout, and an `Error:` line that contains `text`; returns stderr.
    #[track_caller]
    pub fn fails_with(&self, text: &str) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{}", self.stderr);
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("Error: ")).collect();
        assert_eq!(errors.len(), 1, "{}", self.stderr);
        assert!(errors[0].contains(text), "no {text:?} in {}", self.stderr);
        &self.stderr
    }

    #[track_caller]
    pub fn hints(&self, text: &str) -> &Self {
        let hint = self.stderr.lines().find(|line| line.starts_with("Hint: ")).unwrap_or("");
        assert!(hint.contains(text), "no {text:?} in the hint of {}", self.stderr);
        self
    }
}
