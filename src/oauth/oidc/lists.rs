//! Flags whose value is a list, read as the programs do for which kubeconfigs were written: one line of CSV, and
//! `key=value` pairs.

/// The values of one line of CSV (RFC 4180): commas separate, double quotes protect, two of them are one.
///
/// # Errors
/// A quote in the middle of a value, or one that is not closed.
pub fn csv(text: &str) -> Result<Vec<String>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let (value, after) = match rest.split_once(',') {
                    Some((value, after)) => (value, Some(after)),
                    None => (rest, None),
                };
                if value.contains('"') {
                    return Err("a quote in a value that is not quoted");
                }
                (value.to_owned(), after)
            }
        };
        values.push(value);
        match after {
            Some(after) => rest = after,
            None => return Ok(values),
        }
    }
}

/// A value behind its opening quote, and what follows the comma behind it.
fn quoted_value(text: &str) -> Result<(String, Option<&str>), &'static str> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quote that is not closed")?;
        value.push_str(part);
        if let Some(after) = after.strip_prefix('"') {
            value.push('"');
            rest = after;
        } else if after.is_empty() {
            return Ok((value, None));
        } else {
            let after = after.strip_prefix(',').ok_or("text behind a closing quote")?;
            return Ok((value, Some(after)));
        }
    }
}

/// The pairs of a value `k=v[,k=v…]`; a value with one `=` is one pair, commas and all.
///
/// # Errors
/// A pair without `=`, or text that is not CSV.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = match text.matches('=').count() {
        0 => return Err(format!("{text} must be formatted as key=value")),
        1 => vec![text.trim_matches('"').to_owned()],
        _ => csv(text).map_err(str::to_owned)?,
    };
    let pair = |part: String| {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("{part} must be formatted as key=value"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    parts.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_lines_of_csv() {
        let list = |text| csv(text).unwrap();
        assert_eq!(list("email,profile"), ["email", "profile"]);
        assert_eq!(list("\"a,b\",c"), ["a,b", "c"]);
        assert_eq!(list("\"a\"\"b\""), ["a\"b"]);
        assert_eq!(list("email profile"), ["email profile"]);
        assert_eq!(list(""), [""; 0]);
        assert_eq!(list("a,"), ["a", ""]);
        for bad in ["a\"b", "\"a", "\"a\"b"] {
            assert!(csv(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_split_at_the_first_sign() {
        let list = |text| pairs(text).unwrap();
        let own = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(list("a=1,b=2"), own(&[("a", "1"), ("b", "2")]));
        assert_eq!(list("b=3=4"), own(&[("b", "3=4")]));
        assert_eq!(list("a=1,2"), own(&[("a", "1,2")]));
        assert_eq!(list("\"a=1,2\",b=3"), own(&[("a", "1,2"), ("b", "3")]));
        assert_eq!(list("=2"), own(&[("", "2")]));
        assert_eq!(pairs("foo").unwrap_err(), "foo must be formatted as key=value");
        assert_eq!(pairs("").unwrap_err(), " must be formatted as key=value");
        assert!(pairs("a=1,b,c=2").is_err());
    }
}
