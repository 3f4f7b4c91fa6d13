//! `clean`: signs out of OpenID providers. It deletes our own entries for them and, where no folder is named, what
//! int128's kubelogin keeps in its default folder. Nothing else is ever deleted.

use super::remove;
use crate::cache;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::mode::Mode;
use crate::sys::paths::{self, Found};
use std::io;
use std::path::{Path, PathBuf};

/// The letters of int128's file names.
const HASH_LETTERS: usize = 64;

/// How to delete what int128's kubelogin may have put into the keyring.
const KEYRING: &str = if cfg!(windows) {
    "cmdkey /list | findstr kubelogin, then cmdkey /delete:NAME"
} else if cfg!(target_os = "macos") {
    "security delete-generic-password -s kubelogin"
} else {
    "secret-tool clear service kubelogin"
};

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, a file of ours that cannot be deleted.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    sweep(ctx, &options.cache_dir(ctx)?, is_oidc_entry)?;
    if options.args().last_of(&[Id::CacheDir, Id::TokenCacheDir]).is_some() {
        return Ok(());
    }
    if let Some(folder) = other_folder(ctx) {
        sweep(ctx, &folder, is_other_entry)?;
    }
    ctx.eprintln(&format!(
        "int128's kubelogin may also keep tokens in the keyring; delete them with: {KEYRING}"
    ));
    Ok(())
}

/// The default folder of int128's kubelogin.
fn other_folder(ctx: &Context) -> Option<PathBuf> {
    let parent = ctx.env.path("KUBECACHEDIR").or_else(|| Some(ctx.home()?.join(".kube").join("cache")))?;
    Some(parent.join("oidc-login"))
}

/// Deletes the files of these names.
fn sweep(ctx: &Context, folder: &Path, is_one: fn(&str) -> bool) -> Result<()> {
    let files = match paths::list(folder) {
        Ok(files) => files,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Vec::new(),
        Err(e) => return Err(Error::new(format!("cannot read {}: {e}", folder.display()))),
    };
    let is_ours = |file: &Found| !file.is_folder && file.name.as_deref().is_some_and(is_one);
    for file in files.iter().filter(|file| is_ours(file)) {
        remove::delete(ctx, file)?;
    }
    if !paths::is_link(folder) && !remove::is_home(ctx, folder) {
        paths::remove_empty_folder(folder);
    }
    ctx.eprintln(&format!("Deleted the token cache from {}", folder.display()));
    Ok(())
}

/// An entry of `oidc` login, its lock or a temporary file of it.
fn is_oidc_entry(name: &str) -> bool {
    let entry = name.strip_prefix('.').unwrap_or(name);
    let is_oidc = entry.split('_').next() == Some(Mode::Oidc.name());
    is_oidc && cache::is_ours(name)
}

fn is_other_entry(name: &str) -> bool {
    let hash = name.strip_suffix(".lock").unwrap_or(name);
    hash.len() == HASH_LETTERS && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Key;

    #[test]
    fn only_entries_of_openid_providers_go() {
        let key = Key { mode: "oidc".into(), authority: "https://a".into(), ..Key::default() };
        let entry = key.file_name();
        for ours in [entry.clone(), format!("{entry}.lock"), format!(".{entry}.123.tmp")] {
            assert!(is_oidc_entry(&ours), "{ours}");
        }
        let azure = Key { mode: "devicecode".into(), client: "oidc".into(), ..Key::default() }.file_name();
        for other in [azure.as_str(), "oidc_notes.txt", "oidc", ""] {
            assert!(!is_oidc_entry(other), "{other}");
        }
        let hash = "0123456789abcdef".repeat(4);
        assert!(is_other_entry(&hash) && is_other_entry(&format!("{hash}.lock")));
        for other in [hash.trim_start_matches('0'), &format!("{hash}.bak"), &hash.to_uppercase(), "config"] {
            assert!(!is_other_entry(other), "{other}");
        }
    }
}
