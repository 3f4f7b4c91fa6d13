//! ASN.1 elements (X.690): DER is read in place; BER is made definite first.

use zeroize::Zeroizing;

/// INTEGER
pub const INTEGER: u8 = 0x02;
/// BIT STRING
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING
pub const OCTET_STRING: u8 = 0x04;
/// NULL
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER
pub const OID: u8 = 0x06;
/// SEQUENCE
pub const SEQUENCE: u8 = 0x30;
/// The bit of a tag that says that its content is elements.
const CONSTRUCTED: u8 = 0x20;
/// Honest files nest a dozen levels deep.
const MAX_DEPTH: usize = 32;

/// `[n]`, constructed.
pub const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// Reads element after element. `None` of any method says that the bytes are not what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over elements that stand one after the other.
    pub fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element's tag and content.
    pub fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, content, rest) = split(self.0)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The next element as it stands, tag and length included.
    pub fn whole(&mut self) -> Option<&'a [u8]> {
        let (_, _, rest) = split(self.0)?;
        let whole = self.0.get(..self.0.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(whole)
    }

    /// The content of the next element, which must have this tag.
    pub fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The elements inside of the next element, which must have this tag.
    pub fn enter(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }

    /// The content of the next element if it has this tag; else it is left where it is.
    pub fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.take(tag) } else { None }
    }

    /// A non-negative INTEGER without its leading zeros.
    pub fn unsigned(&mut self) -> Option<&'a [u8]> {
        let content = self.take(INTEGER)?;
        if content.first().is_none_or(|first| first & 0x80 != 0) {
            return None;
        }
        let zeros = content.iter().take_while(|byte| **byte == 0).count();
        content.get(zeros..)
    }

    /// A non-negative INTEGER of at most 64 bits.
    pub fn number(&mut self) -> Option<u64> {
        let digits = self.unsigned()?;
        (digits.len() <= 8).then(|| digits.iter().fold(0, |n, digit| n << 8 | u64::from(*digit)))
    }
}

/// Tag, content and what follows of the first element, of definite length.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = header(bytes)?;
    let (content, rest) = rest.split_at_checked(length?)?;
    Some((tag, content, rest))
}

/// Tag, length (`None`: indefinite) and what follows them.
#[allow(clippy::type_complexity)]
fn header(bytes: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // Tags of several bytes do not occur in keys and certificates.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some((tag, Some(usize::from(first)), rest));
    }
    if first == 0x80 {
        return (tag & CONSTRUCTED != 0).then_some((tag, None, rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if digits.len() > 4 {
        return None;
    }
    let length = digits.iter().fold(0_u64, |length, digit| length << 8 | u64::from(*digit));
    Some((tag, Some(usize::try_from(length).ok()?), rest))
}

/// The first element with every length definite and every OCTET STRING in one piece; NSS and Java write
/// them otherwise. What OCTET STRINGs hold stays as it is. `None` where the bytes are not BER.
pub fn normalise(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    element(bytes, &mut out, 0)?;
    Some(out)
}

/// Appends the first element to `out`; returns what follows it.
fn element<'a>(bytes: &'a [u8], out: &mut Vec<u8>, depth: usize) -> Option<&'a [u8]> {
    let (tag, length, rest) = header(bytes)?;
    if tag & CONSTRUCTED == 0 {
        let (content, rest) = rest.split_at_checked(length?)?;
        push(out, tag, content);
        return Some(rest);
    }
    if depth == MAX_DEPTH {
        return None;
    }
    let (mut inside, mut after) = match length {
        Some(length) => rest.split_at_checked(length)?,
        None => (rest, rest),
    };
    let mut content = Zeroizing::new(Vec::new());
    loop {
        if length.is_none() {
            if let Some(rest) = inside.strip_prefix(&[0, 0]) {
                after = rest;
                break;
            }
        } else if inside.is_empty() {
            break;
        }
        inside = element(inside, &mut content, depth + 1)?;
    }
    if tag == OCTET_STRING | CONSTRUCTED {
        push(out, OCTET_STRING, &pieces(&content)?);
    } else {
        push(out, tag, &content);
    }
    Some(after)
}

/// The contents of OCTET STRINGs that stand one after the other, joined.
pub fn pieces(content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut joined = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut pieces = Reader::new(content);
    while !pieces.is_empty() {
        joined.extend_from_slice(pieces.take(OCTET_STRING)?);
    }
    Some(joined)
}

/// Appends an element.
pub fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => out.push(length),
        _ => {
            let digits = content.len().to_be_bytes();
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            let digits = digits.get(zeros..).unwrap_or_default();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
}

/// An OBJECT IDENTIFIER's content in dotted form, for messages.
pub fn dotted(oid: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in oid {
        number = number << 7 & 0x00ff_ffff_ffff_ffff | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                numbers.extend([
                    (number / 40).min(2).to_string(),
                    (number - 40 * (number / 40).min(2)).to_string(),
                ]);
            } else {
                numbers.push(number.to_string());
            }
            number = 0;
        }
    }
    numbers.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_elements_and_nothing_else() {
        let mut reader = Reader::new(&[0x30, 3, 2, 1, 5, 4, 1, 9]);
        let mut inside = reader.enter(SEQUENCE).unwrap();
        assert_eq!(inside.number(), Some(5));
        assert!(inside.is_empty());
        assert_eq!(reader.optional(INTEGER), None);
        assert_eq!(reader.take(OCTET_STRING), Some(&[9][..]));
        assert!(reader.any().is_none());
        for bad in
            [&[][..], &[0x30], &[0x30, 1], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x1f, 1, 0], &[4, 0x80, 0, 0]]
        {
            assert!(Reader::new(bad).any().is_none(), "{bad:?}");
        }
        assert_eq!(Reader::new(&[2, 1, 0x80]).number(), None, "negative");
        assert_eq!(Reader::new(&[2, 0]).number(), None);
        assert_eq!(Reader::new(&[2, 2, 0, 0x80]).number(), Some(128));
    }

    #[test]
    fn indefinite_lengths_and_pieces_go() {
        let ber = [0x30, 0x80, 0x24, 0x80, 4, 1, 1, 0x24, 4, 4, 2, 2, 3, 0, 0, 2, 1, 7, 0, 0, 0xff];
        assert_eq!(*normalise(&ber).unwrap(), [0x30, 8, 4, 3, 1, 2, 3, 2, 1, 7]);
        for end in 0..ber.len() - 1 {
            assert!(normalise(&ber[..end]).is_none(), "{end}");
        }
        assert!(normalise(&[0x30, 0x80].repeat(1000)).is_none(), "too deep");
    }

    #[test]
    fn long_lengths_are_written_and_read() {
        for length in [0, 127, 128, 255, 256, 65_536] {
            let mut der = Vec::new();
            push(&mut der, OCTET_STRING, &vec![7; length]);
            assert_eq!(Reader::new(&der).take(OCTET_STRING).unwrap().len(), length);
        }
    }

    #[test]
    fn object_identifiers_are_named() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), "1.2.840.113549.1.1.1");
        assert_eq!(dotted(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999");
        let _ = dotted(&[0xff; 100]);
    }
}
