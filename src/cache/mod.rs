//! The token cache: one file per key in the cache folder, readable by the user alone.
//!
//! It is never the reason of a failure: what cannot be read, locked or written costs a warning and a
//! sign-in. A reader sees a whole entry or none ([`staged::replace`]); the writers of one key follow one
//! another (a lock file beside the entry).

pub mod entry;
pub mod flow;
mod folder;
pub mod freshness;
pub mod key;
pub mod listing;
pub mod note;
pub mod pop_key;
pub mod relatives;
mod turn;
pub mod unanswered;

pub use entry::Entry;
pub use flow::{RefreshError, TokenSource};
pub use folder::{LOCK_SUFFIX, NOTE_SUFFIX, UNANSWERED_SUFFIX, is_lock, is_ours};
pub use key::{Key, fingerprint};

use crate::context::Context;
use crate::error::{Class, Error, Result};
use crate::sys::{lock, private, staged};
use folder::{prepare_folder, reason, sweep_temporaries};
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use turn::{Identity, Turn};

/// Longer than any token response that the transport lets through.
const MAX_ENTRY: u64 = 4 << 20;
/// Which tokens are kept: `--token-cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Those of people.
    Auto,
    /// Those of service principals and managed identities too.
    All,
    /// None, and none are read.
    None,
}

impl Policy {
    /// The policy of this name; the flag table allows no others.
    pub fn named(name: Option<&str>) -> Self {
        match name {
            Some("all") => Self::All,
            Some("none") => Self::None,
            _ => Self::Auto,
        }
    }
}

/// The place of one key's token.
pub struct Cache {
    path: PathBuf,
    folder: PathBuf,
    key: Key,
    identity: Identity,
    said: RefCell<Vec<Trouble>>,
}

impl Cache {
    /// The place of `key` in `folder`; nothing is touched yet.
    pub fn new(folder: &Path, key: Key) -> Self {
        let identity = Identity::new(folder, &key);
        Self {
            path: folder.join(key.file_name()),
            folder: folder.to_owned(),
            identity,
            key,
            said: RefCell::default(),
        }
    }

    /// Gets a token, from here or from `source`: see [`flow`].
    ///
    /// # Errors
    /// What the refresh or the sign-in says.
    pub fn token(&self, ctx: &Context, source: &impl TokenSource, force: bool) -> Result<Entry> {
        flow::token(ctx, self, source, force)
    }

    fn lock_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(LOCK_SUFFIX);
        PathBuf::from(name)
    }

    fn prepare_folder(&self, ctx: &Context) -> io::Result<()> {
        if prepare_folder(&self.folder)? {
            let folder = self.folder.display();
            ctx.log(1, || format!("others could read the token cache {folder}; its mode is 0700 now"));
        }
        Ok(())
    }

    /// A folder that cannot be locked or written.
    fn complain(&self, ctx: &Context, error: &io::Error) {
        let folder = self.folder.display();
        if lock::is_unsupported(error) {
            let text = format!(
                "the token cache {folder} is on a file system without locks: sign-ins at the same time do not wait for one another"
            );
            return self.warn(ctx, Trouble::Locks, &text);
        }
        let text = format!(
            "cannot use the token cache {folder} ({error}), so every call may need to sign in again: make it writable, name another folder with --cache-dir or KUBECACHEDIR, or turn the cache off with --token-cache none"
        );
        self.warn(ctx, Trouble::Folder, &text);
    }

    /// An entry that is there and does not count.
    fn is_not_used(&self, ctx: &Context, why: &str) {
        let text = format!("the token cache {} is not used: it {why}", self.path.display());
        self.warn(ctx, Trouble::Entry, &text);
    }

    /// Says it once: the entry is read twice, and what cannot be locked cannot be written.
    fn warn(&self, ctx: &Context, trouble: Trouble, text: &str) {
        if !self.said.borrow().contains(&trouble) {
            ctx.warn(text);
            self.said.borrow_mut().push(trouble);
        }
    }
}

/// What can be wrong with a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Entry,
    Folder,
    Locks,
}

impl flow::Store for Cache {
    type Guard = Option<lock::Lock>;
    type Turn = Option<Turn>;

    fn load(&self, ctx: &Context) -> Option<Entry> {
        let private = match private::read(&self.path, MAX_ENTRY) {
            Ok(private) => private,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return None;
            }
            Err(e) => {
                self.is_not_used(ctx, &reason(&e));
                return None;
            }
        };
        if private.was_readable_by_others {
            ctx.log(1, || {
                format!("others could read the token cache {}; its mode is 0600 now", self.path.display())
            });
        }
        entry::from_json(&private.bytes, &self.key).map_err(|why| self.is_not_used(ctx, why)).ok()
    }

    fn lock(&self, ctx: &Context) -> Self::Guard {
        let locked = self.prepare_folder(ctx).and_then(|()| self.identity.lock(ctx, &self.lock_path()));
        locked.map(|(lock, _)| lock).map_err(|e| self.complain(ctx, &e)).ok()
    }

    fn turn(&self, ctx: &Context) -> Self::Turn {
        self.identity.turn(ctx).map_err(|e| self.complain(ctx, &e)).ok()
    }

    fn relative(&self, cached: Option<&Entry>) -> Option<Entry> {
        relatives::find(&self.folder, &self.key, cached)
    }

    fn unanswered(&self, ctx: &Context, turn: &Self::Turn) -> Option<Error> {
        turn.as_ref().and_then(|_| self.identity.unanswered(ctx))
    }

    fn ended(&self, ctx: &Context, turn: &Self::Turn, failure: Option<&Error>) {
        match failure {
            _ if turn.is_none() => {}
            None => self.identity.forget_unanswered(),
            Some(error) if error.class() == Class::Unanswered => self.identity.remember(ctx, error),
            Some(_) => {}
        }
    }

    fn save(&self, ctx: &Context, entry: &Entry) {
        let bytes = zeroize::Zeroizing::new(entry::to_json(&self.key, entry));
        sweep_temporaries(&self.path);
        staged::make_room(&self.path);
        let written = staged::tag(ctx)
            .map_err(|e| io::Error::other(e.message().to_owned()))
            .and_then(|tag| staged::replace(&self.path, &bytes, staged::Keep::Nothing, &tag));
        if let Err(e) = written {
            self.complain(ctx, &e);
        }
    }
}
