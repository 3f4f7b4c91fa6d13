//! Writing scalars so that every YAML reader takes them for the same text: kubectl reads YAML 1.1, others
//! read 1.2.

/// Whether a text may stand without quotes and is a string to every reader.
///
/// Sources: YAML 1.1 "Language-Independent Types" (bool, int, float, timestamp, null, merge, value), YAML
/// 1.2.2 section 10.3. When in doubt: no.
pub fn is_plain_text(text: &str) -> bool {
    let mut bytes = text.bytes();
    let Some(first) = bytes.next() else {
        return false;
    };
    let second = bytes.next();
    let starts_well = first.is_ascii_alphanumeric()
        || matches!(first, b'/' | b'_')
        || (first == b'-' && second.is_some_and(|b| b.is_ascii_alphabetic() || b == b'-') && text != "---");
    let clean = text.bytes().all(|b| CLEAN.get(usize::from(b)).is_some_and(|clean| *clean));
    starts_well && clean && !text.ends_with(':') && !is_word(text) && !looks_like_a_number(text)
}

/// The bytes that mean nothing to YAML where they stand between others: a table, for most of a kubeconfig is
/// certificates.
const CLEAN: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_-.:@+=";
    while let [byte, more @ ..] = rest {
        #[allow(clippy::indexing_slicing)] // A byte is an index of the table; evaluated by the compiler.
        {
            table[*byte as usize] = true;
        }
        rest = more;
    }
    table
};

/// Whether a text without quotes is a string to every reader for what stands in it: a character that no number, no
/// timestamp and no other type has. Without quotes it may stand in some places only.
pub fn is_only_text(text: &str) -> bool {
    let is_separated = text.contains([' ', '\t', '\n', ',', '[', ']', '{', '}'])
        && text.contains(|c: char| !c.is_ascii_digit() && !" \t-+:.,_TtZzEe".contains(c));
    is_separated || text.contains(|c: char| !c.is_ascii() || "|>\"'%@`&*!#$;()\\^?".contains(c))
}

/// Whether a text that stood without quotes somewhere may stand so on a line of its own. (What a flow collection
/// lets begin with a `|` or be a `-` would be something else there.)
pub fn may_begin_plain(text: &str) -> bool {
    let mut chars = text.chars();
    match chars.next() {
        None => true,
        Some('-') => chars.next().is_some_and(|c| !c.is_whitespace()) && text != "---",
        Some('.') => text != "...",
        Some(first) => first.is_alphanumeric() || "/_~<=+".contains(first),
    }
}

/// The words that mean a boolean or null somewhere.
fn is_word(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Integers, floats, base 60, hexadecimal, octal and binary numbers, timestamps.
fn looks_like_a_number(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['-', '+']);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let lower = unsigned.to_ascii_lowercase();
    let prefixed = ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix));
    let digits = unsigned.bytes().all(|b| b.is_ascii_digit() || b"_.:eE+-".contains(&b));
    let date = matches!(unsigned.as_bytes(), [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()));
    prefixed || digits || date || lower.starts_with(".inf") || lower.starts_with(".nan")
}

/// Writes a text in double quotes, with JSON's escapes, which YAML shares.
pub fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_are_text_to_every_reader() {
        for text in [
            "get-token",
            "--login",
            "-l",
            "AzurePublicCloud",
            "6dae42f8-4368-4678-94ff-3960e28e3630",
            "/a/b.c",
            "u=/x",
            "a:b",
            "contoso.onmicrosoft.com",
            "https://a/",
        ] {
            assert!(is_plain_text(text), "{text}");
        }
        for text in [
            "",
            "~",
            "null",
            "NULL",
            "yes",
            "Yes",
            "no",
            "on",
            "off",
            "y",
            "N",
            "true",
            "False",
            "0",
            "0123",
            "1e3",
            "12:30",
            "1_000",
            "-1",
            "+5",
            "-.5",
            ".inf",
            "-.INF",
            ".nan",
            "0x1F",
            "0o17",
            "0b11",
            "1.5",
            "2001-12-14",
            "2001-12-14t21:59:43.10-05:00",
            "a: b",
            "a #b",
            " a",
            "a ",
            "a:",
            "-",
            "---",
            "...",
            "? a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "[a",
            "{a",
            "a,b",
            "'a",
            "\"a",
            "|",
            ">",
            "=",
            "<<",
            "a\nb",
            "a\tb",
            "ä",
        ] {
            assert!(!is_plain_text(text), "{text:?}");
        }
    }

    #[test]
    fn sentences_are_text_and_numbers_and_timestamps_may_be_none() {
        for text in [
            "Install it, see [docs]",
            "a b",
            "two\n\nparagraphs",
            "1 of 2",
            "~ x",
            "a,b",
            "2001-12-14 or so",
            "\u{e4}",
            "a\"b",
            "|--x",
            "5%",
        ] {
            assert!(is_only_text(text), "{text}");
        }
        for text in [
            "",
            "a",
            "~",
            "<<",
            "1,000.5",
            "2001-12-14 21:59:43.10 -5",
            "2001-12-14\tT21:59:43Z",
            "0x1F",
            "<<",
            "=",
        ] {
            assert!(!is_only_text(text), "{text}");
        }
        for text in ["", "a b", "~", "<<", "-1", "--x", "\u{e4}", ".5", "+.inf", "5 %"] {
            assert!(may_begin_plain(text), "{text}");
        }
        for text in [
            "-", "- a", "---", "...", "|x", "> y", "?", ":", "%a", "@b", "`c", "#d", "&e", "*f", "!g", "\"h",
            "[i",
        ] {
            assert!(!may_begin_plain(text), "{text}");
        }
    }

    #[test]
    fn quotes_escape_what_would_break_a_line() {
        let mut out = String::new();
        push_quoted("a\"b\\c\n\t\u{1}ä", &mut out);
        assert_eq!(out, "\"a\\\"b\\\\c\\n\\t\\u0001ä\"");
    }
}
