//! `msal_token_cache.json`: MSAL's cache schema, of which only the accounts and the access tokens are read.
//!
//! Everything borrows from the file's bytes, so that thousands of tokens are neither copied nor left in memory.

use super::RunAz;
use super::json::{Field, Object};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

/// The two maps, in the file's order.
#[derive(Debug, Default)]
pub(super) struct Store<'a> {
    pub(super) accounts: Entries<'a, Object<AccountEntry<'a>>>,
    pub(super) access_tokens: Entries<'a, AccessToken<'a>>,
}

/// A map as a list, in the file's order; no key occurs twice.
pub(super) type Entries<'a, T> = Vec<(Field<'a>, T)>;

/// An account in one tenant.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct AccountEntry<'a> {
    #[serde(borrow, default)]
    pub(super) home_account_id: Field<'a>,
    #[serde(borrow, default)]
    pub(super) environment: Field<'a>,
    #[serde(borrow, default)]
    pub(super) username: Field<'a>,
    #[serde(borrow, default)]
    pub(super) authority_type: Field<'a>,
}

/// An access token.
#[derive(Debug, Default)]
pub(super) struct AccessToken<'a> {
    pub(super) credential_type: Field<'a>,
    pub(super) secret: Field<'a>,
    pub(super) home_account_id: Field<'a>,
    pub(super) environment: Field<'a>,
    pub(super) client_id: Field<'a>,
    pub(super) target: Field<'a>,
    pub(super) realm: Field<'a>,
    pub(super) token_type: Field<'a>,
    pub(super) expires_on: Field<'a>,
    pub(super) refresh_on: Field<'a>,
    pub(super) ext_cache_key: Field<'a>,
    /// It has a member that a plain bearer token does not have: a key's ID, say.
    pub(super) has_unknown_member: bool,
}

/// Reads the store.
///
/// # Errors
/// [`RunAz`] for a file that is missing or that MSAL does not write. A half file is common while az writes it.
pub(super) fn parse(bytes: Option<&[u8]>) -> Result<Store<'_>, RunAz> {
    let bytes = bytes.ok_or_else(|| RunAz::never("az has no token store in plain form"))?;
    let unusual = || RunAz::soon("msal_token_cache.json is not written as az writes it");
    // In one go, which is faster than text by text.
    let text = std::str::from_utf8(bytes).map_err(|_| unusual())?;
    serde_json::from_str(text).map_err(|_| unusual())
}

impl<'de> Deserialize<'de> for Store<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StoreVisitor)
    }
}

struct StoreVisitor;

impl<'de> Visitor<'de> for StoreVisitor {
    type Value = Store<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token cache")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut accounts, mut access_tokens) = (None, None);
        while let Some(name) = map.next_key::<Field>()? {
            let is_first = match name.text() {
                Some("Account") => accounts.replace(map.next_value::<MapList<_>>()?.0).is_none(),
                Some("AccessToken") => access_tokens.replace(map.next_value::<MapList<_>>()?.0).is_none(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    true
                }
            };
            if !is_first {
                return Err(A::Error::custom("a section occurs twice"));
            }
        }
        let (accounts, access_tokens) = (accounts.unwrap_or_default(), access_tokens.unwrap_or_default());
        Ok(Store { accounts, access_tokens })
    }
}

/// Reads a map into a list. A key that occurs twice is an error: Python keeps its first place and last value.
struct MapList<'a, T>(Entries<'a, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for MapList<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapListVisitor(PhantomData))
    }
}

struct MapListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapListVisitor<T> {
    type Value = MapList<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<Field, T>()? {
            entries.push(entry);
        }
        let mut keys = HashSet::with_capacity(entries.len());
        if !entries.iter().all(|(key, _)| keys.insert(key.text())) {
            return Err(A::Error::custom("a key occurs twice"));
        }
        drop(keys);
        Ok(MapList(entries))
    }
}

impl<'de> Deserialize<'de> for AccessToken<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AccessTokenVisitor)
    }
}

struct AccessTokenVisitor;

impl<'de> Visitor<'de> for AccessTokenVisitor {
    type Value = AccessToken<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an access token's entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut token = AccessToken::default();
        while let Some(name) = map.next_key::<Field>()? {
            let field = match name.text().unwrap_or_default() {
                "credential_type" => &mut token.credential_type,
                "secret" => &mut token.secret,
                "home_account_id" => &mut token.home_account_id,
                "environment" => &mut token.environment,
                "client_id" => &mut token.client_id,
                "target" => &mut token.target,
                "realm" => &mut token.realm,
                "token_type" => &mut token.token_type,
                "expires_on" => &mut token.expires_on,
                "refresh_on" => &mut token.refresh_on,
                "cached_at" | "extended_expires_on" => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                name => {
                    token.has_unknown_member = true;
                    if name != "ext_cache_key" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    &mut token.ext_cache_key
                }
            };
            if *field != Field::Absent {
                return Err(A::Error::custom("a member occurs twice"));
            }
            *field = map.next_value()?;
        }
        Ok(token)
    }
}
