//! One kubeconfig file: its users and contexts, and the lossless replacement of users.
//!
//! Outside the users that are replaced the file stays what it was, byte for byte. That is not trusted but
//! checked: the new text is read again and must mean what was intended.

use super::emit;
use super::value::Value;
use super::yaml::{Place, Reader};
use crate::error::{Error, Result};
use saphyr_parser::Event;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// A user with its place.
pub struct User {
    /// Its name.
    pub name: String,
    /// The value of its key `user`.
    pub value: Value,
    place: Place,
}

impl User {
    fn range(&self) -> Range<usize> {
        self.place.start..self.place.end
    }
}

/// What conversion needs of a file.
#[derive(Default)]
pub struct Document {
    /// The users, as far as `wanted` chose them.
    pub users: Vec<User>,
    /// Context names with their users' names.
    pub contexts: HashMap<String, String>,
    /// Names of all users.
    pub names: HashSet<String>,
    /// The context that kubectl uses where none is named.
    pub current_context: Option<String>,
}

/// A user's new text, and what it is to mean.
pub struct Replacement {
    user: usize,
    range: Range<usize>,
    text: String,
    meaning: u64,
}

/// A file's text after replacement.
pub struct Edited {
    /// The new text.
    pub text: String,
    /// The whole file had to be written anew, without its comments.
    pub rewritten: bool,
    /// The replaced ranges of the old text, with what stands there now.
    pub edits: Vec<(Range<usize>, String)>,
}

impl Document {
    /// Reads a file's text; `wanted` chooses the users whose values are kept.
    ///
    /// # Errors
    /// Text that is not YAML, parts of the wrong type, two users of one name.
    pub fn read(text: &str, wanted: impl Fn(&Value) -> bool) -> Result<Self> {
        let mut document = Self::default();
        let mut reader = Reader::new(text)?;
        match reader.peek()? {
            None | Some(Event::StreamEnd | Event::DocumentEnd) => return Ok(document),
            Some(Event::Scalar(text, ..)) if text.is_empty() || text == "~" || text == "null" => {
                return Ok(document);
            }
            Some(Event::MappingStart(..)) => reader.advance()?,
            Some(_) => {
                return Err(Error::new(format!("not a kubeconfig: no mapping at {}", reader.position())));
            }
        };
        while reader.peek()? != Some(Event::MappingEnd) {
            match reader.value()?.as_text() {
                Some("users") => document.read_users(&mut reader, &wanted)?,
                Some("contexts") => document.read_contexts(&reader.value()?),
                Some("current-context") => {
                    let name = reader.value()?;
                    document.current_context =
                        name.as_text().filter(|name| !name.is_empty()).map(str::to_owned);
                }
                _ => reader.skip()?,
            }
        }
        Ok(document)
    }

    fn read_users(&mut self, reader: &mut Reader, wanted: &impl Fn(&Value) -> bool) -> Result<()> {
        if !open_list(reader, "users")? {
            return Ok(());
        }
        while reader.peek()? != Some(Event::SequenceEnd) {
            let position = reader.position();
            if !matches!(reader.advance()?.0, Event::MappingStart(..)) {
                return Err(Error::new(format!("a user that is not a mapping at {position}")));
            }
            let (mut name, mut user) = (None, None);
            while reader.peek()? != Some(Event::MappingEnd) {
                let position = reader.position();
                let key = reader.value()?;
                let is_again = match key.as_text() {
                    Some("name") => {
                        name.replace(reader.value()?.as_text().unwrap_or_default().to_owned()).is_some()
                    }
                    Some("user") => user.replace(reader.placed()?).is_some(),
                    _ => {
                        reader.skip()?;
                        false
                    }
                };
                if is_again {
                    let key = key.as_text().unwrap_or_default();
                    return Err(Error::new(format!(
                        "the key \"{key}\" stands twice in one user, again at {position}"
                    )));
                }
            }
            reader.advance()?;
            let name = name.unwrap_or_default();
            if !self.names.insert(name.clone()) {
                return Err(Error::new(format!(
                    "two users have the name \"{name}\", the second at {position}"
                )));
            }
            if let Some((value, place)) = user.filter(|(value, _)| wanted(value)) {
                self.users.push(User { name, value, place });
            }
        }
        reader.advance().map(drop)
    }

    fn read_contexts(&mut self, contexts: &Value) {
        if let Value::List(contexts) = contexts {
            for context in contexts {
                let name = context.get("name").and_then(Value::as_text);
                let user =
                    context.get("context").and_then(|context| context.get("user")).and_then(Value::as_text);
                if let Some(name) = name {
                    self.contexts
                        .entry(name.to_owned())
                        .or_insert_with(|| user.unwrap_or_default().to_owned());
                }
            }
        }
    }

    /// A user's name, and its value taken out of the document.
    pub fn take(&mut self, user: usize) -> Option<(String, Value)> {
        let user = self.users.get_mut(user)?;
        Some((user.name.clone(), std::mem::replace(&mut user.value, Value::List(Vec::new()))))
    }

    /// A user's new value, ready to be put in place of the old one; `text` is what this document was read
    /// from.
    pub fn replacement(&self, text: &str, user: usize, value: &Value) -> Option<Replacement> {
        let place = self.users.get(user)?.place;
        let new =
            if place.block { emit::block(value, place.column, line_end(text)) } else { emit::flow(value) };
        let mut hasher = DefaultHasher::new();
        value.hash_meaning(&mut hasher);
        Some(Replacement { user, range: place.start..place.end, text: new, meaning: hasher.finish() })
    }

    /// Replaces users in the text that this document was read from.
    ///
    /// # Errors
    /// When the file's form allows neither splicing nor writing it anew without loss.
    pub fn replace(&self, text: &str, replacements: Vec<Replacement>) -> Result<Edited> {
        let intended: HashMap<&str, u64> = replacements
            .iter()
            .filter_map(|replacement| {
                Some((self.users.get(replacement.user)?.name.as_str(), replacement.meaning))
            })
            .collect();
        let edits: Vec<_> =
            replacements.into_iter().map(|replacement| (replacement.range, replacement.text)).collect();
        let spliced = splice(text, &edits);
        if same_but_for(text, &spliced, &intended) {
            return Ok(Edited { text: spliced, rewritten: false, edits });
        }
        drop(spliced);
        let rewritten = rewrite(text, &edits, line_end(text))?;
        if !same_but_for(text, &rewritten, &intended) {
            return Err(Error::new("the file's form cannot be changed without loss"));
        }
        Ok(Edited { edits: vec![(0..text.len(), rewritten.clone())], text: rewritten, rewritten: true })
    }
}

/// Enters a list; `false` if there is none (null).
fn open_list(reader: &mut Reader, what: &str) -> Result<bool> {
    match reader.peek()? {
        Some(Event::SequenceStart(..)) => reader.advance().map(|_| true),
        Some(Event::Scalar(text, ..)) if text.is_empty() || text == "~" || text == "null" => {
            reader.advance().map(|_| false)
        }
        _ => Err(Error::new(format!("{what} is not a list at {}", reader.position()))),
    }
}

/// The text with the ranges replaced; they are in order and apart from each other.
fn splice(text: &str, edits: &[(Range<usize>, String)]) -> String {
    // Exactly what is needed: growing by doubling would take twice a large file's size.
    let grown: usize = edits.iter().map(|(range, new)| new.len().saturating_sub(range.len())).sum();
    let mut out = String::with_capacity(text.len().saturating_add(grown));
    let mut done = 0;
    for (range, new) in edits {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(new);
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

fn line_end(text: &str) -> &'static str {
    if text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r')) { "\r\n" } else { "\n" }
}

/// The whole document written anew with the users' new texts; loses comments only.
fn rewrite(text: &str, edits: &[(Range<usize>, String)], line_end: &str) -> Result<String> {
    let mut reader = Reader::new(text)?;
    let mut root = reader.value()?;
    while let Some(event) = reader.peek()? {
        if matches!(event, Event::DocumentStart(_)) {
            return Err(Error::new("it has more than one YAML document and cannot be changed in place"));
        }
        reader.advance()?;
    }
    // The users' places, in the order in which the list has them.
    let places: Vec<Range<usize>> = Document::read(text, |_| true)?.users.iter().map(User::range).collect();
    if let Some(Value::List(list)) = root.get_mut("users") {
        let users = list.iter_mut().filter_map(|entry| entry.get_mut("user"));
        for (user, place) in users.zip(places) {
            if let Some((_, new)) = edits.iter().find(|(range, _)| *range == place) {
                *user = Reader::new(new)?.value()?;
            }
        }
    }
    Ok(emit::block(&root, 0, line_end) + line_end)
}

/// Whether `new` means the same as `old` but for these users, which mean what was intended.
fn same_but_for(old: &str, new: &str, intended: &HashMap<&str, u64>) -> bool {
    match (fingerprint(old, intended, false), fingerprint(new, intended, true)) {
        (Ok(old), Ok(new)) => old == new,
        _ => false,
    }
}

/// A hash over everything that the document means but the named users' values; with `check`, those must
/// mean what was intended.
fn fingerprint(text: &str, intended: &HashMap<&str, u64>, check: bool) -> Result<u64> {
    let mut reader = Reader::new(text)?;
    let mut hasher = DefaultHasher::new();
    if !matches!(reader.advance()?.0, Event::MappingStart(..)) {
        return Err(Error::new("not a mapping"));
    }
    while reader.peek()? != Some(Event::MappingEnd) {
        let key = reader.value()?;
        key.hash_meaning(&mut hasher);
        if key.as_text() != Some("users") || !matches!(reader.peek()?, Some(Event::SequenceStart(..))) {
            reader.hash(&mut hasher)?;
            continue;
        }
        reader.advance()?;
        while reader.peek()? != Some(Event::SequenceEnd) {
            let entry = reader.value()?;
            let name = entry.get("name").and_then(Value::as_text).unwrap_or_default();
            match (intended.get(name), &entry) {
                (Some(meaning), Value::Map(fields)) => {
                    let mut user = DefaultHasher::new();
                    if let Some(value) = entry.get("user") {
                        value.hash_meaning(&mut user);
                    }
                    if check && user.finish() != *meaning {
                        return Err(Error::new("a user does not mean what it should"));
                    }
                    for (key, value) in fields.iter().filter(|(key, _)| key.text != "user") {
                        key.text.hash(&mut hasher);
                        value.hash_meaning(&mut hasher);
                    }
                }
                _ => entry.hash_meaning(&mut hasher),
            }
        }
        reader.advance()?;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing: of two values, the first stayed and the second was converted, again and again.
    #[test]
    fn a_key_that_stands_twice_is_refused() {
        for text in [
            "users:\n- name: u\n  user:\n    e: 1\n  user: {}\n",
            "users:\n- name: u\n  name: v\n",
            "users:\n- name: u\n  user: {exec: 1, exec: 2}\n",
        ] {
            let error = Document::read(text, |_| true).err().unwrap();
            assert!(error.message().contains("stands twice"), "{}", error.message());
        }
    }
}
