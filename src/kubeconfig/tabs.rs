//! A tab behind a key's `:`, which kubectl reads and the parser refuses before most values.

use saphyr_parser::{Event, Parser, ScalarStyle};
use std::borrow::Cow;

const PAIR: &str = ":\t";

/// The text for the parser: of the same length and meaning, with a space for each tab that follows a `:`,
/// except within quotes and block scalars, where it is part of the value.
pub fn readable(text: &str) -> Cow<'_, str> {
    if !text.contains(PAIR) {
        return Cow::Borrowed(text);
    }
    // Whether it is within a value the parser knows, who reads the text where all are spaces.
    let spaces = text.replace(PAIR, ": ");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    // In characters, as the parser counts.
    let mut at = 0;
    for (event, span) in Parser::new_from_str(&spaces).map_while(Result::ok) {
        if let Event::Scalar(_, style, ..) = event
            && style != ScalarStyle::Plain
        {
            let (start, end) = (span.start.index(), span.end.index());
            let before: String = rest.by_ref().take(start.saturating_sub(at)).collect();
            out.push_str(&before.replace(PAIR, ": "));
            out.extend(rest.by_ref().take(end.saturating_sub(start.max(at))));
            at = at.max(end);
        }
    }
    out.push_str(&rest.as_str().replace(PAIR, ": "));
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig::yaml::Reader;

    #[test]
    fn tabs_become_spaces_but_in_values() {
        let text = "kind:\tConfig # ä:\tb\na:\t\t- 'c:\td'\n\"e:\tf\":\tg\nh: |\n  i:\tj\n\n  k:\tl\nm:\t[n:\to, \"ü:\tp\"]\nq:\tr:s\n";
        let expected = "kind: Config # ä: b\na: \t- 'c:\td'\n\"e:\tf\": g\nh: |\n  i:\tj\n\n  k:\tl\nm: [n: o, \"ü:\tp\"]\nq: r:s\n";
        assert_eq!(readable(&text.replace("- ", "")), expected.replace("- ", ""));
        let value = Reader::new(&readable("a:\tb\nc:\t-d\n\"e\":\t'f:\tg'\n")).unwrap().value().unwrap();
        assert_eq!(value.get("c").unwrap().as_text(), Some("-d"));
        assert_eq!(value.get("e").unwrap().as_text(), Some("f:\tg"));
        assert!(matches!(readable("a: b\t\n"), Cow::Borrowed(_)));
    }
}
