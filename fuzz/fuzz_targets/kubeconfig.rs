//! Kubeconfigs: what is no user of ours stays byte for byte, and converting twice changes nothing more.

#![no_main]

use kubelogin::cli::options::Options;
use kubelogin::cli::parse::parse;
use kubelogin::commands::convert::convert;
use kubelogin::error::Result;
use kubelogin::kubeconfig::document::Document;
use kubelogin::kubeconfig::edit::{Edited, Edits};
use kubelogin::kubeconfig::encoding::decode;
use kubelogin::kubeconfig::entry::{EntryKind, kind};
use kubelogin::kubeconfig::merge::merged;
use kubelogin::kubeconfig::tabs::readable;
use kubelogin::kubeconfig::value::Value;
use kubelogin::kubeconfig::yaml::Reader;
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::ffi::OsString;
use std::ops::Range;

/// The text after conversion, and what the replaced users meant; `None` if there is nothing left to convert.
fn converted(text: &str) -> Result<Option<(Edited, Vec<Value>)>> {
    let args = ["convert-kubeconfig", "--login=msi"].map(OsString::from);
    let options = Options::resolve(parse(&args)?, &Default::default())?;
    let document = Document::read(text, |user| kind(user) == EntryKind::Ours)?;
    let (mut edits, mut old) = (Edits::default(), Vec::new());
    for user in &document.users {
        let new = convert(&options, &user.value)?.user;
        if !user.value.semantically_equal(&new) {
            edits.replace(user, &new);
            old.push(user.value.clone());
        }
    }
    if edits.is_empty() {
        return Ok(None);
    }
    Ok(Some((edits.apply(text, &document)?, old)))
}

/// The names of all users.
fn names(text: &str) -> Result<HashSet<String>> {
    Document::read(text, |_| false).map(|document| document.user_names)
}

/// What was cut out is one user's value: alone it means what the user meant, and no comment ends it.
fn is_one_user(text: &str, range: &Range<usize>, old: &Value) {
    let line = text[..range.start].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let column = text[line..range.start].chars().count();
    // An alias in it refers to an anchor that is not there now.
    let means = |part: &str| {
        let alone = format!("{}{part}\n", " ".repeat(column));
        Some(
            Reader::new(&readable(&alone)).and_then(|mut r| r.value()).ok()?.merged().semantically_equal(old),
        )
    };
    let cut = &text[range.clone()];
    // Blanks at the end of a block scalar, which are part of it, stay behind.
    let behind = &text[range.end..];
    let blanks = &behind[..behind.len() - behind.trim_start().len()];
    assert_ne!(means(&format!("{cut}{blanks}")), Some(false), "cut out: {cut:?}");
    assert!(!cut.starts_with('#'), "cut out: {cut:?}");
    if let Some((before, last)) = cut.trim_end().rsplit_once('\n')
        && last.trim_start().starts_with('#')
    {
        assert_ne!(means(before), Some(true), "a comment at the end: {cut:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(decoded) = decode(data.to_vec()) else { return };
    let text = decoded.text.as_str();
    // A merge can be read again and has every user; it may be refused.
    if let (Ok(mut expected), Ok(merged)) = (names(text), merged([text, "users: [{name: last}]"].into_iter()))
    {
        expected.insert("last".to_owned());
        assert_eq!(names(&merged).ok(), Some(expected), "merged: {merged}");
    }
    let Ok(Some((edited, old))) = converted(text) else { return };
    if !edited.rewritten {
        assert_eq!(edited.changes.len(), old.len());
        let mut expected = text.to_owned();
        let changes: Vec<_> = edited.replaced().zip(&old).collect();
        for ((range, new), old) in changes.into_iter().rev() {
            is_one_user(text, &range, old);
            expected.replace_range(range, new);
        }
        assert_eq!(edited.text, expected);
    }
    assert!(matches!(converted(&edited.text), Ok(None)), "not the same twice: {}", edited.text);
    assert_eq!(names(text).ok(), names(&edited.text).ok());
});
