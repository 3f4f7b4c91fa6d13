//! The lossless replacement of entries.
//!
//! Outside the entries that are replaced the file stays what it was, byte for byte. That is not trusted but
//! checked: the new text is read again and must mean what was intended.

use super::document::{Document, Entry, Section, line_end};
use super::emit;
use super::tabs::readable;
use super::value::{Scalar, Value};
use super::yaml::{Place, Reader};
use crate::error::{Error, Result};
use saphyr_parser::Event;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

/// Entries' new values, written for the places where they are to stand.
#[derive(Default)]
pub struct Edits {
    /// All the new texts, one behind the other.
    pieces: String,
    replacements: Vec<Replacement>,
}

struct Replacement {
    section: Section,
    place: Option<Place>,
    index: usize,
    outline: usize,
    /// Which part of the pieces.
    piece: Range<usize>,
    meaning: u64,
}

/// A file's text after replacement.
pub struct Edited {
    /// The new text.
    pub text: String,
    /// The whole file had to be written anew, without its comments.
    pub rewritten: bool,
    /// The replaced ranges of the old text, and where in the new one stands what replaced them.
    pub changes: Vec<(Range<usize>, Range<usize>)>,
}

impl Edited {
    /// The replaced ranges of the old text, with what stands there now.
    pub fn replaced(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        self.changes.iter().map(|(old, new)| (old.clone(), self.text.get(new.clone()).unwrap_or_default()))
    }
}

/// Names one of several edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EditId(usize);

impl Edits {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.replacements.is_empty()
    }

    /// Keeps only those that `wanted` names.
    pub fn retain(&mut self, wanted: &HashSet<EditId>) {
        let mut ids = (0..).map(EditId);
        self.replacements.retain(|_| ids.next().is_some_and(|id| wanted.contains(&id)));
    }

    /// Puts `value` in the place of an entry's.
    pub fn replace(&mut self, entry: &Entry, value: &Value) -> EditId {
        let start = self.pieces.len();
        match entry.place {
            Some(place) if place.block => {
                emit::block(value, place.column, entry.line_end, &mut self.pieces);
            }
            _ => emit::flow(value, &mut self.pieces),
        }
        let mut meaning = DefaultHasher::new();
        value.hash_meaning(&mut meaning);
        self.replacements.push(Replacement {
            section: entry.section,
            place: entry.place,
            index: entry.index,
            outline: entry.outline,
            piece: start..self.pieces.len(),
            meaning: meaning.finish(),
        });
        EditId(self.replacements.len() - 1)
    }

    /// The text with all of them; `document` is what was read from it.
    ///
    /// # Errors
    /// When the file's form allows neither splicing nor writing it anew without loss.
    pub fn apply(mut self, text: &str, document: &Document) -> Result<Edited> {
        self.replacements.sort_by_key(|new| new.place.map_or(0, |place| place.start));
        if let Some((spliced, changes)) = self.splice(text)
            && self.is_intended(&spliced, document)
        {
            return Ok(Edited { text: spliced, rewritten: false, changes });
        }
        let rewritten = self.rewrite(text)?;
        if !self.is_intended(&rewritten, document) {
            return Err(Error::new("the file's form cannot be changed without loss"));
        }
        let whole = (0..text.len(), 0..rewritten.len());
        Ok(Edited { text: rewritten, rewritten: true, changes: vec![whole] })
    }

    fn piece(&self, new: &Replacement) -> &str {
        self.pieces.get(new.piece.clone()).unwrap_or_default()
    }

    /// The text with the entries replaced, and where; `None` if one has no place of its own.
    #[allow(clippy::type_complexity)] // Read in one place.
    fn splice(&self, text: &str) -> Option<(String, Vec<(Range<usize>, Range<usize>)>)> {
        // Exactly what is needed: growing by doubling would take twice a large file's size.
        let cut: usize = self.replacements.iter().filter_map(|new| Some(new.place?.range().len())).sum();
        let grown: usize = self.replacements.iter().map(|new| new.piece.len()).sum();
        let mut out = String::with_capacity(text.len().saturating_sub(cut).saturating_add(grown));
        let mut changes = Vec::with_capacity(self.replacements.len());
        let mut done = 0;
        for new in &self.replacements {
            let range = new.place?.range();
            // Overlapping places, as of an entry that stands in another one's, cannot be spliced.
            out.push_str(text.get(done..range.start)?);
            let start = out.len();
            out.push_str(self.piece(new));
            done = range.end;
            changes.push((range, start..out.len()));
        }
        out.push_str(text.get(done..)?);
        Some((out, changes))
    }

    /// The whole document written anew with the entries' new texts; loses comments only.
    fn rewrite(&self, text: &str) -> Result<String> {
        let line_end = line_end(text);
        let text = readable(text);
        let mut reader = Reader::new(&text)?;
        let mut root = reader.value()?;
        while let Some(event) = reader.peek()? {
            if matches!(event, Event::DocumentStart(_)) {
                return Err(Error::new("it has more than one YAML document and cannot be changed in place"));
            }
            reader.advance()?;
        }
        for new in &self.replacements {
            let Some(Value::List(entries)) = root.get_mut(new.section.list()) else { continue };
            let Some(Value::Map(fields)) = entries.get_mut(new.index) else { continue };
            // In block style the first line's indentation stands before the entry's place.
            let indent = new.place.filter(|place| place.block).map_or(0, |place| place.column);
            let value = Reader::new(&format!("{}{}", " ".repeat(indent), self.piece(new)))?.value()?;
            let key = new.section.value_key();
            match fields.iter_mut().rev().find(|(name, _)| new.place.is_some() && name.text == key) {
                Some((_, old)) => *old = value,
                // Behind a merge key it counts instead of that one's.
                None => {
                    fields.retain(|(name, _)| name.text != key);
                    fields.push((Scalar::key(key), value));
                }
            }
        }
        let mut out = String::with_capacity(text.len());
        emit::block(&root, 0, line_end, &mut out);
        Ok(out + line_end)
    }

    /// Whether a new text means the same as the old one but for the replaced entries, which mean what they should.
    fn is_intended(&self, new: &str, old: &Document) -> bool {
        let Ok(new) = Document::visit(new, None, None) else { return false };
        let (old, new) = (&old.outline, new.outline);
        if old.rest != new.rest || old.entries.len() != new.entries.len() {
            return false;
        }
        let mut intended = self.replacements.iter().map(|new| (new.outline, new.meaning)).collect::<Vec<_>>();
        intended.sort_unstable();
        let mut intended = intended.into_iter().peekable();
        old.entries.iter().zip(&new.entries).enumerate().all(|(at, (old, new))| {
            let value =
                intended.next_if(|(replaced, _)| *replaced == at).map_or(old.value, |(_, value)| value);
            old.rest == new.rest && new.value == value
        })
    }
}
