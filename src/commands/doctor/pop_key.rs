//! The proof-of-possession key: whether it can be used, and by this user alone.

use super::cache::NAME;
use super::report::Check;
use crate::cache::pop_key::{FILE_NAME, MAX_BYTES};
use crate::keys::RsaKey;
use crate::sys::private;
use std::io::ErrorKind;
use std::path::Path;

/// Looks at it without changing anything.
pub fn check(folder: &Path) -> Check {
    let path = folder.join(FILE_NAME);
    let unusable = |why: String| {
        Check::doubtful(NAME, format!("the proof-of-possession key {} is not used: {why}", path.display()))
            .hint(format!("delete it: rm {}", path.display()))
    };
    let file = match private::read_unmodified(&path, MAX_BYTES) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Check::fact(NAME, "the proof-of-possession key will be made at the first sign-in");
        }
        Err(e) => return unusable(format!("it {e}")),
    };
    if RsaKey::from_pem(&file.bytes).is_none() {
        return unusable("it is damaged; a new one takes its place".to_owned());
    }
    let text = format!("the proof-of-possession key is {}", path.display());
    if file.was_readable_by_others {
        return Check::doubtful(NAME, text + "; it can be read by others")
            .hint(format!("chmod 600 {}", path.display()));
    }
    Check::good(NAME, text)
}
