//! The Azure CLI's own store: the bytes of its files in, a decision out.
//!
//! Invariant: a token is returned only where `az account get-access-token` would print the same one. In every
//! other case, and in doubt, the answer is [`RunAz`] with the reason. Nothing here reads a file or a clock:
//! the caller checks the folder and reads the files (each of them at most once).
//!
//! ```text
//! config, clouds.config -> cloud -> azureProfile.json -> account, tenant
//!     -> msal_token_cache.json (service_principal_entries.json) -> the one entry -> token
//! ```
//!
//! The files' forms are those of Azure CLI 2.91 and of MSAL's unified cache schema, read with MSAL 1.39.

mod choice;
mod cloud;
mod ini;
mod json;
mod msal;
mod principals;
mod profile;

pub use profile::{Account, AccountKind};

use super::token::Token;
use crate::time::UnixTime;
use ini::Ini;
use std::borrow::Cow;

/// No file of az's is larger; a store of 2,000 tokens has 5 MiB.
pub const MAX_FILE_BYTES: u64 = 8 << 20;

/// What az would be asked, and the settings that az would find in its environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// `--resource`, exactly as az is given it.
    pub resource: &'a str,
    /// `--tenant`.
    pub tenant: Option<&'a str>,
    /// `--subscription`, an id or a name; it decides the tenant.
    pub subscription: Option<&'a str>,
    /// `AZURE_CLOUD_NAME`; `Some("")` where it is set but empty.
    pub cloud_variable: Option<&'a str>,
    /// `AZURE_CORE_ENCRYPT_TOKEN_CACHE`; `Some("")` where it is set but empty.
    pub encryption_variable: Option<&'a str>,
    /// The wall-clock time.
    pub now: UnixTime,
}

/// The content of az's files; `None` for a file that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'a> {
    /// `config`
    pub config: Option<&'a [u8]>,
    /// `clouds.config`
    pub clouds: Option<&'a [u8]>,
    /// `azureProfile.json`
    pub profile: Option<&'a [u8]>,
    /// `msal_token_cache.json`
    pub store: Option<&'a [u8]>,
    /// `service_principal_entries.json`, which holds secrets: needed only where an application is signed in.
    pub principals: Option<&'a [u8]>,
}

/// Why az has to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAz {
    /// The reason, as half a sentence; it holds no secret.
    pub reason: Cow<'static, str>,
    /// Whether another look may find the token.
    pub outlook: Outlook,
}

/// Whether another look into the store may find the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The store can never answer this question: each process runs az.
    Never,
    /// Running az may put the token there: processes with the same question can wait for one az.
    AfterAz,
    /// az seems to be writing the store just now, which it does in place.
    Soon,
}

impl RunAz {
    /// The store cannot answer this question, however often az runs.
    pub fn never(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), outlook: Outlook::Never }
    }

    /// The store has no usable token until az has run.
    pub fn after_az(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), outlook: Outlook::AfterAz }
    }

    /// The store's file is half written.
    pub fn soon(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), outlook: Outlook::Soon }
    }
}

/// Checks that az keeps its tokens in plain form: encryption is off, as far as its settings say.
///
/// # Errors
/// [`RunAz`] where it is on, or where `config` is not written as az writes it.
pub fn check_plain(question: &Question, files: &Files) -> Result<(), RunAz> {
    plain_settings(question, files).map(|_| ())
}

/// Finds the account that az would use, in its profile alone.
///
/// # Errors
/// [`RunAz`] where the profile does not name exactly one, or not in the form that az writes.
pub fn account(question: &Question, files: &Files) -> Result<Account, RunAz> {
    let config = plain_settings(question, files)?;
    let clouds = Ini::parse("clouds.config", files.clouds)?;
    let cloud = cloud::active(&config, &clouds, question.cloud_variable)?;
    profile::account(files.profile, cloud, question.subscription)
}

/// Finds the one token that az would print for this account. `file_exists` tells whether a certificate file is
/// there.
///
/// # Errors
/// [`RunAz`] in every other case.
pub fn token(
    question: &Question,
    account: &Account,
    files: &Files,
    file_exists: &dyn Fn(&str) -> bool,
) -> Result<Token, RunAz> {
    if question.resource.is_empty() || !question.resource.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(RunAz::never("the server's ID cannot be looked up"));
    }
    let given_tenant = question.tenant.filter(|_| question.subscription.is_none());
    let tenant = given_tenant.unwrap_or(&account.tenant);
    if !is_guid(tenant) {
        return Err(RunAz::never("the tenant is not given by its ID"));
    }
    match account.kind {
        AccountKind::User => {}
        AccountKind::Application => principals::check(files.principals, &account.user, tenant, file_exists)?,
        AccountKind::Ambient => {
            return Err(RunAz::never("az is signed in with a managed identity or in Cloud Shell"));
        }
        AccountKind::Unknown => return Err(RunAz::never("az is signed in with an unknown type of account")),
    }
    let store = msal::parse(files.store)?;
    choice::choose(question, account, &tenant.to_ascii_lowercase(), &store)
}

/// [`account`] and [`token`] in one.
///
/// # Errors
/// As these.
pub fn decide(
    question: &Question,
    files: &Files,
    file_exists: &dyn Fn(&str) -> bool,
) -> Result<Token, RunAz> {
    token(question, &account(question, files)?, files, file_exists)
}

/// `config`, where neither it nor the environment turns encryption on.
fn plain_settings<'a>(question: &Question, files: &Files<'a>) -> Result<Ini<'a>, RunAz> {
    let config = Ini::parse("config", files.config)?;
    let encrypts = question.encryption_variable.or_else(|| config.value("core", "encrypt_token_cache"));
    let off = ["0", "no", "false", "off"];
    match encrypts {
        Some(value) if !off.iter().any(|off| value.eq_ignore_ascii_case(off)) => {
            Err(RunAz::never("az encrypts its tokens"))
        }
        _ => Ok(config),
    }
}

/// Whether the text is a GUID in its usual form: 8-4-4-4-12 hexadecimal digits.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests;
