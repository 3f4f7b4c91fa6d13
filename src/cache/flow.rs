//! From a cached token, a refresh or a sign-in to a token: the order of things, and nothing else.
//!
//! ```text
//! fresh? -> return (no lock)
//! lock -> read again -> fresh? -> return
//!                    -> refresh token? -> refresh -> issued: save, return
//!                                                 -> refused: forget it, sign in
//!                                                 -> unreachable: the old token while it lives, or fail
//!                    -> sign in -> save, return
//! ```
//! A sign-in prompts a person; so it never happens because the network was down.

use super::entry::Entry;
use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::secret::Secret;

/// Where tokens are kept. Nothing here fails: a store that does not work only costs a sign-in.
pub trait Store {
    /// Held while a token is being got; dropping it lets the next one in.
    type Guard;
    /// The kept token.
    fn load(&self, ctx: &Context) -> Option<Entry>;
    /// Waits until nobody else is getting this token.
    fn lock(&self, ctx: &Context) -> Self::Guard;
    /// Keeps a token.
    fn save(&self, ctx: &Context, entry: &Entry);
}

/// Where tokens come from.
pub trait TokenSource {
    /// Gets the next token without a person.
    ///
    /// # Errors
    /// Whether the service refused or was not reached.
    fn refresh(&self, ctx: &Context, refresh_token: &Secret) -> std::result::Result<Entry, RefreshError>;
    /// Signs in.
    ///
    /// # Errors
    /// Why there is no token.
    fn sign_in(&self, ctx: &Context) -> Result<Entry>;
}

/// Why a refresh gave no token.
#[derive(Clone, Debug)]
pub enum RefreshError {
    /// The service will not take this refresh token: only a new sign-in helps.
    Rejected(Error),
    /// There was no answer, or one that says nothing about the refresh token.
    Unreachable(Error),
}

/// Gets a token: the kept one while it is fresh (unless `force` asks for a new one), else by refresh or
/// sign-in, once for all processes that want it at the same time.
///
/// # Errors
/// What the refresh or the sign-in says.
pub fn token<S: Store>(ctx: &Context, store: &S, source: &impl TokenSource, force: bool) -> Result<Entry> {
    let fresh = |entry: &Entry| !force && entry.is_fresh(ctx.now());
    if !force && let Some(entry) = store.load(ctx).filter(fresh) {
        ctx.log(1, || "using the cached token".to_owned());
        return Ok(entry);
    }
    let _guard = store.lock(ctx);
    let kept = store.load(ctx);
    if let Some(entry) = kept.clone().filter(fresh) {
        ctx.log(1, || "using the token that another process has just cached".to_owned());
        return Ok(entry);
    }
    if let Some(kept) = &kept
        && let Some(refresh_token) = &kept.refresh_token
    {
        match source.refresh(ctx, refresh_token) {
            Ok(issued) => {
                let entry = kept.followed_by(issued);
                store.save(ctx, &entry);
                return Ok(entry);
            }
            Err(RefreshError::Rejected(error)) => {
                ctx.log(1, || format!("the cached sign-in is no longer valid: {}", error.message()));
                store.save(ctx, &Entry { refresh_token: None, ..kept.clone() });
            }
            Err(RefreshError::Unreachable(error)) if !force && kept.is_alive(ctx.now()) => {
                let why = one_line(error.message());
                ctx.eprintln(&format!("Warning: the token could not be refreshed, using the old one: {why}"));
                return Ok(kept.clone());
            }
            Err(RefreshError::Unreachable(error)) => return Err(error),
        }
    }
    let entry = source.sign_in(ctx)?;
    store.save(ctx, &entry);
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Clock, Env};
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> Duration {
            Duration::from_secs(self.0)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
        fn sleep(&self, _: Duration) {}
    }

    fn at(now: u64) -> Context {
        let sink = || Box::new(std::io::sink());
        Context::fake(&[], Env::default(), std::rc::Rc::new(At(now)), sink(), sink())
    }

    #[derive(Default)]
    struct Memory {
        kept: RefCell<Option<Entry>>,
        /// What another process writes while the lock is waited for.
        meanwhile: RefCell<Option<Entry>>,
        locks: Cell<u32>,
    }

    impl Store for Memory {
        type Guard = ();
        fn load(&self, _: &Context) -> Option<Entry> {
            self.kept.borrow().clone()
        }
        fn lock(&self, _: &Context) {
            self.locks.set(self.locks.get() + 1);
            if let Some(entry) = self.meanwhile.take() {
                self.kept.replace(Some(entry));
            }
        }
        fn save(&self, _: &Context, entry: &Entry) {
            self.kept.replace(Some(entry.clone()));
        }
    }

    struct Service {
        refresh: std::result::Result<Entry, RefreshError>,
        sign_in: Result<Entry>,
        asked: RefCell<Vec<&'static str>>,
    }

    impl TokenSource for Service {
        fn refresh(&self, _: &Context, _: &Secret) -> std::result::Result<Entry, RefreshError> {
            self.asked.borrow_mut().push("refresh");
            self.refresh.clone()
        }
        fn sign_in(&self, _: &Context) -> Result<Entry> {
            self.asked.borrow_mut().push("sign-in");
            self.sign_in.clone()
        }
    }

    fn entry(name: &str, expires_on: u64, refresh_token: Option<&str>) -> Entry {
        Entry {
            access_token: Secret::from(name),
            expires_on,
            obtained_on: 1000,
            lifetime: 4000,
            refresh_token: refresh_token.map(Secret::from),
            account: None,
            name: None,
            extra: None,
        }
    }

    fn service(refresh: std::result::Result<Entry, RefreshError>) -> Service {
        Service { refresh, sign_in: Ok(entry("signed in", 9000, Some("r3"))), asked: RefCell::default() }
    }

    fn keeping(kept: Entry) -> Memory {
        Memory { kept: RefCell::new(Some(kept)), ..Memory::default() }
    }

    fn name(result: &Result<Entry>) -> &str {
        result.as_ref().map_or("error", |entry| entry.access_token.expose())
    }

    fn refreshed() -> std::result::Result<Entry, RefreshError> {
        Ok(entry("refreshed", 9000, Some("r2")))
    }

    #[test]
    fn a_fresh_token_takes_no_lock_and_asks_nobody() {
        let (store, service) = (keeping(entry("kept", 5000, Some("r1"))), service(refreshed()));
        assert_eq!(name(&token(&at(4699), &store, &service, false)), "kept");
        assert_eq!(store.locks.get(), 0);
        assert!(service.asked.borrow().is_empty());
    }

    #[test]
    fn a_stale_one_is_refreshed_and_the_new_refresh_token_replaces_the_old() {
        let (store, service) = (keeping(entry("kept", 5000, Some("r1"))), service(refreshed()));
        assert_eq!(name(&token(&at(4700), &store, &service, false)), "refreshed");
        assert_eq!(store.kept.take().unwrap().refresh_token, Some(Secret::from("r2")));
        assert_eq!(*service.asked.borrow(), ["refresh"]);
    }

    #[test]
    fn an_answer_without_a_refresh_token_keeps_the_old() {
        let store = keeping(entry("kept", 5000, Some("r1")));
        let result = token(&at(5000), &store, &service(Ok(entry("refreshed", 9000, None))), false);
        assert_eq!(result.unwrap().refresh_token, Some(Secret::from("r1")));
        assert_eq!(store.kept.take().unwrap().refresh_token, Some(Secret::from("r1")));
    }

    #[test]
    fn a_refused_refresh_is_forgotten_and_leads_to_a_sign_in() {
        let refused = || service(Err(RefreshError::Rejected(Error::new("invalid_grant"))));
        let (store, service) = (keeping(entry("kept", 5000, Some("r1"))), refused());
        assert_eq!(name(&token(&at(4800), &store, &service, false)), "signed in");
        assert_eq!(*service.asked.borrow(), ["refresh", "sign-in"]);
        let (store, mut failing) = (keeping(entry("kept", 5000, Some("r1"))), refused());
        failing.sign_in = Err(Error::new("closed"));
        assert_eq!(name(&token(&at(4800), &store, &failing, false)), "error");
        assert_eq!(store.kept.take().unwrap().refresh_token, None, "not tried again");
    }

    #[test]
    fn an_unreachable_service_never_prompts() {
        let unreachable = || service(Err(RefreshError::Unreachable(Error::transient("no route"))));
        for (now, force, expected) in [(4999, false, "kept"), (5000, false, "error"), (4000, true, "error")] {
            let (store, service) = (keeping(entry("kept", 5000, Some("r1"))), unreachable());
            assert_eq!(name(&token(&at(now), &store, &service, force)), expected);
            assert_eq!(*service.asked.borrow(), ["refresh"]);
            assert_eq!(store.kept.take().unwrap().refresh_token, Some(Secret::from("r1")));
        }
    }

    #[test]
    fn what_another_process_got_meanwhile_is_used() {
        let store =
            Memory { meanwhile: RefCell::new(Some(entry("theirs", 9000, None))), ..Memory::default() };
        let service = service(refreshed());
        assert_eq!(name(&token(&at(4000), &store, &service, false)), "theirs");
        assert!(service.asked.borrow().is_empty());
    }

    #[test]
    fn force_refreshes_a_fresh_token_and_signs_in_without_a_refresh_token() {
        let (store, first) = (keeping(entry("kept", 9000, Some("r1"))), service(refreshed()));
        assert_eq!(name(&token(&at(2000), &store, &first, true)), "refreshed");
        let (store, second) = (keeping(entry("kept", 9000, None)), service(refreshed()));
        assert_eq!(name(&token(&at(2000), &store, &second, true)), "signed in");
    }

    #[test]
    fn clock_jumps_lead_to_a_refresh_not_to_a_wrong_token() {
        for now in [100, 100_000_000] {
            let (store, service) = (keeping(entry("kept", 5000, Some("r1"))), service(refreshed()));
            assert_eq!(name(&token(&at(now), &store, &service, false)), "refreshed", "{now}");
        }
    }
}
