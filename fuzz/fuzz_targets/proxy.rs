//! Proxy variables: a proxy that is chosen has a host and a port, exceptions count, and this machine never takes
//! one.

#![no_main]

use kubelogin::context::Env;
use kubelogin::sys::http::{Http, Settings};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (proxy, exceptions) = text.split_once('\n').unwrap_or((&text, ""));
    let http = Http::new(Settings::new(Duration::from_secs(1)));
    let chosen = |exceptions: &str, url: &str| {
        let env: Env = [("HTTPS_PROXY", proxy), ("NO_PROXY", exceptions)].into_iter().collect();
        http.proxy(&kubelogin_fuzz::context().with_env(env), url)
    };
    if let Ok(Some(proxy)) = chosen(exceptions, "https://login.example/") {
        let (host, port) = proxy.rsplit_once(':').expect("host:port");
        assert!(!host.is_empty() && port.parse::<u16>().is_ok(), "{proxy}");
    }
    for all in ["*", "login.example", ".example", "login.example:443"] {
        assert!(matches!(chosen(&format!("{exceptions},{all}"), "https://login.example/"), Ok(None)));
    }
    assert!(matches!(chosen(exceptions, "https://127.0.0.1/"), Ok(None)));
});
