//! The part of Python's INI dialect that az itself writes.
//!
//! Python's parser knows much more (continued lines, interpolation, defaults for every section); a file that
//! uses any of it could mean something else to az than it does here, so such a file is refused.
//!
//! Source: docs.python.org/3/library/configparser.html#supported-ini-file-structure.

use super::RunAz;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The keys of each section, in lower case, and their values.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ini<'a>(BTreeMap<&'a str, BTreeMap<String, &'a str>>);

impl<'a> Ini<'a> {
    /// Reads a file; one that is not there has no sections.
    ///
    /// # Errors
    /// [`RunAz`] for any line that az does not write.
    pub(super) fn parse(name: &'static str, bytes: Option<&'a [u8]>) -> Result<Self, RunAz> {
        let bytes = bytes.unwrap_or_default();
        Self::read(bytes)
            .ok_or_else(|| RunAz::never(Cow::Owned(format!("{name} is not written as az writes it"))))
    }

    /// A value, if the section has that key (given in lower case).
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&'a str> {
        self.0.get(section)?.get(key).copied()
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())?;
        let mut ini = Self::default();
        let mut section: Option<&'a str> = None;
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            // A percent sign interpolates; a carriage return alone ends a line for Python.
            if line.starts_with(' ') || line.contains(|c: char| c == '%' || c.is_ascii_control()) {
                return None;
            }
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(header) = line.strip_prefix('[') {
                let name = header.strip_suffix(']').filter(|name| !name.is_empty())?;
                let is_new = ini.0.insert(name, BTreeMap::new()).is_none();
                if !is_new || name == "DEFAULT" || name.contains(['[', ']']) {
                    return None;
                }
                section = Some(name);
                continue;
            }
            let (key, value) = line.split_once(['=', ':'])?;
            let key = key.trim_end_matches(' ').to_ascii_lowercase();
            let keys = ini.0.get_mut(section?)?;
            if key.is_empty() || keys.insert(key, value.trim_matches(' ')).is_some() {
                return None;
            }
        }
        Some(ini)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Ini<'_>> {
        Ini::read(text.as_bytes())
    }

    #[test]
    fn reads_what_az_writes() {
        let text = "# made by az\r\n; too\r\n\r\n[cloud]\r\nname = AzureCloud\r\n[core]\nempty =\nKEY=a = b\nurl: https://x:1/\n";
        let ini = read(text).unwrap();
        assert_eq!(ini.value("cloud", "name"), Some("AzureCloud"));
        assert_eq!(ini.value("core", "empty"), Some(""));
        assert_eq!(ini.value("core", "key"), Some("a = b"));
        assert_eq!(ini.value("core", "url"), Some("https://x:1/"));
        assert_eq!(ini.value("core", "name"), None);
        assert_eq!(ini.value("Core", "empty"), None);
        assert_eq!(read(""), Some(Ini::default()));
    }

    #[test]
    fn refuses_everything_else_that_python_reads() {
        for bad in [
            "[DEFAULT]\n",
            "[cloud] x\n",
            "[cloud]x\n",
            "[cloud] \n",
            "[]\n",
            "[a]b]\n",
            "[a]=b\n",
            "[cloud]\nname = a\n b\n",
            "[cloud]\n\tname = a\n",
            " [cloud]\n",
            "[cloud]\n  \n",
            "[cloud]\nname = %(x)s\n",
            "# 100%\n",
            "[cloud]\n[cloud]\n",
            "[cloud]\n[core]\n[cloud]\n",
            "[cloud]\nname = a\nNAME = a\n",
            "[cloud]\nname\n",
            "[cloud]\n= a\n",
            "name = a\n",
            "[cloud]\nname = ä\n",
            "\u{feff}[cloud]\n",
            "[cloud]\nname = a\rb\n",
            "[cloud]\nname = a\x0bb\n",
            "[cloud]\nname = a\0\n",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(Ini::read(b"[cloud]\nname = \xff\n"), None);
    }
}
