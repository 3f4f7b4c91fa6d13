//! Reading `application/x-www-form-urlencoded` text (WHATWG URL, section 5.1); `http::form` writes it.

/// The decoded names and values of a form.
pub fn parameters(form: &[u8]) -> impl Iterator<Item = (String, String)> {
    form.split(|b| *b == b'&').map(|pair| {
        let mut halves = pair.splitn(2, |b| *b == b'=').map(decode);
        (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
    })
}

/// Decodes a form's text (WHATWG URL, section 5.1).
pub fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced)
}

/// Percent-decodes text; a broken escape stays as it is.
pub fn percent_decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let escaped = match byte {
            b'%' => hex(ahead.next()).zip(hex(ahead.next())),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn hex(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
