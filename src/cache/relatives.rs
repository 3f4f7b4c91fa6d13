//! One sign-in for many servers: the refresh token of an entry that differs only in the server gets a token for this
//! one too.

use super::entry::{self, Entry};
use super::key::{Key, is_entry_name};
use crate::oauth::owner::Owner;
use crate::sys::{paths, private};
use std::path::Path;

/// The entry whose refresh token may be tried for this key: of the same identity and another server, or of the account
/// that the key names, whatever user was named when that one signed in. `cached` is the key's own entry. `None` where
/// there is no such entry, or where they are of several accounts: then only the person knows which.
pub fn find(folder: &Path, key: &Key, cached: Option<&Entry>) -> Option<Entry> {
    let prefix = key.name_prefix();
    let files = paths::list(folder).unwrap_or_default().into_iter();
    let names = files.filter(|file| {
        file.name.as_deref().is_some_and(|name| name.starts_with(&prefix) && is_entry_name(name))
    });
    let read = |path: &Path| entry::read(&private::read_unmodified(path, super::MAX_ENTRY).ok()?.bytes).ok();
    choose(names.filter_map(|file| read(&file.path)), key, cached)
}

/// The choice among entries that were read.
pub fn choose(
    entries: impl Iterator<Item = (Key, Entry)>,
    key: &Key,
    cached: Option<&Entry>,
) -> Option<Entry> {
    let mut chosen: Option<Entry> = None;
    let mut accounts: Vec<Option<String>> =
        cached.and_then(account_of).map(|account| vec![Some(account)]).unwrap_or_default();
    for (_, entry) in entries.filter(|(other, entry)| is_relative(other, entry, key)) {
        accounts.push(account_of(&entry));
        if chosen.as_ref().is_none_or(|chosen| chosen.obtained_on <= entry.obtained_on) {
            chosen = Some(entry);
        }
    }
    let is_one = match accounts.split_first() {
        // Entries that do not say whose they are may be of several accounts.
        Some((None, others)) => others.is_empty(),
        Some((first, others)) => others.iter().all(|other| other == first),
        None => false,
    };
    chosen.filter(|_| is_one)
}

fn is_relative(other: &Key, entry: &Entry, key: &Key) -> bool {
    if entry.refresh_token.is_none() || other == key {
        return false;
    }
    if other.has_identity_of(key) {
        return true;
    }
    let unnamed = Key { user: key.user.clone(), ..other.clone() };
    unnamed.has_identity_of(key) && key.user.as_ref().is_some_and(|user| entry.is_of(user))
}

/// Entries of version 0.3.0 say it only in their token.
fn account_of(entry: &Entry) -> Option<String> {
    entry.account.clone().or_else(|| Owner::of(entry.access_token.expose(), None, None).account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::token::Token;
    use crate::secret::Secret;

    fn key(server: &str) -> Key {
        Key { server: server.into(), tenant: "t".into(), mode: "devicecode".into(), ..Key::default() }
    }

    fn entry(name: &str, account: Option<&str>, obtained_on: u64) -> Entry {
        let token = Token { refresh_token: Some(Secret::from(name)), ..Token::new(Secret::from("at"), 9000) };
        let user = account.map(|account| format!("{account}@x"));
        Entry { account: account.map(str::to_owned), name: user, ..Entry::new(token, obtained_on) }
    }

    fn chosen(entries: &[(Key, Entry)], key: &Key, cached: Option<&Entry>) -> Option<String> {
        let entry = choose(entries.iter().cloned(), key, cached)?;
        Some(entry.refresh_token.unwrap().expose().clone())
    }

    #[test]
    fn the_latest_entry_of_the_same_identity_and_another_server() {
        let entries = [
            (key("a"), entry("a", Some("o.t"), 1)),
            (key("b"), entry("b", Some("o.t"), 3)),
            (key("c"), entry("c", Some("o.t"), 2)),
        ];
        assert_eq!(chosen(&entries, &key("s"), None).as_deref(), Some("b"));
        assert_eq!(chosen(&entries, &key("b"), None).as_deref(), Some("c"), "not its own");
        assert_eq!(chosen(&[], &key("s"), None), None);
    }

    #[test]
    fn whatever_else_differs_keeps_them_apart() {
        let some = || Some("x".to_owned());
        for other in [
            Key { authority: "x".into(), ..key("a") },
            Key { tenant: "x".into(), ..key("a") },
            Key { client: "x".into(), ..key("a") },
            Key { mode: "interactive".into(), ..key("a") },
            Key { legacy: true, ..key("a") },
            Key { pop_key: some(), ..key("a") },
            Key { user: some(), ..key("a") },
            Key { credential: some(), ..key("a") },
        ] {
            assert_eq!(
                chosen(&[(other.clone(), entry("a", Some("o.t"), 1))], &key("s"), None),
                None,
                "{other:?}"
            );
        }
        let spent = Entry { refresh_token: None, ..entry("a", Some("o.t"), 1) };
        assert_eq!(chosen(&[(key("a"), spent)], &key("s"), None), None);
    }

    #[test]
    fn two_accounts_or_unknown_ones_are_for_the_person_to_choose() {
        let of = |server, account| (key(server), entry(server, account, 1));
        let ada = entry("own", Some("ada"), 1);
        assert_eq!(chosen(&[of("a", Some("ada")), of("b", Some("eve"))], &key("s"), None), None);
        assert_eq!(chosen(&[of("a", Some("ada")), of("b", None)], &key("s"), None), None);
        assert_eq!(chosen(&[of("a", None), of("b", None)], &key("s"), None), None);
        assert_eq!(
            chosen(&[of("a", Some("eve"))], &key("s"), Some(&ada)),
            None,
            "this server's was another's"
        );
        assert_eq!(chosen(&[of("a", None)], &key("s"), Some(&ada)), None);
        assert_eq!(chosen(&[of("a", Some("ada"))], &key("s"), Some(&ada)).as_deref(), Some("a"));
        assert_eq!(chosen(&[of("a", None)], &key("s"), None).as_deref(), Some("a"), "there is but one");
    }

    #[test]
    fn a_named_user_selects_the_entry_of_the_account_that_signed_in() {
        let entries =
            [(key("s"), entry("ada's", Some("ada"), 1)), (key("s"), entry("eve's", Some("eve"), 2))];
        let named = |user: &str| Key { user: Some(user.into()), ..key("s") };
        assert_eq!(chosen(&entries, &named("ADA@x"), None).as_deref(), Some("ada's"));
        assert_eq!(chosen(&entries, &named("eve"), None).as_deref(), Some("eve's"), "by its id");
        assert_eq!(chosen(&entries, &named("bob@x"), None), None);
        let eves = [(named("eve@x"), entry("eve's", Some("eve"), 2))];
        assert_eq!(chosen(&eves, &key("s"), None), None, "an entry for a named user is for that one alone");
    }
}
