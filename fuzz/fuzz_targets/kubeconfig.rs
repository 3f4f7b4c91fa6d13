//! Kubeconfigs: what is no user of ours stays byte for byte, and converting twice changes nothing more.

#![no_main]

use kubelogin::cli::options::Options;
use kubelogin::cli::parse::parse;
use kubelogin::error::Result;
use kubelogin::kubeconfig::convert::{Kind, convert, kind};
use kubelogin::kubeconfig::document::{Document, Edited};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::ffi::OsString;

/// The text after conversion; `None` if there is nothing left to convert.
fn converted(text: &str) -> Result<Option<Edited>> {
    let args = ["convert-kubeconfig", "--login=msi"].map(OsString::from);
    let options = Options::resolve(parse(&args)?, &Default::default())?;
    let document = Document::read(text, |user| kind(user) == Kind::Ours)?;
    let mut replacements = Vec::new();
    for (at, user) in document.users.iter().enumerate() {
        let new = convert(&options, &user.value)?.user;
        if !user.value.means(&new) {
            replacements.extend(document.replacement(text, at, &new));
        }
    }
    if replacements.is_empty() { Ok(None) } else { document.replace(text, replacements).map(Some) }
}

/// The names of all users.
fn names(text: &str) -> Result<HashSet<String>> {
    Document::read(text, |_| false).map(|document| document.names)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(Some(edited)) = converted(text) else { return };
    if !edited.rewritten {
        let mut expected = text.to_owned();
        for (range, new) in edited.edits.iter().rev() {
            expected.replace_range(range.clone(), new);
        }
        assert_eq!(edited.text, expected);
    }
    assert!(matches!(converted(&edited.text), Ok(None)), "not the same twice: {}", edited.text);
    assert_eq!(names(text).ok(), names(&edited.text).ok());
});
