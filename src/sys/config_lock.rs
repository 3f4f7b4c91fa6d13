//! The lock that kubectl takes before it writes a kubeconfig: `<file>.lock`, created exclusively.
//!
//! Source: k8s.io/client-go, tools/clientcmd (`ModifyConfig`).

use crate::context::Context;
use crate::error::{Error, Result};
use crate::waiting::Waiting;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long somebody else's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Locks that are held until they are dropped.
#[derive(Debug, Default)]
pub struct ConfigLock(Vec<PathBuf>);

impl ConfigLock {
    /// Locks files, each by the names that it has: the one given and its target's.
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
        // One order for everybody, so that two processes cannot wait for each other.
        names.sort();
        names.dedup();
        let mut lock = Self::default();
        let deadline = ctx.clock.monotonic().saturating_add(PATIENCE);
        for name in names {
            lock.take_one(ctx, name, deadline)?;
        }
        Ok(lock)
    }

    fn take_one(&mut self, ctx: &Context, name: PathBuf, deadline: Duration) -> Result<()> {
        let mut waiting = Waiting::new(ctx);
        loop {
            waiting.tick(|| format!("the lock {}", name.display()));
            match std::fs::OpenOptions::new().write(true).create_new(true).open(&name) {
                Ok(_) => {
                    self.0.push(name);
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && self.is_held_under(&name) => {
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if ctx.clock.monotonic() >= deadline {
                        return Err(Error::new(format!(
                            "the kubeconfig is locked by {}, which has been there for {} s",
                            name.display(),
                            PATIENCE.as_secs()
                        ))
                        .hint("if no kubectl or kubelogin is running, a dead one has left that file behind: delete it"));
                    }
                    ctx.clock.sleep(POLL);
                }
                Err(e) => {
                    return Err(Error::new(format!(
                        "cannot lock the kubeconfig with {}: {e}",
                        name.display()
                    )));
                }
            }
        }
    }

    /// Whether a lock that exists is one of ours under another path to the same folder.
    fn is_held_under(&self, name: &Path) -> bool {
        let real = name.canonicalize().ok();
        real.is_some() && self.0.iter().any(|held| held.canonicalize().ok() == real)
    }
}

impl Drop for ConfigLock {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = std::fs::remove_file(name);
        }
    }
}

fn lock_name(file: PathBuf) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".lock");
    PathBuf::from(name)
}
