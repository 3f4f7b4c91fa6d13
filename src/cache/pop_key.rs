//! The key of proof-of-possession tokens: one file beside the tokens, made once.
//!
//! Tokens are bound to it by its id, so a lost key means a miss and nothing worse; a folder that does not
//! work costs a warning and a key for this one call.

use super::folder::{LOCK_SUFFIX, prepare_folder, take_lock, temporary_of};
use crate::context::Context;
use crate::error::{Result, one_line};
use crate::keys::RsaKey;
use crate::sys::{private, staged};
use crate::waiting::WaitNotice;
use std::io;
use std::path::Path;

/// Its name in the cache folder.
pub const FILE_NAME: &str = "pop_key.pem";
/// A key of 2048 bits is 1.7 kB.
pub const MAX_BYTES: u64 = 16 << 10;

/// The key in `folder`; made if there is none.
///
/// # Errors
/// The operating system has no randomness.
pub fn load_or_create(ctx: &Context, folder: &Path) -> Result<RsaKey> {
    let path = folder.join(FILE_NAME);
    let warn = |what: &str| {
        let line = format!("Warning: the proof-of-possession key {} {what}", path.display());
        ctx.eprintln(&one_line(&line));
    };
    if let Some(key) = load(ctx, &path, &warn) {
        return Ok(key);
    }
    let cannot_be_kept = |e: &io::Error| warn(&format!("cannot be kept ({e})"));
    let lock_path = folder.join(format!("{FILE_NAME}{}", LOCK_SUFFIX));
    let locked = prepare_folder(folder).and_then(|_| {
        take_lock(ctx, &lock_path, WaitNotice::new(ctx), "is making the proof-of-possession key")
    });
    let _guard = match locked {
        Ok(guard) => guard,
        Err(e) => {
            cannot_be_kept(&e);
            return RsaKey::generate();
        }
    };
    // Another process may have made it meanwhile; what is wrong with it has been said.
    if let Some(key) = load(ctx, &path, &|_| {}) {
        return Ok(key);
    }
    let key = RsaKey::generate()?;
    ctx.log(1, || format!("a new proof-of-possession key is kept in {}", path.display()));
    super::sweep_temporaries(&path);
    staged::make_room(&path);
    if let Err(e) = staged::replace(&path, key.to_pem().as_bytes(), staged::Keep::Nothing, &staged::tag(ctx)?)
    {
        cannot_be_kept(&e);
    }
    Ok(key)
}

fn load(ctx: &Context, path: &Path, warn: &dyn Fn(&str)) -> Option<RsaKey> {
    let private = match private::read(path, MAX_BYTES) {
        Ok(private) => private,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return None,
        Err(e) => {
            warn(&format!("is not used ({e})"));
            return None;
        }
    };
    if private.was_readable_by_others {
        ctx.log(1, || format!("others could read {}; its mode is 0600 now", path.display()));
    }
    let key = RsaKey::from_pem(&private.bytes);
    if key.is_none() {
        warn("is damaged; a new one takes its place");
    }
    key
}

/// Whether a file name is the key's, its lock's or a temporary file's of it.
pub fn is_ours(name: &str) -> bool {
    name == FILE_NAME || is_lock(name) || temporary_of(name) == Some(FILE_NAME)
}

/// Whether it is its lock's.
pub fn is_lock(name: &str) -> bool {
    name.strip_suffix(LOCK_SUFFIX) == Some(FILE_NAME)
}
