//! A cached token and its form on disk: JSON with a version, and the whole key inside.

use super::freshness::margin;
use super::key::Key;
use crate::oauth::jwt;
use crate::oauth::owner::{Owner, is_same};
use crate::oauth::token::{MAX_EXPIRY, Token};
use crate::secret::Secret;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The form that this version writes, and the only one that it reads. Fields that version 0.3.0 did not have may be
/// missing.
const VERSION: u32 = 1;
/// A token that came later than this many seconds from now says that the clock was set back since.
const CLOCK_TOLERANCE: UnixTime = 300;
/// A provider's extra that is longer is not kept.
const MAX_EXTRA: usize = 16 << 10;

/// What one sign-in or refresh gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The access token.
    pub access_token: Secret,
    /// When it expires.
    pub expires_on: UnixTime,
    /// When it was got, by this machine's clock.
    pub obtained_on: UnixTime,
    /// How many seconds it lives in all.
    pub lifetime: UnixTime,
    /// What gets the next one without a prompt.
    pub refresh_token: Option<Secret>,
    /// The account, as [`Owner::account`] has it.
    pub account: Option<String>,
    /// The account's best known name.
    pub name: Option<String>,
    /// What the login mode wants to find again, such as a provider's endpoints. No secret.
    pub extra: Option<Value>,
}

impl Entry {
    /// A token that has come just now.
    pub fn new(token: Token, now: UnixTime) -> Self {
        let Token { access_token, expires_on, refresh_token, owner } = token;
        let lifetime = lifetime_of(access_token.expose()).unwrap_or(expires_on.saturating_sub(now));
        let name = owner.name().map(str::to_owned);
        Self {
            access_token,
            expires_on,
            obtained_on: now,
            lifetime,
            refresh_token,
            account: owner.account,
            name,
            extra: None,
        }
    }

    /// Not so near its end that it counts as stale: see [`margin`]. How long a token really lives that came from the
    /// future is unknown.
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        self.expires_on > now.saturating_add(margin(self.lifetime)) && !self.is_from_the_future(now)
    }

    /// Not expired yet.
    pub fn is_alive(&self, now: UnixTime) -> bool {
        self.expires_on > now && !self.is_from_the_future(now)
    }

    /// Whether this account, by name or id, signed in for it.
    pub fn is_of(&self, account: &str) -> bool {
        [&self.name, &self.account].into_iter().flatten().any(|own| is_same(own, account))
    }

    /// The entry that follows this one: what the new answer does not say stays. A service that does not rotate
    /// refresh tokens leaves the old one valid.
    #[must_use]
    pub fn followed_by(&self, next: Self) -> Self {
        Self {
            refresh_token: next.refresh_token.or_else(|| self.refresh_token.clone()),
            account: next.account.or_else(|| self.account.clone()),
            name: next.name.or_else(|| self.name.clone()),
            extra: next.extra.or_else(|| self.extra.clone()),
            ..next
        }
    }

    fn is_from_the_future(&self, now: UnixTime) -> bool {
        self.obtained_on > now.saturating_add(CLOCK_TOLERANCE)
    }
}

/// A JWT's whole life. That of another token is what was left when it came.
fn lifetime_of(token: &str) -> Option<UnixTime> {
    let claims = jwt::claims(token)?;
    let time = |name| claims.get(name).and_then(Value::as_u64);
    time("exp")?.checked_sub(time("iat")?)
}

impl From<Entry> for Token {
    fn from(entry: Entry) -> Self {
        let Entry { access_token, expires_on, refresh_token, account, name, .. } = entry;
        Self {
            access_token,
            expires_on,
            refresh_token,
            owner: Owner { account, names: name.into_iter().collect() },
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    key: &'a Key,
    access_token: &'a str,
    expires_on: UnixTime,
    obtained_on: UnixTime,
    lifetime: UnixTime,
    refresh_token: Option<&'a str>,
    account: Option<&'a str>,
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a Value>,
}

#[derive(Deserialize)]
struct Header {
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    key: Key,
    access_token: String,
    expires_on: UnixTime,
    obtained_on: UnixTime,
    lifetime: Option<UnixTime>,
    refresh_token: Option<String>,
    account: Option<String>,
    name: Option<String>,
    extra: Option<Value>,
}

/// The entry's file.
pub fn to_json(key: &Key, entry: &Entry) -> Vec<u8> {
    let is_small = |extra: &&Value| extra.to_string().len() <= MAX_EXTRA;
    let written = Written {
        version: VERSION,
        key,
        access_token: entry.access_token.expose(),
        expires_on: entry.expires_on,
        obtained_on: entry.obtained_on,
        lifetime: entry.lifetime,
        refresh_token: entry.refresh_token.as_ref().map(|token| token.expose().as_str()),
        account: entry.account.as_deref(),
        name: entry.name.as_deref(),
        extra: entry.extra.as_ref().filter(is_small),
    };
    // Strings, numbers and a struct of them always serialize.
    serde_json::to_vec(&written).unwrap_or_default()
}

/// Reads the entry's file of one key.
///
/// # Errors
/// Why it cannot be used: not our JSON, another version's, another key's.
pub fn from_json(bytes: &[u8], key: &Key) -> Result<Entry, &'static str> {
    let (found, entry) = read(bytes)?;
    if found != *key {
        return Err("holds the token of another sign-in");
    }
    Ok(entry)
}

/// Reads an entry's file, whatever its key.
///
/// # Errors
/// Why it cannot be used: not our JSON, another version's.
pub fn read(bytes: &[u8]) -> Result<(Key, Entry), &'static str> {
    const DAMAGED: &str = "is damaged or not a token";
    const OTHER_VERSION: &str = "was written by another version";
    let read: Read = serde_json::from_slice(bytes).map_err(|_| match serde_json::from_slice(bytes) {
        Ok(Header { version }) if version != VERSION => OTHER_VERSION,
        _ => DAMAGED,
    })?;
    if read.version != VERSION {
        return Err(OTHER_VERSION);
    }
    let access_token = Secret::new(read.access_token);
    // As strict as with the service's answers: it goes into an HTTP header and a calendar date.
    let is_token =
        !access_token.expose().is_empty() && access_token.expose().bytes().all(|b| b.is_ascii_graphic());
    if !is_token || read.expires_on > MAX_EXPIRY {
        return Err(DAMAGED);
    }
    let entry = Entry {
        access_token,
        expires_on: read.expires_on,
        obtained_on: read.obtained_on,
        lifetime: read.lifetime.unwrap_or_else(|| read.expires_on.saturating_sub(read.obtained_on)),
        refresh_token: read.refresh_token.map(Secret::new),
        account: read.account,
        name: read.name,
        extra: read.extra,
    };
    Ok((read.key, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            access_token: Secret::from("at"),
            expires_on: 5000,
            obtained_on: 1000,
            lifetime: 4000,
            refresh_token: Some(Secret::from("rt")),
            account: Some("o.t".to_owned()),
            name: Some("ada@contoso.com".to_owned()),
            extra: Some(serde_json::json!({ "endpoints": ["https://a"] })),
        }
    }

    #[test]
    fn fresh_means_more_than_five_minutes() {
        assert!(entry().is_fresh(4699));
        assert!(!entry().is_fresh(4700));
        assert!(entry().is_alive(4999));
        assert!(!entry().is_alive(5000));
    }

    #[test]
    fn a_short_token_is_fresh_for_most_of_its_life() {
        let short = Entry { expires_on: 1060, lifetime: 60, ..entry() };
        assert!(short.is_fresh(1049));
        assert!(!short.is_fresh(1050));
    }

    #[test]
    fn the_lifetime_is_the_tokens_own_or_what_was_left_when_it_came() {
        let new =
            |access_token: &str| Entry::new(Token::new(Secret::from(access_token), 1500), 1400).lifetime;
        let jwt = |claims: serde_json::Value| {
            crate::oauth::jws::compact(
                &crate::oauth::jws::signing_input(&serde_json::json!({}), &claims),
                b"s",
            )
        };
        assert_eq!(new(jwt(serde_json::json!({ "iat": 500, "exp": 1500 })).expose()), 1000);
        assert_eq!(new(jwt(serde_json::json!({ "exp": 1500 })).expose()), 100);
        assert_eq!(new(jwt(serde_json::json!({ "iat": 1501, "exp": 1500 })).expose()), 100);
        assert_eq!(new("opaque"), 100);
    }

    #[test]
    fn an_entry_of_0_3_0_is_read() {
        let old = r#"{"version":1,"key":{"authority":"a","tenant":"t","client":"c","server":"s","mode":"ropc","legacy":false,"pop_key":null,"user":"u","credential":null},"access_token":"at","expires_on":5000,"obtained_on":1000,"refresh_token":"rt"}"#;
        let (_, read) = read(old.as_bytes()).unwrap();
        assert_eq!(read, Entry { account: None, name: None, extra: None, ..entry() });
    }

    #[test]
    fn what_a_refresh_does_not_say_stays() {
        let next = Entry {
            access_token: Secret::from("next"),
            refresh_token: None,
            account: None,
            name: None,
            extra: None,
            ..entry()
        };
        assert_eq!(entry().followed_by(next), Entry { access_token: Secret::from("next"), ..entry() });
        let whole = Entry { refresh_token: Some(Secret::from("rt2")), ..entry() };
        assert_eq!(entry().followed_by(whole.clone()), whole);
    }

    #[test]
    fn an_extra_that_is_too_long_is_not_kept() {
        let long = Entry { extra: Some("x".repeat(MAX_EXTRA).into()), ..entry() };
        assert_eq!(from_json(&to_json(&Key::default(), &long), &Key::default()).unwrap().extra, None);
    }

    #[test]
    fn a_clock_set_back_makes_a_token_stale() {
        assert!(entry().is_fresh(700), "a few minutes are no jump");
        assert!(!entry().is_fresh(699));
        assert!(!entry().is_alive(0));
        assert!(!entry().is_fresh(u64::MAX));
    }

    #[test]
    fn reads_what_it_writes_and_nothing_shorter() {
        let key = Key { tenant: "t".into(), ..Key::default() };
        let json = to_json(&key, &entry());
        assert_eq!(from_json(&json, &key), Ok(entry()));
        for end in 0..json.len() {
            assert!(from_json(&json[..end], &key).is_err(), "{end}");
        }
    }

    #[test]
    fn no_damage_panics_or_makes_another_keys_token() {
        let key = Key { tenant: "t".into(), ..Key::default() };
        let json = to_json(&key, &entry());
        for at in 0..json.len() {
            for byte in [0, b'"', b'{', b'}', b'9', b'-', 0xff] {
                let mut damaged = json.clone();
                damaged[at] = byte;
                if let Ok(read) = from_json(&damaged, &key) {
                    assert!(read.access_token.expose().bytes().all(|b| b.is_ascii_graphic()));
                }
                assert!(from_json(&damaged, &Key::default()).is_err());
            }
        }
    }

    #[test]
    fn foreign_entries_are_told_apart() {
        let key = Key::default();
        let json = String::from_utf8(to_json(&key, &entry())).unwrap();
        let other = Key { tenant: "t".into(), ..Key::default() };
        assert_eq!(from_json(json.as_bytes(), &other), Err("holds the token of another sign-in"));
        let newer = json.replace("\"version\":1", "\"version\":2");
        assert_eq!(from_json(newer.as_bytes(), &key), Err("was written by another version"));
        for foreign in ["", "{}", "[]", "null", "{\"version\":1}", "{\"access_token\":\"x\"}", "\u{0}"] {
            assert_eq!(from_json(foreign.as_bytes(), &key), Err("is damaged or not a token"), "{foreign}");
        }
        for (from, to) in [("\"at\"", "\"\""), ("\"at\"", "\"a t\""), ("5000", "253402300800")] {
            let odd = json.replace(from, to);
            assert_eq!(from_json(odd.as_bytes(), &key), Err("is damaged or not a token"), "{odd}");
        }
    }
}
