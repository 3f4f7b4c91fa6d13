//! The lock that kubectl takes before it writes a kubeconfig: `<file>.lock`, created exclusively.
//!
//! Source: k8s.io/client-go, tools/clientcmd (`ModifyConfig`).

use crate::context::Context;
use crate::error::{Error, Result};
use crate::sys::interrupt::{SignalGuard, defer_signals};
use crate::waiting::WaitNotice;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long kubelogin waits for another process's lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Locks that are held until they are dropped; a signal meanwhile ends the process only then.
#[derive(Debug)]
pub struct ConfigLock {
    names: Vec<PathBuf>,
    held: SignalGuard,
}

impl ConfigLock {
    /// Locks files, each by the names that it has: the one given and its target's. All or none: while it
    /// waits, it holds nothing.
    ///
    /// # Errors
    /// Another process holds a lock, or has left one behind; a folder that cannot be written.
    pub fn take(ctx: &Context, files: &[PathBuf]) -> Result<Self> {
        let mut names: Vec<PathBuf> = files
            .iter()
            .flat_map(|file| [Some(file.clone()), file.canonicalize().ok()])
            .flatten()
            .map(lock_name)
            .collect();
        names.sort();
        names.dedup();
        let deadline = ctx.clock.monotonic().saturating_add(LOCK_TIMEOUT);
        let mut waiting = WaitNotice::new(ctx);
        loop {
            let taken = match Self::try_take(&names)? {
                Ok(lock) => return Ok(lock),
                Err(taken) => taken,
            };
            if ctx.clock.monotonic() >= deadline {
                return Err(Error::new(format!(
                    "the kubeconfig is locked by {}, which has been there for {} s",
                    taken.display(),
                    LOCK_TIMEOUT.as_secs()
                ))
                .hint(
                    "if no kubectl or kubelogin is running, one that was killed has left that file behind: delete it",
                ));
            }
            waiting.tick(|| format!("the lock {}", taken.display()));
            ctx.clock.sleep(POLL);
        }
    }

    /// Takes all of them, or names one that another process has.
    fn try_take(names: &[PathBuf]) -> Result<std::result::Result<Self, &Path>> {
        let mut lock = Self { names: Vec::with_capacity(names.len()), held: defer_signals() };
        for name in names {
            match std::fs::OpenOptions::new().write(true).create_new(true).open(name) {
                Ok(_) => lock.names.push(name.clone()),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && lock.is_held_under(name) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(Err(name)),
                Err(e) => {
                    let error =
                        Error::new(format!("cannot lock the kubeconfig with {}: {e}", name.display()));
                    return Err(match e.kind() {
                        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                            error.hint("its folder cannot be written; --outfile writes the result elsewhere")
                        }
                        _ => error,
                    });
                }
            }
        }
        Ok(Ok(lock))
    }

    /// Says when to stop and free the locks.
    ///
    /// # Errors
    /// A signal has come.
    pub fn check(&self) -> Result<()> {
        self.held.check().map_err(|e| Error::new(e.to_string()))
    }

    /// Whether a lock that exists is one of ours under another path to the same folder.
    fn is_held_under(&self, name: &Path) -> bool {
        let real = name.canonicalize().ok();
        real.is_some() && self.names.iter().any(|held| held.canonicalize().ok() == real)
    }
}

impl Drop for ConfigLock {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = std::fs::remove_file(name);
        }
    }
}

fn lock_name(file: PathBuf) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".lock");
    PathBuf::from(name)
}
