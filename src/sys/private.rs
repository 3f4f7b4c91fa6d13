//! Files that only this user may have written: opened without following links, checked once open.
//!
//! Whatever stands at the path, opening it neither hangs nor has an effect on it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// What a private file holds.
#[derive(Debug)]
pub struct Private {
    /// Its bytes, wiped when dropped: they hold secrets.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Others could read it; its mode has been set to 0600 now.
    pub was_readable_by_others: bool,
}

/// Reads a regular file of at most `limit` bytes that belongs to this user.
///
/// # Errors
/// What the system says; `InvalidInput` for what is not a regular file (links are not followed),
/// `PermissionDenied` for another user's file, `FileTooLarge` when it is longer than `limit`.
pub fn read(path: &Path, limit: u64) -> io::Result<Private> {
    read_and(path, limit, restrict_to_owner)
}

/// The same without any effect on the file: it stays readable by others where it is.
///
/// # Errors
/// As [`read`].
pub fn read_unmodified(path: &Path, limit: u64) -> io::Result<Private> {
    read_and(path, limit, |_| true)
}

fn read_and(path: &Path, limit: u64, restrict_to_owner: impl Fn(&File) -> bool) -> io::Result<Private> {
    let file = open(OpenOptions::new().read(true), path)?;
    let was_readable_by_others = check(&file, restrict_to_owner)?;
    // One byte more than there is: the end is seen without growing, which would leave copies behind.
    let length = file.metadata()?.len().min(limit);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {limit} bytes")));
    }
    Ok(Private { bytes, was_readable_by_others })
}

/// Opens a regular file of this user for reading, without any effect on it.
///
/// # Errors
/// As [`read`].
pub fn open_unmodified(path: &Path) -> io::Result<File> {
    let file = open(OpenOptions::new().read(true), path)?;
    check(&file, |_| true)?;
    Ok(file)
}

/// Opens a regular file of this user for reading and writing; makes an empty one, mode 0600, if there is
/// none. On Windows nobody can delete, rename or replace it while it is open.
///
/// # Errors
/// As [`read`].
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Not truncated: another process may own what it says.
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(windows)]
    {
        // std's default shares deleting too.
        const FILE_SHARE_READ_AND_WRITE: u32 = 1 | 2;
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, FILE_SHARE_READ_AND_WRITE);
    }
    let file = open(&mut options, path)?;
    check(&file, restrict_to_owner)?;
    Ok(file)
}

/// Makes a folder, and what is missing above it, for this user alone (0700).
///
/// # Errors
/// What the system says.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether files can be made in a folder.
pub fn can_write(folder: &Path) -> bool {
    #[cfg(unix)]
    {
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
    }
    #[cfg(not(unix))]
    folder.metadata().is_ok_and(|metadata| !metadata.permissions().readonly())
}

/// Whether group or others can look into a folder.
pub fn is_readable_by_others(folder: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        folder.metadata().is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        false
    }
}

/// Takes a folder of this user away from group and others; whether that was needed.
///
/// # Errors
/// What the system says.
pub fn restrict_folder_to_owner(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let metadata = path.symlink_metadata()?;
        if metadata.is_dir() && metadata.uid() == own_uid() && metadata.mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
            return Ok(true);
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(false)
}

#[cfg(unix)]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    // A link is refused by the system itself; a pipe does not make the opening wait.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    options.mode(0o600).custom_flags(flags.cast_signed()).open(path).map_err(|e| match e.kind() {
        io::ErrorKind::IsADirectory => special("is a folder"),
        _ if path.is_symlink() => special("is a symbolic link"),
        _ => e,
    })
}

#[cfg(not(unix))]
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    if path.is_symlink() {
        return Err(special("is a symbolic link"));
    }
    options.open(path)
}

/// Takes an open file away from group and others; whether that worked. A file system without modes (a
/// Windows drive under WSL) is as private as its owner made it.
fn restrict_to_owner(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
        file.metadata().is_ok_and(|metadata| metadata.mode() & 0o077 == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

/// Whether an open file could be read by others; refuses what is not ours.
fn check(file: &File, restrict_to_owner: impl Fn(&File) -> bool) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(special(if metadata.is_dir() { "is a folder" } else { "is not a regular file" }));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if metadata.uid() != own_uid() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "belongs to another user"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Ok(restrict_to_owner(file));
        }
    }
    #[cfg(not(unix))]
    let _ = restrict_to_owner;
    Ok(false)
}

#[cfg(unix)]
fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn special(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_no_private_file_is_refused_without_waiting() {
        let folder = std::env::temp_dir().join(format!("kubelogin-private-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let message = |path: &Path| read(path, 5).unwrap_err().to_string();
        assert_eq!(message(&folder), "is a folder");
        let link = folder.join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert_eq!(message(&link), "is a symbolic link");
        assert!(open_or_create(&link).is_err());
        let pipe = folder.join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(message(&pipe), "is not a regular file");
        let file = folder.join("file");
        std::fs::write(&file, b"123456").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(message(&file), "is larger than 5 bytes");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_others_can_read_is_tightened() {
        let file = std::env::temp_dir().join(format!("kubelogin-private-mode-{}", std::process::id()));
        std::fs::write(&file, b"1").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&file, 5).unwrap().was_readable_by_others);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!read(&file, 5).unwrap().was_readable_by_others);
        std::fs::remove_file(file).unwrap();
    }
}
