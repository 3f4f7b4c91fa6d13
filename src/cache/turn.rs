//! Taking turns at a prompt: one process of an identity prompts, and the others show what it asks.
//!
//! Two locks, always in this order: the key's, then the identity's. So many processes for many servers of one identity
//! prompt once. The second is held for the prompt and has the note beside it ([`note`]).

use super::folder::{LOCK_SUFFIX, NOTE_SUFFIX, UNANSWERED_SUFFIX, sweep_temporaries, take_lock_and};
use super::key::Key;
use super::note;
use super::unanswered::{Asker, Unanswered};
use crate::context::Context;
use crate::error::Error;
use crate::prompt::PromptBoard;
use crate::sys::{lock, paths, process};
use crate::time::UnixTime;
use crate::waiting::{NOTICE_DELAY, WaitNotice};
use std::cell::{Cell, RefCell};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// How often the note is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The files of an identity.
pub struct Identity {
    lock: PathBuf,
    note: PathBuf,
    unanswered: PathBuf,
    /// Since when this process has been waiting for another one, by both clocks.
    waiting_since: Cell<Option<(UnixTime, Duration)>>,
    looked: Cell<Duration>,
    /// The holder whose prompt has been shown.
    shown: RefCell<String>,
}

/// The right to prompt, until it is dropped.
pub struct Turn {
    note: PathBuf,
    prompts: Rc<PromptBoard>,
    _lock: lock::Lock,
}

impl Identity {
    /// That of a key; nothing is touched yet.
    pub fn new(folder: &Path, key: &Key) -> Self {
        let name = key.identity_name();
        let path = |suffix| folder.join(format!("{name}{suffix}"));
        Self {
            lock: path(LOCK_SUFFIX),
            note: path(NOTE_SUFFIX),
            unanswered: path(UNANSWERED_SUFFIX),
            waiting_since: Cell::default(),
            looked: Cell::default(),
            shown: RefCell::default(),
        }
    }

    /// Takes a lock of this identity or of one of its keys. A person who waits for it sees what its holder, or the
    /// identity's, has asked.
    pub fn lock(&self, ctx: &Context, path: &Path) -> io::Result<(lock::Lock, String)> {
        take_lock_and(ctx, path, WaitNotice::new(ctx), "is signing in already", || self.show_prompt(ctx))
    }

    /// Waits until no other process prompts for this identity.
    pub fn turn(&self, ctx: &Context) -> io::Result<Turn> {
        let (lock, holder) = self.lock(ctx, &self.lock)?;
        // A holder that was killed has left it.
        note::remove(&self.note);
        let (own, path) = (ctx.clone(), self.note.clone());
        ctx.prompts.set_publisher(Some(Box::new(move |prompt| {
            sweep_temporaries(&path);
            note::write(&own, &path, &holder, prompt);
        })));
        Ok(Turn { note: self.note.clone(), prompts: Rc::clone(&ctx.prompts), _lock: lock })
    }

    /// The error of a prompt that got no answer, where that counts for this process.
    pub fn unanswered(&self, ctx: &Context) -> Option<Error> {
        if !paths::exists(&self.unanswered) {
            return None;
        }
        let waiting_since = self.waiting_since.get().map(|(since, _)| since);
        Unanswered::load(&self.unanswered)?
            .applies_to(Asker { parent: process::parent(), waiting_since }, ctx.now())
    }

    /// Remembers that a prompt got no answer.
    pub fn remember(&self, ctx: &Context, error: &Error) {
        sweep_temporaries(&self.unanswered);
        Unanswered::new(error.clone(), process::parent(), ctx.now()).save(ctx, &self.unanswered);
    }

    /// Forgets it.
    pub fn forget_unanswered(&self) {
        let _ = paths::remove_file(&self.unanswered);
    }

    /// Shows the prompt of the process that holds the identity's lock: after the time in which no wait is announced,
    /// and once.
    fn show_prompt(&self, ctx: &Context) {
        let now = ctx.clock.monotonic();
        let (_, since) = self.waiting_since.get().unwrap_or_else(|| {
            let begin = (ctx.now(), now);
            self.waiting_since.set(Some(begin));
            begin
        });
        if now.saturating_sub(since) < NOTICE_DELAY || now.saturating_sub(self.looked.get()) < LOOK_INTERVAL {
            return;
        }
        self.looked.set(now);
        if lock::holder(&self.lock).is_none() {
            return;
        }
        let holder = lock::note(&self.lock);
        let Some(prompt) = note::read(&self.note, holder.as_deref()) else { return };
        let holder = holder.unwrap_or_else(|| "another process".to_owned());
        if self.shown.replace(holder.clone()) != holder {
            ctx.eprintln(&note::sentence(&holder, &prompt));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.prompts.set_publisher(None);
        note::remove(&self.note);
    }
}
