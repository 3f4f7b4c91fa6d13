//! Kubeconfigs: which files, which users, and their lossless editing. Flags and modes are unknown here.
//!
//! Invariant: a file is written whole or not at all, under the lock that kubectl itself uses, and means
//! afterwards what it meant before, but for the users that were converted.

pub mod active;
pub mod diff;
pub mod document;
pub mod edit;
pub mod emit;
pub mod encoding;
pub mod entry;
pub mod merge;
mod position;
mod raw_entry;
pub mod relative;
pub mod scalar;
pub mod tabs;
pub mod value;
pub mod yaml;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::sys::files::{has_content, may_exist, read_bounded};
use crate::sys::special;
use document::{Document, Visitor};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// Larger files are not kubeconfigs.
const MAX_BYTES: u64 = 32 << 20;

/// A kubeconfig's text and where it came from.
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// It is a regular file, which can be replaced; no pipe, device or open descriptor.
    pub is_regular: bool,
    /// Its bytes, where they are UTF-16.
    pub utf16: Option<Vec<u8>>,
}

impl Source {
    /// Reads a kubeconfig, which may be a pipe, a device or an open descriptor.
    ///
    /// # Errors
    /// A file that cannot be read or is no text; the message names it.
    pub fn read(path: &Path) -> Result<Self> {
        let content = special::read(path, MAX_BYTES).map_err(|e| failed(path, &e.to_string()))?;
        Self::from_bytes(path, content.bytes, content.is_regular)
    }

    fn from_bytes(path: &Path, bytes: Vec<u8>, is_regular: bool) -> Result<Self> {
        let decoded = encoding::decode(bytes).map_err(|e| failed(path, e.message()))?;
        Ok(Self { path: path.to_owned(), text: decoded.text, is_regular, utf16: decoded.utf16 })
    }

    /// Reads what stands in it.
    ///
    /// # Errors
    /// It is no kubeconfig; the message names it with line and column.
    pub fn parse(self, users: Visitor, clusters: Visitor) -> Result<File> {
        let document =
            Document::visit(&self.text, users, clusters).map_err(|e| failed(&self.path, e.message()))?;
        Ok(File { source: self, document })
    }

    /// The same read again; what is no regular file can be read only once, so that its text is used again.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read_again(self) -> Result<Self> {
        if self.is_regular { Self::read(&self.path) } else { Ok(self) }
    }

    /// Whether the file still holds what was read from it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(!self.is_regular || has_content(&self.path, self.bytes())?)
    }

    /// The bytes that were read.
    pub fn bytes(&self) -> &[u8] {
        self.utf16.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// A kubeconfig as it was read.
pub struct File {
    /// Its text.
    pub source: Source,
    /// What stands in it.
    pub document: Document,
}

impl File {
    /// Reads a kubeconfig with all its users.
    ///
    /// # Errors
    /// As [`Source::read`] and [`Source::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        Source::read(path)?.parse(Some(&mut |_| true), None)
    }
}

fn failed(path: &Path, why: &str) -> Error {
    Error::new(format!("cannot use the kubeconfig {}: {why}", path.display()))
}

/// The files that count, whether they are there or not: `explicit`, else those of `KUBECONFIG`, else
/// `~/.kube/config`.
///
/// # Errors
/// No home folder.
pub fn listed(ctx: &Context, explicit: Option<&Path>) -> Result<Vec<PathBuf>> {
    if let Some(path) = explicit {
        return Ok(vec![path.to_owned()]);
    }
    let mut listed: Vec<PathBuf> = match ctx.env.os("KUBECONFIG") {
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
    listed.retain(|path| seen.insert(path.clone()));
    Ok(listed)
}

/// The same without those that are missing, but for an explicit one.
///
/// # Errors
/// No home folder.
pub fn paths(ctx: &Context, explicit: Option<&Path>) -> Result<Vec<PathBuf>> {
    let mut paths = listed(ctx, explicit)?;
    paths.retain(|path| explicit.is_some() || may_exist(path));
    Ok(paths)
}

/// Reads the names of a regular file's contexts, and nothing else: what runs at every press of a key must not wait
/// for a pipe.
fn read_regular(path: &Path) -> Result<File> {
    let bytes = read_bounded(path, MAX_BYTES).map_err(|e| failed(path, &e.to_string()))?;
    Source::from_bytes(path, bytes, true)?.parse(None, None)
}

/// Which of the files' users are effective and chosen: for each file, their indexes. Of one name, the first file
/// that has it counts, as in kubectl.
///
/// # Errors
/// No context of the given name.
pub fn chosen<'d>(
    documents: impl Iterator<Item = &'d Document> + Clone,
    context: Option<&str>,
) -> Result<Vec<HashSet<usize>>> {
    let only = match context {
        None => None,
        Some(name) => Some(
            documents
                .clone()
                .find_map(|document| document.contexts.get(name))
                .ok_or_else(|| Error::new(format!("no context exists with the name: \"{name}\"")))?,
        ),
    };
    let mut seen: HashSet<&str> = HashSet::new();
    let mut chosen = Vec::new();
    for document in documents {
        let counts = |name: &str| only.is_none_or(|only| *only == name) && !seen.contains(name);
        let users = document.users.iter().enumerate();
        chosen.push(users.filter(|(_, user)| counts(&user.name)).map(|(index, _)| index).collect());
        seen.extend(document.user_names.iter().map(String::as_str));
    }
    Ok(chosen)
}
