//! A federated token in a file that its issuer keeps fresh, such as a pod's projected service account token.

use super::{AssertionSource, Exchange};
use crate::cache::fingerprint;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login::Finding;
use crate::oauth::assertion_claims::{expiry, summary};
use crate::oauth::jwt;
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use std::path::{Path, PathBuf};

/// No issuer's token is larger.
const MAX_TOKEN: u64 = 256 << 10;

pub struct TokenFile(pub PathBuf);

impl AssertionSource for TokenFile {
    fn fingerprint(&self) -> String {
        fingerprint(&[b"file", self.0.as_os_str().as_encoded_bytes()])
    }

    fn assertion(&self, _: &Exchange) -> Result<Secret> {
        read(&self.0)
    }

    fn check(&self, ctx: &Context) -> Result<Finding> {
        let assertion = read(&self.0)?;
        let text = format!("the token in {} has {}", self.0.display(), summary(&assertion));
        if expiry(&assertion).is_some_and(|expiry| expiry <= ctx.now()) {
            return Err(
                Error::new(format!("{text}; it has expired")).hint("its issuer has to give out a new one")
            );
        }
        Ok(Finding::Good(text))
    }
}

/// Reads the file; white space and a byte order mark around the token do not matter.
fn read(path: &Path) -> Result<Secret> {
    let failed =
        |why: &str| Error::new(format!("cannot use the federated token file {}: {why}", path.display()));
    let bytes = read_bounded(path, MAX_TOKEN).map_err(|e| failed(&e.to_string()))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| failed("it is not text"))?.trim();
    if text.is_empty() {
        return Err(failed("it is empty"));
    }
    if !jwt::looks_like_one(text) {
        return Err(failed("it does not hold a JWT (three base64url parts with dots between)"));
    }
    Ok(Secret::from(text))
}
