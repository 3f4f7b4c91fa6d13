//! Between a sign-in and the cache: which tokens are cached (`--token-cache`), and under which key.

use super::{SignIn, modes};
use crate::cache::{Cache, Entry, Policy, RefreshError, TokenSource};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::owner::Owner;
use crate::oauth::token::Token;
use crate::sys::interrupt;

/// Which tokens the options allow to be cached.
pub fn policy(options: &Options) -> Policy {
    match options.text(Id::TokenCacheStorage) {
        Some("none") => Policy::None,
        _ => Policy::named(options.text(Id::TokenCache)),
    }
}

/// Gets a token, from the cache where the policy allows it.
///
/// # Errors
/// If no token can be obtained; a cache that does not work is no reason.
pub fn token(ctx: &Context, options: &Options, login: &dyn SignIn) -> Result<Token> {
    let is_cached = modes::row(options.login()).is_cached(policy(options));
    let Some(key) = login.key().filter(|_| is_cached) else {
        return sign_in(ctx, login);
    };
    let folder = match options.cache_dir(ctx) {
        Ok(folder) => folder,
        Err(error) => {
            ctx.warn(error.message());
            return sign_in(ctx, login);
        }
    };
    let entry = Cache::new(&folder, key).token(ctx, &Source(login), options.is_on(Id::ForceRefresh))?;
    Ok(entry.into())
}

/// Signs in, and says as whom where a person was asked to.
///
/// # Errors
/// Why there is no token; another account signed in than the one that was named.
pub fn sign_in(ctx: &Context, login: &dyn SignIn) -> Result<Token> {
    interrupt::exit_on_interrupt();
    let token = login.acquire()?;
    if login.prompts() {
        let asked_for = login.key().and_then(|key| key.user);
        check_account(&token.owner, asked_for.as_deref())?;
        if let Some(name) = token.owner.name() {
            ctx.eprintln(&format!("Signed in as {name}"));
        }
    }
    Ok(token)
}

/// A browser may be signed in with another account than the one that was named.
fn check_account(owner: &Owner, asked_for: Option<&str>) -> Result<()> {
    match (asked_for, owner.name()) {
        (Some(asked_for), Some(name)) if owner.is(asked_for) == Some(false) => {
            Err(Error::new(format!("signed in as {name}, asked for {asked_for}"))
                .hint(format!("choose {asked_for} on the sign-in page, or change --login-hint")))
        }
        _ => Ok(()),
    }
}

struct Source<'a>(&'a dyn SignIn);

impl Source<'_> {
    fn complete(&self, entry: Entry) -> Entry {
        Entry { extra: self.0.extra(), ..entry }
    }
}

impl TokenSource for Source<'_> {
    fn prompts(&self) -> bool {
        self.0.prompts()
    }

    fn shares_refresh_tokens(&self) -> bool {
        self.0.shares_refresh_tokens()
    }

    fn refresh(&self, ctx: &Context, cached: &Entry) -> std::result::Result<Entry, RefreshError> {
        self.0.refresh(ctx, cached).map(|entry| self.complete(entry))
    }

    fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError> {
        self.0.refresh_with_relative(ctx, relative).map(|entry| self.complete(entry))
    }

    fn sign_in(&self, ctx: &Context) -> Result<Entry> {
        sign_in(ctx, self.0).map(|token| self.complete(Entry::new(token, ctx.now())))
    }
}
