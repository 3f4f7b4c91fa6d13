//! Between a sign-in and the cache: which tokens are cached (`--token-cache`), and under which key.

use super::{SignIn, modes};
use crate::cache::{Cache, Entry, Policy, RefreshError, TokenSource};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::oauth::token::Token;
use crate::secret::Secret;
use crate::sys::interrupt;

/// Gets a token, from the cache where the policy allows it.
///
/// # Errors
/// If no token can be obtained; a cache that does not work is no reason.
pub fn token(ctx: &Context, options: &Options, login: &dyn SignIn) -> Result<Token> {
    let policy = match options.text(Id::TokenCacheStorage) {
        Some("none") => Policy::None,
        _ => Policy::named(options.text(Id::TokenCache)),
    };
    let is_cached = modes::row(options.login()).is_cached(policy);
    let Some(key) = login.key().filter(|_| is_cached) else {
        return sign_in(login);
    };
    let folder = match options.cache_dir(ctx) {
        Ok(folder) => folder,
        Err(error) => {
            ctx.warn(error.message());
            return sign_in(login);
        }
    };
    let entry = Cache::new(&folder, key).token(ctx, &Source(login), options.is_on(Id::ForceRefresh))?;
    Ok(entry.into())
}

fn sign_in(login: &dyn SignIn) -> Result<Token> {
    interrupt::exit_on_interrupt();
    login.acquire()
}

struct Source<'a>(&'a dyn SignIn);

impl TokenSource for Source<'_> {
    fn refresh(&self, ctx: &Context, refresh_token: &Secret) -> std::result::Result<Entry, RefreshError> {
        self.0.refresh(ctx, refresh_token)
    }

    fn sign_in(&self, ctx: &Context) -> Result<Entry> {
        sign_in(self.0).map(|token| Entry::new(token, ctx.now()))
    }
}
