//! What lies in a cache folder, for people: nothing is changed by looking.

use super::entry::{self, Entry};
use super::key::{Key, is_entry_name};
use super::{LARGEST_ENTRY, LOCK_SUFFIX};
use crate::sys::{lock, private};
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
    /// Who is getting a token for it right now.
    pub holder: Option<String>,
}

/// Every entry in the folder, by name; none where there is no folder.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut names = match std::fs::read_dir(folder) {
        Ok(files) => files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .filter(|name| is_entry_name(name))
            .collect::<Vec<_>>(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    names.sort_unstable();
    Ok(names.into_iter().map(|name| look_at(folder, name)).collect())
}

fn look_at(folder: &Path, name: String) -> Listed {
    let read = private::look(&folder.join(&name), LARGEST_ENTRY);
    let is_readable_by_others = read.as_ref().is_ok_and(|file| file.was_readable_by_others);
    let content = match read {
        Ok(file) => entry::read(&file.bytes).map_err(|why| format!("it {why}")),
        Err(e) => Err(format!("it {}", super::reason(&e))),
    };
    let lock_path = folder.join(format!("{name}{LOCK_SUFFIX}"));
    let is_held = lock_path.is_file() && matches!(lock::try_lock(&lock_path), Ok(None));
    let holder = is_held.then(|| lock::note(&lock_path).unwrap_or_else(|| "another process".to_owned()));
    Listed { name, content, is_readable_by_others, holder }
}
