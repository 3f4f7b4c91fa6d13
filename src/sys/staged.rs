//! Atomic replacement of files.
//!
//! A reader of a replaced file sees the old bytes or the new ones, never half of either; a crash leaves at most a
//! temporary file behind, which is named after its target and can be deleted.

use super::files::refuse_special;
use crate::context::Context;
use crate::error::Result;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Whose a new file is, and who may read it.
#[derive(Clone, Copy, Debug)]
pub enum Keep<'a> {
    /// Its user's alone (mode 0600).
    Nothing,
    /// It has this file's owner, group and mode.
    All(&'a Metadata),
    /// It has this file's owner and group; only the owner may read it.
    Owner(&'a Metadata),
}

/// A word of random digits, which no other process has in the name of its temporary file.
///
/// # Errors
/// The operating system has no randomness.
pub fn tag(ctx: &Context) -> Result<String> {
    Ok(format!("{:016x}", u64::from_be_bytes(ctx.random()?)))
}

/// Replaces what `path` holds by `bytes`, atomically: see [`Staged`].
///
/// # Errors
/// What the system says; the target is untouched then and no temporary file is left.
pub fn replace(path: &Path, bytes: &[u8], keep: Keep, tag: &str) -> io::Result<()> {
    Staged::new(path, bytes, keep, tag)?.commit()
}

/// Takes away a link, a pipe, a socket or an empty folder that stands where a file of our own belongs. What may be
/// worth something (a device, a folder with content) stays.
pub fn make_room(path: &Path) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    let kind = metadata.file_type();
    #[cfg(unix)]
    let is_channel = {
        use std::os::unix::fs::FileTypeExt;
        kind.is_fifo() || kind.is_socket()
    };
    #[cfg(not(unix))]
    let is_channel = false;
    let _ = match kind {
        kind if kind.is_dir() => std::fs::remove_dir(path),
        kind if kind.is_symlink() || is_channel => std::fs::remove_file(path),
        _ => Ok(()),
    };
}

/// A file's new content, synced to disk under another name in the same folder; deleted when it is dropped.
///
/// Only a regular file is ever replaced, or nothing: a rename would take the place of a device, a pipe or a link
/// as readily.
#[derive(Debug)]
pub struct Staged<'a> {
    path: &'a Path,
    temporary: PathBuf,
    is_committed: bool,
}

impl<'a> Staged<'a> {
    /// Writes it. `tag` makes its name unique: see [`tag`].
    ///
    /// # Errors
    /// `InvalidInput` where something other than a regular file stands at `path`; what the system says. No
    /// temporary file is left then.
    pub fn new(path: &'a Path, bytes: &[u8], keep: Keep, tag: &str) -> io::Result<Self> {
        refuse_to_replace(path)?;
        let temporary = temporary_name(path, tag)?;
        let file = create_new(&temporary)?;
        // From here on the file is this process's own to delete.
        let staged = Self { path, temporary, is_committed: false };
        fill(file, bytes, keep)?;
        Ok(staged)
    }

    /// Renames it over the file.
    ///
    /// # Errors
    /// As [`Staged::new`]; the file is untouched then.
    pub fn commit(mut self) -> io::Result<()> {
        refuse_to_replace(self.path)?;
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

/// Links are not followed: the link itself would be replaced.
fn refuse_to_replace(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "is a symbolic link"))
        }
        Ok(metadata) => refuse_special(&metadata),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
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

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn fill(mut file: File, bytes: &[u8], keep: Keep) -> io::Result<()> {
    file.write_all(bytes)?;
    match keep {
        Keep::Nothing => {}
        Keep::All(like) => take_over(&file, like, 0o7777)?,
        Keep::Owner(like) => take_over(&file, like, 0o600)?,
    }
    file.sync_all()
}

/// Gives the file the old one's owner, group and mode, as far as `mask` lets it. Where the owner cannot be kept the
/// group still is, for a member may give a file to its group; where that fails too, the rights of the group go, and
/// with them those of all others that the group did not have.
#[cfg(unix)]
fn take_over(file: &File, like: &Metadata, mask: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let own = file.metadata()?;
    let mut mode = like.mode() & mask;
    let has_all = (own.uid(), own.gid()) == (like.uid(), like.gid())
        || fchown(file, Some(like.uid()), Some(like.gid())).is_ok();
    if !has_all {
        let has_group = own.gid() == like.gid() || fchown(file, None, Some(like.gid())).is_ok();
        mode = if has_group { mode & 0o777 } else { without_group(mode) };
    }
    // After the owner: changing that clears the set-id bits.
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// A mode for a file whose group is lost: the old group's members are among all others now.
#[cfg(unix)]
fn without_group(mode: u32) -> u32 {
    mode & 0o700 | mode & (mode >> 3) & 0o007
}

#[cfg(not(unix))]
fn take_over(file: &File, like: &Metadata, _: u32) -> io::Result<()> {
    file.set_permissions(like.permissions())
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
        let folder = std::env::temp_dir().join(format!("kubelogin-staged-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn replaces_and_keeps_the_mode() {
        let folder = folder("mode");
        let path = folder.join("config");
        replace(&path, b"one", Keep::Nothing, "t").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let like = path.metadata().unwrap();
        replace(&path, b"two", Keep::All(&like), "t").unwrap();
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
        assert!(replace(&target, b"x", Keep::Nothing, "t").is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_a_regular_file_is_replaced_and_only_before_it_became_something_else() {
        let folder = folder("special");
        let (pipe, link, socket) = (folder.join("pipe"), folder.join("link"), folder.join("socket"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, why) in [
            (&pipe, "is not a regular file"),
            (&link, "is a symbolic link"),
            (&socket, "is not a regular file"),
        ] {
            let before = path.symlink_metadata().unwrap().file_type();
            assert_eq!(replace(path, b"x", Keep::Nothing, "t").unwrap_err().to_string(), why);
            assert_eq!(path.symlink_metadata().unwrap().file_type(), before);
        }
        let late = folder.join("late");
        let staged = Staged::new(&late, b"x", Keep::Nothing, "t").unwrap();
        std::fs::rename(&pipe, &late).unwrap();
        assert!(staged.commit().is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
        for path in [&late, &link, &socket] {
            make_room(path);
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn another_s_temporary_file_stays() {
        let folder = folder("foreign");
        let (path, foreign) = (folder.join("config"), folder.join(".config.t.tmp"));
        std::fs::write(&foreign, b"foreign").unwrap();
        let error = replace(&path, b"x", Keep::Nothing, "t").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&foreign).unwrap(), b"foreign");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_its_group_a_file_is_read_by_none_that_could_not_read_it() {
        for (mode, expected) in
            [(0o660, 0o600), (0o640, 0o600), (0o664, 0o604), (0o604, 0o600), (0o755, 0o705)]
        {
            assert_eq!(without_group(mode), expected, "{mode:o}");
        }
    }
}
