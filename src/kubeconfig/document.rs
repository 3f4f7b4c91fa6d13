//! One kubeconfig file: its users and contexts, and the lossless replacement of users.
//!
//! Outside the users that are replaced the file stays what it was, byte for byte. That is not trusted but
//! checked: the new text is read again and must mean what was intended.

use super::emit;
use super::tabs::readable;
use super::value::{Scalar, Value};
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
    /// Where that stands, unless it comes from elsewhere, by an alias or a merge key.
    place: Option<Place>,
    /// Its index in the file's list of users.
    index: usize,
}

/// What conversion needs of a file.
#[derive(Default)]
pub struct Document {
    /// The users, as far as `wanted` chose them.
    pub users: Vec<User>,
    /// Context names with their users' names.
    pub contexts: HashMap<String, String>,
    /// Names of all users.
    pub user_names: HashSet<String>,
    /// The context that kubectl uses where none is named.
    pub current_context: Option<String>,
}

/// A user's new text, and what it is to mean.
pub struct Replacement {
    user: usize,
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
        let text = readable(text);
        let mut reader = Reader::new(&text)?;
        match reader.peek()? {
            None | Some(Event::StreamEnd | Event::DocumentEnd) => return Ok(document),
            Some(Event::MappingStart(..)) => reader.advance()?,
            Some(_) => {
                let position = reader.position();
                if reader.value()?.is_null() {
                    return Ok(document);
                }
                return Err(Error::new(format!("not a kubeconfig: no mapping at {position}")));
            }
        };
        while reader.peek()? != Some(Event::MappingEnd) {
            match reader.value()?.as_text() {
                Some("users") => document.read_users(&mut reader, &wanted)?,
                Some("contexts") => document.read_contexts(reader.value()?),
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
        let mut index = 0;
        while reader.peek()? != Some(Event::SequenceEnd) {
            let position = reader.position();
            let Entry { name, user, place } = Entry::read(reader)?;
            if !self.user_names.insert(name.clone()) {
                return Err(Error::new(format!(
                    "two users have the name \"{name}\", the second at {position}"
                )));
            }
            if let Some(value) = user.filter(|value| wanted(value)) {
                self.users.push(User { name, value, place, index });
            }
            index += 1;
        }
        reader.advance().map(drop)
    }

    fn read_contexts(&mut self, contexts: Value) {
        if let Value::List(contexts) = contexts.merged() {
            for context in &contexts {
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
        let new = match self.users.get(user)?.place {
            Some(place) if place.block => emit::block(value, place.column, line_end(text)),
            _ => emit::flow(value),
        };
        let mut hasher = DefaultHasher::new();
        value.hash_meaning(&mut hasher);
        Some(Replacement { user, text: new, meaning: hasher.finish() })
    }

    /// Replaces users in the text that this document was read from.
    ///
    /// # Errors
    /// When the file's form allows neither splicing nor writing it anew without loss.
    pub fn replace(&self, text: &str, replacements: Vec<Replacement>) -> Result<Edited> {
        let replaced: Vec<(&User, Replacement)> = replacements
            .into_iter()
            .filter_map(|replacement| Some((self.users.get(replacement.user)?, replacement)))
            .collect();
        let intended: HashMap<&str, u64> =
            replaced.iter().map(|(user, new)| (user.name.as_str(), new.meaning)).collect();
        if let Some(spliced) = splice(text, &replaced)
            && unchanged_except(text, &spliced, &intended)
        {
            let edit = |(user, new): (&User, Replacement)| Some((user.place?.range(), new.text));
            let edits = replaced.into_iter().filter_map(edit).collect();
            return Ok(Edited { text: spliced, rewritten: false, edits });
        }
        let rewritten = rewrite(text, &replaced, line_end(text))?;
        if !unchanged_except(text, &rewritten, &intended) {
            return Err(Error::new("the file's form cannot be changed without loss"));
        }
        Ok(Edited { edits: vec![(0..text.len(), rewritten.clone())], text: rewritten, rewritten: true })
    }
}

/// One entry of the list of users.
#[derive(Default)]
struct Entry {
    name: String,
    user: Option<Value>,
    /// Where that stands, if it stands here.
    place: Option<Place>,
}

impl Entry {
    fn read(reader: &mut Reader) -> Result<Self> {
        let mut entry = Self::default();
        let position = reader.position();
        if !matches!(reader.peek()?, Some(Event::MappingStart(..))) {
            let value = reader.value()?.merged();
            if !value.is_null() && !matches!(value, Value::Map(_)) {
                return Err(Error::new(format!("a user that is not a mapping at {position}")));
            }
            entry.inherit(&value);
            return Ok(entry);
        }
        reader.advance()?;
        let mut keys = HashSet::new();
        while reader.peek()? != Some(Event::MappingEnd) {
            let position = reader.position();
            let key = match reader.value()? {
                Value::Scalar(key) if key.is_merge() => {
                    let sources = Value::Map(vec![(key, reader.value()?)]);
                    entry.inherit(&sources.merged());
                    continue;
                }
                key => key.as_text().unwrap_or_default().to_owned(),
            };
            match key.as_str() {
                "name" => entry.name = reader.value()?.as_text().unwrap_or_default().to_owned(),
                "user" => {
                    let (value, place) = reader.placed()?;
                    (entry.user, entry.place) = (Some(value.merged()), Some(place));
                }
                _ => {
                    reader.skip()?;
                    continue;
                }
            }
            if !keys.insert(key.clone()) {
                return Err(Error::new(format!(
                    "the key \"{key}\" stands twice in one user, again at {position}"
                )));
            }
        }
        reader.advance()?;
        Ok(entry)
    }

    /// Takes over what comes by an alias or a merge key.
    fn inherit(&mut self, from: &Value) {
        if let Some(name) = from.get("name") {
            self.name = name.as_text().unwrap_or_default().to_owned();
        }
        if let Some(user) = from.get("user") {
            (self.user, self.place) = (Some(user.clone()), None);
        }
    }
}

/// Enters a list; `false` if there is none (null).
fn open_list(reader: &mut Reader, what: &str) -> Result<bool> {
    match reader.peek()? {
        Some(Event::SequenceStart(..)) => reader.advance().map(|_| true),
        _ => {
            let position = reader.position();
            if reader.value()?.is_null() {
                return Ok(false);
            }
            Err(Error::new(format!("{what} is not a list at {position}")))
        }
    }
}

/// The text with the users replaced, which are in order and apart from each other; `None` if one has no
/// place.
fn splice(text: &str, replaced: &[(&User, Replacement)]) -> Option<String> {
    // Exactly what is needed: growing by doubling would take twice a large file's size.
    let grown: usize = replaced.iter().map(|(_, new)| new.text.len()).sum();
    let cut: usize = replaced.iter().filter_map(|(user, _)| Some(user.place?.range().len())).sum();
    let mut out = String::with_capacity(text.len().saturating_sub(cut).saturating_add(grown));
    let mut done = 0;
    for (user, new) in replaced {
        let range = user.place?.range();
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(&new.text);
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Some(out)
}

fn line_end(text: &str) -> &'static str {
    if text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r')) { "\r\n" } else { "\n" }
}

/// The whole document written anew with the users' new texts; loses comments only.
fn rewrite(text: &str, replaced: &[(&User, Replacement)], line_end: &str) -> Result<String> {
    let text = readable(text);
    let mut reader = Reader::new(&text)?;
    let mut root = reader.value()?;
    while let Some(event) = reader.peek()? {
        if matches!(event, Event::DocumentStart(_)) {
            return Err(Error::new("it has more than one YAML document and cannot be changed in place"));
        }
        reader.advance()?;
    }
    let users = match root.get_mut("users") {
        Some(Value::List(users)) => users.as_mut_slice(),
        _ => &mut [],
    };
    for (user, new) in replaced {
        let Some(Value::Map(fields)) = users.get_mut(user.index) else { continue };
        // In block style the first line's indentation stands before the user's place.
        let indent = user.place.filter(|place| place.block).map_or(0, |place| place.column);
        let value = Reader::new(&format!("{}{}", " ".repeat(indent), new.text))?.value()?;
        match fields.iter_mut().find(|(key, _)| user.place.is_some() && key.text == "user") {
            Some((_, old)) => *old = value,
            // Behind a merge key it counts instead of that one's.
            None => {
                fields.retain(|(key, _)| key.text != "user");
                fields.push((Scalar::key("user"), value));
            }
        }
    }
    Ok(emit::block(&root, 0, line_end) + line_end)
}

/// Whether `new` means the same as `old` but for these users, which mean what was intended.
fn unchanged_except(old: &str, new: &str, intended: &HashMap<&str, u64>) -> bool {
    match (fingerprint(old, intended, false), fingerprint(new, intended, true)) {
        (Ok(old), Ok(new)) => old == new,
        _ => false,
    }
}

/// A hash over everything that the document means but the named users' values; with `check`, those must
/// mean what was intended.
fn fingerprint(text: &str, intended: &HashMap<&str, u64>, check: bool) -> Result<u64> {
    let text = readable(text);
    let mut reader = Reader::new(&text)?;
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
            let entry = reader.value()?.merged();
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

    /// Of two values the second counts, and the first would stand beside what was written.
    #[test]
    fn a_key_that_stands_twice_is_refused() {
        for text in ["users:\n- name: u\n  user:\n    e: 1\n  user: {}\n", "users:\n- name: u\n  name: v\n"] {
            let error = Document::read(text, |_| true).err().unwrap();
            assert!(error.message().contains("stands twice"), "{}", error.message());
        }
    }
}
