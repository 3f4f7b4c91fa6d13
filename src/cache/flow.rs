//! From a cached token, a refresh or a sign-in to a token: the order of things, and nothing else.
//!
//! ```text
//! fresh? -> return (no lock)
//! key's lock -> read again -> fresh? -> return
//!   -> refresh token? -> refresh -> issued: save, return
//!                                -> rejected: forget it
//!                                -> unreachable: the old token while it lives, or fail
//!                                -> refused for another reason: keep it, fail
//!   -> identity's lock (it is held for the prompt)
//!   -> another server's refresh token? -> refresh -> issued to the same account: save, return
//!                                                 -> rejected: go on, that entry stays as it is
//!                                                 -> unreachable: as above
//!   -> a person has just left such a prompt unanswered? -> the same error
//!   -> sign in -> save, return
//! ```
//! A sign-in prompts a person; so it never happens because the network was down.

use super::entry::Entry;
use crate::context::Context;
use crate::error::{Error, Result, one_line};

/// Where tokens are kept. Nothing here fails: a store that does not work only costs a sign-in.
pub trait Store {
    /// Held while a token is being got; dropping it lets the next one in.
    type Guard;
    /// Held while a person may be prompted.
    type Turn;
    /// The kept token.
    fn load(&self, ctx: &Context) -> Option<Entry>;
    /// Waits until no other process is getting this token.
    fn lock(&self, ctx: &Context) -> Self::Guard;
    /// Keeps a token.
    fn save(&self, ctx: &Context, entry: &Entry);
    /// Waits until no other process prompts for this identity. Taken after the key's lock, never the other way.
    fn turn(&self, ctx: &Context) -> Self::Turn;
    /// An entry whose refresh token may get a token for this server too.
    fn relative(&self, cached: Option<&Entry>) -> Option<Entry>;
    /// Why this process does not prompt, where a person has just left the same prompt unanswered.
    fn unanswered(&self, ctx: &Context, turn: &Self::Turn) -> Option<Error>;
    /// How a sign-in ended.
    fn ended(&self, ctx: &Context, turn: &Self::Turn, failure: Option<&Error>);
}

/// Where tokens come from.
pub trait TokenSource {
    /// Whether signing in asks a person to do something now.
    fn prompts(&self) -> bool;
    /// Whether a refresh token of the same identity may serve other servers too.
    fn shares_refresh_tokens(&self) -> bool;
    /// Gets a token with the refresh token of another server's entry.
    ///
    /// # Errors
    /// Whether the service refused or was not reached.
    fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError>;
    /// Gets the next token without a person.
    ///
    /// # Errors
    /// Whether the service refused or was not reached.
    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError>;
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
    /// The service refused for another reason than the refresh token, which is kept: a sign-in would fail too.
    Failed(Error),
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
    if let Some(kept) = kept.as_ref().filter(|kept| kept.refresh_token.is_some()) {
        match source.refresh(ctx, kept) {
            Ok(issued) => {
                let entry = kept.followed_by(issued);
                store.save(ctx, &entry);
                return Ok(entry);
            }
            Err(RefreshError::Rejected(error)) => {
                ctx.log(1, || format!("the cached sign-in is no longer valid: {}", error.message()));
                store.save(ctx, &Entry { refresh_token: None, ..kept.clone() });
            }
            Err(RefreshError::Unreachable(error)) => return still_alive(ctx, Some(kept), force, error),
            Err(RefreshError::Failed(error)) => return Err(error),
        }
    }
    let shares = source.shares_refresh_tokens();
    if !shares && !source.prompts() {
        let entry = source.sign_in(ctx)?;
        store.save(ctx, &entry);
        return Ok(entry);
    }
    let turn = store.turn(ctx);
    if shares && let Some(relative) = store.relative(kept.as_ref()) {
        match source.refresh_with_relative(ctx, &relative) {
            Ok(issued) if is_of_same_account(&issued, &relative) => {
                ctx.log(1, || "using the sign-in of another server".to_owned());
                let entry = Entry { extra: None, ..relative }.followed_by(issued);
                store.save(ctx, &entry);
                return Ok(entry);
            }
            Ok(_) => ctx.log(1, || "the sign-in of another server is of another account".to_owned()),
            Err(RefreshError::Rejected(error)) => {
                ctx.log(1, || {
                    format!("the sign-in of another server is not valid here: {}", error.message())
                });
            }
            Err(RefreshError::Unreachable(error) | RefreshError::Failed(error)) => {
                return still_alive(ctx, kept.as_ref(), force, error);
            }
        }
    }
    if source.prompts()
        && let Some(error) = store.unanswered(ctx, &turn)
    {
        return Err(error);
    }
    let signed_in = source.sign_in(ctx);
    store.ended(ctx, &turn, signed_in.as_ref().err());
    let entry = signed_in?;
    store.save(ctx, &entry);
    Ok(entry)
}

/// The service cannot be reached: the old token while it lives.
fn still_alive(ctx: &Context, kept: Option<&Entry>, force: bool, error: Error) -> Result<Entry> {
    match kept.filter(|kept| !force && kept.is_alive(ctx.now())) {
        Some(kept) => {
            ctx.warn(&format!(
                "the token could not be refreshed, using the old one: {}",
                one_line(error.message())
            ));
            Ok(kept.clone())
        }
        None => Err(error),
    }
}

/// An answer that does not say whose it is belongs to the account whose refresh token it was.
fn is_of_same_account(issued: &Entry, relative: &Entry) -> bool {
    issued.account.is_none() || relative.account.is_none() || issued.account == relative.account
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Clock, Env};
    use crate::secret::Secret;
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
        /// What another process writes while this one waits for the lock.
        meanwhile: RefCell<Option<Entry>>,
        locks: Cell<u32>,
        turns: Cell<u32>,
        relative: RefCell<Option<Entry>>,
        unanswered: RefCell<Option<Error>>,
    }

    impl Store for Memory {
        type Guard = ();
        type Turn = ();
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
        fn turn(&self, _: &Context) {
            assert_eq!(self.locks.get(), 1, "the key's lock comes first");
            self.turns.set(self.turns.get() + 1);
        }
        fn relative(&self, _: Option<&Entry>) -> Option<Entry> {
            assert_eq!(self.turns.get(), 1, "looked at in this process's turn");
            self.relative.borrow().clone()
        }
        fn unanswered(&self, _: &Context, (): &()) -> Option<Error> {
            self.unanswered.borrow().clone()
        }
        fn ended(&self, _: &Context, (): &(), failure: Option<&Error>) {
            self.unanswered.replace(failure.cloned());
        }
    }

    struct Service {
        prompts: bool,
        shares: bool,
        refresh: std::result::Result<Entry, RefreshError>,
        sign_in: Result<Entry>,
        asked: RefCell<Vec<&'static str>>,
    }

    impl TokenSource for Service {
        fn prompts(&self) -> bool {
            self.prompts
        }
        fn shares_refresh_tokens(&self) -> bool {
            self.shares
        }
        fn refresh_with_relative(
            &self,
            ctx: &Context,
            relative: &Entry,
        ) -> std::result::Result<Entry, RefreshError> {
            self.refresh(ctx, relative)
        }
        fn refresh(&self, _: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
            assert!(cached.refresh_token.is_some());
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
        Service {
            prompts: true,
            shares: true,
            refresh,
            sign_in: Ok(entry("signed in", 9000, Some("r3"))),
            asked: RefCell::default(),
        }
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
    fn a_fresh_token_takes_no_lock_and_no_request() {
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

    fn with_relative(account: &str) -> Memory {
        let relative = Entry { account: Some(account.to_owned()), ..entry("other's", 9000, Some("r9")) };
        Memory { relative: RefCell::new(Some(relative)), ..Memory::default() }
    }

    #[test]
    fn the_sign_in_of_another_server_saves_the_prompt() {
        let (store, first) = (with_relative("o.t"), service(refreshed()));
        assert_eq!(name(&token(&at(4000), &store, &first, false)), "refreshed");
        assert_eq!(*first.asked.borrow(), ["refresh"]);
        let kept = store.kept.take().unwrap();
        assert_eq!((kept.refresh_token, kept.account.as_deref()), (Some(Secret::from("r2")), Some("o.t")));
        let alone = Service { shares: false, ..service(refreshed()) };
        assert_eq!(name(&token(&at(4000), &with_relative("o.t"), &alone, false)), "signed in");
    }

    #[test]
    fn another_server_s_sign_in_that_does_not_serve_leads_to_a_prompt_and_stays() {
        let rejected = service(Err(RefreshError::Rejected(Error::new("invalid_grant"))));
        let another_s =
            service(Ok(Entry { account: Some("p.t".to_owned()), ..entry("refreshed", 9000, None) }));
        for service in [rejected, another_s] {
            let store = with_relative("o.t");
            assert_eq!(name(&token(&at(4000), &store, &service, false)), "signed in");
            assert_eq!(*service.asked.borrow(), ["refresh", "sign-in"]);
            assert!(store.relative.borrow().as_ref().unwrap().refresh_token.is_some());
        }
        let unreachable = service(Err(RefreshError::Unreachable(Error::transient("no route"))));
        assert_eq!(name(&token(&at(4000), &with_relative("o.t"), &unreachable, false)), "error");
        assert_eq!(*unreachable.asked.borrow(), ["refresh"], "no prompt because the network was down");
    }

    #[test]
    fn an_unanswered_prompt_is_not_repeated_but_a_password_is_tried() {
        let store =
            || Memory { unanswered: RefCell::new(Some(Error::unanswered("declined"))), ..Memory::default() };
        let prompting = service(refreshed());
        assert_eq!(name(&token(&at(4000), &store(), &prompting, false)), "error");
        assert!(prompting.asked.borrow().is_empty());
        let with_password = Service { prompts: false, ..service(refreshed()) };
        let kept = store();
        assert_eq!(name(&token(&at(4000), &kept, &with_password, false)), "signed in");
        assert!(kept.unanswered.borrow().is_none(), "a sign-in that worked ends it");
    }

    #[test]
    fn what_neither_prompts_nor_shares_takes_the_key_s_lock_alone() {
        let machine = Service { prompts: false, shares: false, ..service(refreshed()) };
        let store = Memory::default();
        assert_eq!(name(&token(&at(4000), &store, &machine, false)), "signed in");
        assert_eq!((store.locks.get(), store.turns.get()), (1, 0));
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
