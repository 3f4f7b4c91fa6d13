//! Reading YAML with positions: values of the parts that matter, and where they stand in the text.
//!
//! Everything is bounded: the depth, and how much aliases may expand to.

use super::position::Cursor;
pub use super::position::Position;
use super::value::{CLOSE, OPEN, Scalar, Value, hash_scalar};
use crate::error::{Error, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::rc::Rc;

/// Deeper than any kubeconfig.
const MAX_DEPTH: usize = 64;
/// More nodes than this, aliases expanded, are not a kubeconfig.
const MAX_NODES: usize = 8_000_000;

/// Where a node stands, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub start: usize,
    /// After its last byte.
    pub end: usize,
    /// The column of its first byte, from 0.
    pub column: usize,
    /// It is a mapping or list in block style: it can be replaced by other lines.
    pub block: bool,
}

impl Place {
    /// Its bytes.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// The events of one document with what is needed to build values from them.
pub struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    cursor: Cursor<'t>,
    anchors: HashMap<usize, (Rc<Value>, usize)>,
    nodes: usize,
    /// How many there may be.
    max_nodes: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    /// Reads the first document of a text.
    ///
    /// # Errors
    /// Text that is not YAML.
    pub fn new(text: &'t str) -> Result<Self> {
        let mut reader = Self {
            parser: Parser::new_from_str(text),
            text,
            cursor: Cursor::new(text),
            anchors: HashMap::new(),
            nodes: 0,
            max_nodes: MAX_NODES,
            depth: 0,
        };
        // Up to the first node, or the end of an empty text.
        while let Some(Event::StreamStart | Event::DocumentStart(_)) = reader.peek()? {
            reader.advance()?;
        }
        Ok(reader)
    }

    /// The next event, left in place; `None` at the end.
    ///
    /// # Errors
    /// Text that is not YAML.
    pub fn peek(&mut self) -> Result<Option<&Event<'t>>> {
        match self.parser.peek() {
            None => Ok(None),
            Some(Ok((event, _))) => Ok(Some(event)),
            Some(Err(e)) => Err(scan_error(&e)),
        }
    }

    /// The next event and where it stands.
    ///
    /// # Errors
    /// Text that is not YAML, or that ends too early.
    pub fn advance(&mut self) -> Result<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(e)) => Err(scan_error(&e)),
            None => Err(Error::new("the document ends too early")),
        }
    }

    /// Line and column of the next event, for messages.
    pub fn position(&mut self) -> Position {
        match self.parser.peek() {
            Some(Ok((_, span))) => Position::at(span.start.line(), span.start.col() + 1),
            _ => Position::END,
        }
    }

    /// Reads one node as a value.
    ///
    /// # Errors
    /// Text that is not YAML, too deep or too large.
    pub fn value(&mut self) -> Result<Value> {
        self.placed().map(|(value, _)| value)
    }

    /// Reads one node as a value, with its place.
    ///
    /// # Errors
    /// As [`Reader::value`].
    pub fn placed(&mut self) -> Result<(Value, Place)> {
        let before = self.nodes;
        let (event, span) = self.advance()?;
        self.count(1)?;
        let start = self.cursor.byte(span.start.index());
        let column = span.start.col();
        let (value, anchor, place) = match event {
            Event::Alias(id) => {
                let (value, size) =
                    self.anchors.get(&id).cloned().ok_or_else(|| Error::new("an alias refers to itself"))?;
                self.count(size)?;
                let end = self.cursor.byte(span.end.index());
                ((*value).clone(), 0, Place { start, end, column, block: false })
            }
            Event::Scalar(text, style, anchor, tag) => {
                let end = self.cursor.byte(span.end.index());
                let plain = style == ScalarStyle::Plain;
                let scalar = Scalar { text: text.into_owned(), plain, tag: tag.as_deref().map(tag_text) };
                (Value::Scalar(scalar), anchor, Place { start, end, column, block: false })
            }
            Event::SequenceStart(anchor, _) => {
                let (items, end) = self.deeper(Self::items)?;
                (Value::List(items), anchor, self.collection(start, end, column, b'['))
            }
            Event::MappingStart(anchor, _) => {
                let (entries, first, end) = self.deeper(Self::entries)?;
                let mut place = self.collection(start, end, column, b'{');
                // An anchor or tag stands before the first key; it stays where it is.
                if let Some(first) = first.filter(|_| place.block) {
                    place = Place { start: first.start, column: first.column, ..place };
                }
                (Value::Map(entries), anchor, place)
            }
            _ => return Err(Error::new("the document ends too early")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (Rc::new(value.clone()), self.nodes - before));
        }
        Ok((value, place))
    }

    /// Lets aliases refer to a node that was read in parts; anchor 0 is none.
    ///
    /// # Errors
    /// Too many nodes.
    pub fn define(&mut self, anchor: usize, value: Value) -> Result<()> {
        if anchor != 0 {
            let size = value.nodes();
            self.anchors.insert(anchor, (Rc::new(value), size));
            // What was read in parts was counted in parts; its copy counts too.
            self.count(size)?;
        }
        Ok(())
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let position = self.position();
            return Err(Error::new(format!("nested more than {MAX_DEPTH} levels deep at {position}")));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn count(&mut self, more: usize) -> Result<()> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > self.max_nodes {
            return Err(Error::new("its aliases expand to more than any kubeconfig holds"));
        }
        Ok(())
    }

    /// Items up to the end of the list, and the end of the last one or of the closing bracket.
    fn items(&mut self) -> Result<(Vec<Value>, usize)> {
        let (mut items, mut end) = (Vec::new(), 0);
        loop {
            if let Some(Event::SequenceEnd) = self.peek()? {
                let (_, span) = self.advance()?;
                return Ok((items, self.closing(end, &span)));
            }
            let (item, place) = self.placed()?;
            end = place.end;
            items.push(item);
        }
    }

    /// Entries up to the end of the mapping, the place of the first key, and the end.
    #[allow(clippy::type_complexity)] // Read in one place.
    fn entries(&mut self) -> Result<(Vec<(Scalar, Value)>, Option<Place>, usize)> {
        let (mut entries, mut first, mut end) = (Vec::new(), None, 0);
        loop {
            if let Some(Event::MappingEnd) = self.peek()? {
                let (_, span) = self.advance()?;
                return Ok((entries, first, self.closing(end, &span)));
            }
            let position = self.position();
            let (key, key_place) = self.placed()?;
            let Value::Scalar(key) = key else {
                return Err(Error::new(format!("a key that is not text at {position}")));
            };
            first = first.or(Some(key_place));
            let (value, place) = self.placed()?;
            end = match &value {
                Value::Scalar(scalar) if scalar.plain && scalar.text.is_empty() => {
                    self.end_of_nothing(key_place, place)
                }
                _ => place.end,
            };
            entries.push((key, value));
        }
    }

    /// The end of an entry without a value. The parser puts what is not there at the key's `:`, at its anchor
    /// or tag, or at whatever comes next.
    fn end_of_nothing(&self, key: Place, value: Place) -> usize {
        match self.text.as_bytes().get(value.start) {
            Some(b':') => value.start + 1,
            Some(b'&' | b'!') => value.end.max(key.end),
            _ => key.end,
        }
    }

    /// The end of a collection: its closing bracket's, or in block style its last node's.
    fn closing(&mut self, last: usize, span: &Span) -> usize {
        let at = self.cursor.byte(span.start.index());
        // What has no bracket ends with nothing; before a bracket a comma may stand, and after that a comment.
        let mut rest = self.text.get(at..).unwrap_or_default();
        if span.start.index() == span.end.index() {
            return last;
        }
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
            match rest.strip_prefix('#') {
                Some(comment) => rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        if rest.starts_with([']', '}']) { self.text.len() - rest.len() + 1 } else { last }
    }

    fn collection(&self, start: usize, end: usize, column: usize, open: u8) -> Place {
        // Before a flow collection's bracket only an anchor and a tag may stand.
        let head = self.text.get(start..end).unwrap_or_default();
        let bracket = match head.bytes().next() {
            Some(b'&' | b'!') => head
                .bytes()
                .position(|b| b == open)
                .filter(|at| !head.as_bytes().iter().take(*at).any(|b| *b == b'\n' || *b == b':')),
            Some(first) if first == open => Some(0),
            _ => None,
        };
        match bracket {
            Some(at) => Place { start: start + at, end, column, block: false },
            None => Place { start, end: start + head.trim_end().len(), column, block: true },
        }
    }

    /// Reads one node without keeping it, unless something in it has an anchor.
    ///
    /// # Errors
    /// As [`Reader::value`].
    pub fn skip(&mut self) -> Result<()> {
        self.hash(&mut DefaultHasher::new())
    }

    /// Feeds what the next node means to a hasher, without keeping it.
    ///
    /// # Errors
    /// As [`Reader::value`].
    pub fn hash(&mut self, hasher: &mut impl Hasher) -> Result<()> {
        match self.peek()? {
            Some(Event::SequenceStart(0, _) | Event::MappingStart(0, _)) => {
                self.advance()?;
            }
            Some(Event::Scalar(text, style, 0, tag)) => {
                let tag = tag.as_deref().map(tag_text);
                hash_scalar(text, *style == ScalarStyle::Plain, tag.as_deref(), hasher);
                self.advance()?;
                return self.count(1);
            }
            _ => {
                self.value()?.hash_meaning(hasher);
                return Ok(());
            }
        }
        self.count(1)?;
        OPEN.hash(hasher);
        self.deeper(|reader| {
            while !matches!(reader.peek()?, Some(Event::SequenceEnd | Event::MappingEnd)) {
                reader.hash(hasher)?;
            }
            reader.advance().map(drop)
        })?;
        CLOSE.hash(hasher);
        Ok(())
    }
}

fn scan_error(error: &ScanError) -> Error {
    let at = error.marker();
    Error::new(format!("line {}, column {}: {}", at.line(), at.col() + 1, error.info()))
}

fn tag_text(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() {
        format!("!!{}", tag.suffix)
    } else {
        format!("{}{}", tag.handle, tag.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value> {
        Reader::new(text)?.value()
    }

    #[test]
    fn places_cover_values_and_nothing_behind_them() {
        let text = "# ä\na: &x\n  b: 'c d'\n  e: [1, 2] # f\n\n# end\ng: {h: i}\n";
        let mut reader = Reader::new(text).unwrap();
        reader.advance().unwrap();
        reader.value().unwrap();
        let (value, place) = reader.placed().unwrap();
        assert_eq!(text.get(place.start..place.end).unwrap(), "b: 'c d'\n  e: [1, 2]");
        assert!(place.block && place.column == 2 && value.get("b").unwrap().as_text() == Some("c d"));
        reader.value().unwrap();
        let (_, place) = reader.placed().unwrap();
        assert_eq!(text.get(place.start..place.end).unwrap(), "{h: i}");
        assert!(!place.block);
    }

    #[test]
    fn bombs_and_depth_are_bounded() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let items = vec![format!("*a{}", i - 1); 10].join(",");
            bomb += &format!("a{i}: &a{i} [{items}]\n");
        }
        // A tenth of a million: the real bound takes debug code seconds.
        let mut reader = Reader::new(&bomb).unwrap();
        reader.max_nodes = 100_000;
        assert!(reader.value().unwrap_err().message().contains("expand to more"));
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&"- ".repeat(1000)).unwrap_err().message().contains("levels deep"));
        assert!(read("a: &a [*a]").is_err());
    }

    #[test]
    fn errors_name_line_and_column() {
        assert!(read("a: b\nc: [\n").unwrap_err().message().starts_with("line "));
    }
}
