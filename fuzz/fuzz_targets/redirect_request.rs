//! What a browser, or any program on this machine, sends to the loopback listener: only the right state is a code.

#![no_main]

use kubelogin::oauth::pkce::State;
use kubelogin::oauth::redirect::{Expected, ExpectedIssuer, Pages, RedirectAnswer, RedirectStep, step};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|data: &[u8]| {
    let state = State::new([7; 32]);
    let expected = Expected { state: &state, issuer: ExpectedIssuer::Any };
    let pages = Pages { path: "/", start: Some("https://a/"), after: None };
    let whole = step(data, &pages, &expected);
    if let RedirectStep::End(_, RedirectAnswer::Code(_)) = whole {
        let has_state = request(data).split(|b| b"&? ".contains(b) || b.is_ascii_control()).any(|pair| {
            let decoded: Vec<u8> = percent_decode(pair).collect();
            decoded == format!("state={}", state.expose()).as_bytes()
        });
        assert!(has_state, "a code without the state");
    }
    // A request that comes in pieces ends as the whole one does.
    for end in [data.len() / 2, data.len().saturating_sub(1)] {
        let part = step(data.get(..end).unwrap_or_default(), &pages, &expected);
        assert!(part == RedirectStep::More || part == whole, "{part:?} is not {whole:?}");
    }
});

/// The request without what follows its body: a pair's end is the body's end.
fn request(data: &[u8]) -> &[u8] {
    let Some(head) = data.windows(4).position(|window| window == b"\r\n\r\n") else { return data };
    let text = String::from_utf8_lossy(&data[..head]).to_ascii_lowercase();
    let value = text.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    match value.and_then(|value| value.trim().parse::<usize>().ok()) {
        Some(length) if data.starts_with(b"POST ") => &data[..data.len().min(head + 4 + length)],
        _ => data,
    }
}
