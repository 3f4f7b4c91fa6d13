//! Files: bounded reading, and atomic replacement.
//!
//! A reader of a replaced file sees the old bytes or the new ones, never half of either; a crash
//! leaves at most a temporary file behind, which is named after its target and can be deleted.

use crate::context::Env;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// What the system says; `InvalidInput` for anything that is not a regular file (a folder, a pipe, a
/// device: reading one could hang), `FileTooLarge` when it is longer than `limit`.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe waits for a writer.
    refuse_special(&path.metadata()?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    refuse_special(&metadata)?;
    // One byte more, so that the end is seen without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Whether something stands at the path, as far as one can see: what cannot be looked at may be there, and
/// reading it says why.
pub fn may_exist(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// This program's own file.
pub fn own_path() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// The file that a shell would run for this name: a path as it is, else the first on `PATH`.
pub fn find_program(env: &Env, name: &str) -> Option<PathBuf> {
    if name.contains('/') || (cfg!(windows) && name.contains('\\')) {
        let path = PathBuf::from(name);
        return path.is_file().then_some(path);
    }
    let extensions: &[&str] = if cfg!(windows) { &["", ".exe", ".cmd", ".bat"] } else { &[""] };
    let folders = env.os("PATH").map(std::env::split_paths)?;
    folders
        .flat_map(|folder| extensions.iter().map(move |extension| folder.join(format!("{name}{extension}"))))
        .find(|path| is_executable(path))
}

/// Whether it is a file that can be run.
pub fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// Whether the file's mode lets its group or all users read it. `false` where there are no modes.
pub fn is_readable_by_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        path.metadata().is_ok_and(|metadata| metadata.mode() & 0o044 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

fn refuse_special(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() { "is a folder" } else { "is not a regular file" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// Replaces what `path` holds by `bytes`, atomically: see [`Staged`].
///
/// # Errors
/// What the system says; the target is untouched then and no temporary file is left.
pub fn replace(path: &Path, bytes: &[u8], like: Option<&Metadata>, tag: &str) -> io::Result<()> {
    Staged::new(path, bytes, like, tag)?.commit()
}

/// A file's new content, synced to disk under another name in the same folder; deleted when it is dropped.
#[derive(Debug)]
pub struct Staged<'a> {
    path: &'a Path,
    temporary: PathBuf,
    is_committed: bool,
}

impl<'a> Staged<'a> {
    /// Writes it. `tag` makes its name unique to this process.
    ///
    /// With `like`, the new file gets that file's mode and, where the system lets us, its owner; without,
    /// only the user can read it (mode 0600).
    ///
    /// # Errors
    /// What the system says; no temporary file is left then.
    pub fn new(path: &'a Path, bytes: &[u8], like: Option<&Metadata>, tag: &str) -> io::Result<Self> {
        let staged = Self { path, temporary: temporary_name(path, tag)?, is_committed: false };
        write_new(&staged.temporary, bytes, like)?;
        Ok(staged)
    }

    /// Renames it over the file.
    ///
    /// # Errors
    /// What the system says; the file is untouched then.
    pub fn commit(mut self) -> io::Result<()> {
        std::fs::rename(&self.temporary, self.path)?;
        self.is_committed = true;
        sync_folder(self.path);
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn temporary_name(path: &Path, tag: &str) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "has no file name"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{tag}.tmp"));
    Ok(path.with_file_name(temporary))
}

fn write_new(path: &Path, bytes: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    if let Some(like) = like {
        keep_owner(&file, like)?;
        // After the owner: changing that clears the set-id bits.
        file.set_permissions(like.permissions())?;
    }
    file.sync_all()
}

/// Gives the file the old one's owner and group; a user who may not leaves it with his own, as an
/// editor would.
#[cfg(unix)]
fn keep_owner(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    match fchown(file, Some(like.uid()), Some(like.gid())) {
        Err(e) if e.kind() != io::ErrorKind::PermissionDenied => Err(e),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Makes the rename itself durable, where folders can be synced.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kubelogin-files-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn replaces_and_keeps_the_mode() {
        let folder = folder("mode");
        let path = folder.join("config");
        replace(&path, b"one", None, "t").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"two", Some(&path.metadata().unwrap()), "t").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failed_replacement_leaves_nothing_behind() {
        let folder = folder("failed");
        let target = folder.join("target");
        std::fs::create_dir(&target).unwrap();
        assert!(replace(&target, b"x", None, "t").is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn reading_is_bounded_and_refuses_what_is_no_file() {
        let folder = folder("bounded");
        let path = folder.join("file");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert_eq!(read_bounded(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(&folder, 5).unwrap_err().to_string(), "is a folder");
        assert_eq!(read_bounded(Path::new("/dev/zero"), 5).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
