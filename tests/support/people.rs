//! The fake Entra ID seen from people who sign in, each test with one home folder: the cache stays from
//! one run to the next.

use super::entra::people::Grants;
use super::entra::{SERVER, State};
use super::kubelogin::binary;
use super::turned::{Turned, run_by};
use super::{Entra, TempDir};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, MutexGuard};

pub struct People {
    pub entra: Entra,
    /// `HOME` of the program; the cache is at its usual place below.
    pub home: TempDir,
}

/// The grants, locked.
pub struct Locked<'a>(MutexGuard<'a, State>);

impl Deref for Locked<'_> {
    type Target = Grants;
    fn deref(&self) -> &Grants {
        &self.0.people
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Grants {
        &mut self.0.people
    }
}

impl People {
    pub fn start() -> Self {
        Self { entra: Entra::start(), home: TempDir::new() }
    }

    /// What the fake knows of people and has seen of them.
    pub fn grants(&self) -> Locked<'_> {
        Locked(self.entra.state())
    }

    /// How many requests of this grant came.
    pub fn count(&self, grant: &str) -> usize {
        self.grants().count(grant)
    }

    /// The cache folder.
    pub fn cache(&self) -> PathBuf {
        self.home.path().join(".kube/cache/kubelogin")
    }

    /// The one cached entry.
    pub fn entry(&self) -> PathBuf {
        let mut entries = names(&self.cache());
        entries.retain(|name| name.ends_with(".token.json"));
        assert_eq!(entries.len(), 1, "{entries:?}");
        self.cache().join(entries.remove(0))
    }

    /// The first cached entry of a tenant.
    pub fn entry_of(&self, tenant: &str) -> PathBuf {
        let is_entry = |name: &&String| name.contains(tenant) && name.ends_with(".token.json");
        self.cache().join(names(&self.cache()).iter().find(is_entry).unwrap())
    }

    /// The program, ready to sign in to `tenant`.
    pub fn command(&self, tenant: &str, more: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(["get-token", "--client-id", "client", "--server-id", SERVER, "--tenant-id", tenant])
            .args(["--disable-instance-discovery", "--authority-host", &self.entra.url()])
            .args(more)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SSL_CERT_FILE", self.entra.ca_file())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end in this process, by a clock of its own and of the service's: no pause takes time.
    pub fn run_without_pauses(&self, tenant: &str, more: &[&str]) -> Run {
        self.without_pauses(&self.command(tenant, more))
    }

    /// The same for a command that was prepared.
    pub fn without_pauses(&self, command: &Command) -> Run {
        let clock = Turned::now();
        let shared = clock.clone();
        self.grants().now = Arc::new(move || shared.slept());
        let (code, stdout, stderr) = run_by(command, &clock);
        Run::new(Some(code.into()), stdout.as_bytes(), stderr)
    }

    /// Runs it to its end.
    pub fn run(&self, tenant: &str, more: &[&str]) -> Run {
        Run::of(self.command(tenant, more).output().unwrap())
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The token of the ExecCredential; empty if there is none.
    pub token: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self::new(output.status.code(), &output.stdout, String::from_utf8(output.stderr).unwrap())
    }

    fn new(code: Option<i32>, stdout: &[u8], stderr: String) -> Self {
        let token = match stdout {
            [] => String::new(),
            json => {
                let credential: serde_json::Value = serde_json::from_slice(json).unwrap();
                credential["status"]["token"].as_str().unwrap().to_owned()
            }
        };
        Self { code, token, stderr }
    }
}

/// The names in a folder, sorted; none if it is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
