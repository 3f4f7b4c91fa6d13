//! Which logins' tokens are kept, and under which key: `--token-cache`.

use super::Login;
use crate::cache::{Cache, Entry, Key, Policy, RefreshError, TokenSource};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::token::Token;
use crate::secret::Secret;
use crate::sys::interrupt;

/// Gets a token, from the cache where the policy allows it.
///
/// # Errors
/// Whatever keeps a token from being had; a cache that does not work is no reason.
pub fn token(ctx: &Context, options: &Options, login: &Login) -> Result<Token> {
    let Some(key) = key(login, Policy::named(options.text(Id::TokenCache))) else {
        return sign_in(login);
    };
    let folder = match options.cache_dir(ctx) {
        Ok(folder) => folder,
        Err(error) => {
            ctx.eprintln(&format!("Warning: {}", error.message()));
            return sign_in(login);
        }
    };
    let cache = Cache::new(&folder, key);
    let force = options.is_on(Id::ForceRefresh);
    let entry = match login {
        Login::Person(person) => cache.token(ctx, person, force),
        other => cache.token(ctx, &WithoutRefresh(other), force),
    }?;
    Ok(entry.into())
}

/// The key of a login whose token is kept.
fn key(login: &Login, policy: Policy) -> Option<Key> {
    match (policy, login) {
        (Policy::None, _) => None,
        (_, Login::Person(person)) => Some(person.key()),
        // Azure's own tools have their own cache, and a copy would outlive an `az logout`.
        (Policy::Auto, _) | (_, Login::DeveloperCli(_)) => None,
        (Policy::All, Login::ServicePrincipal(login)) => Some(login.key()),
        (Policy::All, Login::ManagedIdentity(login)) => Some(login.key()),
        (Policy::All, Login::Federated(login)) => Some(login.key()),
    }
}

fn sign_in(login: &Login) -> Result<Token> {
    interrupt::exit_on_interrupt();
    match login {
        Login::Person(login) => login.acquire(),
        Login::ServicePrincipal(login) => login.acquire(),
        Login::ManagedIdentity(login) => login.acquire(),
        Login::Federated(login) => login.acquire(),
        Login::DeveloperCli(login) => login.acquire(),
    }
}

/// An application or a machine: it signs in anew each time, without anyone being asked.
struct WithoutRefresh<'a>(&'a Login<'a>);

impl TokenSource for WithoutRefresh<'_> {
    fn refresh(&self, _: &Context, _: &Secret) -> std::result::Result<Entry, RefreshError> {
        Err(RefreshError::Rejected(Error::new("this login has no refresh tokens")))
    }

    fn sign_in(&self, ctx: &Context) -> Result<Entry> {
        sign_in(self.0).map(|token| Entry { refresh_token: None, ..Entry::new(token, ctx.now()) })
    }
}
