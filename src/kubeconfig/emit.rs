//! Writing values: in block style into lines of a given indentation, in flow style (which is JSON) into
//! one place.

use super::scalar::{is_plain_text, quoted};
use super::value::{Scalar, Value};

/// Writes a mapping's lines; the first one without its indentation, which stands there already.
pub fn block(value: &Value, indent: usize, line_end: &str) -> String {
    let mut out = String::new();
    write_block(value, indent, line_end, &mut out);
    let start = out.len() - out.trim_start_matches(' ').len();
    out.drain(..start);
    out.truncate(out.trim_end_matches(['\r', '\n']).len());
    out
}

fn write_block(value: &Value, indent: usize, line_end: &str, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Map(entries) => {
            for (key, value) in entries {
                out.push_str(&format!("{pad}{}:", scalar(key)));
                write_behind_key(value, indent, line_end, out);
            }
        }
        Value::List(items) => {
            for item in items {
                match item {
                    Value::Map(entries) if !entries.is_empty() => {
                        let nested = block(item, indent + 2, line_end);
                        out.push_str(&format!("{pad}- {nested}{line_end}"));
                    }
                    Value::List(_) | Value::Map(_) => {
                        out.push_str(&format!("{pad}- {}{line_end}", flow(item)))
                    }
                    Value::Scalar(text) => out.push_str(&format!("{pad}- {}{line_end}", scalar(text))),
                }
            }
        }
        Value::Scalar(text) => out.push_str(&format!("{pad}{}{line_end}", scalar(text))),
    }
}

fn write_behind_key(value: &Value, indent: usize, line_end: &str, out: &mut String) {
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            out.push_str(line_end);
            write_block(value, indent + 2, line_end, out);
        }
        // As kubectl writes it: a list stands at its key's indentation.
        Value::List(items) if !items.is_empty() => {
            out.push_str(line_end);
            write_block(value, indent, line_end, out);
        }
        Value::Map(_) | Value::List(_) => out.push_str(&format!(" {}{line_end}", flow(value))),
        Value::Scalar(text) if text.is_null() && text.text.is_empty() => out.push_str(line_end),
        Value::Scalar(text) => out.push_str(&format!(" {}{line_end}", scalar(text))),
    }
}

/// One value on one line, as JSON where its scalars are.
pub fn flow(value: &Value) -> String {
    match value {
        Value::Scalar(text) => flow_scalar(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", flow_scalar(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A scalar in flow style: text is quoted, as in JSON; what stood without quotes and is no text, such as a
/// number or the key `<<`, stays as it was.
fn flow_scalar(scalar: &Scalar) -> String {
    let tag = scalar.tag.as_ref().map_or(String::new(), |tag| format!("{tag} "));
    let text = &scalar.text;
    if !scalar.plain || is_plain_text(text) || text.contains(['\n', ',', '[', ']', '{', '}']) {
        format!("{tag}{}", quoted(text))
    } else if text.is_empty() && tag.is_empty() {
        "null".to_owned()
    } else {
        format!("{tag}{text}")
    }
}

/// A scalar in block style: what stood without quotes and is no text stays as it was, text is quoted
/// unless every reader takes it for text.
fn scalar(scalar: &Scalar) -> String {
    let tag = scalar.tag.as_ref().map_or(String::new(), |tag| format!("{tag} "));
    let single_line = !scalar.text.contains('\n');
    let text = if is_plain_text(&scalar.text) || (scalar.plain && single_line) {
        scalar.text.clone()
    } else {
        quoted(&scalar.text)
    };
    format!("{tag}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig::yaml::Reader;

    fn value(text: &str) -> Value {
        Reader::new(text).unwrap().value().unwrap()
    }

    #[test]
    fn what_is_written_means_what_was_read() {
        for text in [
            "a: b\nc:\n- d\n- e: f\n  g: [h]\n- []\ni: {}\nj:\nk: ~\nl: 'yes'\nm: yes\nn: \"0123\"\no: 0123\np: !!str 5\nq: |\n  x\n  y\nr: a b\n5: 6\n",
            "a: one\n  two\n\n  three\nb: see, [docs] or {x}\n<<: {c: d}\n",
            "\"<<\": {c: d}\n",
            "{\"a\": [1, true, null, \"x\"], \"b\": {\"c\": \"d, e\"}}",
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
