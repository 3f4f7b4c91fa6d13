//! Several files as one config: of each name, the first file that has it counts, as in kubectl.

use super::emit;
use super::tabs::readable;
use super::value::{Scalar, Value};
use super::yaml::Reader;
use crate::error::{Error, Result};
use std::collections::HashSet;

/// The lists whose entries have names.
const LISTS: &[&str] = &["clusters", "contexts", "users"];

/// The texts of several files as one text; comments are lost.
///
/// # Errors
/// Text that is not YAML, or says nothing, or cannot be written anew.
pub fn merged<'t>(texts: impl Iterator<Item = &'t str>) -> Result<String> {
    let mut merged: Vec<(Scalar, Value)> = ["apiVersion", "clusters", "contexts", "current-context", "kind"]
        .iter()
        .map(|key| (Scalar::key(key), Value::List(Vec::new())))
        .collect();
    let mut names = HashSet::new();
    for text in texts {
        let text = readable(text);
        let Value::Map(fields) = Reader::new(&text)?.value()?.merged() else { continue };
        for (key, value) in fields {
            let old = merged.iter_mut().find(|(name, _)| name.text == key.text).map(|(_, value)| value);
            match (old, value) {
                (Some(Value::List(entries)), Value::List(more)) if LISTS.contains(&key.text.as_str()) => {
                    entries.extend(more.into_iter().filter(|entry| is_new(&key.text, entry, &mut names)));
                }
                (None, Value::List(mut entries)) if LISTS.contains(&key.text.as_str()) => {
                    entries.retain(|entry| is_new(&key.text, entry, &mut names));
                    merged.push((key, Value::List(entries)));
                }
                // An empty value, as of current-context, lets the next file speak.
                (Some(old), value) if is_nothing(old) => *old = value,
                (Some(_), _) => {}
                (None, value) => merged.push((key, value)),
            }
        }
    }
    for (key, default) in [("apiVersion", "v1"), ("kind", "Config"), ("current-context", "")] {
        let place = merged.iter_mut().find(|(name, _)| name.text == key);
        if let Some((_, value)) = place.filter(|(_, value)| is_nothing(value)) {
            *value = Value::text(default);
        }
    }
    let merged = Value::Map(merged);
    let mut out = String::new();
    emit::block(&merged, 0, "\n", &mut out);
    out.push('\n');
    if !Reader::new(&out)?.value()?.semantically_equal(&merged) {
        return Err(Error::new("the files cannot be merged without loss"));
    }
    Ok(out)
}

fn is_new(list: &str, entry: &Value, names: &mut HashSet<(String, String)>) -> bool {
    let name = entry.get("name").and_then(Value::as_text).unwrap_or_default();
    names.insert((list.to_owned(), name.to_owned()))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Scalar(text) => text.is_null() || text.text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `kubectl config view --raw` shows them together.
    #[test]
    fn the_first_file_that_has_a_name_counts() {
        let first = "current-context: ''\nusers:\n- {name: u, user: {token: 1}}\ncontexts:\n- {name: c, context: {user: u}}\nx: 1\n";
        let second = "kind: Config\ncurrent-context: d\nusers:\n- {name: u, user: {token: 2}}\n- {name: v, user: {token: '3'}}\ncontexts: null\nx: 2\ny: {a: b}\n";
        assert_eq!(
            merged([first, second].into_iter()).unwrap(),
            "apiVersion: v1\nclusters: []\ncontexts:\n- name: c\n  context:\n    user: u\ncurrent-context: d\nkind: Config\nusers:\n- name: u\n  user:\n    token: 1\n- name: v\n  user:\n    token: \"3\"\nx: 1\ny:\n  a: b\n"
        );
    }
}
