//! Paths in a kubeconfig that are relative to the folder it stands in, as client-go resolves them
//! (tools/clientcmd, `GetClusterFileReferences` and `GetAuthInfoFileReferences`).

use super::document::Section;
use super::value::Value;

/// Whether an entry's value has a relative path.
pub fn has_any(section: Section, value: &Value) -> bool {
    let mut found = false;
    each(section, value, &mut |_, _| found = true);
    found
}

/// Makes an entry's relative paths absolute; `folder` is the one that its file stands in.
pub fn make_absolute(section: Section, value: &mut Value, folder: &str) {
    let mut changes = Vec::new();
    each(section, value, &mut |keys, path| changes.push((keys, join(folder, path))));
    for (keys, path) in changes {
        let place = keys.iter().try_fold(&mut *value, |value, key| value.get_mut(key));
        if let Some(place) = place {
            *place = Value::text(path);
        }
    }
}

/// Names each relative path by its keys.
fn each(section: Section, value: &Value, see: &mut impl FnMut(&'static [&'static str], &str)) {
    let keys: &[&'static [&'static str]] = match section {
        Section::Clusters => &[&["certificate-authority"]],
        Section::Users => &[&["client-certificate"], &["client-key"], &["tokenFile"], &["exec", "command"]],
    };
    for keys in keys {
        let found = keys.iter().try_fold(value, |value, key| value.get(key)).and_then(Value::as_text);
        // A command without a separator is looked up on PATH.
        let counts = |path: &&str| !path.is_empty() && (keys.len() == 1 || path.contains(is_separator));
        if let Some(path) = found.filter(counts).filter(|path| !is_absolute(path)) {
            see(keys, path);
        }
    }
}

/// Whether a path is absolute on this system, or looks so on another: a kubeconfig may be converted on another
/// system than it is used on.
pub fn is_absolute(path: &str) -> bool {
    let drive = matches!(path.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    path.starts_with('/') || path.starts_with("\\\\") || drive
}

fn is_separator(c: char) -> bool {
    c == '/' || (cfg!(windows) && c == '\\')
}

/// The joined path without `.` and `..`, which client-go resolves by the text alone.
fn join(folder: &str, path: &str) -> String {
    let separator = if cfg!(windows) { '\\' } else { '/' };
    let mut out: Vec<&str> = folder.trim_end_matches(is_separator).split(is_separator).collect();
    for part in path.split(is_separator) {
        match part {
            "" | "." => {}
            ".." if out.len() > 1 => drop(out.pop()),
            ".." => {}
            part => out.push(part),
        }
    }
    out.join(&separator.to_string())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::kubeconfig::yaml::Reader;

    fn value(text: &str) -> Value {
        Reader::new(text).unwrap().value().unwrap()
    }

    #[test]
    fn relative_paths_are_joined_to_the_folder() {
        for (section, old, new) in [
            (
                Section::Clusters,
                "{certificate-authority: ca.crt, server: s}",
                "{certificate-authority: /a/b/ca.crt, server: s}",
            ),
            (
                Section::Users,
                "{client-certificate: ../c, client-key: ./k/./l, tokenFile: ../../../t}",
                "{client-certificate: /a/c, client-key: /a/b/k/l, tokenFile: /t}",
            ),
            (
                Section::Users,
                "{exec: {command: ./bin/x, args: [./y]}}",
                "{exec: {command: /a/b/bin/x, args: [./y]}}",
            ),
        ] {
            let mut changed = value(old);
            assert!(has_any(section, &changed));
            make_absolute(section, &mut changed, "/a/b");
            assert!(changed.semantically_equal(&value(new)), "{changed:?}");
        }
        assert_eq!(join("/", "x"), "/x");
        for (section, value_text) in [
            (Section::Clusters, "{certificate-authority: /ca, certificate-authority-data: x}"),
            (Section::Clusters, "{certificate-authority: '', client-key: k}"),
            (Section::Users, "{exec: {command: kubelogin}, client-key-data: x, client-key: 'C:\\k'}"),
            (Section::Users, "text"),
        ] {
            assert!(!has_any(section, &value(value_text)), "{value_text}");
        }
    }
}
