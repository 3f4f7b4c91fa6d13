//! Files: bounded reading, and the programs among them.

use crate::context::Env;
use std::fs::{File, Metadata};
use std::io::{self, Read};
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

/// Whether a file holds exactly these bytes.
///
/// # Errors
/// It cannot be read.
pub fn has_content(path: &Path, expected: &[u8]) -> io::Result<bool> {
    const CHUNK: usize = 64 << 10;
    let mut file = File::open(path)?;
    let (mut buffer, mut rest) = (vec![0; CHUNK], expected);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(rest.is_empty());
        }
        match (rest.split_at_checked(count), buffer.get(..count)) {
            (Some((head, tail)), Some(read)) if head == read => rest = tail,
            _ => return Ok(false),
        }
    }
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

/// How this program was called, as an absolute path with its links: by its path, else by its name on `PATH`.
pub fn called_as(env: &Env) -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods)] // The program's name is not among the arguments that Context has.
    let name = std::env::args_os().next()?;
    let path = Path::new(&name);
    let is_name = path.parent().is_some_and(|folder| folder.as_os_str().is_empty());
    let found = if is_name { find_program(env, name.to_str()?)? } else { path.to_owned() };
    absolute(&found).ok()
}

/// The path from the root, by its text alone: links and `..` stay.
///
/// # Errors
/// The working folder is unknown.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// Whether users other than this one and root can put another file in its place: its folder, or one that a link
/// leads to, is another user's or writable for all. `false` where there are no modes.
pub fn others_can_replace(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = rustix::process::geteuid().as_raw();
        let is_open = |folder: &Path| {
            folder.metadata().is_ok_and(|m| m.mode() & 0o002 != 0 || ![0, own].contains(&m.uid()))
        };
        let target = path.canonicalize().ok();
        [Some(path), target.as_deref()].into_iter().flatten().filter_map(Path::parent).any(is_open)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
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

pub(super) fn refuse_special(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() { "is a folder" } else { "is not a regular file" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kubelogin-files-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn content_is_compared_to_its_end() {
        let folder = folder("content");
        let path = folder.join("file");
        let bytes: Vec<u8> = (0..200_000).map(|i: u32| i.to_le_bytes()[0]).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert!(has_content(&path, &bytes).unwrap());
        for other in [&bytes[1..], &bytes[..199_999], &[], &[&bytes[..], b"x"].concat()] {
            assert!(!has_content(&path, other).unwrap());
        }
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
