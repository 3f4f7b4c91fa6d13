//! The browser's HTTP request to the redirect address (RFC 9112): bounded, and refused where it is odd.

/// The longest header; browsers send a few KiB of cookies to localhost at most.
pub const MAX_HEADER: usize = 16 << 10;
/// The longest form: a code is a few KiB.
const MAX_BODY: usize = 64 << 10;

/// A request, as far as the listener needs it.
#[derive(Debug)]
pub struct Request<'a> {
    /// GET, POST …
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// The query.
    pub form: Option<&'a str>,
    /// The form that was posted.
    pub body: &'a [u8],
    /// Whether the browser fetches it before the user asks (`Sec-Purpose`, `Purpose`).
    pub is_prefetch: bool,
}

/// What the bytes so far are.
pub enum Parsed<'a> {
    /// The beginning of a request.
    More,
    /// The status to answer with.
    Bad(&'static str),
    /// All of one.
    Request(Request<'a>),
}

const BAD: Parsed = Parsed::Bad("400 Bad Request");

/// Reads one HTTP/1.1 request (RFC 9112), as far as a browser sends one.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some(end) = bytes.windows(4).take(MAX_HEADER).position(|w| w == b"\r\n\r\n") else {
        let too_long = bytes.len() > MAX_HEADER;
        return if too_long { Parsed::Bad("431 Request Header Fields Too Large") } else { Parsed::More };
    };
    let Some((header, rest)) = bytes.split_at_checked(end) else { return BAD };
    let body = rest.get(4..).unwrap_or_default();
    let line_end = header.windows(2).position(|w| w == b"\r\n").unwrap_or(end);
    let Some((line, fields)) = header.split_at_checked(line_end) else { return BAD };
    let Some(line) = std::str::from_utf8(line).ok().filter(|line| line.is_ascii()) else { return BAD };
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return BAD;
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return BAD;
    }
    let (path, form) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    // A field's value may hold any bytes (RFC 9110 section 5.5): other programs' cookies of localhost do.
    let fields = String::from_utf8_lossy(fields);
    let is_purpose =
        |name: &str| name.eq_ignore_ascii_case("sec-purpose") || name.eq_ignore_ascii_case("purpose");
    let is_prefetch = fields
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| is_purpose(name) && value.contains("prefetch"));
    if method != "POST" {
        return Parsed::Request(Request { method, path, form, body: &[], is_prefetch });
    }
    match body_length(fields.split("\r\n").skip(1)) {
        Err(status) => Parsed::Bad(status),
        Ok(length) => match body.get(..length) {
            Some(body) => Parsed::Request(Request { method, path, form, body, is_prefetch }),
            None => Parsed::More,
        },
    }
}

/// The length of a form's body, or the status to refuse it with.
fn body_length<'a>(lines: impl Iterator<Item = &'a str>) -> Result<usize, &'static str> {
    let mut length: Option<usize> = None;
    let mut is_form = false;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("400 Bad Request")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" if length.is_some() => return Err("400 Bad Request"),
            "content-length" => {
                let digits = value.trim();
                let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                let number = is_number.then(|| digits.parse().unwrap_or(usize::MAX));
                length = Some(number.ok_or("400 Bad Request")?);
            }
            "transfer-encoding" => return Err("411 Length Required"),
            "content-type" => {
                let media_type = value.split(';').next().unwrap_or_default().trim();
                is_form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
            }
            _ => {}
        }
    }
    match length {
        None => Err("411 Length Required"),
        Some(_) if !is_form => Err("415 Unsupported Media Type"),
        Some(length) if length > MAX_BODY => Err("413 Content Too Large"),
        Some(length) => Ok(length),
    }
}
