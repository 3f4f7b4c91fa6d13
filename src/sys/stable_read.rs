//! Reading a file that another program writes in place, without locks: the bytes of one moment, or an error.
//!
//! Invariant: reading creates, writes and locks nothing and never blocks.

use std::fs::{File, Metadata, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;
use std::time::SystemTime;

/// A file's bytes, overwritten when dropped: they may hold tokens. Of megabytes, that is ten times as fast by one
/// `fill` as byte by byte, which is how `zeroize` does it.
#[derive(Debug)]
pub struct FileBytes(Vec<u8>);

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        self.0.fill(0);
        // Bytes that are looked at once more must have been written.
        black_box(&self.0);
    }
}

/// Reads a regular file of at most `max` bytes by one read, and checks that its length and its times are the
/// same before and after; `None` where there is no file.
///
/// # Errors
/// What the system says; `InvalidInput` for what is not a regular file (a link, a folder, a pipe) or what every
/// user may write, `FileTooLarge` for more than `max` bytes, `WouldBlock` where the file changed meanwhile.
pub fn read_stable(path: &Path, max: u64) -> io::Result<Option<FileBytes>> {
    read_hooked(path, max, || {})
}

/// When a file was last written; `None` where there is none.
///
/// # Errors
/// What the system says.
pub fn modified(path: &Path) -> io::Result<Option<SystemTime>> {
    match path.symlink_metadata() {
        Ok(metadata) => metadata.modified().map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Whether every user of the machine may make files in a folder. `false` where there are no modes.
///
/// # Errors
/// What the system says.
pub fn is_writable_by_all(folder: &Path) -> io::Result<bool> {
    folder.metadata().map(|metadata| has_write_for_all(&metadata))
}

/// `between` runs when the bytes are read and not yet checked.
fn read_hooked(path: &Path, max: u64, between: impl FnOnce()) -> io::Result<Option<FileBytes>> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
    }
    if has_write_for_all(&before) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "may be written by every user"));
    }
    if before.len() > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {max} bytes")));
    }
    let changed = || io::Error::new(io::ErrorKind::WouldBlock, "is being written");
    let length = usize::try_from(before.len()).map_err(io::Error::other)?;
    // One byte more, so that a file that has grown is seen to have.
    let mut bytes = FileBytes(vec![0; length.saturating_add(1)]);
    let count = file.read(&mut bytes.0)?;
    between();
    if count != length || Stamp::of(&before)? != Stamp::of(&file.metadata()?)? {
        return Err(changed());
    }
    bytes.0.truncate(length);
    Ok(Some(bytes))
}

/// What a write changes.
#[derive(PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: SystemTime,
    /// Where the system has it: unlike the other time, no program can set it.
    changed: Option<(i64, i64)>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt;
            Some((metadata.ctime(), metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let changed = None;
        Ok(Self { length: metadata.len(), modified: metadata.modified()?, changed })
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // A link is refused by the system itself; a pipe does not make the opening wait.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.cast_signed());
    }
    options.open(path)
}

fn has_write_for_all(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        metadata.mode() & 0o002 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kubelogin-stable-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn restrict(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_whole_file_or_none() {
        let folder = folder("whole");
        let file = folder.join("file");
        assert!(read_stable(&file, 5).unwrap().is_none());
        std::fs::write(&file, "12345").unwrap();
        restrict(&file, 0o600);
        assert_eq!(read_stable(&file, 5).unwrap().unwrap()[..], *b"12345");
        assert_eq!(read_stable(&file, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(&file, "").unwrap();
        assert!(read_stable(&file, 4).unwrap().unwrap().is_empty());
        restrict(&file, 0o602);
        assert_eq!(read_stable(&file, 4).unwrap_err().to_string(), "may be written by every user");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let folder = folder("kinds");
        restrict(&folder, 0o700);
        let link = folder.join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert!(read_stable(&link, 5).is_err());
        let pipe = folder.join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        for path in [&pipe, &folder] {
            assert_eq!(read_stable(path, 5).unwrap_err().to_string(), "is not a regular file");
        }
        assert!(!is_writable_by_all(&folder).unwrap());
        restrict(&folder, 0o775);
        assert!(!is_writable_by_all(&folder).unwrap());
        restrict(&folder, 0o777);
        assert!(is_writable_by_all(&folder).unwrap());
        assert_eq!(modified(&folder.join("none")).unwrap(), None);
        assert!(modified(&pipe).unwrap().is_some());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_not_used() {
        let folder = folder("change");
        let file = folder.join("file");
        std::fs::write(&file, "12345").unwrap();
        restrict(&file, 0o600);
        let kind = |change: &dyn Fn()| read_hooked(&file, 9, change).unwrap_err().kind();
        let open = || OpenOptions::new().write(true).open(&file).unwrap();
        assert_eq!(kind(&|| open().set_len(3).unwrap()), io::ErrorKind::WouldBlock);
        let moment = SystemTime::UNIX_EPOCH;
        assert_eq!(kind(&|| open().set_modified(moment).unwrap()), io::ErrorKind::WouldBlock);
        assert!(read_hooked(&file, 9, || {}).unwrap().is_some());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
