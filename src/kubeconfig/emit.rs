//! Writing values: in block style into lines of a given indentation, in flow style (which is JSON) into
//! one place.

use super::scalar::{is_plain_text, may_begin_plain, push_quoted};
use super::value::{Scalar, Value};

/// Writes a mapping's lines; the first one without its indentation, which stands there already, and the last one
/// without its end.
pub fn block(value: &Value, indent: usize, line_end: &str, out: &mut String) {
    let start = out.len();
    write_block(value, indent, line_end, out);
    let written = out.get(start..).unwrap_or_default();
    let padding = written.len() - written.trim_start_matches(' ').len();
    let end = start + written.trim_end_matches(['\r', '\n']).len();
    out.truncate(end.max(start + padding));
    out.drain(start..start + padding);
}

fn write_block(value: &Value, indent: usize, line_end: &str, out: &mut String) {
    match value {
        Value::Map(entries) => write_entries(entries, indent, line_end, false, out),
        Value::List(items) => {
            for item in items {
                pad(indent, out);
                out.push_str("- ");
                match item {
                    Value::Map(entries) if !entries.is_empty() => {
                        write_entries(entries, indent + 2, line_end, true, out);
                        continue;
                    }
                    Value::List(_) | Value::Map(_) => flow(item, out),
                    Value::Scalar(text) => scalar(text, out),
                }
                out.push_str(line_end);
            }
        }
        Value::Scalar(text) => {
            pad(indent, out);
            scalar(text, out);
            out.push_str(line_end);
        }
    }
}

/// A mapping's lines; `is_begun` says that the first one's indentation stands there already.
fn write_entries(
    entries: &[(Scalar, Value)],
    indent: usize,
    line_end: &str,
    mut is_begun: bool,
    out: &mut String,
) {
    for (key, value) in entries {
        if !std::mem::take(&mut is_begun) {
            pad(indent, out);
        }
        scalar(key, out);
        out.push(':');
        write_behind_key(value, indent, line_end, out);
    }
}

fn write_behind_key(value: &Value, indent: usize, line_end: &str, out: &mut String) {
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            out.push_str(line_end);
            return write_block(value, indent + 2, line_end, out);
        }
        // As kubectl writes it: a list stands at its key's indentation.
        Value::List(items) if !items.is_empty() => {
            out.push_str(line_end);
            return write_block(value, indent, line_end, out);
        }
        Value::Map(_) | Value::List(_) => {
            out.push(' ');
            flow(value, out);
        }
        Value::Scalar(text) if text.is_null() && text.text.is_empty() => {}
        Value::Scalar(text) => {
            out.push(' ');
            scalar(text, out);
        }
    }
    out.push_str(line_end);
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// One value on one line, as JSON where its scalars are.
pub fn flow(value: &Value, out: &mut String) {
    match value {
        Value::Scalar(text) => flow_scalar(text, out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                flow(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                flow_scalar(key, out);
                out.push_str(": ");
                flow(value, out);
            }
            out.push('}');
        }
    }
}

/// A scalar in flow style: text is quoted, as in JSON; what stood without quotes and is no text, such as a
/// number or the key `<<`, stays as it was.
fn flow_scalar(scalar: &Scalar, out: &mut String) {
    tag(scalar, out);
    let text = &scalar.text;
    if !scalar.plain || is_plain_text(text) || text.contains(['\n', ',', '[', ']', '{', '}']) {
        push_quoted(text, out);
    } else if text.is_empty() && scalar.tag.is_none() {
        out.push_str("null");
    } else {
        out.push_str(text);
    }
}

/// A scalar in block style: what stood without quotes and is no text stays as it was, text is quoted
/// unless every reader takes it for text.
fn scalar(scalar: &Scalar, out: &mut String) {
    tag(scalar, out);
    let text = &scalar.text;
    if is_plain_text(text) || (scalar.plain && !text.contains('\n') && may_begin_plain(text)) {
        out.push_str(&scalar.text);
    } else {
        push_quoted(&scalar.text, out);
    }
}

fn tag(scalar: &Scalar, out: &mut String) {
    if let Some(tag) = &scalar.tag {
        out.push_str(tag);
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig::yaml::Reader;

    fn value(text: &str) -> Value {
        Reader::new(text).unwrap().value().unwrap()
    }

    fn block(value: &Value, indent: usize, line_end: &str) -> String {
        let mut out = String::new();
        super::block(value, indent, line_end, &mut out);
        out
    }

    fn flow(value: &Value) -> String {
        let mut out = String::new();
        super::flow(value, &mut out);
        out
    }

    #[test]
    fn what_is_written_means_what_was_read() {
        for text in [
            "a: b\nc:\n- d\n- e: f\n  g: [h]\n- []\ni: {}\nj:\nk: ~\nl: 'yes'\nm: yes\nn: \"0123\"\no: 0123\np: !!str 5\nq: |\n  x\n  y\nr: a b\n5: 6\n",
            "a: one\n  two\n\n  three\nb: see, [docs] or {x}\n<<: {c: d}\n",
            "\"<<\": {c: d}\n",
            "{\"a\": [1, true, null, \"x\"], \"b\": {\"c\": \"d, e\"}}",
            "a: [x, |--y, ä]\nb: ä # c\nd: 5%\ne: x\"y\"\nf: -.5\n",
        ] {
            let original = value(text);
            for written in
                [format!("  {}\n", block(&original, 2, "\n")), flow(&original), block(&original, 0, "\r\n")]
            {
                assert!(value(&written).semantically_equal(&original), "{written}");
            }
        }
    }

    #[test]
    fn lists_stand_at_their_key_as_kubectl_writes_them() {
        assert_eq!(
            block(&value("exec: {args: [get-token, 'on'], env: null}"), 4, "\n"),
            "exec:\n      args:\n      - get-token\n      - \"on\"\n      env: null"
        );
    }
}
