//! What a path names when it may be no regular file: pipes, devices, and descriptors that are open already.
//!
//! A path through `/dev/fd`, `/proc/*/fd`, `/dev/stdin`, `/dev/stdout` or `/dev/stderr` is the open descriptor,
//! whatever `stat` says: in `--outfile /dev/stdout >> all.yaml` it calls all.yaml a regular file, which must be
//! neither replaced nor truncated.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// More links than this in a row are a loop; Linux follows as many.
const MAX_LINKS: usize = 40;

/// What stands at a path, links followed.
#[derive(Debug)]
pub enum Named {
    /// Nothing yet; this is where a new file would be.
    Nothing(PathBuf),
    /// A regular file.
    Regular(PathBuf, Metadata),
    /// A folder.
    Folder,
    /// A pipe, a socket or a device, which is opened and read or written, never replaced.
    Special(PathBuf),
    /// A descriptor that is open already.
    Open(File),
}

/// What an open descriptor is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read it.
    Read,
    /// To write to it.
    Write,
}

/// Finds out what `path` names.
///
/// # Errors
/// What the system says: links in a circle, a folder that may not be searched, a descriptor that is not open.
pub fn named(path: &Path, access: Access) -> io::Result<Named> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Some(open) = descriptor::open(&path, access) {
            return open.map(Named::Open);
        }
        if is_device_name(&path) {
            return Ok(Named::Special(path));
        }
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Named::Nothing(path)),
            Err(e) => return Err(e),
        };
        if metadata.is_symlink() {
            let target = std::fs::read_link(&path)?;
            path = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target));
            continue;
        }
        return Ok(match metadata.file_type() {
            kind if kind.is_file() => Named::Regular(path, metadata),
            kind if kind.is_dir() => Named::Folder,
            _ => Named::Special(path),
        });
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "links lead in a circle"))
}

/// A file's content, and whether it may be replaced.
#[derive(Debug)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// It is a regular file, named by a path of its own.
    pub is_regular: bool,
}

/// Reads at most `limit` bytes of a file, a pipe, a device or an open descriptor. A pipe is read to its end,
/// however long its writer takes.
///
/// # Errors
/// What the system says; `InvalidInput` for a folder, `FileTooLarge` when there is more than `limit`.
pub fn read(path: &Path, limit: u64) -> io::Result<Content> {
    let (file, length) = match named(path, Access::Read)? {
        Named::Nothing(path) => (File::open(path)?, None),
        Named::Regular(path, metadata) => (File::open(path)?, Some(metadata.len())),
        Named::Folder => return Err(io::Error::new(io::ErrorKind::InvalidInput, "is a folder")),
        Named::Special(path) => (File::open(path)?, None),
        Named::Open(file) => (file, None),
    };
    // One byte more, so that the end is seen without growing.
    let expected = length.unwrap_or(0).min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {limit} bytes")));
    }
    Ok(Content { bytes, is_regular: length.is_some() })
}

/// Opens a pipe or a device to write to it: nothing is created and nothing truncated.
///
/// # Errors
/// What the system says.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

/// Whether an open file is this regular file, by whatever name. `false` where files have no numbers.
pub fn is_same_file(open: &File, path: &Path) -> bool {
    open.metadata().is_ok_and(|open| path.metadata().is_ok_and(|other| is_same(&open, &other)))
}

/// Whether two regular files are one: the same under two names, or by a hard link.
pub fn is_same(a: &Metadata, b: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        a.is_file() && b.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        false
    }
}

/// On Windows the names of devices are known in every folder, and `stat` may call them files.
fn is_device_name(path: &Path) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    cfg!(windows)
        && ["NUL", "CON", "CONIN$", "CONOUT$"].iter().any(|device| device.eq_ignore_ascii_case(name))
}

#[cfg(unix)]
mod descriptor {
    use super::Access;
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::path::{Path, PathBuf};

    const STANDARD: &[(&str, u32)] = &[("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/stderr", 2)];

    /// The descriptor that a path names, if it names one.
    pub fn open(path: &Path, access: Access) -> Option<io::Result<File>> {
        if let Some((_, number)) = STANDARD.iter().find(|(name, _)| path == Path::new(name)) {
            return Some(own(*number, path, access));
        }
        let folder = path.parent()?.canonicalize().ok()?;
        let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
        let in_proc = folder.starts_with("/proc") && folder.ends_with("fd");
        if !in_proc && folder != Path::new("/dev/fd") {
            return None;
        }
        let process = PathBuf::from(format!("/proc/{}", std::process::id()));
        if in_proc && !folder.starts_with(process) {
            // Another process's: opened anew, and written to at its end.
            return Some(reopen(path, access));
        }
        Some(own(number, path, access))
    }

    /// A descriptor of this process: a copy of it, which shares its place in the file.
    #[allow(clippy::disallowed_methods)] // The streams are copied here, not written to.
    fn own(number: u32, path: &Path, access: Access) -> io::Result<File> {
        let copied = match number {
            0 => io::stdin().as_fd().try_clone_to_owned(),
            1 => io::stdout().as_fd().try_clone_to_owned(),
            2 => io::stderr().as_fd().try_clone_to_owned(),
            _ => match copy(number) {
                Some(copied) => Ok(copied),
                None => return reopen(path, access),
            },
        };
        copied.map(File::from)
    }

    /// Without unsafe code only the kernel can copy a descriptor by its number (Linux 5.6).
    #[cfg(target_os = "linux")]
    fn copy(number: u32) -> Option<OwnedFd> {
        use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
        let number = i32::try_from(number).ok()?;
        let process = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
        pidfd_getfd(process, number, PidfdGetfdFlags::empty()).ok()
    }

    /// Elsewhere opening its name copies it.
    #[cfg(not(target_os = "linux"))]
    fn copy(_: u32) -> Option<OwnedFd> {
        None
    }

    /// Opens what a descriptor is open on; a file is written to at its end, so that nothing in it is lost.
    fn reopen(path: &Path, access: Access) -> io::Result<File> {
        match access {
            Access::Read => File::open(path),
            Access::Write => OpenOptions::new().append(true).open(path),
        }
    }
}

#[cfg(not(unix))]
mod descriptor {
    use super::Access;
    use std::{fs::File, io, path::Path};

    pub fn open(_: &Path, _: Access) -> Option<io::Result<File>> {
        None
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn links_are_followed_to_where_a_new_file_would_be() {
        let folder = std::env::temp_dir().join(format!("kubelogin-special-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink("target", folder.join("dangling")).unwrap();
        std::os::unix::fs::symlink("circle", folder.join("circle")).unwrap();
        let named = |name: &str| named(&folder.join(name), Access::Write);
        assert!(matches!(named("dangling").unwrap(), Named::Nothing(path) if path == folder.join("target")));
        assert!(matches!(named("new").unwrap(), Named::Nothing(path) if path == folder.join("new")));
        assert_eq!(named("circle").unwrap_err().to_string(), "links lead in a circle");
        std::fs::write(folder.join("target"), b"x").unwrap();
        assert!(
            matches!(named("dangling").unwrap(), Named::Regular(path, _) if path == folder.join("target"))
        );
        assert!(matches!(named("").unwrap(), Named::Folder));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_descriptor_is_copied_with_its_place_in_the_file() {
        let path = std::env::temp_dir().join(format!("kubelogin-descriptor-{}", std::process::id()));
        std::fs::write(&path, b"before").unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        file.seek(io::SeekFrom::End(0)).unwrap();
        for folder in ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"] {
            let name = Path::new(folder).join(file.as_raw_fd().to_string());
            let Named::Open(mut open) = named(&name, Access::Write).unwrap() else { panic!("{folder}") };
            open.write_all(b", after").unwrap();
            assert!(is_same_file(&open, &path));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"before, after, after, after");
        assert!(named(Path::new("/dev/fd/987654"), Access::Write).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn devices_and_pipes_are_read_to_a_bound() {
        assert_eq!(read(Path::new("/dev/null"), 5).unwrap().bytes, b"");
        assert_eq!(read(Path::new("/dev/zero"), 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(&std::env::temp_dir(), 5).unwrap_err().to_string(), "is a folder");
    }
}
