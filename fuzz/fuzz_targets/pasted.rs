//! What a user pastes: a text with parameters needs the right state, a bare code is visible ASCII.

#![no_main]

use kubelogin::oauth::pasted::{MAX_PASTED, read};
use kubelogin::oauth::pkce::State;
use kubelogin::oauth::redirect::{Expected, ExpectedIssuer, RedirectAnswer};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let state = State::new([7; 32]);
    let expected = Expected { state: &state, issuer: ExpectedIssuer::Any };
    let with_pkce = read(&text, &expected, true);
    let without = read(&text, &expected, false);
    let Ok(answer) = with_pkce else {
        assert!(without.is_err(), "PKCE only adds what is taken");
        return;
    };
    assert!(text.len() <= MAX_PASTED);
    if without.is_ok() {
        let wanted = format!("state={}", state.expose());
        let has_state = text.split(['&', '?', '#']).any(|pair| {
            let pair = pair.trim_matches(|c: char| !c.is_ascii_graphic() || "\"'`<>".contains(c));
            percent_decode(pair.as_bytes()).collect::<Vec<u8>>() == wanted.as_bytes()
        });
        assert!(has_state, "an answer without the state");
    } else if let RedirectAnswer::Code(code) = answer {
        assert!(!code.expose().is_empty() && code.expose().bytes().all(|b| b.is_ascii_graphic()));
    } else {
        panic!("a refusal without a state");
    }
});
