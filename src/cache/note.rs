//! The note beside a held lock: what its holder has asked of a person.
//!
//! A program with windows runs `kubelogin` where its stderr is never seen; the person then runs `kubectl` in a terminal
//! to see the prompt. That second process waits for the first one's lock, and shows what the note says. A planted note
//! would be a ready-made phish, so it holds fields and no sentence, and counts only under the conditions of [`read`].

use crate::context::Context;
use crate::http::url::HttpsUrl;
use crate::prompt::Prompt;
use crate::sys::{paths, private, staged};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The form that this version writes, and the only one that it reads.
const VERSION: u32 = 1;
/// The address of a sign-in page is the longest part.
const MAX_NOTE: u64 = 4 << 10;
/// No service gives out longer codes.
const MAX_CODE: usize = 32;

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    /// The line in the lock file, which tells one holder from the next: its process id and since when.
    holder: String,
    kind: Kind,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_code: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    DeviceCode,
    Browser,
}

/// Writes the note of this holder. It is a courtesy to the waiting ones: where it cannot be written, they wait without.
pub fn write(ctx: &Context, path: &Path, holder: &str, prompt: &Prompt) {
    let (kind, address, user_code) = match prompt.clone() {
        Prompt::DeviceCode { address, user_code } => (Kind::DeviceCode, address, Some(user_code)),
        Prompt::Browser { address } => (Kind::Browser, address, None),
    };
    let note = Note { version: VERSION, holder: holder.to_owned(), kind, address, user_code };
    let bytes = serde_json::to_vec(&note).unwrap_or_default();
    staged::make_room(path);
    let written =
        staged::tag(ctx).is_ok_and(|tag| staged::replace(path, &bytes, staged::Keep::Nothing, &tag).is_ok());
    if !written {
        ctx.log(1, || format!("cannot write {}", path.display()));
    }
}

/// Takes the note away.
pub fn remove(path: &Path) {
    let _ = paths::remove_file(path);
}

/// What the holder of the lock has asked. The note counts only if it is a regular file of this user's alone, with one
/// name, no longer than 4 KiB, and names the process that holds the lock. `holder` is the line in the lock file; it
/// cannot be read on Windows, where others cannot write into a user's profile either.
pub fn read(path: &Path, holder: Option<&str>) -> Option<Prompt> {
    let file = private::read_unmodified(path, MAX_NOTE).ok().filter(|file| !file.was_readable_by_others)?;
    parse(&file.bytes, holder)
}

/// Reads a note's bytes.
pub fn parse(bytes: &[u8], holder: Option<&str>) -> Option<Prompt> {
    let note: Note = serde_json::from_slice(bytes).ok()?;
    let is_holders = match holder {
        Some(holder) => note.holder == holder,
        None => cfg!(windows),
    };
    if note.version != VERSION || !is_holders || !is_safe_address(&note.address) {
        return None;
    }
    match (note.kind, note.user_code) {
        (Kind::DeviceCode, Some(user_code)) if is_code(&user_code) => {
            Some(Prompt::DeviceCode { address: note.address, user_code })
        }
        (Kind::Browser, None) => Some(Prompt::Browser { address: note.address }),
        _ => None,
    }
}

/// What a waiter says.
pub fn sentence(holder: &str, prompt: &Prompt) -> String {
    let mut letters = holder.chars();
    let holder: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    match prompt {
        Prompt::DeviceCode { address, user_code } => format!(
            "{holder} is signing in already. To complete that sign-in, open the page {address} in a web browser and enter the code {user_code}."
        ),
        Prompt::Browser { address } => format!(
            "{holder} is signing in already. To complete that sign-in, open this page in a browser on this machine:\n{address}"
        ),
    }
}

/// https, or http on this machine.
fn is_safe_address(address: &str) -> bool {
    let https = match address.split_once("://") {
        Some(("https", _)) => address.to_owned(),
        Some(("http", rest)) => format!("https://{rest}"),
        _ => return false,
    };
    HttpsUrl::parse_endpoint(&https).is_ok_and(|url| {
        address.starts_with("https:") || matches!(url.host(), "localhost" | "127.0.0.1" | "[::1]")
    })
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && code.len() <= MAX_CODE && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const HOLDER: &str = "process 7 (since 2026-01-02T03:04:05Z)";

    fn device() -> Value {
        json!({ "version": 1, "holder": HOLDER, "kind": "device_code", "address": "https://microsoft.com/devicelogin", "user_code": "ABC-123" })
    }

    fn read(note: &Value) -> Option<Prompt> {
        parse(note.to_string().as_bytes(), Some(HOLDER))
    }

    fn with(field: &str, value: Value) -> Value {
        let mut note = device();
        note[field] = value;
        note
    }

    #[test]
    fn a_note_of_the_holder_is_understood() {
        let prompt = read(&device()).unwrap();
        assert_eq!(
            sentence(HOLDER, &prompt),
            "Process 7 (since 2026-01-02T03:04:05Z) is signing in already. To complete that sign-in, open the page https://microsoft.com/devicelogin in a web browser and enter the code ABC-123."
        );
        let browser =
            json!({ "version": 1, "holder": HOLDER, "kind": "browser", "address": "http://localhost:8000/" });
        assert!(
            sentence(HOLDER, &read(&browser).unwrap()).ends_with("on this machine:\nhttp://localhost:8000/")
        );
    }

    #[test]
    fn anything_else_is_not_shown() {
        let mut browser_with_code = device();
        browser_with_code["kind"] = "browser".into();
        let mut device_without_code = device();
        device_without_code.as_object_mut().unwrap().remove("user_code");
        let mut odd = vec![
            browser_with_code,
            device_without_code,
            with("version", 2.into()),
            with("holder", "process 8 (since 2026-01-02T03:04:05Z)".into()),
            with("holder", "".into()),
            with("kind", "text".into()),
        ];
        for address in [
            "http://evil.example/",
            "https://a@evil.example/",
            "https://microsoft.com@evil.example/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://a/\nHint: call 0900",
            "https://a/\u{1b}[2J",
            "https://a b/",
            "http://localhost.evil.example/",
            "",
        ] {
            odd.push(with("address", address.into()));
        }
        for code in ["", "call 0900", "\u{1b}[2J", "ü", &"A".repeat(33)] {
            odd.push(with("user_code", code.into()));
        }
        for note in odd {
            assert_eq!(read(&note), None, "{note}");
        }
    }

    #[test]
    fn damage_is_nothing() {
        let bytes = device().to_string().into_bytes();
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end], Some(HOLDER)), None);
        }
        for at in 0..bytes.len() {
            for byte in [0, b'"', b'}', 0xff, b'9'] {
                let mut damaged = bytes.clone();
                damaged[at] = byte;
                let _ = parse(&damaged, Some(HOLDER));
            }
        }
        assert!(cfg!(windows) || parse(&bytes, None).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_planted_file_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("kubelogin-note-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("x.note");
        let put = |bytes: &[u8], mode: u32| {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            super::read(&path, Some(HOLDER)).is_some()
        };
        let good = device().to_string().into_bytes();
        assert!(put(&good, 0o600));
        assert!(!put(&good, 0o620) && !put(&good, 0o602), "others can write it");
        assert!(!put(&[&good[..], &[b' '; 4096]].concat(), 0o600), "too long");
        assert!(put(&good, 0o600));
        std::fs::hard_link(&path, folder.join("second")).unwrap();
        assert!(super::read(&path, Some(HOLDER)).is_none(), "two names");
        std::fs::rename(&path, folder.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.join("elsewhere"), &path).unwrap();
        assert!(super::read(&path, Some(HOLDER)).is_none(), "a link");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
