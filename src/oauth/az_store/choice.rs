//! Which entry of the store MSAL would take, and whether it is beyond doubt.

use super::json::{Field, Object};
use super::msal::{AccessToken, AccountEntry, Entries, Store};
use super::{Account, AccountKind, Question, RunAz, is_guid};
use crate::oauth::jwt;
use crate::oauth::token::{MAX_EXPIRY, Token};
use crate::secret::Secret;
use crate::time::UnixTime;
use serde_json::Value;
use std::collections::BTreeMap;

/// The Azure CLI's own registration in every tenant.
const AZ_CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// MSAL renews a token this many seconds before it expires.
const EXPIRY_MARGIN: u64 = 300;

/// What an entry has to have, exactly.
struct Owner<'a> {
    /// `None` for an application: the entry then has a null.
    home_account: Option<&'a str>,
    environment: &'a str,
    client: &'a str,
    realm: &'a str,
}

/// Chooses the token for the account in `tenant` (in lower case).
///
/// # Errors
/// [`RunAz`] unless exactly one entry is left, a plain bearer token with time left.
pub(super) fn choose(
    question: &Question,
    account: &Account,
    tenant: &str,
    store: &Store,
) -> Result<Token, RunAz> {
    let (home_account, client) = match account.kind {
        AccountKind::Application => (None, account.user.as_str()),
        _ => (Some(home_account(&store.accounts, account)?), AZ_CLIENT),
    };
    let owner = Owner { home_account, environment: &account.environment, client, realm: tenant };
    let entry = the_one(&owner, question, store)?;
    check_plain_bearer(entry)?;
    let unusual = || RunAz::never("the token's entry is not written as az writes it");
    let secret = entry.secret.text().ok_or_else(unusual)?;
    let expires_on = entry.expires_on.seconds().filter(|time| *time <= MAX_EXPIRY).ok_or_else(unusual)?;
    if secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(unusual());
    }
    if expires_on <= question.now.saturating_add(EXPIRY_MARGIN) {
        return Err(about_to_expire());
    }
    if entry.refresh_on != Field::Absent {
        let refresh_on = entry.refresh_on.seconds().ok_or_else(unusual)?;
        if refresh_on <= question.now {
            return Err(RunAz::after_az("the token in az's store is due for renewal"));
        }
    }
    check_claims(secret, tenant, question.resource, question.now)?;
    Ok(Token::new(Secret::from(secret), expires_on))
}

/// The home account of this name. As in MSAL the last entry of a home account, in the file's order, names it.
fn home_account<'s>(
    entries: &'s Entries<'s, Object<AccountEntry<'s>>>,
    account: &Account,
) -> Result<&'s str, RunAz> {
    let unusual = || RunAz::never("an account's entry is not written as az writes it");
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let entries = entries.iter().map(|(_, Object(entry))| entry);
    for entry in entries.filter(|entry| entry.environment.is(&account.environment)) {
        if matches!(entry.authority_type.text().ok_or_else(unusual)?, "MSSTS" | "ADFS") {
            let home_account =
                entry.home_account_id.text().filter(|id| !id.is_empty()).ok_or_else(unusual)?;
            names.insert(home_account, entry.username.text().ok_or_else(unusual)?);
        }
    }
    let wanted = account.user.to_lowercase();
    let mut found = names.iter().filter(|(_, name)| name.to_lowercase() == wanted);
    match (found.next(), found.next()) {
        (Some((home_account, _)), None) => Ok(home_account),
        (None, _) => Err(RunAz::never("the account is not in az's store")),
        (Some(_), Some(_)) => Err(RunAz::never("az's store has two accounts of this name")),
    }
}

/// The one entry that MSAL's search would take. MSAL looks under the entry's key first, then through all.
fn the_one<'s>(owner: &Owner, question: &Question, store: &'s Store) -> Result<&'s AccessToken<'s>, RunAz> {
    let scope = format!("{}/.default", question.resource);
    let key = format!(
        "{}-{}-accesstoken-{}-{}-{scope}",
        owner.home_account.unwrap_or_default(),
        owner.environment,
        owner.client,
        owner.realm
    )
    .to_lowercase();
    let unusual = || RunAz::never("a matching token's entry is not written as az writes it");
    let mut is_expiring = false;
    let mut found = None;
    for (entry_key, entry) in store.access_tokens.iter().filter(|(_, entry)| owner.owns(entry)) {
        let entry_key = entry_key.text().unwrap_or_default();
        let has_key = entry_key == key;
        if !(has_key || has_scope(entry, &scope).ok_or_else(unusual)?) {
            continue;
        }
        // A token of an agent's session: its own part of the key keeps it apart.
        if !has_key && entry.ext_cache_key.text().is_some_and(|ext| is_suffix(ext, entry_key)) {
            continue;
        }
        if entry.expires_on.seconds().ok_or_else(unusual)? < question.now.saturating_add(EXPIRY_MARGIN) {
            is_expiring = true;
            continue;
        }
        if found.replace(entry).is_some() {
            return Err(RunAz::never("two tokens of az's store match"));
        }
    }
    match found {
        Some(entry) => Ok(entry),
        None if is_expiring => Err(about_to_expire()),
        None => Err(RunAz::after_az("az's store has no token for this server")),
    }
}

impl Owner<'_> {
    fn owns(&self, entry: &AccessToken) -> bool {
        let is_home = match self.home_account {
            Some(id) => entry.home_account_id.is(id),
            None => entry.home_account_id == Field::Null,
        };
        is_home
            && entry.realm.is(self.realm)
            && entry.client_id.is(self.client)
            && entry.environment.is(self.environment)
    }
}

/// Whether the scope is among the words of the entry's target. `None` where Python might find other words.
fn has_scope(entry: &AccessToken, scope: &str) -> Option<bool> {
    if entry.target == Field::Absent {
        return Some(false);
    }
    let target = entry.target.text()?;
    let is_plain = target.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    is_plain.then(|| target.split(' ').any(|word| word == scope))
}

fn is_suffix(ext: &str, key: &str) -> bool {
    !ext.is_empty() && key.ends_with(&ext.to_lowercase())
}

fn check_plain_bearer(entry: &AccessToken) -> Result<(), RunAz> {
    let is_bearer = entry.token_type.text().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let is_access_token = entry.credential_type == Field::Absent || entry.credential_type.is("AccessToken");
    if is_bearer && is_access_token && !entry.has_unknown_member {
        return Ok(());
    }
    Err(RunAz::never("the token in az's store is not a plain bearer token"))
}

/// Checks what the token says of itself. An opaque token says nothing; a claim that is absent agrees.
fn check_claims(token: &str, tenant: &str, resource: &str, now: UnixTime) -> Result<(), RunAz> {
    if !jwt::looks_like_one(token) {
        return Ok(());
    }
    let disagrees = || RunAz::never("the token in az's store does not agree with its entry");
    let claims = jwt::claims(token).ok_or_else(disagrees)?;
    let agrees = |name: &str, check: &dyn Fn(&Value) -> bool| claims.get(name).is_none_or(check);
    let is_tenant = |tid: &Value| tid.as_str().is_some_and(|tid| tid.eq_ignore_ascii_case(tenant));
    let is_resource = |audience: &Value| {
        let audience = audience.as_str().unwrap_or_default();
        let prefixes = ["", "spn:", "api://"];
        prefixes.iter().any(|prefix| audience.eq_ignore_ascii_case(&format!("{prefix}{resource}")))
    };
    if !agrees("tid", &is_tenant) || is_guid(resource) && !agrees("aud", &is_resource) {
        return Err(disagrees());
    }
    // Its clock is Entra's, the entry's this machine's.
    let is_later = |exp: &Value| exp.as_f64().is_some_and(|exp| exp > now as f64);
    if !agrees("exp", &is_later) {
        return Err(RunAz::after_az("the token in az's store has expired"));
    }
    Ok(())
}

fn about_to_expire() -> RunAz {
    RunAz::after_az("the token in az's store is about to expire")
}
