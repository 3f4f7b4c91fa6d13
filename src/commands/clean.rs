//! `clean`: deletes the cached tokens of OpenID providers, ours and those of int128's program in its default folder.

use crate::cache;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::mode::Mode;
use crate::sys::paths::{self, Found};
use std::io;
use std::path::{Path, PathBuf};

/// The letters of an entry's name in the other program's folder.
const HASH_LETTERS: usize = 64;

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, a file that cannot be deleted.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    let folder = options.cache_dir(ctx)?;
    delete(&folder, |file| file.name.as_deref().is_some_and(is_entry))?;
    ctx.eprintln(&format!("Deleted the token cache from {}", folder.display()));
    let is_named = [Id::CacheDir, Id::TokenCacheDir].iter().any(|id| options.args().last(*id).is_some());
    if let Some(other) = others_folder(ctx).filter(|folder| !is_named && paths::is_folder(folder)) {
        delete(&other, |file| file.name.as_deref().is_some_and(is_others))?;
        paths::remove_empty_folder(&other);
        ctx.eprintln(&format!("Deleted the token cache from {}", other.display()));
    }
    let command = match std::env::consts::OS {
        "macos" => "security delete-generic-password -s kubelogin",
        "windows" => "cmdkey /list:kubelogin*, then cmdkey /delete:NAME",
        _ => "secret-tool clear service kubelogin",
    };
    ctx.eprintln(&format!("Tokens that the other kubelogin keeps in a keyring are deleted with: {command}"));
    Ok(())
}

/// An entry of the oidc mode begins with its name.
fn is_entry(name: &str) -> bool {
    cache::is_ours(name) && name.starts_with(&format!("{}_", Mode::Oidc.name()))
}

fn is_others(name: &str) -> bool {
    let base = name.strip_suffix(".lock").unwrap_or(name);
    base.len() == HASH_LETTERS && base.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn others_folder(ctx: &Context) -> Option<PathBuf> {
    match ctx.env.path("KUBECACHEDIR") {
        Some(folder) => Some(folder.join("oidc-login")),
        None => Some(ctx.home()?.join(".kube").join("cache").join("oidc-login")),
    }
}

fn delete(folder: &Path, is_wanted: impl Fn(&Found) -> bool) -> Result<()> {
    let cannot =
        |what: &str, path: &Path, e: &io::Error| Error::new(format!("cannot {what} {}: {e}", path.display()));
    let files = match paths::list(folder) {
        Ok(files) => files,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(cannot("read", folder, &e)),
    };
    for file in files.iter().filter(|file| !file.is_folder && is_wanted(file)) {
        match paths::remove_file(&file.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(cannot("delete", &file.path, &e)),
            _ => {}
        }
    }
    Ok(())
}
