//! Files of the cache folder: no damage makes a token of another sign-in, one that cannot be sent, or a prompt that
//! leads astray.

#![no_main]

use kubelogin::cache::Key;
use kubelogin::cache::entry::{from_json, read, to_json};
use kubelogin::cache::note;
use kubelogin::cache::relatives::choose;
use kubelogin::cache::unanswered::Unanswered;
use kubelogin::keys::RsaKey;
use kubelogin::prompt::Prompt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((key, entry)) = read(data) {
        assert!(entry.access_token.expose().bytes().all(|b| b.is_ascii_graphic()));
        assert!(from_json(data, &key).is_ok());
        assert!(key == Key::default() || from_json(data, &Key::default()).is_err());
        assert!(from_json(&to_json(&key, &entry), &key).is_ok());
        let wanted = Key { server: format!("{}x", key.server), ..key.clone() };
        let chosen = choose([(key, entry.clone())].into_iter(), &wanted, None);
        assert_eq!(chosen.is_some(), entry.refresh_token.is_some());
    }
    if let Some(prompt) = note::parse(data, Some("process 7 (since 2026-01-02T03:04:05Z)")) {
        let (Prompt::DeviceCode { address, .. } | Prompt::Browser { address }) = &prompt;
        assert!(address.starts_with("https://") || address.starts_with("http://"));
        assert!(note::sentence("process 7", &prompt).lines().count() <= 2);
    }
    let _ = Unanswered::parse(data);
    let _ = RsaKey::from_pem(data);
});
