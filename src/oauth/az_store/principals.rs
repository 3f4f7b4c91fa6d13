//! `service_principal_entries.json`: the applications that az can sign in. Its secrets are not read.

use super::RunAz;
use super::json::{Field, Object};
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    client_id: Field<'a>,
    #[serde(borrow, default)]
    tenant: Field<'a>,
    #[serde(borrow, default)]
    certificate: Field<'a>,
}

/// Checks that az can still sign this application in: it uses a stored token only then.
///
/// # Errors
/// [`RunAz`] where the application has no entry, or its certificate's file is gone.
pub(super) fn check(
    bytes: Option<&[u8]>,
    client: &str,
    tenant: &str,
    file_exists: &dyn Fn(&str) -> bool,
) -> Result<(), RunAz> {
    let gone = || RunAz::never("az has no credential of the application any more");
    let unusual = || RunAz::never("service_principal_entries.json is not written as az writes it");
    let text = std::str::from_utf8(bytes.ok_or_else(gone)?).map_err(|_| unusual())?;
    let entries: Vec<Object<Entry>> = serde_json::from_str(text).map_err(|_| unusual())?;
    // az stumbles over an entry without a client, and over a client's entry without a tenant.
    let is_whole = |entry: &Entry| {
        entry.client_id.text().is_some_and(|id| id != client || entry.tenant.text().is_some())
    };
    if !entries.iter().map(|Object(entry)| entry).all(is_whole) {
        return Err(unusual());
    }
    let own = || entries.iter().map(|Object(entry)| entry).filter(|entry| entry.client_id.is(client));
    let entry = own().find(|entry| entry.tenant.is(tenant)).or_else(|| own().next()).ok_or_else(gone)?;
    match &entry.certificate {
        Field::Absent | Field::Null => Ok(()),
        Field::Text(path) if path.is_empty() || file_exists(path) => Ok(()),
        Field::Text(_) => Err(RunAz::never("the application's certificate file is gone")),
        Field::Bool(_) | Field::Other => Err(unusual()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(json: &str) -> Option<String> {
        let exists = |path: &str| path == "/there.pem";
        check(Some(json.as_bytes()), "app", "t", &exists).err().map(|e| e.reason.into_owned())
    }

    #[test]
    fn the_applications_entry_must_be_there() {
        let other = r#"{"client_id":"b","tenant":"t"}"#;
        let own = r#"{"client_id":"app","tenant":"t","client_secret":"s"}"#;
        let elsewhere = r#"{"client_id":"app","tenant":"u"}"#;
        for good in [format!("[{own}]"), format!("[{other},{own}]"), format!("[{elsewhere}]")] {
            assert_eq!(reason(&good), None, "{good}");
        }
        for bad in ["[]", &format!("[{other}]"), r#"[{"client_id":"APP","tenant":"t"}]"#] {
            assert!(reason(bad).unwrap().contains("no credential"), "{bad}");
        }
        let half = own.get(..20).unwrap();
        for bad in [
            "",
            "{}",
            half,
            "[{}]",
            r#"[{"client_id":"app"}]"#,
            "[1]",
            r#"[["app","t",null]]"#,
            "\u{feff}[]",
            &format!("[{own}]]"),
        ] {
            assert!(reason(bad).unwrap().contains("not written"), "{bad}");
        }
        assert!(check(None, "app", "t", &|_| true).is_err());
    }

    #[test]
    fn the_certificate_of_the_tenants_entry_must_be_there() {
        let entry = |tenant: &str, path: &str| {
            format!(r#"{{"client_id":"app","tenant":"{tenant}","certificate":"{path}"}}"#)
        };
        let (good, gone) = ("/there.pem", "/gone.pem");
        assert_eq!(reason(&format!("[{}]", entry("t", good))), None);
        assert_eq!(reason(&format!("[{},{}]", entry("u", gone), entry("t", good))), None);
        assert_eq!(reason(&format!("[{},{}]", entry("u", good), entry("v", gone))), None);
        for bad in [
            format!("[{}]", entry("t", gone)),
            format!("[{},{}]", entry("u", good), entry("t", gone)),
            format!("[{},{}]", entry("u", gone), entry("v", good)),
        ] {
            assert!(reason(&bad).unwrap().contains("certificate file"), "{bad}");
        }
        assert!(reason(r#"[{"client_id":"app","tenant":"t","certificate":7}]"#).is_some());
    }
}
