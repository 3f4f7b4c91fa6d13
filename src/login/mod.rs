//! The login modes: how a user, a pipeline or a machine gets a token.
//!
//! [`MODES`](modes::MODES) has a row for each mode; a mode is one file behind [`SignIn`]. Nothing else in the
//! program branches on the mode: what differs between them is a field of the row or a method of the trait.

mod az_store;
pub mod azd;
pub mod azure_cli;
pub mod browser;
pub mod cached;
mod developer_tool;
pub mod device_code;
mod explain;
pub mod federated;
pub mod managed_identity;
pub mod modes;
pub mod oidc;
pub mod pasting;
pub mod pop;
pub mod ropc;
pub mod rules;
pub mod service_principal;
pub mod session;
mod sign_in_page;
mod user_client;

use crate::cache::{Entry, Key, RefreshError};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::az_store::Account;
use crate::oauth::token::Token;
use pop::Pop;
use serde_json::Value;

/// A sign-in with everything that its mode needs; one that lacks something cannot be built. Building it sends
/// nothing.
pub trait SignIn {
    /// The key of its token in the cache. Modes whose tokens are never cached have none.
    fn key(&self) -> Option<Key> {
        None
    }

    /// Signs in, whatever is cached.
    ///
    /// # Errors
    /// The service's refusal, or why it could not be asked.
    fn acquire(&self) -> Result<Token>;

    /// Whether signing in asks a person to do something now.
    fn prompts(&self) -> bool {
        false
    }

    /// Whether its refresh tokens may get tokens for other servers of the same client too.
    fn shares_refresh_tokens(&self) -> bool {
        false
    }

    /// Gets a token with the refresh token of another server's entry, where they are shared.
    ///
    /// # Errors
    /// As [`SignIn::refresh`].
    fn refresh_with_relative(
        &self,
        ctx: &Context,
        relative: &Entry,
    ) -> std::result::Result<Entry, RefreshError> {
        self.refresh(ctx, relative)
    }

    /// What the mode wants to find again in the entry of the token that it has just got. No secret.
    fn extra(&self) -> Option<Value> {
        None
    }

    /// Gets the next token without asking the user. Modes without refresh tokens refuse.
    ///
    /// # Errors
    /// Whether the service refused or was not reached.
    fn refresh(&self, _: &Context, _: &Entry) -> std::result::Result<Entry, RefreshError> {
        Err(RefreshError::Rejected(Error::new("this login has no refresh tokens")))
    }

    /// The key to which its tokens are bound, with `--pop-enabled`.
    fn pop(&self) -> Option<&Pop> {
        None
    }

    /// The account that the mode's own tool would use, as the tool's files name it; the tool is not run. Most
    /// modes have no such tool.
    ///
    /// # Errors
    /// Why the files do not say.
    fn tool_account(&self) -> Option<Result<Account>> {
        None
    }

    /// What doctor says about what the mode needs beside its settings. No token is requested.
    ///
    /// # Errors
    /// What would keep it from signing in.
    fn check(&self) -> Result<Finding>;

    /// What else doctor says.
    fn remarks(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// What [`SignIn::check`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing is wrong.
    Good(String),
    /// Something may fail, and what to do about it.
    Doubtful(String, &'static str),
}

/// Builds the sign-in that the options describe.
///
/// # Errors
/// A setting that the mode needs is missing or cannot be used.
pub fn new<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let row = modes::row(options.login());
    for id in row.ignored_flags(options) {
        ctx.log(1, || format!("{} is ignored in {} login", id.dashed(), row.mode.name()));
    }
    let login = (row.build)(ctx, options)?;
    for (id, name) in row.credentials {
        options.required(*id, name)?;
    }
    Ok(login)
}

/// Gets a token, from the cache where `--token-cache` allows it, else by signing in.
///
/// # Errors
/// If no token can be obtained.
pub fn token(ctx: &Context, options: &Options) -> Result<Token> {
    let login = new(ctx, options)?;
    let token = cached::token(ctx, options, &*login)?;
    match login.pop() {
        Some(pop) => pop.wrap(ctx, token),
        None => Ok(token),
    }
}

/// Signs in, whatever is cached, and keeps nothing.
///
/// # Errors
/// If no token can be obtained.
pub fn sign_in_once(ctx: &Context, options: &Options) -> Result<Token> {
    cached::sign_in(ctx, &*new(ctx, options)?)
}

/// The key under which a sign-in's token is cached; `None` where it never is. Nothing is sent and no
/// proof-of-possession key is made: of a bound token, the key's id stays open (empty). Credentials may be
/// missing: they are no part of it.
///
/// # Errors
/// A setting that the mode needs is missing or cannot be used.
pub fn cache_key(ctx: &Context, options: &Options) -> Result<Option<Key>> {
    let is_bound = pop::is_wanted(options);
    let options = options.without(&[Id::PopEnabled, Id::PopClaims]);
    let login = (modes::row(options.login()).build)(ctx, &options)?;
    Ok(login.key().map(|key| Key { pop_key: is_bound.then(String::new), ..key }))
}

/// [`SignIn::tool_account`] of the sign-in that the options describe.
///
/// # Errors
/// As that, and a setting that cannot be used.
pub fn tool_account(ctx: &Context, options: &Options) -> Option<Result<Account>> {
    let options = options.without(&[Id::PopEnabled, Id::PopClaims]);
    match (modes::row(options.login()).build)(ctx, &options) {
        Ok(login) => login.tool_account(),
        Err(error) => Some(Err(error)),
    }
}
