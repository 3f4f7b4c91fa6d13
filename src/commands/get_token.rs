//! `get-token`: signs in and prints one ExecCredential.

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};

/// Runs the command.
///
/// # Errors
/// Whatever keeps a token from being had.
pub fn run(_ctx: &Context, options: &Options) -> Result<()> {
    if options.text(Id::ServerId).is_none() {
        return Err(Error::new("server-id is required"));
    }
    Err(Error::new(format!("login method {} is not available in this version yet", options.login().name())))
}
