//! One kubeconfig file: its users and clusters with their places, its contexts, and a summary of what all of it
//! means, from which [`edit`](super::edit) proves that nothing else has changed.
//!
//! Everything is read as kubectl reads it: of a key that stands twice the last counts.

use super::raw_entry::RawEntry;
use super::tabs::readable;
use super::value::Value;
use super::yaml::{Place, Reader};
use crate::error::{Error, Result};
use saphyr_parser::Event;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The lists whose entries may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `users`, each with its `user`.
    Users,
    /// `clusters`, each with its `cluster`.
    Clusters,
}

impl Section {
    /// The list's key.
    pub fn list(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Clusters => "clusters",
        }
    }

    /// The key of an entry's value.
    pub fn value_key(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Clusters => "cluster",
        }
    }
}

/// An entry of one of the lists, with its place.
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The value of its key `user` or `cluster`.
    pub value: Value,
    /// Which list it is in.
    pub section: Section,
    /// Where its value stands, unless it comes from elsewhere, by an alias or a merge key.
    pub(super) place: Option<Place>,
    /// Its index in its list.
    pub(super) index: usize,
    /// Its index in the outline.
    pub(super) outline: usize,
    /// How its file's lines end.
    pub(super) line_end: &'static str,
}

/// Sees each entry of a list as it is read and chooses those that are kept; without it, none are. It may take the
/// value away, so that a large file's values are never all there at once.
pub type Visitor<'v> = Option<&'v mut dyn FnMut(&mut Entry) -> bool>;

/// What conversion needs of a file.
#[derive(Default)]
pub struct Document {
    /// The chosen users.
    pub users: Vec<Entry>,
    /// The chosen clusters.
    pub clusters: Vec<Entry>,
    /// Context names with their users' names.
    pub contexts: HashMap<String, String>,
    /// Names of all users.
    pub user_names: HashSet<String>,
    /// The context that kubectl uses where none is named.
    pub current_context: Option<String>,
    /// It says nothing at all.
    pub is_empty: bool,
    /// What it means.
    pub(super) outline: Outline,
    line_end: &'static str,
}

/// What a document means, in hashes: two documents with the same outline mean the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// All that is no entry.
    pub rest: u64,
    /// The entries of both lists in the text's order.
    pub entries: Vec<Meaning>,
}

/// What an entry means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Its name and whatever it has besides its value.
    pub rest: u64,
    /// Its value.
    pub value: u64,
}

impl Document {
    /// Reads a file's text; `wanted` chooses the users whose values are kept.
    ///
    /// # Errors
    /// Text that is not YAML, parts of the wrong type, two users of one name.
    pub fn read(text: &str, wanted: impl Fn(&Value) -> bool) -> Result<Self> {
        Self::visit(text, Some(&mut |user: &mut Entry| wanted(&user.value)), None)
    }

    /// The same with a visitor for each list.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn visit(text: &str, mut users: Visitor, mut clusters: Visitor) -> Result<Self> {
        let mut document = Self { line_end: line_end(text), ..Self::default() };
        let text = readable(text);
        let mut reader = Reader::new(&text)?;
        match reader.peek()? {
            None | Some(Event::StreamEnd | Event::DocumentEnd) => {
                document.is_empty = true;
                return Ok(document);
            }
            Some(Event::MappingStart(..)) => reader.advance()?,
            Some(_) => {
                let position = reader.position();
                if reader.value()?.is_null() {
                    document.is_empty = true;
                    return Ok(document);
                }
                return Err(Error::new(format!("not a kubeconfig: no mapping at {position}")));
            }
        };
        let mut rest = DefaultHasher::new();
        document.is_empty = true;
        while !matches!(reader.peek()?, Some(Event::MappingEnd)) {
            document.is_empty = false;
            let key = reader.value()?;
            key.hash_meaning(&mut rest);
            match key.as_text() {
                Some("users") => {
                    document.users.clear();
                    document.user_names.clear();
                    document.read_list(Section::Users, &mut reader, &mut users, &mut rest)?;
                }
                Some("clusters") => {
                    document.clusters.clear();
                    document.read_list(Section::Clusters, &mut reader, &mut clusters, &mut rest)?;
                }
                Some("contexts") => {
                    document.contexts.clear();
                    document.read_contexts(&mut reader, &mut rest)?;
                }
                Some("current-context") => {
                    let name = reader.value()?;
                    name.hash_meaning(&mut rest);
                    document.current_context =
                        name.as_text().filter(|name| !name.is_empty()).map(str::to_owned);
                }
                _ => reader.hash(&mut rest)?,
            }
        }
        document.outline.rest = rest.finish();
        Ok(document)
    }

    fn read_list(
        &mut self,
        section: Section,
        reader: &mut Reader,
        visitor: &mut Visitor,
        rest: &mut DefaultHasher,
    ) -> Result<()> {
        let anchor = match reader.peek()? {
            Some(Event::SequenceStart(anchor, _)) => *anchor,
            _ => {
                let position = reader.position();
                let value = reader.value()?;
                value.hash_meaning(rest);
                if section == Section::Users && !value.is_null() {
                    return Err(Error::new(format!("users is not a list at {position}")));
                }
                return Ok(());
            }
        };
        reader.advance()?;
        let (mut index, mut items) = (0, Vec::new());
        while !matches!(reader.peek()?, Some(Event::SequenceEnd)) {
            let position = reader.position();
            let (entry, raw) = RawEntry::read(reader, section, visitor.is_some(), anchor != 0)?;
            items.extend(raw.filter(|_| anchor != 0));
            let outline = self.outline.entries.len();
            self.outline.entries.push(entry.meaning());
            if section == Section::Users && !self.user_names.insert(entry.name.clone()) {
                let name = entry.name;
                return Err(Error::new(format!(
                    "two users have the name \"{name}\", the second at {position}"
                )));
            }
            if let (Some(visit), Some(value)) = (visitor.as_mut(), entry.value) {
                let RawEntry { name, place, .. } = entry;
                let line_end = self.line_end;
                let mut entry = Entry { name, value, section, place, index, outline, line_end };
                match section {
                    _ if !visit(&mut entry) => {}
                    Section::Users => self.users.push(entry),
                    Section::Clusters => self.clusters.push(entry),
                }
            }
            index += 1;
        }
        // The count keeps one list's last entry apart from the next list's first.
        index.hash(rest);
        reader.define(anchor, Value::List(items))?;
        reader.advance().map(drop)
    }

    fn read_contexts(&mut self, reader: &mut Reader, rest: &mut DefaultHasher) -> Result<()> {
        if !matches!(reader.peek()?, Some(Event::SequenceStart(0, _))) {
            let contexts = reader.value()?;
            contexts.hash_meaning(rest);
            if let Value::List(contexts) = contexts.merged() {
                contexts.iter().for_each(|context| self.add_context(context));
            }
            return Ok(());
        }
        reader.advance()?;
        let mut count = 0;
        while !matches!(reader.peek()?, Some(Event::SequenceEnd)) {
            let context = reader.value()?;
            context.hash_meaning(rest);
            self.add_context(&context.merged());
            count += 1;
        }
        count.hash(rest);
        reader.advance().map(drop)
    }

    fn add_context(&mut self, context: &Value) {
        let user = context.get("context").and_then(|context| context.get("user")).and_then(Value::as_text);
        if let Some(name) = context.get("name").and_then(Value::as_text) {
            self.contexts.entry(name.to_owned()).or_insert_with(|| user.unwrap_or_default().to_owned());
        }
    }
}

/// How lines end in this text.
pub fn line_end(text: &str) -> &'static str {
    if text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r')) { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `kubectl config view` shows them.
    #[test]
    fn of_what_stands_twice_the_last_counts() {
        for text in [
            "users:\n- name: u\n  user: {token: 1}\n  user: {token: 2}\n  name: v\n",
            "users:\n- name: w\n  user: {token: 1}\nusers:\n- name: v\n  user: {token: 2}\n",
            "{\"users\": [], \"users\": [{\"name\": \"v\", \"user\": {\"token\": 1, \"token\": 2}}]}",
        ] {
            let document = Document::read(text, |_| true).unwrap();
            let users: Vec<_> =
                document.users.iter().map(|u| (&*u.name, u.value.get("token").unwrap().as_text())).collect();
            assert_eq!(users, [("v", Some("2"))], "{text}");
            assert_eq!(document.user_names.len(), 1);
        }
        let contexts = "contexts: [{name: c, context: {user: 1}}]\ncontexts: [{name: d, context: {user: 2}}]\ncurrent-context: c\ncurrent-context: d\n";
        let document = Document::read(contexts, |_| true).unwrap();
        assert_eq!(document.contexts, HashMap::from([("d".to_owned(), "2".to_owned())]));
        assert_eq!(document.current_context.as_deref(), Some("d"));
    }

    #[test]
    fn aliases_to_whole_entries_and_lists_are_followed() {
        let text = "clusters: &k\n- &c {name: c, cluster: {server: s}}\nx: *k\nusers: &all\n- &u\n  name: u\n  user: &v {token: t}\n- {<<: *u, name: v}\n- {name: w, user: *v}\ny: [*all, *c, *u]\n";
        let document = Document::read(text, |_| true).unwrap();
        assert_eq!(document.users.len(), 3);
        assert!(document.users.iter().all(|u| u.value.get("token").unwrap().as_text() == Some("t")));
    }

    #[test]
    fn kept_or_not_it_means_the_same() {
        let text = "a: 1\nusers:\n- &u {name: u, x: 1, user: {token: t, token: u}, user: {<<: {a: b}, a: c}}\n- *u\nclusters: [{name: k, cluster: {server: s}}]\n";
        let text = text.replace("- *u\n", "- {<<: *u, name: v}\n- null\n");
        let kept = Document::visit(&text, Some(&mut |_| true), Some(&mut |_| true)).unwrap();
        let not = Document::visit(&text, None, None).unwrap();
        assert_eq!(kept.outline, not.outline);
        assert_ne!(
            kept.outline,
            Document::read(&text.replace("server: s", "server: t"), |_| true).unwrap().outline
        );
        assert!(!not.is_empty && Document::read("{}", |_| true).unwrap().is_empty);
    }
}
