//! What lies in a cache folder, for people: nothing is changed by looking.

use super::MAX_ENTRY;
use super::entry::{self, Entry};
use super::folder::{LOCK_SUFFIX, is_identity_lock, is_lock, reason};
use super::key::{Key, is_entry_name};
use crate::sys::{lock, paths, private};
use std::io;
use std::path::Path;

/// An entry's file.
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What stands in it, or why it cannot be used.
    pub content: Result<(Key, Entry), String>,
    /// Others can read it.
    pub is_readable_by_others: bool,
    /// The process that is getting a token for it right now.
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
    let files = match paths::list(folder) {
        Ok(files) => files,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let names = files.into_iter().filter_map(|file| file.name);
    let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
    names.sort_unstable();
    Ok(names)
}

fn look_at(folder: &Path, name: String) -> Listed {
    let read = private::read_unmodified(&folder.join(&name), MAX_ENTRY);
    let is_readable_by_others = read.as_ref().is_ok_and(|file| file.was_readable_by_others);
    let content = match read {
        Ok(file) => entry::read(&file.bytes).map_err(|why| format!("it {why}")),
        Err(e) => Err(format!("it {}", reason(&e))),
    };
    let holder = lock::holder(&folder.join(format!("{name}{LOCK_SUFFIX}")));
    Listed { name, content, is_readable_by_others, holder }
}

/// Sign-ins that have not stored a token yet: each entry's name, and the process that holds its lock.
///
/// # Errors
/// The folder cannot be read.
pub fn first_sign_ins(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let names = names(folder, |name| is_lock(name) && !is_identity_lock(name))?.into_iter();
    let begun = names.filter_map(|lock| {
        let name = lock.strip_suffix(LOCK_SUFFIX)?.to_owned();
        let holder = lock::holder(&folder.join(&lock)).filter(|_| !paths::exists(&folder.join(&name)))?;
        Some((name, holder))
    });
    Ok(begun.collect())
}
