//! `get-token`: signs in and prints one ExecCredential.

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec_credential;
use crate::login;
use crate::mode::Mode;

/// Runs the command.
///
/// # Errors
/// Whatever keeps a token from being had; nothing is on stdout then.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    if options.text(Id::ServerId).is_none() && options.login() != Mode::Oidc {
        return Err(Error::new("server-id is required")
            .hint("pass --server-id; for an OpenID provider other than Entra ID, --oidc-issuer-url and --oidc-client-id"));
    }
    let version = exec_credential::wanted_version(&ctx.env)?;
    ctx.log(1, || format!("login method {}", options.login().name()));
    let token = login::token(ctx, options)?;
    let credential = exec_credential::render(version, &token.access_token, token.expires_on)?;
    ctx.print(credential.expose())
}
