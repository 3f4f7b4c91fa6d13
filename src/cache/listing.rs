//! What lies in a cache folder, for people: nothing is changed by looking.

use super::entry::{self, Entry};
use super::key::{Key, is_entry_name};
use super::{LOCK_SUFFIX, MAX_ENTRY};
use crate::sys::private;
use std::fs::TryLockError;
use std::io::{self, Read};
use std::path::Path;

/// An entry's file.
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What stands in it, or why it cannot be used.
    pub content: Result<(Key, Entry), String>,
    /// Others can read it.
    pub is_readable_by_others: bool,
    /// Who is getting a token for it right now.
    pub holder: Option<String>,
}

/// Every entry in the folder, by name; none where there is no folder.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Listed>> {
    Ok(names(folder, is_entry_name)?.into_iter().map(|name| look_at(folder, name)).collect())
}

fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
    names.sort_unstable();
    Ok(names)
}

fn look_at(folder: &Path, name: String) -> Listed {
    let read = private::read_unmodified(&folder.join(&name), MAX_ENTRY);
    let is_readable_by_others = read.as_ref().is_ok_and(|file| file.was_readable_by_others);
    let content = match read {
        Ok(file) => entry::read(&file.bytes).map_err(|why| format!("it {why}")),
        Err(e) => Err(format!("it {}", super::reason(&e))),
    };
    let holder = holder(&folder.join(format!("{name}{LOCK_SUFFIX}")));
    Listed { name, content, is_readable_by_others, holder }
}

/// Who holds the lock of which of these names, which is yet to have a file: a first sign-in is under way.
///
/// # Errors
/// The folder cannot be read.
pub fn first_sign_ins(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let names = names(folder, super::is_lock)?.into_iter();
    let begun = names.filter_map(|lock| {
        let name = lock.strip_suffix(LOCK_SUFFIX)?.to_owned();
        let holder = holder(&folder.join(&lock)).filter(|_| !folder.join(&name).exists())?;
        Some((name, holder))
    });
    Ok(begun.collect())
}

/// Who holds a lock. It is asked for as a reader beside others, for a moment, and its file is not touched.
fn holder(path: &Path) -> Option<String> {
    const MAX_NOTE: u64 = 200;
    let file = private::open_unmodified(path).ok()?;
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut note = String::new();
    let is_read = file.take(MAX_NOTE).read_to_string(&mut note).is_ok();
    let note = note.trim();
    Some(if is_read && !note.is_empty() { note.to_owned() } else { "another process".to_owned() })
}
