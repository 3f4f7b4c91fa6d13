//! `remove-cache-dir` and `remove-tokens`: delete what this program, or any version of the original,
//! keeps in the cache folder, then the folder if it is empty.
//!
//! With `--context`, `--username` or `--tenant-id` they forget one sign-in: see [`forget`].
//!
//! Nothing else is ever deleted, whatever folder is named: a file that is not ours stays and is named.

use super::forget;
use crate::cache;
use crate::cli::flags::Command;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::sys::paths::{self, Found};
use crate::sys::{files, lock};
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};

/// More foreign files than this are counted, not named.
const MAX_NAMES: usize = 10;
/// An authentication record is a few hundred bytes.
const MAX_RECORD: u64 = 64 << 10;
/// What the original's proof-of-possession cache leaves, with the locks beside it.
const POP_FILES: &[&str] = &[
    "pop_tokens.cache",
    "pop_tokens.cache.lockfile",
    "pop_tokens.cache.lock",
    "pop_rsa_key.cache",
    "pop_rsa_key.cache.lockfile",
    "pop_rsa_key.cache.lock",
];

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, a file of ours that cannot be deleted.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    if options.args().command == Command::RemoveTokens {
        ctx.eprintln("remove-tokens is deprecated, use remove-cache-dir instead");
    }
    if forget::is_wanted(options) {
        return forget::run(ctx, options);
    }
    let folder = options.cache_dir(ctx)?;
    let entries = match paths::list(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(cannot("read", &folder, &e)),
    };
    let mut foreign = Vec::new();
    for file in entries {
        if !is_ours(&file) {
            foreign.push(file.path);
        } else {
            delete(ctx, &file)?;
        }
    }
    name(ctx, &folder, foreign);
    // Only an empty folder goes; a symbolic link to one was made on purpose and stays.
    if !paths::is_link(&folder) && !is_home(ctx, &folder) {
        paths::remove_empty_folder(&folder);
    }
    Ok(())
}

/// An empty home folder is still the user's home.
pub(super) fn is_home(ctx: &Context, folder: &Path) -> bool {
    ctx.home().is_some_and(|home| paths::are_same(&home, folder))
}

/// Says which files were left alone.
fn name(ctx: &Context, folder: &Path, mut foreign: Vec<PathBuf>) {
    foreign.sort_unstable();
    for file in foreign.iter().take(MAX_NAMES) {
        ctx.eprintln(&one_line(&format!("kept {}: kubelogin did not create it", file.display())));
    }
    if let Some(more) = foreign.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        ctx.eprintln(&format!("kept {more} more files in {}", folder.display()));
    }
}

/// Deletes a file of ours; not a lock that is held, since its waiters would lose it.
pub(super) fn delete(ctx: &Context, file: &Found) -> Result<()> {
    let path = &file.path;
    let held = if file.name.as_deref().is_some_and(cache::is_lock) {
        match lock::try_lock(path) {
            Ok(None) => {
                ctx.eprintln(&format!("kept {}: a sign-in is using it", path.display()));
                return Ok(());
            }
            // Windows deletes no lock file that is open, by this process or by one that takes it meanwhile.
            Ok(lock) => lock.filter(|_| !cfg!(windows)),
            // What cannot be locked is not held either: a leftover without permissions, a link.
            Err(_) => None,
        }
    } else {
        None
    };
    let deleted = paths::remove_file(path);
    drop(held);
    match deleted {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(cannot("delete", path, &e)),
        _ => Ok(()),
    }
}

/// Whether this program or a version of the original wrote it. A folder never is; a link is judged, and
/// deleted, as itself.
fn is_ours(file: &Found) -> bool {
    let Some(name) = file.name.as_deref().filter(|_| !file.is_folder) else {
        return false;
    };
    cache::is_ours(name)
        || POP_FILES.contains(&name)
        || is_original_token(name)
        || (name == "auth.json" && is_authentication_record(&file.path))
}

/// The names of 0.1: `<environment>-<server id>-<client id>-<tenant id>[_legacy].json`.
fn is_original_token(name: &str) -> bool {
    const ENVIRONMENTS: &[&str] = &[
        "azurepublic",
        "azurepubliccloud",
        "azurecloud",
        "azurechina",
        "azurechinacloud",
        "azuregermancloud",
        "azureusgovernment",
        "azureusgovernmentcloud",
        "azurestackcloud",
        "",
    ];
    let Some((environment, ids)) = name.strip_suffix(".json").and_then(|stem| stem.split_once('-')) else {
        return false;
    };
    if !ENVIRONMENTS.contains(&environment.to_ascii_lowercase().as_str()) {
        return false;
    }
    // The client id always is a GUID; a tenant may be a domain name, and the environment a blank.
    let least = if environment.is_empty() { 2 } else { 1 };
    guids(ids.strip_suffix("_legacy").unwrap_or(ids)) >= least
}

/// How many GUIDs (8-4-4-4-12 hexadecimal digits) stand in a text whose parts are joined by dashes.
fn guids(text: &str) -> usize {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    let is_guid = |five: &&[&str]| five.iter().zip(LENGTHS).all(|(p, length)| p.len() == length && is_hex(p));
    parts.windows(LENGTHS.len()).filter(is_guid).count()
}

/// The original's record of who signed in last has a name that other programs use too.
fn is_authentication_record(path: &Path) -> bool {
    if paths::is_link(path) {
        return false;
    }
    let Ok(bytes) = files::read_bounded(path, MAX_RECORD) else {
        return false;
    };
    let record = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    record.get("homeAccountId").is_some() || record.get("clientId").is_some()
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_originals_tokens() {
        let (server, client) =
            ("6dae42f8-4368-4678-94ff-3960e28e3630", "80faf920-1908-4b52-b5ef-a8e7bedfc67a");
        for ours in [
            format!("AzurePublicCloud-{server}-{client}-contoso.com.json"),
            format!("AzurePublicCloud-{server}-{client}-{client}_legacy.json"),
            format!("azurechinacloud-{server}-{client}-{client}.json"),
            format!("-{server}-{client}-{client}.json"),
            format!("AzurePublicCloud-{server}--.json"),
        ] {
            assert!(is_original_token(&ours), "{ours}");
        }
        for foreign in [
            "AzureCloud.json",
            "a-b-c-d.json",
            "-a.json",
            "config.json",
            "AzurePublicCloud-x",
            "-.json",
            "azurecloud-my-old-notes.json",
        ] {
            assert!(!is_original_token(foreign), "{foreign}");
        }
    }
}
