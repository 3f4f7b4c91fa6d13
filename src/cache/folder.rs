//! The cache folder: its permissions, the locks in it, temporary files, and which file names are ours.

use super::{key, pop_key};
use crate::context::Context;
use crate::sys::{interrupt, lock, paths, private};
use crate::time::rfc3339;
use crate::waiting::WaitNotice;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How often a lock is tried.
const WAIT_STEP: Duration = Duration::from_millis(50);
/// What follows an entry's name in the name of its lock.
pub const LOCK_SUFFIX: &str = ".lock";

/// What follows an identity's name in the name of the note beside its lock.
pub const NOTE_SUFFIX: &str = ".note";
/// What follows it in the name of the file that remembers an unanswered prompt.
pub const UNANSWERED_SUFFIX: &str = ".unanswered";

/// Takes the lock at `path`, however long another process holds it. Waiters report the holder; the holder records its
/// process id and start time.
pub fn take_lock(
    ctx: &Context,
    path: &Path,
    waiting: WaitNotice,
    what_the_holder_does: &str,
) -> io::Result<lock::Lock> {
    take_lock_and(ctx, path, waiting, what_the_holder_does, || {}).map(|(lock, _)| lock)
}

/// The same; `look` is called at each try that finds it held. Returns what the lock file says besides.
pub fn take_lock_and(
    ctx: &Context,
    path: &Path,
    mut waiting: WaitNotice,
    what_the_holder_does: &str,
    mut look: impl FnMut(),
) -> io::Result<(lock::Lock, String)> {
    interrupt::exit_on_interrupt();
    loop {
        if let Some(mut lock) = lock::try_lock(path)? {
            let holder = format!("process {} (since {})", std::process::id(), rfc3339(ctx.now()));
            lock.note(&format!("{holder}\n"));
            return Ok((lock, holder));
        }
        look();
        ctx.clock.sleep(WAIT_STEP);
        waiting.tick(|| {
            let holder = lock::note(path).unwrap_or_else(|| "another process".to_owned());
            format!("{holder} that {what_the_holder_does}")
        });
    }
}

/// Makes the folder, or takes it away from others; whether that was needed. Only a folder that is the tool's
/// own by its name is changed: `--cache-dir` may point anywhere.
pub fn prepare_folder(folder: &Path) -> io::Result<bool> {
    private::create_folder(folder)?;
    Ok(folder.ends_with(".kube/cache/kubelogin") && private::restrict_folder_to_owner(folder)?)
}

/// Whether a file name is that of an entry, the proof-of-possession key, an identity's note or unanswered prompt, the lock of one,
/// or a temporary file of it.
pub fn is_ours(name: &str) -> bool {
    is_lock(name) || is_content(name) || temporary_of(name).is_some_and(is_content) || pop_key::is_ours(name)
}

/// Whether it is a lock's.
pub fn is_lock(name: &str) -> bool {
    let is_locked = |name| key::is_entry_name(name) || key::is_identity_name(name);
    name.strip_suffix(LOCK_SUFFIX).is_some_and(is_locked) || pop_key::is_lock(name)
}

/// Whether it is the lock of an identity, which is held for a prompt.
pub fn is_identity_lock(name: &str) -> bool {
    name.strip_suffix(LOCK_SUFFIX).is_some_and(key::is_identity_name)
}

/// What is written under another name first, as [`staged::replace`] does.
///
/// [`staged::replace`]: crate::sys::staged::replace
fn is_content(name: &str) -> bool {
    let of_identity = |suffix| name.strip_suffix(suffix).is_some_and(key::is_identity_name);
    key::is_entry_name(name) || of_identity(NOTE_SUFFIX) || of_identity(UNANSWERED_SUFFIX)
}

pub fn temporary_of(name: &str) -> Option<&str> {
    // Versions up to 0.3.0 had their process id there.
    let (entry, tag) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    (!tag.is_empty() && tag.bytes().all(|b| b.is_ascii_hexdigit())).then_some(entry)
}

/// Deletes what killed writers of this entry left behind. The lock is held, so none is at work; where
/// locks do not work, the worst is that another writer has to warn.
pub fn sweep_temporaries(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return;
    };
    for file in paths::list(folder).unwrap_or_default() {
        if file.name.as_deref().and_then(temporary_of) == Some(name) {
            let _ = paths::remove_file(&file.path);
        }
    }
}

/// An I/O error as the end of "it …".
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => error.to_string(),
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => error.to_string(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Key;

    #[test]
    fn own_files_are_known_by_their_names() {
        let entry = Key::default().file_name();
        let identity = Key::default().identity_name();
        for ours in [
            entry.clone(),
            format!("{entry}.lock"),
            format!(".{entry}.123.tmp"),
            format!("{identity}.lock"),
            format!("{identity}.note"),
            format!(".{identity}.note.123.tmp"),
            format!("{identity}.unanswered"),
        ] {
            assert!(is_ours(&ours), "{ours}");
        }
        for foreign in [
            identity,
            format!("{entry}.bak"),
            format!("{entry}.note"),
            format!(".{entry}.x.tmp"),
            ".config.1.tmp".into(),
            "a.lock".into(),
        ] {
            assert!(!is_ours(&foreign), "{foreign}");
        }
        assert!(is_lock(&format!("{entry}.lock")) && !is_lock(&entry));
    }
}
