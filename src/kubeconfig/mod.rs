//! Kubeconfigs: which files, which users, and their lossless editing.
//!
//! Invariant: a file is written whole or not at all, under the lock that kubectl itself uses, and means
//! afterwards what it meant before, but for the users that were converted.

pub mod active;
pub mod diff;
pub mod document;
pub mod emit;
pub mod entry;
pub mod scalar;
pub mod tabs;
pub mod value;
pub mod yaml;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::sys::files::{may_exist, read_bounded};
use document::Document;
use entry::{EntryKind, kind};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Larger files are not kubeconfigs.
const MAX_BYTES: u64 = 32 << 20;

/// A kubeconfig as it was read.
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What stands in it.
    pub document: Document,
}

/// The files that count: `explicit`, else those of `KUBECONFIG`, else `~/.kube/config`. Of a list, missing
/// ones are left out.
///
/// # Errors
/// An explicit file that is not there; no home folder.
pub fn paths(ctx: &Context, explicit: Option<&Path>) -> Result<Vec<PathBuf>> {
    if let Some(path) = explicit {
        return Ok(vec![path.to_owned()]);
    }
    let listed = match ctx.env.os("KUBECONFIG") {
        Some(list) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => {
            let home = ctx.home().ok_or_else(|| {
                Error::new("there is no kubeconfig: HOME is not set")
                    .hint("pass --kubeconfig or set KUBECONFIG")
            })?;
            vec![home.join(".kube").join("config")]
        }
    };
    let mut seen = HashSet::new();
    Ok(listed.into_iter().filter(|path| may_exist(path) && seen.insert(path.clone())).collect())
}

/// Reads a kubeconfig; keeps the users that conversion is about.
///
/// # Errors
/// A file that cannot be read or is no kubeconfig; the message names it with line and column.
pub fn read(path: &Path) -> Result<File> {
    read_users(path, |user| kind(user) != EntryKind::Other)
}

/// The same with the users that `wanted` chooses.
///
/// # Errors
/// As [`read`].
pub fn read_users(path: &Path, wanted: impl Fn(&value::Value) -> bool) -> Result<File> {
    let failed = |why: String| Error::new(format!("cannot use the kubeconfig {}: {why}", path.display()));
    let bytes = read_bounded(path, MAX_BYTES).map_err(|e| failed(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line =
            e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        failed(format!("line {line} is not valid UTF-8"))
    })?;
    let document = Document::read(&text, wanted).map_err(|e| failed(e.message().to_owned()))?;
    Ok(File { path: path.to_owned(), text, document })
}

/// Which of the files' users are effective and chosen: (file, user) indexes. Of one name, the first file
/// that has it counts, as in kubectl.
///
/// # Errors
/// No context of the given name.
pub fn chosen(files: &[File], context: Option<&str>) -> Result<Vec<(usize, usize)>> {
    let only = match context {
        None => None,
        Some(name) => Some(
            files
                .iter()
                .find_map(|file| file.document.contexts.get(name))
                .ok_or_else(|| Error::new(format!("no context exists with the name: \"{name}\"")))?,
        ),
    };
    let mut seen: HashSet<&str> = HashSet::new();
    let mut chosen = Vec::new();
    for (at, file) in files.iter().enumerate() {
        for (index, user) in file.document.users.iter().enumerate() {
            let wanted = only.is_none_or(|only| *only == user.name);
            if wanted && !seen.contains(user.name.as_str()) {
                chosen.push((at, index));
            }
        }
        seen.extend(file.document.user_names.iter().map(String::as_str));
    }
    Ok(chosen)
}
