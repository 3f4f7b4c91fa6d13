//! Files of the cache folder: no damage makes a token of another sign-in, or one that cannot be sent.

#![no_main]

use kubelogin::cache::Key;
use kubelogin::cache::entry::{from_json, read};
use kubelogin::keys::RsaKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((key, entry)) = read(data) {
        assert!(entry.access_token.expose().bytes().all(|b| b.is_ascii_graphic()));
        assert!(from_json(data, &key).is_ok());
        assert!(key == Key::default() || from_json(data, &Key::default()).is_err());
    }
    let _ = RsaKey::from_pem(data);
});
