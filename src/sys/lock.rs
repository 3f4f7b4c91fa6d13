//! Locks between processes: a lock file, held through the kernel, so that a killed holder frees it.
//!
//! The holder may delete a lock file. So a lock counts only while the file that was locked is
//! still the one at the path.

use super::private;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// Give up after this many replacements of the lock file.
const MAX_REPLACEMENTS: usize = 100;
/// A note is a line.
const MAX_NOTE: u64 = 200;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Says in the lock file which process holds it; waiters may read that.
    pub fn note(&mut self, text: &str) {
        // Only a courtesy to the waiting ones.
        let _ = self.file.set_len(0).and_then(|()| self.file.rewind());
        let _ = self.file.write_all(text.as_bytes());
    }
}

/// Takes the lock of `path` if it is free; `None` while another process holds it.
///
/// # Errors
/// What the system says: the folder cannot be written, the file system has no locks, something else
/// stands at the path.
pub fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    for _ in 0..MAX_REPLACEMENTS {
        let file = private::open_or_create(path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(Some(Lock { file })),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
    Err(io::Error::other("the lock file is replaced again and again"))
}

/// Whether this is a file system without locks, as some network mounts are.
pub fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let unsupported = [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP];
        if unsupported.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error())) {
            return true;
        }
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// What the holder of the lock said with [`Lock::note`]. Nothing on Windows: there a lock is the holder's
/// hold on the bytes too, so that no other process can read them.
pub fn note(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = private::open_or_create(path).ok()?;
    file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The process that holds a lock, for doctor. The lock is tried as a reader beside others, for a moment, and its file
/// is not changed.
pub fn holder(path: &Path) -> Option<String> {
    let file = private::open_unmodified(path).ok()?;
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut note = String::new();
    let is_read = file.take(MAX_NOTE).read_to_string(&mut note).is_ok();
    let note = note.trim();
    Some(if is_read && !note.is_empty() { note.to_owned() } else { "another process".to_owned() })
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: &std::fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), path.symlink_metadata()), (Ok(a), Ok(b)) if identity(&a) == identity(&b))
}

/// Elsewhere a file that [`private::open_or_create`] opened stays where it is until it is closed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_the_other_sees_who() {
        let path = std::env::temp_dir().join(format!("kubelogin-lock-{}", std::process::id()));
        let mut held = try_lock(&path).unwrap().unwrap();
        held.note("process 7");
        assert!(try_lock(&path).unwrap().is_none());
        assert_eq!(note(&path).as_deref(), Some("process 7"));
        drop(held);
        let mut again = try_lock(&path).unwrap().unwrap();
        again.note("8");
        assert_eq!(note(&path).as_deref(), Some("8"));
        std::fs::remove_file(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_deleted_lock_file_is_no_lock() {
        let path = std::env::temp_dir().join(format!("kubelogin-lock-gone-{}", std::process::id()));
        let old = try_lock(&path).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&old.file, &path));
        let new = try_lock(&path).unwrap().unwrap();
        assert!(is_at(&new.file, &path));
        std::fs::remove_file(&path).unwrap();
    }
}
