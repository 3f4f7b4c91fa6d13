//! One kubeconfig file: its users and contexts, and the lossless replacement of users.
//!
//! Outside the users that are replaced the file stays what it was, byte for byte. That is not trusted but
//! checked: the new text is read again and must mean what was intended.

use super::emit;
use super::yaml::{Place, Reader, Value};
use crate::error::{Error, Result};
use saphyr_parser::Event;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A user with its place.
pub struct User {
    /// Its name.
    pub name: String,
    /// The value of its key `user`.
    pub value: Value,
    place: Place,
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
}

/// A file's text after replacement.
pub struct Edited {
    /// The new text.
    pub text: String,
    /// The whole file had to be written anew, without its comments.
    pub rewritten: bool,
    /// The replaced ranges of the old text, with what stands there now.
    pub edits: Vec<(std::ops::Range<usize>, String)>,
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
            let (mut name, mut user) = (String::new(), None);
            while reader.peek()? != Some(Event::MappingEnd) {
                match reader.value()?.as_text() {
                    Some("name") => name = reader.value()?.as_text().unwrap_or_default().to_owned(),
                    Some("user") => user = Some(reader.placed()?),
                    _ => reader.skip()?,
                }
            }
            reader.advance()?;
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

    /// Replaces users, by their index in `users`, in the text that this document was read from.
    ///
    /// # Errors
    /// When the file's form allows neither splicing nor writing it anew without loss.
    pub fn replace(&self, text: &str, replacements: &[(usize, Value)]) -> Result<Edited> {
        let users: Vec<(&User, &Value)> =
            replacements.iter().filter_map(|(index, value)| Some((self.users.get(*index)?, value))).collect();
        let line_end =
            if text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r')) { "\r\n" } else { "\n" };
        let mut edits = Vec::with_capacity(users.len());
        for (user, value) in &users {
            let place = user.place;
            let new =
                if place.block { emit::block(value, place.column, line_end) } else { emit::flow(value) };
            edits.push((place.start..place.end, new));
        }
        let spliced = splice(text, &edits);
        if same_but_for(text, &spliced, &users) {
            return Ok(Edited { text: spliced, rewritten: false, edits });
        }
        let rewritten = rewrite(text, &users, line_end)?;
        if !same_but_for(text, &rewritten, &users) {
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
fn splice(text: &str, edits: &[(std::ops::Range<usize>, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in edits {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(new);
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The whole document written anew; loses comments only.
fn rewrite(text: &str, users: &[(&User, &Value)], line_end: &str) -> Result<String> {
    let mut reader = Reader::new(text)?;
    let mut root = reader.value()?;
    while let Some(event) = reader.peek()? {
        if matches!(event, Event::DocumentStart(_)) {
            return Err(Error::new("it has more than one YAML document and cannot be changed in place"));
        }
        reader.advance()?;
    }
    let Value::Map(entries) = &mut root else {
        return Err(Error::new("not a kubeconfig: no mapping at its top"));
    };
    for (_, list) in entries.iter_mut().filter(|(key, _)| key.text == "users") {
        let Value::List(list) = list else { continue };
        for entry in list {
            let name = entry.get("name").and_then(Value::as_text).unwrap_or_default().to_owned();
            if let (Some((_, new)), Value::Map(fields)) =
                (users.iter().find(|(user, _)| user.name == name), entry)
            {
                for (_, value) in fields.iter_mut().filter(|(key, _)| key.text == "user") {
                    *value = (*new).clone();
                }
            }
        }
    }
    Ok(emit::block(&root, 0, line_end) + line_end)
}

/// Whether `new` means the same as `old` but for these users, which mean their new values.
fn same_but_for(old: &str, new: &str, users: &[(&User, &Value)]) -> bool {
    let names: HashMap<&str, &Value> =
        users.iter().map(|(user, value)| (user.name.as_str(), *value)).collect();
    match (fingerprint(old, &names, false), fingerprint(new, &names, true)) {
        (Ok(old), Ok(new)) => old == new,
        _ => false,
    }
}

/// A hash over everything that the document means but the named users' values; with `check`, those must
/// mean the given values.
fn fingerprint(text: &str, users: &HashMap<&str, &Value>, check: bool) -> Result<u64> {
    let mut reader = Reader::new(text)?;
    let mut hasher = DefaultHasher::new();
    if !matches!(reader.advance()?.0, Event::MappingStart(..)) {
        return Err(Error::new("not a mapping"));
    }
    while reader.peek()? != Some(Event::MappingEnd) {
        let key = reader.value()?;
        hash_value(&key, &mut hasher);
        if key.as_text() != Some("users") || !matches!(reader.peek()?, Some(Event::SequenceStart(..))) {
            hash_value(&reader.value()?, &mut hasher);
            continue;
        }
        reader.advance()?;
        while reader.peek()? != Some(Event::SequenceEnd) {
            let entry = reader.value()?;
            let name = entry.get("name").and_then(Value::as_text).unwrap_or_default();
            match (users.get(name), &entry) {
                (Some(wanted), Value::Map(fields)) => {
                    if check && !entry.get("user").is_some_and(|user| user.means(wanted)) {
                        return Err(Error::new("a user does not mean what it should"));
                    }
                    for (key, value) in fields.iter().filter(|(key, _)| key.text != "user") {
                        key.text.hash(&mut hasher);
                        hash_value(value, &mut hasher);
                    }
                }
                _ => hash_value(&entry, &mut hasher),
            }
        }
        reader.advance()?;
    }
    Ok(hasher.finish())
}

fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Scalar(scalar) => {
            (0, &scalar.text, &scalar.tag, scalar.plain && !super::scalar::is_plain_text(&scalar.text))
                .hash(hasher)
        }
        Value::List(items) => {
            (1, items.len()).hash(hasher);
            items.iter().for_each(|item| hash_value(item, hasher));
        }
        Value::Map(entries) => {
            (2, entries.len()).hash(hasher);
            for (key, value) in entries {
                key.text.hash(hasher);
                hash_value(value, hasher);
            }
        }
    }
}
