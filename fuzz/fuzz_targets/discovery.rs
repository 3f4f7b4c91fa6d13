//! OpenID configuration documents: no endpoint leaves the authority's and its issuer's hosts, as the transport
//! reads addresses.

#![no_main]

use http::Uri;
use kubelogin::oauth::authority::Authority;
use kubelogin::oauth::discovery::{read_configuration, read_instance};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn host(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    address.host().map(str::to_ascii_lowercase)
}

fuzz_target!(|data: &[u8]| {
    let authority = Authority::new("https://idp.example/", Some("t")).expect("a good authority");
    let response = kubelogin_fuzz::response(200, data);
    if let Ok(endpoints) = read_configuration(&response, &authority) {
        // What nobody reads may be no text.
        let document: Value = serde_json::from_str(&String::from_utf8_lossy(data)).unwrap_or_default();
        let issuer = document.get("issuer").and_then(Value::as_str).and_then(host);
        for endpoint in [endpoints.token, endpoints.authorize, endpoints.device_code] {
            assert!(endpoint.starts_with("https://"), "{endpoint}");
            // An address that the transport cannot read is never sent to.
            let Some(host) = host(&endpoint) else { continue };
            assert!(host == "idp.example" || Some(&host) == issuer.as_ref(), "{endpoint} by {issuer:?}");
        }
    }
    for status in [200, 400] {
        let _ = read_instance(&kubelogin_fuzz::response(status, data), &authority);
    }
});
