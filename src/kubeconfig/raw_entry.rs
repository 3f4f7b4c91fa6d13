//! One entry of a list while it is read: its name and value, and what all of it means.

use super::document::{Meaning, Section};
use super::value::{Scalar, Value};
use super::yaml::{Place, Reader};
use crate::error::{Error, Result};
use saphyr_parser::Event;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An entry while it is read.
#[derive(Default)]
pub struct RawEntry {
    /// Its name.
    pub name: String,
    /// Its value, where that is kept.
    pub value: Option<Value>,
    /// Where that stands, if it stands here.
    pub place: Option<Place>,
    rest: DefaultHasher,
    meaning: Option<u64>,
}

impl RawEntry {
    /// Reads an entry; its value is kept where `keep_value` says so. With `keep_all`, or where an alias may refer to
    /// it, it is returned as it stands too.
    pub fn read(
        reader: &mut Reader,
        section: Section,
        keep_value: bool,
        keep_all: bool,
    ) -> Result<(Self, Option<Value>)> {
        let mut entry = Self::default();
        let position = reader.position();
        let anchor = match reader.peek()? {
            Some(Event::MappingStart(anchor, _)) => *anchor,
            _ => {
                let value = reader.value()?;
                if section == Section::Users && !value.is_null() && !matches!(value, Value::Map(_)) {
                    return Err(Error::new(format!("a user that is not a mapping at {position}")));
                }
                entry.take(&value, section);
                return Ok((entry, Some(value)));
            }
        };
        reader.advance()?;
        let keep_all = keep_all || anchor != 0;
        let mut all = Vec::new();
        while !matches!(reader.peek()?, Some(Event::MappingEnd)) {
            let position = reader.position();
            let Value::Scalar(key) = reader.value()? else {
                return Err(Error::new(format!("a key that is not text at {position}")));
            };
            let is_value = key.text == section.value_key();
            let is_kept = keep_all || key.is_merge() || key.text == "name" || (is_value && keep_value);
            if !is_kept {
                if is_value {
                    let mut meaning = DefaultHasher::new();
                    reader.hash(&mut meaning)?;
                    entry.set_meaning(meaning.finish());
                } else {
                    key.hash_meaning(&mut entry.rest);
                    reader.hash(&mut entry.rest)?;
                }
                continue;
            }
            let (value, place) = reader.placed()?;
            if keep_all {
                all.push((key.clone(), value.clone()));
            }
            entry.field(key, value, Some(place), section);
        }
        if anchor != 0 {
            reader.define(anchor, Value::Map(all.clone()))?;
        }
        reader.advance()?;
        Ok((entry, keep_all.then_some(Value::Map(all))))
    }

    /// Takes in an entry that is not written here but comes by an alias.
    fn take(&mut self, value: &Value, section: Section) {
        match value {
            Value::Map(fields) => {
                for (key, value) in fields {
                    self.field(key.clone(), value.clone(), None, section);
                }
            }
            _ => value.hash_meaning(&mut self.rest),
        }
    }

    fn field(&mut self, key: Scalar, value: Value, place: Option<Place>, section: Section) {
        if key.is_merge() {
            key.hash_meaning(&mut self.rest);
            value.hash_meaning(&mut self.rest);
            self.inherit(&Value::Map(vec![(key, value)]).merged(), section);
        } else if key.text == section.value_key() {
            let mut meaning = DefaultHasher::new();
            value.hash_meaning(&mut meaning);
            self.set_meaning(meaning.finish());
            (self.value, self.place) = (Some(value.merged()), place);
        } else {
            key.hash_meaning(&mut self.rest);
            value.hash_meaning(&mut self.rest);
            if key.text == "name" {
                self.name = value.as_text().unwrap_or_default().to_owned();
            }
        }
    }

    /// Takes over what comes by a merge key.
    fn inherit(&mut self, from: &Value, section: Section) {
        if let Some(name) = from.get("name") {
            self.name = name.as_text().unwrap_or_default().to_owned();
        }
        if let Some(value) = from.get(section.value_key()) {
            (self.value, self.place) = (Some(value.clone()), None);
        }
    }

    /// Of several values the last is the entry's; those before it stay.
    fn set_meaning(&mut self, meaning: u64) {
        if let Some(before) = self.meaning.replace(meaning) {
            before.hash(&mut self.rest);
        }
    }

    /// What it means.
    pub fn meaning(&self) -> Meaning {
        Meaning { rest: self.rest.finish(), value: self.meaning.unwrap_or_default() }
    }
}
