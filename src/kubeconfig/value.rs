//! YAML values: what a node means, apart from how it is written.

use super::scalar::is_plain_text;
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

    /// A mapping's entry.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A mapping's entry, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => entries.iter_mut().find(|(k, _)| k.text == key).map(|(_, value)| value),
            _ => None,
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

    /// A scalar's text; `None` for null too.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether two values mean the same; the order of a mapping's keys does not matter.
    pub fn means(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a.means(b),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.means(b)),
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| other.get(&key.text).is_some_and(|o| value.means(o)))
            }
            _ => false,
        }
    }
}

impl Scalar {
    /// Whether it means null.
    pub fn is_null(&self) -> bool {
        self.plain && self.tag.is_none() && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Whether it is text for every reader, whatever it looks like.
    fn is_text(&self) -> bool {
        !self.plain || is_plain_text(&self.text)
    }

    /// Feeds what it means to a hasher.
    pub fn hash_meaning(&self, hasher: &mut impl Hasher) {
        if self.is_null() {
            NULL.hash(hasher);
        } else {
            (&self.text, &self.tag, self.is_text()).hash(hasher);
        }
    }

    fn means(&self, other: &Self) -> bool {
        let same = self.text == other.text && self.tag == other.tag && self.is_text() == other.is_text();
        same || (self.is_null() && other.is_null())
    }
}
