//! Proxy variables: a proxy that is chosen has a host, and this machine never takes one.

#![no_main]

use kubelogin::context::Env;
use kubelogin::sys::http::{Http, Settings};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (proxy, exceptions) = text.split_once('\n').unwrap_or((&text, ""));
    let env: Env = [("HTTPS_PROXY", proxy), ("NO_PROXY", exceptions)].into_iter().collect();
    let ctx = kubelogin_fuzz::context().with_env(env);
    let http = Http::new(Settings::new(Duration::from_secs(1)));
    if let Ok(Some(proxy)) = http.proxy(&ctx, "https://login.example/") {
        assert!(proxy.contains(':'));
    }
    assert!(matches!(http.proxy(&ctx, "https://127.0.0.1/"), Ok(None)));
});
