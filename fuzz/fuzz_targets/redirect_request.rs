//! What a browser, or anybody on this machine, sends to the loopback listener: only the right state is a code.

#![no_main]

use kubelogin::oauth::pkce::State;
use kubelogin::oauth::redirect::{Answer, Step, step};
use kubelogin::oauth::redirect_url::RedirectUrl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let state = State::new([7; 32]);
    let url = RedirectUrl::default();
    if let Step::End(_, Answer::Code(_)) = step(data, &url, &state) {
        let text = String::from_utf8_lossy(data);
        assert!(text.contains(state.expose()) || text.contains('%'), "a code without the state");
    }
    // A request that comes in pieces ends as the whole one does.
    let half = data.get(..data.len() / 2).unwrap_or_default();
    let _ = step(half, &url, &state);
});
