//! `--exec-command`: the program that the entry names. Programs that were started from a dock or a start menu do not
//! have the shell's PATH and find `kubelogin` by its whole path only.

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::kubeconfig::relative::is_absolute;
use crate::sys::files;
use std::path::Path;

/// The value that stands for this program.
const SELF: &str = "self";

/// The absolute path that the entry's `command` is to be; `None` where the flag is not given. Links in it stay: an
/// upgrade deletes the folder of the version that they lead to.
///
/// # Errors
/// A path that is not absolute; `self` where it is unknown how this program was called.
pub fn resolve(ctx: &Context, options: &Options) -> Result<Option<String>> {
    let Some(path) = options.path(Id::ExecCommand) else { return Ok(None) };
    let path = if path == Path::new(SELF) {
        files::called_as(&ctx.env).ok_or_else(|| {
            Error::new("--exec-command self: this program's own path is unknown")
                .hint("write the path in full: --exec-command /path/to/kubelogin")
        })?
    } else {
        path.to_owned()
    };
    let text = path
        .to_str()
        .ok_or_else(|| Error::new("--exec-command is not valid UTF-8 and cannot stand in a kubeconfig"))?;
    if !is_absolute(text) {
        return Err(Error::new(format!("--exec-command \"{text}\" is not an absolute path"))
            .hint("write the path in full, or self for the program that runs now"));
    }
    if files::others_can_replace(&path) {
        ctx.warn(&format!(
            "--exec-command {text}: other users can write its folder, and so replace the program"
        ));
    }
    Ok(Some(text.to_owned()))
}
