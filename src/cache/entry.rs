//! A cached token and its form on disk: JSON with a version, and the whole key inside.

use super::key::Key;
use crate::oauth::token::{MAX_EXPIRY, Token};
use crate::secret::Secret;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};

/// The form that this version writes, and the only one that it reads.
const VERSION: u32 = 1;
/// A token with no longer to live counts as stale: 5 minutes, in seconds.
const MARGIN: UnixTime = 300;

/// What one sign-in or refresh gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The access token.
    pub access_token: Secret,
    /// When it expires.
    pub expires_on: UnixTime,
    /// When it was got, by this machine's clock.
    pub obtained_on: UnixTime,
    /// What gets the next one without a prompt.
    pub refresh_token: Option<Secret>,
}

impl Entry {
    /// A token that has come just now.
    pub fn new(token: Token, now: UnixTime) -> Self {
        let Token { access_token, expires_on, refresh_token, .. } = token;
        Self { access_token, expires_on, obtained_on: now, refresh_token }
    }

    /// More than 5 minutes to live. A token from the future says that the clock was set back since; how
    /// long it really lives is unknown then.
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        self.expires_on > now.saturating_add(MARGIN) && !self.is_from_the_future(now)
    }

    /// Not expired yet.
    pub fn is_alive(&self, now: UnixTime) -> bool {
        self.expires_on > now && !self.is_from_the_future(now)
    }

    fn is_from_the_future(&self, now: UnixTime) -> bool {
        self.obtained_on > now.saturating_add(MARGIN)
    }
}

impl From<Entry> for Token {
    fn from(entry: Entry) -> Self {
        let Entry { access_token, expires_on, refresh_token, .. } = entry;
        Self { access_token, expires_on, refresh_token }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    key: &'a Key,
    access_token: &'a str,
    expires_on: UnixTime,
    obtained_on: UnixTime,
    refresh_token: Option<&'a str>,
}

#[derive(Deserialize)]
struct Header {
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    key: Key,
    access_token: String,
    expires_on: UnixTime,
    obtained_on: UnixTime,
    refresh_token: Option<String>,
}

/// The entry's file.
pub fn to_json(key: &Key, entry: &Entry) -> Vec<u8> {
    let written = Written {
        version: VERSION,
        key,
        access_token: entry.access_token.expose(),
        expires_on: entry.expires_on,
        obtained_on: entry.obtained_on,
        refresh_token: entry.refresh_token.as_ref().map(|token| token.expose().as_str()),
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
    let header: Header = serde_json::from_slice(bytes).map_err(|_| "is damaged or not a token")?;
    if header.version != VERSION {
        return Err("was written by another version");
    }
    let read: Read = serde_json::from_slice(bytes).map_err(|_| "is damaged or not a token")?;
    let access_token = Secret::new(read.access_token);
    // As strict as with the service's answers: it goes into an HTTP header and a calendar date.
    let is_token =
        !access_token.expose().is_empty() && access_token.expose().bytes().all(|b| b.is_ascii_graphic());
    if !is_token || read.expires_on > MAX_EXPIRY {
        return Err("is damaged or not a token");
    }
    let refresh_token = read.refresh_token.map(Secret::new);
    let (expires_on, obtained_on) = (read.expires_on, read.obtained_on);
    Ok((read.key, Entry { access_token, expires_on, obtained_on, refresh_token }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            access_token: Secret::from("at"),
            expires_on: 5000,
            obtained_on: 1000,
            refresh_token: Some(Secret::from("rt")),
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
