//! Kubeconfigs: what is no user of ours stays byte for byte, and converting twice changes nothing more.

#![no_main]

use kubelogin::cli::options::Options;
use kubelogin::cli::parse::parse;
use kubelogin::kubeconfig::convert::{Kind, convert, kind};
use kubelogin::kubeconfig::document::{Document, Edited};
use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;

/// The text after conversion; `None` if there is nothing to convert, or it is refused.
fn converted(text: &str) -> Option<Edited> {
    let args = ["convert-kubeconfig", "--login=msi"].map(OsString::from);
    let given = parse(&args).ok()?;
    let options = Options::resolve(given, &Default::default()).ok()?;
    let document = Document::read(text, |user| kind(user) == Kind::Ours).ok()?;
    let mut replacements = Vec::new();
    for (at, user) in document.users.iter().enumerate() {
        let new = convert(&options, &user.value).ok()?.user;
        if !user.value.means(&new) {
            replacements.extend(document.replacement(text, at, &new));
        }
    }
    if replacements.is_empty() { None } else { document.replace(text, replacements).ok() }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(edited) = converted(text) else { return };
    if !edited.rewritten {
        let mut expected = text.to_owned();
        for (range, new) in edited.edits.iter().rev() {
            expected.replace_range(range.clone(), new);
        }
        assert_eq!(edited.text, expected);
    }
    assert!(converted(&edited.text).is_none(), "not the same twice: {}", edited.text);
});
