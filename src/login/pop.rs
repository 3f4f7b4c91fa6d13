//! Proof of possession: a token bound to a key of this machine's, and the wrapper that proves it.

use super::modes;
use crate::cache::{Policy, pop_key};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::keys::RsaKey;
use crate::keys::rsa_key::Padding;
use crate::oauth::jws;
use crate::oauth::pop::{Jwk, WRAPPER_LIFETIME, u_claim};
use crate::oauth::token::Token;

/// A key, and the cluster to which tokens are shown.
pub struct Pop {
    key: RsaKey,
    /// Its public half.
    pub jwk: Jwk,
    u: String,
}

/// Whether tokens of these options are bound.
pub fn is_wanted(options: &Options) -> bool {
    options.is_on(Id::PopEnabled) && ignored(options).is_none()
}

/// Why `--pop-enabled` does not count, where it does not.
pub fn ignored(options: &Options) -> Option<String> {
    let row = modes::row(options.login());
    if options.is_on(Id::Legacy) && row.takes_legacy {
        return Some("with --legacy".to_owned());
    }
    (!row.takes_pop).then(|| format!("in {} login", row.mode.name()))
}

impl Pop {
    /// What `--pop-enabled` asks for; `None` without it, and where a flag or the mode rules it out, which
    /// is logged.
    ///
    /// # Errors
    /// Claims that cannot be read; no randomness for a new key.
    pub fn new(ctx: &Context, options: &Options) -> Result<Option<Self>> {
        if !options.is_on(Id::PopEnabled) {
            return Ok(None);
        }
        if let Some(why) = ignored(options) {
            ctx.log(1, || format!("--pop-enabled is ignored {why}"));
            return Ok(None);
        }
        let u = u_claim(options.text(Id::PopClaims).unwrap_or_default())?;
        let key = match Policy::named(options.text(Id::TokenCache)) {
            Policy::None => RsaKey::generate()?,
            Policy::Auto | Policy::All => match options.cache_dir(ctx) {
                Ok(folder) => pop_key::load_or_create(ctx, &folder)?,
                Err(error) => {
                    ctx.warn(error.message());
                    RsaKey::generate()?
                }
            },
        };
        let jwk = Jwk::rsa(key.modulus(), key.exponent());
        Ok(Some(Self { key, jwk, u }))
    }

    /// Wraps an access token for the next minutes.
    ///
    /// # Errors
    /// No randomness.
    pub fn wrap(&self, ctx: &Context, token: Token) -> Result<Token> {
        let now = ctx.now();
        let nonce = u128::from_be_bytes(ctx.random()?);
        let input = self.jwk.wrapper(&token.access_token, &self.u, now, nonce);
        let signature = self
            .key
            .sign(Padding::Pkcs1, input.expose().as_bytes())
            .map_err(|e: Error| e.context("cannot prove possession of the token's key"))?;
        Ok(Token {
            access_token: jws::compact(&input, &signature),
            expires_on: token.expires_on.min(now.saturating_add(WRAPPER_LIFETIME)),
            ..token
        })
    }
}
