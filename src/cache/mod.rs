//! The token cache: one file per key in the cache folder, readable by the user alone.
//!
//! It is never the reason of a failure: what cannot be read, locked or written costs a warning and a
//! sign-in. A reader sees a whole entry or none ([`files::replace`]); the writers of one key follow one
//! another (a lock file beside the entry).

pub mod entry;
pub mod flow;
pub mod key;
pub mod listing;
pub mod pop_key;

pub use entry::Entry;
pub use flow::{RefreshError, TokenSource};
pub use key::{Key, fingerprint};

use crate::context::Context;
use crate::error::{Result, one_line};
use crate::sys::{files, interrupt, lock, private};
use crate::time::rfc3339;
use crate::waiting::WaitNotice;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than any token response that the transport lets through.
const MAX_ENTRY: u64 = 4 << 20;
/// How often a lock is tried.
const WAIT_STEP: Duration = Duration::from_millis(50);
/// What follows an entry's name in the name of its lock.
pub const LOCK_SUFFIX: &str = ".lock";

/// Which tokens are kept: `--token-cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Those of people.
    Auto,
    /// Those of service principals and managed identities too.
    All,
    /// None, and none are read.
    None,
}

impl Policy {
    /// The policy of this name; the flag table allows no others.
    pub fn named(name: Option<&str>) -> Self {
        match name {
            Some("all") => Self::All,
            Some("none") => Self::None,
            _ => Self::Auto,
        }
    }
}

/// The place of one key's token.
pub struct Cache {
    path: PathBuf,
    key: Key,
    said: RefCell<Vec<String>>,
}

impl Cache {
    /// The place of `key` in `folder`; nothing is touched yet.
    pub fn new(folder: &Path, key: Key) -> Self {
        Self { path: folder.join(key.file_name()), key, said: RefCell::default() }
    }

    /// Gets a token, from here or from `source`: see [`flow`].
    ///
    /// # Errors
    /// What the refresh or the sign-in says.
    pub fn token(&self, ctx: &Context, source: &impl TokenSource, force: bool) -> Result<Entry> {
        flow::token(ctx, self, source, force)
    }

    fn lock_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(LOCK_SUFFIX);
        PathBuf::from(name)
    }

    fn prepare_folder(&self, ctx: &Context) -> io::Result<()> {
        let Some(folder) = self.path.parent() else {
            return Ok(());
        };
        if prepare_folder(folder)? {
            self.warn(ctx, folder, "could be read by others; its mode is 0700 now");
        }
        Ok(())
    }

    /// A folder that cannot be locked or written.
    fn complain(&self, ctx: &Context, error: &io::Error) {
        let folder = self.path.parent().unwrap_or(&self.path);
        self.warn(ctx, folder, &format!("does not work, so every call may have to sign in ({error})"));
    }

    /// Says it once: the cache is read twice, and what cannot be locked cannot be written.
    fn warn(&self, ctx: &Context, path: &Path, what: &str) {
        let line = format!("Warning: the token cache {} {what}", path.display());
        if !self.said.borrow().contains(&line) {
            ctx.eprintln(&one_line(&line));
            self.said.borrow_mut().push(line);
        }
    }
}

impl flow::Store for Cache {
    type Guard = Option<lock::Lock>;

    fn load(&self, ctx: &Context) -> Option<Entry> {
        let private = match private::read(&self.path, MAX_ENTRY) {
            Ok(private) => private,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return None;
            }
            Err(e) => {
                self.warn(ctx, &self.path, &format!("is not used: it {}", reason(&e)));
                return None;
            }
        };
        if private.was_readable_by_others {
            self.warn(ctx, &self.path, "could be read by others; its mode is 0600 now");
        }
        entry::from_json(&private.bytes, &self.key)
            .map_err(|why| self.warn(ctx, &self.path, &format!("is not used: it {why}")))
            .ok()
    }

    fn lock(&self, ctx: &Context) -> Self::Guard {
        let locked = self
            .prepare_folder(ctx)
            .and_then(|()| take_lock(ctx, &self.lock_path(), "is signing in already"));
        locked.map_err(|e| self.complain(ctx, &e)).ok()
    }

    fn save(&self, ctx: &Context, entry: &Entry) {
        let bytes = zeroize::Zeroizing::new(entry::to_json(&self.key, entry));
        sweep_temporaries(&self.path);
        files::make_room(&self.path);
        let written = files::tag(ctx)
            .map_err(|e| io::Error::other(e.message().to_owned()))
            .and_then(|tag| files::replace(&self.path, &bytes, files::Keep::Nothing, &tag));
        if let Err(e) = written {
            self.complain(ctx, &e);
        }
    }
}

/// Takes the lock at `path`, however long another process holds it. Who waits says for whom, who has it says
/// since when.
fn take_lock(ctx: &Context, path: &Path, what_the_holder_does: &str) -> io::Result<lock::Lock> {
    interrupt::exit_on_interrupt();
    let mut waiting = WaitNotice::new(ctx);
    loop {
        if let Some(mut lock) = lock::try_lock(path)? {
            lock.note(&format!("process {} (since {})\n", std::process::id(), rfc3339(ctx.now())));
            return Ok(lock);
        }
        ctx.clock.sleep(WAIT_STEP);
        waiting.tick(|| {
            let holder = lock::note(path).unwrap_or_else(|| "another process".to_owned());
            format!("{holder} that {what_the_holder_does}")
        });
    }
}

/// Makes the folder, or takes it away from others; whether that was needed. Only a folder that is the tool's
/// own by its name is changed: `--cache-dir` may point anywhere.
fn prepare_folder(folder: &Path) -> io::Result<bool> {
    private::create_folder(folder)?;
    Ok(folder.ends_with(".kube/cache/kubelogin") && private::restrict_folder_to_owner(folder)?)
}

/// Whether a file name is that of an entry, the key of proof, the lock of one, or a temporary file of it.
pub fn is_ours(name: &str) -> bool {
    let base = name.strip_suffix(LOCK_SUFFIX).unwrap_or(name);
    key::is_entry_name(base) || is_temporary(name) || pop_key::is_ours(name)
}

/// Whether it is a lock's.
pub fn is_lock(name: &str) -> bool {
    name.strip_suffix(LOCK_SUFFIX).is_some_and(key::is_entry_name) || pop_key::is_lock(name)
}

/// `.<entry>.<tag>.tmp`, as [`files::replace`] names it.
fn is_temporary(name: &str) -> bool {
    temporary_of(name).is_some_and(key::is_entry_name)
}

fn temporary_of(name: &str) -> Option<&str> {
    // Versions up to 0.3.0 had their process id there.
    let (entry, tag) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    (!tag.is_empty() && tag.bytes().all(|b| b.is_ascii_hexdigit())).then_some(entry)
}

/// Deletes what killed writers of this entry left behind. The lock is held, so none is at work; where
/// locks do not work, the worst is that another writer has to warn.
fn sweep_temporaries(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return;
    };
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_str().and_then(temporary_of) == Some(name) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

/// An I/O error as the end of "it …".
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => error.to_string(),
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => error.to_string(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_known_by_their_names() {
        let entry = Key::default().file_name();
        for ours in [
            entry.clone(),
            format!("{entry}.lock"),
            format!(".{entry}.123.tmp"),
            format!(".{entry}.00ff3a0012345678.tmp"),
        ] {
            assert!(is_ours(&ours), "{ours}");
        }
        for foreign in
            [format!("{entry}.bak"), format!(".{entry}.x.tmp"), ".config.1.tmp".into(), "a.lock".into()]
        {
            assert!(!is_ours(&foreign), "{foreign}");
        }
        assert!(is_lock(&format!("{entry}.lock")) && !is_lock(&entry));
    }
}
