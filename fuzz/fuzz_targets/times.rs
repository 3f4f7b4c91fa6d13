//! Durations and dates in all their forms.

#![no_main]

use kubelogin::time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(duration) = time::parse_go_duration(text) {
        assert!(duration <= std::time::Duration::from_secs(u64::MAX));
    }
    for parsed in [time::parse_rfc3339(text), time::parse_http_date(text), time::parse_us_date(text)] {
        let _ = parsed.map(time::rfc3339);
    }
    let _ = time::local_time(text, Some(text));
});
