//! The file of `AZURE_ENVIRONMENT_FILEPATH`: an authority that comes of it is https.

#![no_main]

use kubelogin::cloud::parse_environment;
use kubelogin::oauth::authority::Authority;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(base) = parse_environment(data)
        && let Ok(authority) = Authority::new(&base, Some("t"))
    {
        assert!(authority.endpoints().token.starts_with("https://"));
    }
});
