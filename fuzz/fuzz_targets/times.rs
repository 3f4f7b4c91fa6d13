//! Durations and dates in all their forms: what is read can be written, and is read from that again.

#![no_main]

use kubelogin::time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(duration) = time::parse_go_duration(text) {
        let written = format!("{}ns", duration.as_nanos());
        assert_eq!(time::parse_go_duration(&written), Some(duration));
    }
    for parsed in [time::parse_rfc3339(text), time::parse_http_date(text), time::parse_us_date(text)] {
        let Some(time) = parsed else { continue };
        let written = time::rfc3339(time);
        // A zone's offset can lead to the first hours of the year 10000.
        assert!(time::parse_rfc3339(&written) == Some(time) || written.starts_with("10000-"), "{written}");
    }
    let _ = time::local_time(text, Some(text));
});
