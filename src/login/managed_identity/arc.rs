//! Azure Arc's proof of local access: the agent names a file that only privileged users can read, and its
//! content is sent back.
//!
//! Whoever answers on the agent's port could name any file, so only a key file of the agent's own folder
//! is ever opened.

use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use std::path::{Path, PathBuf};

/// The agent's folder of key files.
pub const KEY_FOLDER: &str = "/var/opt/azcmagent/tokens";
/// The agent's program.
pub const AGENT: &str = "/opt/azcmagent/bin/himds";
const MAX_KEY: u64 = 4096;

/// `Basic <content of the key file>` for the agent's challenge.
///
/// # Errors
/// No challenge in the answer, a file outside the agent's folder, one that cannot be read.
pub fn authorization(challenge: &Response) -> Result<Secret> {
    let header = challenge
        .header("www-authenticate")
        .ok_or_else(|| Error::new("the Azure Arc agent's answer has no challenge (WWW-Authenticate)"))?;
    let path = key_file(header)?;
    let refused = |why: &str| Error::new(format!("the Azure Arc agent's key file {} {why}", path.display()));
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(refused("is a symbolic link: refused"));
    }
    let key = read_bounded(&path, MAX_KEY).map_err(|e| {
        let hint = "the user must be root or a member of the group himds";
        refused(&format!("cannot be read: {e}")).hint(hint)
    })?;
    match std::str::from_utf8(&key).map(str::trim) {
        Ok(key) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Secret::new(format!("Basic {key}")))
        }
        _ => Err(refused("holds no key")),
    }
}

/// The file that `Basic realm=<file>` names, if it may be read.
fn key_file(challenge: &str) -> Result<PathBuf> {
    let realm = challenge
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, parameters)| parameters.trim().strip_prefix("realm="))
        .map(|realm| realm.trim().trim_matches('"'))
        .ok_or_else(|| Error::new("the Azure Arc agent's challenge names no key file"))?;
    let refused = |why: &str| {
        Err(Error::new(format!("the Azure Arc agent named the key file {realm}, which {why}: refused")))
    };
    let path = Path::new(realm);
    // Compared as text: a path with .. or // in it is not directly in the folder.
    let Some(name) = realm.strip_prefix(KEY_FOLDER).and_then(|rest| rest.strip_prefix('/')) else {
        return refused(&format!("is not in {KEY_FOLDER}"));
    };
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return refused(&format!("is not directly in {KEY_FOLDER}"));
    }
    if path.extension().is_none_or(|extension| extension != "key") {
        return refused("does not end in .key");
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_key_files_of_the_agents_folder() {
        for good in
            ["Basic realm=/var/opt/azcmagent/tokens/a.key", "basic realm=\"/var/opt/azcmagent/tokens/a.key\""]
        {
            assert_eq!(key_file(good).unwrap(), Path::new("/var/opt/azcmagent/tokens/a.key"));
        }
        for bad in [
            "",
            "Basic",
            "Basic realm",
            "Bearer realm=/var/opt/azcmagent/tokens/a.key",
            "Basic realm=/etc/shadow",
            "Basic realm=/var/opt/azcmagent/tokens/../../../../etc/shadow",
            "Basic realm=/var/opt/azcmagent/tokens/../a.key",
            "Basic realm=/var/opt/azcmagent/tokens/x/a.key",
            "Basic realm=/var/opt/azcmagent/tokens//a.key",
            "Basic realm=/var/opt/azcmagent/tokens/a.pem",
            "Basic realm=/var/opt/azcmagent/tokens/.key",
            "Basic realm=/var/opt/azcmagent/tokens",
            "Basic realm=/var/opt/azcmagent/tokensX/a.key",
            "Basic realm=var/opt/azcmagent/tokens/a.key",
        ] {
            assert!(key_file(bad).is_err(), "{bad}");
        }
    }
}
