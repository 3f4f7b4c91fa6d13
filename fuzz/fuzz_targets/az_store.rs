//! The Azure CLI's files: whatever they hold, a token is a secret of the store, of an entry that has the tenant,
//! the server and time left.

#![no_main]

use kubelogin::oauth::az_store::{Files, Question, account, decide};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
const NOW: u64 = 1_767_323_045;

// The input's parts, which a zero byte separates: profile, store, entries of applications, config, clouds.config.
// An empty part is a file that is not there.
fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|byte| *byte == 0).map(|part| (!part.is_empty()).then_some(part));
    let mut next = || parts.next().flatten();
    let (profile, store, principals) = (next(), next(), next());
    let files = Files { profile, store, principals, config: next(), clouds: next() };
    for subscription in [None, Some("sub")] {
        let question = Question { resource: SERVER, subscription, now: NOW, ..Question::default() };
        let Ok(token) = decide(&question, &files, &|path| path.starts_with("/there")) else { continue };
        let account = account(&question, &files).expect("a token without an account");
        let store: Value = serde_json::from_slice(store.expect("a token without a store")).expect("no JSON");
        let entries = store["AccessToken"].as_object().expect("no tokens");
        let secret = token.access_token.expose().as_str();
        assert!(!secret.is_empty() && secret.bytes().all(|b| b.is_ascii_graphic()));
        assert!(token.expires_on > NOW + 300);
        let is_source = |(key, entry): (&String, &Value)| {
            let text = |member: &str| entry[member].as_str().unwrap_or_default();
            let scope = format!("{SERVER}/.default");
            text("secret") == secret
                && text("expires_on").parse() == Ok(token.expires_on)
                && text("token_type").eq_ignore_ascii_case("bearer")
                && text("realm") == account.tenant.to_lowercase()
                && (text("target").split(' ').any(|word| word == scope) || key.ends_with(&scope))
                && entry.get("key_id").is_none()
                && entry.get("ext_cache_key").is_none()
        };
        assert!(entries.iter().any(is_source));
    }
});
