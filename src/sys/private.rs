//! Files that only this user may have written: opened without following links, checked once open.
//!
//! Whatever stands at the path, opening it neither hangs nor has an effect on it.

use std::fs::{File, Metadata, OpenOptions};
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
    let (metadata, was_readable_by_others) = check(&file, restrict_to_owner)?;
    Ok(Private { bytes: read_all(file, metadata.len(), limit)?, was_readable_by_others })
}

/// Reads a file of this length. One byte more than there is: the end is seen in the same call, and without growing,
/// which would leave copies behind.
fn read_all(mut file: File, length: u64, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {limit} bytes"));
    let length = usize::try_from(length).ok().filter(|_| length <= limit).ok_or_else(too_large)?;
    let mut bytes = Zeroizing::new(vec![0; length.saturating_add(1)]);
    let mut filled = 0;
    while filled < length {
        match file.read(bytes.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    if filled > length {
        // It grows while it is read. Files of ours are renamed into place, so another program writes this one.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "changes while it is read"));
    }
    bytes.truncate(filled);
    Ok(bytes)
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
/// none. On Windows no process can delete, rename or replace it while it is open.
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

/// What the system says of an open file, and whether others could read it; refuses what is not ours. A file with a
/// second name may be another program's file, which must not change when ours does.
fn check(file: &File, restrict_to_owner: impl Fn(&File) -> bool) -> io::Result<(Metadata, bool)> {
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
        if metadata.nlink() > 1 {
            return Err(special("is a file with several names (hard links)"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Ok((metadata, restrict_to_owner(file)));
        }
    }
    #[cfg(not(unix))]
    let _ = restrict_to_owner;
    Ok((metadata, false))
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
    fn a_file_with_a_second_name_is_neither_read_nor_changed() {
        let folder = std::env::temp_dir().join(format!("kubelogin-private-links-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, second) = (folder.join("file"), folder.join("second"));
        std::fs::write(&file, b"precious").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::hard_link(&file, &second).unwrap();
        for path in [&file, &second] {
            let message = "is a file with several names (hard links)";
            assert_eq!(read(path, 99).unwrap_err().to_string(), message);
            assert_eq!(open_or_create(path).unwrap_err().to_string(), message);
            assert_eq!(crate::sys::lock::try_lock(path).unwrap_err().to_string(), message);
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        std::fs::remove_file(&second).unwrap();
        assert_eq!(read(&file, 8).unwrap().bytes.as_slice(), b"precious");
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
