//! YAML values: what a node means, apart from how it is written.

use super::scalar::{is_only_text, is_plain_text};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

/// Marks in the hash of a meaning.
pub(super) const OPEN: u8 = 1;
pub(super) const CLOSE: u8 = 2;
const NULL: u8 = 3;

/// A YAML value, aliases expanded.
#[derive(Clone, Debug)]
pub enum Value {
    /// A scalar.
    Scalar(Scalar),
    /// A list.
    List(Vec<Value>),
    /// A mapping in its order.
    Map(Vec<(Scalar, Value)>),
}

/// A scalar's text.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text, unquoted.
    pub text: String,
    /// It stood without quotes, so that its text decides its type.
    pub plain: bool,
    /// An explicit tag, as written: `!!str`, `!custom`.
    pub tag: Option<String>,
}

impl Value {
    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Scalar(Scalar { text: text.into(), plain: false, tag: None })
    }

    /// A mapping's entry; of a key that stands twice the last, as in kubectl.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().rev().find(|(k, _)| k.text == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A mapping's entry, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => {
                entries.iter_mut().rev().find(|(k, _)| k.text == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The same with its merge keys (`<<`) resolved and keys that stand twice dropped, as kubectl does it: what
    /// comes later in a mapping counts, be it merged or not, and of a list of merged mappings what comes earlier.
    #[must_use]
    pub fn merged(self) -> Self {
        match self {
            Self::Scalar(_) => self,
            Self::List(items) => Self::List(items.into_iter().map(Self::merged).collect()),
            Self::Map(entries) if !has_repeats(&entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key, value.merged())).collect())
            }
            Self::Map(entries) => {
                let mut merged = Merged::default();
                for (key, value) in entries {
                    match value.merged() {
                        value if !key.is_merge() => merged.put(key, value),
                        Self::List(sources) => {
                            sources.into_iter().rev().for_each(|source| merged.put_all(source))
                        }
                        source => merged.put_all(source),
                    }
                }
                Self::Map(merged.entries)
            }
        }
    }

    /// Feeds what it means to a hasher, as [`Reader::hash`](super::yaml::Reader::hash) does without building it.
    pub fn hash_meaning(&self, hasher: &mut impl Hasher) {
        match self {
            Self::Scalar(scalar) => scalar.hash_meaning(hasher),
            Self::List(items) => {
                OPEN.hash(hasher);
                items.iter().for_each(|item| item.hash_meaning(hasher));
                CLOSE.hash(hasher);
            }
            Self::Map(entries) => {
                OPEN.hash(hasher);
                for (key, value) in entries {
                    key.hash_meaning(hasher);
                    value.hash_meaning(hasher);
                }
                CLOSE.hash(hasher);
            }
        }
    }

    /// How many values it consists of, itself among them.
    pub fn nodes(&self) -> usize {
        match self {
            Self::Scalar(_) => 1,
            Self::List(items) => 1 + items.iter().map(Self::nodes).sum::<usize>(),
            Self::Map(entries) => 1 + entries.iter().map(|(_, value)| 1 + value.nodes()).sum::<usize>(),
        }
    }

    /// Whether it means null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.is_null())
    }

    /// A scalar's text; `None` for null too.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether two values mean the same; the order of a mapping's keys does not matter.
    pub fn semantically_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a.semantically_equal(b),
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.semantically_equal(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, value)| other.get(&key.text).is_some_and(|o| value.semantically_equal(o)))
            }
            _ => false,
        }
    }
}

/// Whether a mapping has a merge key, or a key twice.
fn has_repeats(entries: &[(Scalar, Value)]) -> bool {
    /// So few are compared faster than hashed.
    const FEW: usize = 16;
    let is_again = |(at, (key, _)): (usize, &(Scalar, Value))| {
        entries.iter().take(at).any(|(before, _)| before.text == key.text)
    };
    entries.iter().any(|(key, _)| key.is_merge())
        || if entries.len() <= FEW {
            entries.iter().enumerate().any(is_again)
        } else {
            let mut keys = HashSet::with_capacity(entries.len());
            !entries.iter().all(|(key, _)| keys.insert(&key.text))
        }
}

/// A mapping in which a key stands once.
#[derive(Default)]
struct Merged {
    entries: Vec<(Scalar, Value)>,
    places: HashMap<String, usize>,
}

impl Merged {
    fn put(&mut self, key: Scalar, value: Value) {
        let place = *self.places.entry(key.text.clone()).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some(entry) => *entry = (key, value),
            None => self.entries.push((key, value)),
        }
    }

    /// What is no mapping has nothing to merge.
    fn put_all(&mut self, source: Value) {
        if let Value::Map(entries) = source {
            entries.into_iter().for_each(|(key, value)| self.put(key, value));
        }
    }
}

impl Scalar {
    /// The name of an entry.
    pub fn key(name: &str) -> Self {
        Self { text: name.to_owned(), plain: false, tag: None }
    }

    /// Whether it is the key whose value's entries count as the mapping's own.
    pub fn is_merge(&self) -> bool {
        match self.tag.as_deref() {
            None => self.plain && self.text == "<<",
            tag => tag == Some("!!merge"),
        }
    }

    /// Whether it means null.
    pub fn is_null(&self) -> bool {
        is_null(&self.text, self.plain, self.tag.as_deref())
    }

    /// Whether it is text for every reader, whatever it looks like.
    fn is_text(&self) -> bool {
        is_text(&self.text, self.plain)
    }

    /// Feeds what it means to a hasher.
    pub fn hash_meaning(&self, hasher: &mut impl Hasher) {
        hash_scalar(&self.text, self.plain, self.tag.as_deref(), hasher);
    }

    fn semantically_equal(&self, other: &Self) -> bool {
        let same = self.text == other.text && self.tag == other.tag && self.is_text() == other.is_text();
        same || (self.is_null() && other.is_null())
    }
}

fn is_null(text: &str, plain: bool, tag: Option<&str>) -> bool {
    plain && tag.is_none() && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn is_text(text: &str, plain: bool) -> bool {
    !plain || is_plain_text(text) || is_only_text(text)
}

/// Feeds what a scalar means to a hasher: its text, its tag, and whether its text decides its type.
pub(super) fn hash_scalar(text: &str, plain: bool, tag: Option<&str>, hasher: &mut impl Hasher) {
    if is_null(text, plain, tag) {
        NULL.hash(hasher);
    } else {
        (text, tag, is_text(text, plain)).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig::yaml::Reader;

    fn value(text: &str) -> Value {
        Reader::new(text).unwrap().value().unwrap()
    }

    /// As `kubectl config view` shows them.
    #[test]
    fn merge_keys_are_resolved_as_kubectl_does() {
        for (text, expected) in [
            ("{<<: {a: 1, b: 2}, a: 3}", "{a: 3, b: 2}"),
            ("{a: 3, <<: {a: 1, b: 2}}", "{a: 1, b: 2}"),
            ("{<<: [{a: 1}, {a: 2, b: 3}]}", "{a: 1, b: 3}"),
            ("{<<: {a: 1}, <<: {a: 2}}", "{a: 2}"),
            ("{<<: {<<: {a: 1}}, b: {<<: {c: 2}}}", "{a: 1, b: {c: 2}}"),
            ("[{!!merge <<: {a: 1}}]", "[{a: 1}]"),
            ("{'<<': {a: 1}}", "{'<<': {a: 1}}"),
            ("{<<: null, a: 1}", "{a: 1}"),
        ] {
            assert!(value(text).merged().semantically_equal(&value(expected)), "{text}");
        }
    }

    #[test]
    fn of_keys_that_stand_twice_the_last_counts() {
        let once = value("{a: {b: [{c: 1, d: 2, c: 3}]}, e: 1, a: 2, e: 4}").merged();
        assert!(once.semantically_equal(&value("{a: 2, e: 4}")));
        assert!(value("[{c: 1, d: 2, c: 3}]").merged().semantically_equal(&value("[{c: 3, d: 2}]")));
        assert_eq!(value("{a: 1, a: 2}").get("a").unwrap().as_text(), Some("2"));
    }
}
