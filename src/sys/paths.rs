//! What stands at a path, and deleting it.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// Something in a folder.
pub struct Found {
    /// Its name, if that is Unicode.
    pub name: Option<String>,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a folder itself; a link to one is not.
    pub is_folder: bool,
}

/// What is in a folder, in the system's order.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Found>> {
    let found = std::fs::read_dir(folder)?.map(|entry| {
        let entry = entry?;
        Ok(Found {
            name: entry.file_name().into_string().ok(),
            path: entry.path(),
            is_folder: entry.file_type().is_ok_and(|kind| kind.is_dir()),
        })
    });
    found.collect()
}

/// Whether anything is there; a link that leads nowhere is nothing.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Whether a folder is there, or a link to one.
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Whether a regular file is there, or a link to one.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Whether a symbolic link is there.
pub fn is_link(path: &Path) -> bool {
    path.is_symlink()
}

/// Whether two paths lead to one place; not where either leads nowhere.
pub fn are_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

/// The path without links and dots.
///
/// # Errors
/// Nothing is there.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// What the system says about the file, through links.
///
/// # Errors
/// Nothing is there.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    path.metadata()
}

/// Deletes a file or a link.
///
/// # Errors
/// What the system says.
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// Deletes a folder if it is empty; what is in it stays.
pub fn remove_empty_folder(path: &Path) {
    let _ = std::fs::remove_dir(path);
}
