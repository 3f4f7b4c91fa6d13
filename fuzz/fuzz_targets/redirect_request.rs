//! What a browser, or anybody on this machine, sends to the loopback listener: only the right state is a code.

#![no_main]

use kubelogin::oauth::pkce::State;
use kubelogin::oauth::redirect::{Answer, Step, step};
use kubelogin::oauth::redirect_url::RedirectUrl;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|data: &[u8]| {
    let state = State::new([7; 32]);
    let url = RedirectUrl::default();
    let whole = step(data, &url, &state);
    if let Step::End(_, Answer::Code(_)) = whole {
        let has_state = data.split(|b| b"&? ".contains(b) || b.is_ascii_control()).any(|pair| {
            let decoded: Vec<u8> = percent_decode(pair).collect();
            decoded == format!("state={}", state.expose()).as_bytes()
        });
        assert!(has_state, "a code without the state");
    }
    // A request that comes in pieces ends as the whole one does.
    for end in [data.len() / 2, data.len().saturating_sub(1)] {
        let part = step(data.get(..end).unwrap_or_default(), &url, &state);
        assert!(part == Step::More || part == whole, "{part:?} is not {whole:?}");
    }
});
