//! Forgetting one sign-in: `remove-tokens` with `--context`, `--username` or `--tenant-id` deletes every entry of that
//! identity, whichever server it is for: another server's refresh token would sign in again without a prompt.
//!
//! Only what the command line says selects: a variable that signs in must not decide what is deleted.

use super::remove::delete;
use super::target;
use crate::cache::listing::{Listed, list};
use crate::cache::{Entry, Key, LOCK_SUFFIX, NOTE_SUFFIX, UNANSWERED_SUFFIX};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::login::cache_key;
use crate::oauth::identity::Identity;
use crate::oauth::owner::is_same;
use crate::sys::paths::{self, Found};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Which entries go: those that satisfy all of it.
struct Selection {
    /// The key of the context's sign-in.
    key: Option<Key>,
    user: Option<String>,
    tenant: Option<String>,
}

/// Whether the command line names a sign-in.
pub fn is_wanted(options: &Options) -> bool {
    [Id::Context, Id::Username, Id::TenantId].iter().any(|id| given(options, *id).is_some())
}

/// Runs the command.
///
/// # Errors
/// A context that is not there or has no cached sign-in, a folder that cannot be read, a file that cannot be deleted.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    let (folder, selection) = select(ctx, options)?;
    let listed = list(&folder)
        .map_err(|e| Error::new(format!("cannot read the token cache {}: {e}", folder.display())))?;
    let mut count = 0;
    for entry in &listed {
        match &entry.content {
            Ok((key, content)) if selection.includes(key, content) => {
                remove(ctx, &folder, entry, key)?;
                ctx.eprintln(&one_line(&format!("removed {}: {}", entry.name, description(key, content))));
                count += 1;
            }
            Ok(_) => {}
            Err(why) => ctx.eprintln(&one_line(&format!("kept {}: {why}", entry.name))),
        }
    }
    if count == 0 {
        ctx.eprintln(&format!("no cached sign-in matches in {}: nothing was removed", folder.display()));
    }
    Ok(())
}

fn given(options: &Options, id: Id) -> Option<String> {
    let text = options.args().last(id).and_then(OsStr::to_str)?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn select(ctx: &Context, options: &Options) -> Result<(PathBuf, Selection)> {
    if given(options, Id::Context).is_none() {
        let (user, tenant) = (given(options, Id::Username), given(options, Id::TenantId));
        return Ok((options.cache_dir(ctx)?, Selection { key: None, user, tenant }));
    }
    let found = target::from_kubeconfig(ctx, options.args())?;
    let of_context = match found.options {
        Some(options) => options?,
        None => {
            let user = found.entry.map_or(String::new(), |entry| entry.user);
            return Err(Error::new(format!("the user \"{user}\" does not sign in by kubelogin")));
        }
    };
    let key = cache_key(&found.ctx, &of_context)?.ok_or_else(|| {
        let mode = of_context.login().name();
        Error::new(format!("kubelogin caches no token of {mode} login"))
            .hint("sign out with the tool itself, such as az logout")
    })?;
    Ok((of_context.cache_dir(&found.ctx)?, Selection { key: Some(key), user: None, tenant: None }))
}

impl Selection {
    fn includes(&self, key: &Key, entry: &Entry) -> bool {
        // Entries of version 0.3.0 say it only in their token.
        let identity = Identity::of(entry.access_token.expose()).unwrap_or_default();
        let is =
            |name: &Option<String>, wanted: &str| name.as_ref().is_some_and(|name| is_same(name, wanted));
        let is_of_user = |user: &str| entry.is_of(user) || is(&key.user, user) || is(&identity.account, user);
        let is_of_tenant = |tenant: &str| {
            let of_account = entry
                .account
                .as_ref()
                .and_then(|account| account.rsplit_once('.'))
                .map(|(_, tenant)| tenant.to_owned());
            is_same(&key.tenant, tenant) || is(&of_account, tenant) || is(&identity.tenant, tenant)
        };
        self.key.as_ref().is_none_or(|wanted| key.is_same_sign_in(wanted))
            && self.user.as_deref().is_none_or(is_of_user)
            && self.tenant.as_deref().is_none_or(is_of_tenant)
    }
}

/// Deletes an entry, its lock, and what is left of the identity's prompts.
fn remove(ctx: &Context, folder: &Path, entry: &Listed, key: &Key) -> Result<()> {
    let identity = key.identity_name();
    let names = [
        entry.name.clone(),
        format!("{}{LOCK_SUFFIX}", entry.name),
        format!("{identity}{UNANSWERED_SUFFIX}"),
        format!("{identity}{NOTE_SUFFIX}"),
        format!("{identity}{LOCK_SUFFIX}"),
    ];
    for name in names {
        let path = folder.join(&name);
        if paths::is_file(&path) {
            delete(ctx, &Found { name: Some(name), path, is_folder: false })?;
        }
    }
    Ok(())
}

fn description(key: &Key, entry: &Entry) -> String {
    let identity = Identity::of(entry.access_token.expose()).unwrap_or_default();
    let names = [entry.name.as_deref(), identity.account.as_deref(), key.user.as_deref()];
    let name = names.into_iter().flatten().next().unwrap_or("an account that its token does not name");
    format!("{} sign-in of {name} in tenant {} for the server {}", key.mode, key.tenant, key.server)
}
