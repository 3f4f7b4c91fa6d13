//! The token cache: folder, entries, locks.

use super::report::{Check, Report};
use crate::cache::listing::{Listed, list};
use crate::cache::{Policy, pop_key};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login::Mode;
use crate::login::pop;
use crate::oauth::identity::Identity;
use crate::sys::private;
use crate::time::rfc3339;
use std::path::Path;

const NAME: &str = "cache";

/// Looks at it without changing anything.
pub fn check(ctx: &Context, options: &Options, report: &mut Report) {
    let policy = Policy::named(options.text(Id::TokenCache));
    let is_person = matches!(options.login(), Mode::DeviceCode | Mode::Interactive | Mode::Ropc);
    let is_cached = match policy {
        Policy::None => false,
        Policy::Auto => is_person,
        Policy::All => !matches!(options.login(), Mode::AzureCli | Mode::Azd),
    };
    if !is_cached && !pop::is_wanted(options) {
        return report.add(Check::fact(NAME, "tokens of this login are not cached"));
    }
    if let Err(error) = look(ctx, options, report) {
        report.add(Check::failed(NAME, &error));
    }
}

fn look(ctx: &Context, options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.cache_dir(ctx)?;
    if !folder.exists() {
        report.add(Check::good(NAME, format!("{} will be made at the first sign-in", folder.display())));
        return Ok(());
    }
    let cannot = |what: &str| Error::new(format!("the folder {} {what}", folder.display()));
    let listed = list(&folder).map_err(|e| cannot(&format!("cannot be read: {e}")))?;
    if !private::can_write(&folder) {
        return Err(cannot("cannot be written, so every call has to sign in")
            .hint("make it yours (chown, chmod 700), or name another with --cache-dir or KUBECACHEDIR"));
    }
    let text = format!("{}: {} kept", folder.display(), count(listed.len()));
    report.add(if private::is_readable_by_others(&folder) {
        Check::doubtful(NAME, text + "; the folder can be read by others")
            .hint(format!("chmod 700 {}", folder.display()))
    } else {
        Check::good(NAME, text)
    });
    listed.iter().for_each(|entry| report.add(one(ctx, &folder, entry)));
    if pop::is_wanted(options) && !folder.join(pop_key::FILE_NAME).exists() {
        report.add(Check::fact(NAME, "the key of proof of possession will be made at the first sign-in"));
    }
    Ok(())
}

fn count(entries: usize) -> String {
    match entries {
        1 => "one token".to_owned(),
        n => format!("{n} tokens"),
    }
}

fn one(ctx: &Context, folder: &Path, listed: &Listed) -> Check {
    let path = folder.join(&listed.name);
    let (key, entry) = match &listed.content {
        Ok(content) => content,
        Err(why) => {
            return Check::doubtful(NAME, format!("{} is not used: {why}", path.display()))
                .hint(format!("delete it: rm {}", path.display()));
        }
    };
    let identity = Identity::of(entry.access_token.expose()).unwrap_or_default();
    let account = identity.account.as_deref().or(key.user.as_deref()).unwrap_or("somebody");
    let life = if entry.is_alive(ctx.now()) { "expires" } else { "expired" };
    let refreshed = if entry.refresh_token.is_some() { "can be refreshed" } else { "cannot be refreshed" };
    let text = format!(
        "{} token of {account} in tenant {} {life} {}, {refreshed}",
        key.mode,
        key.tenant,
        rfc3339(entry.expires_on)
    );
    if let Some(holder) = &listed.holder {
        return Check::doubtful(NAME, format!("{text}; {holder} is getting the next one"));
    }
    if listed.is_readable_by_others {
        return Check::doubtful(NAME, format!("{text}; its file can be read by others"))
            .hint(format!("chmod 600 {}", path.display()));
    }
    match identity.group_remedy() {
        Some(remedy) => Check::doubtful(NAME, text).hint(remedy),
        None => Check::good(NAME, text),
    }
}
