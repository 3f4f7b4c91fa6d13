//! OpenID configuration documents: no endpoint leaves the authority's and its issuer's hosts.

#![no_main]

use kubelogin::oauth::authority::Authority;
use kubelogin::oauth::discovery::{read_configuration, read_instance};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let authority = Authority::new("https://idp.example/", Some("t")).expect("a good authority");
    let response = kubelogin_fuzz::response(200, data);
    if let Ok(endpoints) = read_configuration(&response, &authority) {
        assert!(endpoints.token.starts_with("https://"));
    }
    let _ = read_instance(&kubelogin_fuzz::response(400, data), &authority);
});
