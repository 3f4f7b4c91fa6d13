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

/// Takes the lock at `path`, however long another process holds it. Who waits says for whom, who has it says
/// since when.
pub fn take_lock(
    ctx: &Context,
    path: &Path,
    mut waiting: WaitNotice,
    what_the_holder_does: &str,
) -> io::Result<lock::Lock> {
    interrupt::exit_on_interrupt();
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
pub fn prepare_folder(folder: &Path) -> io::Result<bool> {
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

/// `.<entry>.<tag>.tmp`, as [`staged::replace`] names it.
fn is_temporary(name: &str) -> bool {
    temporary_of(name).is_some_and(key::is_entry_name)
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
        for ours in [entry.clone(), format!("{entry}.lock"), format!(".{entry}.123.tmp")] {
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
