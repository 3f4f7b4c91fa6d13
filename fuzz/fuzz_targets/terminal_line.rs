//! Bytes from a terminal: bounded lines, never with a control character that edits or ends one.

#![no_main]

use kubelogin::sys::terminal::line::{Line, LineEvent, MAX_LINE};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut line = Line::default();
    let mut events = 0;
    for byte in data {
        match line.push(*byte) {
            Some(LineEvent::Complete(text)) => {
                events += 1;
                // A byte that is not UTF-8 becomes three.
                assert!(text.expose().len() <= 3 * MAX_LINE);
                assert!(!text.expose().contains(|c: char| c.is_ascii_control() && c != '\t'));
            }
            Some(_) => events += 1,
            None => {}
        }
    }
    assert!(events <= data.len());
});
