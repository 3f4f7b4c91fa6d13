//! What a cached token was got for. Tokens of different keys never meet.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The end of an entry's file name.
pub const ENTRY_SUFFIX: &str = ".token.json";
/// The end of an identity's name in the names of its files.
pub const IDENTITY_SUFFIX: &str = ".identity";
/// Letters of the hash in a file name: 64 bits; the whole key is compared on reading besides.
const HASH_LETTERS: usize = 16;
/// A part of a file name is cut here, so that the name fits every file system.
const MAX_PART: usize = 40;

/// Everything that tells one sign-in from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The authority's address.
    pub authority: String,
    /// The tenant, as it was given.
    pub tenant: String,
    /// The client application.
    pub client: String,
    /// The server application.
    pub server: String,
    /// The login mode's name.
    pub mode: String,
    /// The v1 endpoints and their `spn:` audience.
    pub legacy: bool,
    /// The id of the proof-of-possession key to which the token is bound.
    pub pop_key: Option<String>,
    /// The user, where one is named (`--username`, `--login-hint`).
    pub user: Option<String>,
    /// [`fingerprint`] of the credential or identity that signs in, where that is no user.
    pub credential: Option<String>,
}

impl Key {
    /// The entry's file name: readable, safe on every file system, and no other key's.
    pub fn file_name(&self) -> String {
        self.name_of([&self.mode, &self.tenant, &self.client, &self.server], ENTRY_SUFFIX)
    }

    /// What the files of the identity are named after: everything but the server and the proof-of-possession key, which
    /// does not matter to the person.
    pub fn identity_name(&self) -> String {
        let identity = Self { server: String::new(), pop_key: None, ..self.clone() };
        identity.name_of([&self.mode, &self.tenant, &self.client], IDENTITY_SUFFIX)
    }

    /// How the names of its entries begin, and those of entries that differ in server and user.
    pub fn name_prefix(&self) -> String {
        [&self.mode, &self.tenant, &self.client].into_iter().map(|part| format!("{}_", clean(part))).collect()
    }

    /// Whether this key differs from the other in the server, or not at all.
    pub fn has_identity_of(&self, other: &Self) -> bool {
        Self { server: other.server.clone(), ..self.clone() } == *other
    }

    /// Whether the same person signs in for both, by the settings: they differ in the server and the
    /// proof-of-possession key at most.
    pub fn is_same_sign_in(&self, other: &Self) -> bool {
        Self { pop_key: other.pop_key.clone(), ..self.clone() }.has_identity_of(other)
    }

    fn name_of<const N: usize>(&self, parts: [&String; N], suffix: &str) -> String {
        let parts = parts.into_iter().chain(&self.user);
        let mut name: String = parts.map(|part| format!("{}_", clean(part))).collect();
        name.extend(self.hash().chars().take(HASH_LETTERS));
        name + suffix
    }

    fn hash(&self) -> String {
        let flag = if self.legacy { "1" } else { "0" };
        let optional = |part: &'_ Option<String>| part.as_ref().map(|p| format!("={p}")).unwrap_or_default();
        fingerprint(&[
            self.authority.as_bytes(),
            self.tenant.as_bytes(),
            self.client.as_bytes(),
            self.server.as_bytes(),
            self.mode.as_bytes(),
            flag.as_bytes(),
            optional(&self.pop_key).as_bytes(),
            optional(&self.user).as_bytes(),
            optional(&self.credential).as_bytes(),
        ])
    }
}

/// SHA-256 over `parts` in hexadecimal. Each part's length goes in, so that no two lists of parts
/// coincide.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha.update(part);
    }
    let nibble = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    sha.finalize().iter().flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)]).collect()
}

/// Whether a file name is one that [`Key::file_name`] gives.
pub fn is_entry_name(name: &str) -> bool {
    has_hash_and(name, ENTRY_SUFFIX)
}

/// Whether a name is one that [`Key::identity_name`] gives.
pub fn is_identity_name(name: &str) -> bool {
    has_hash_and(name, IDENTITY_SUFFIX)
}

fn has_hash_and(name: &str, suffix: &str) -> bool {
    let Some((_, hash)) = name.strip_suffix(suffix).and_then(|stem| stem.rsplit_once('_')) else {
        return false;
    };
    hash.len() == HASH_LETTERS && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn clean(part: &str) -> String {
    part.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).take(MAX_PART).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            authority: "https://login.microsoftonline.com/".into(),
            tenant: "contoso.com".into(),
            client: "80faf920-1908-4b52-b5ef-a8e7bedfc67a".into(),
            server: "6dae42f8-4368-4678-94ff-3960e28e3630".into(),
            mode: "devicecode".into(),
            ..Key::default()
        }
    }

    #[test]
    fn every_part_makes_another_file() {
        let some = || Some("x".to_owned());
        let others = [
            Key { authority: "https://login.chinacloudapi.cn/".into(), ..key() },
            Key { tenant: "x".into(), ..key() },
            Key { client: "x".into(), ..key() },
            Key { server: "x".into(), ..key() },
            Key { mode: "interactive".into(), ..key() },
            Key { legacy: true, ..key() },
            Key { pop_key: some(), ..key() },
            Key { user: some(), ..key() },
            Key { credential: some(), ..key() },
            key(),
        ];
        let names: std::collections::HashSet<String> = others.iter().map(Key::file_name).collect();
        assert_eq!(names.len(), others.len());
        assert!(names.iter().all(|name| is_entry_name(name)));
    }

    #[test]
    fn parts_that_clean_to_the_same_text_stay_apart() {
        let with = |user: &str| Key { user: Some(user.into()), ..key() }.file_name();
        assert_ne!(with("a/b"), with("ab"));
        assert_ne!(with(""), key().file_name());
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
    }

    #[test]
    fn an_identity_is_a_key_without_its_server_and_key_of_proof() {
        let other = Key { server: "x".into(), pop_key: Some("k".into()), ..key() };
        assert!(other.is_same_sign_in(&key()) && !other.has_identity_of(&key()));
        assert_eq!(other.identity_name(), key().identity_name());
        assert!(is_identity_name(&key().identity_name()) && !is_entry_name(&key().identity_name()));
        let eve = Key { user: Some("eve".into()), ..key() };
        assert!(!eve.is_same_sign_in(&key()));
        assert_ne!(eve.identity_name(), key().identity_name());
        assert!([&key(), &other, &eve].iter().all(|key| key.file_name().starts_with(&eve.name_prefix())));
    }

    #[test]
    fn names_are_safe_whatever_the_parts_are() {
        let key = Key { tenant: "../../etc\0\n".repeat(50), user: Some("ü:*?\\".repeat(99)), ..key() };
        let name = key.file_name();
        assert!(name.len() < 255 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
        assert!(name.starts_with("devicecode_"));
    }

    #[test]
    fn other_files_are_not_taken_for_entries() {
        for name in ["a.json", "_0123.token.json", "x_0123456789abcdeF.token.json", ".token.json"] {
            assert!(!is_entry_name(name), "{name}");
        }
    }
}
