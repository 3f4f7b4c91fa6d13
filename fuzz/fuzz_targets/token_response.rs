//! Answers of token endpoints: a token is printable and expires on a day that can be written.

#![no_main]

use kubelogin::oauth::identity::Identity;
use kubelogin::oauth::{device_code, token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (status, body) = data.split_first().unwrap_or((&0, &[]));
    let status = if status % 2 == 0 { 200 } else { 400 };
    let response = kubelogin_fuzz::response(status, body);
    if let Ok(token) = token::read(&response, 1_767_323_045) {
        assert!(token.access_token.expose().bytes().all(|b| b.is_ascii_graphic()));
        assert_eq!(kubelogin::time::rfc3339(token.expires_on).len(), 20);
        let _ = Identity::of(token.access_token.expose());
    }
    let _ = token::read_bound(&response, 0, Some("key"));
    if let Ok(device) = device_code::read(&response) {
        assert!(!device.message.contains('\x1b'));
    }
});
