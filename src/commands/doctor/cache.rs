//! The token cache: folder, entries, locks.

use super::pop_key;
use super::report::{Check, Report};
use crate::cache::Policy;
use crate::cache::listing::{Listed, first_sign_ins, list};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::login::{modes, pop};
use crate::mode::Mode;
use crate::oauth::identity::Identity;
use crate::sys::{paths, private};
use crate::time::rfc3339;
use std::path::Path;

/// What the checks of the folder go by.
pub const NAME: &str = "cache";

const MAKE_IT_YOURS: &str =
    "make it yours (chown, chmod 700), or name another with --cache-dir or KUBECACHEDIR";

/// Looks at it without changing anything.
pub fn check(ctx: &Context, options: &Options, report: &mut Report) {
    let policy = Policy::named(options.text(Id::TokenCache));
    let is_cached = modes::row(options.login()).is_cached(policy);
    if !is_cached && !pop::is_wanted(options) {
        return report.add(Check::fact(NAME, "tokens of this login are not cached"));
    }
    if let Err(error) = look(ctx, options, report) {
        report.add(Check::failed(NAME, &error));
    }
}

fn look(ctx: &Context, options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.cache_dir(ctx)?;
    let cannot = |what: String| {
        Error::new(format!("the folder {} cannot be {what}", folder.display())).hint(MAKE_IT_YOURS)
    };
    if !paths::exists(&folder) {
        let above = folder.ancestors().skip(1).find(|above| paths::exists(above)).unwrap_or(Path::new("."));
        if !paths::is_folder(above) || !private::can_write(above) {
            let above = above.display();
            return Err(cannot(format!("made below {above}, so every call has to sign in")));
        }
        report.add(Check::good(NAME, format!("{} will be made at the first sign-in", folder.display())));
        return Ok(());
    }
    let unread = |e: std::io::Error| cannot(format!("read: {e}"));
    let listed = list(&folder).map_err(unread)?;
    let text = format!("{}: {} kept", folder.display(), count(listed.len()));
    report.add(if !private::can_write(&folder) {
        Check::failed(NAME, &cannot("written: no new token is kept".to_owned()))
    } else if private::is_readable_by_others(&folder) {
        Check::doubtful(NAME, text + "; the folder can be read by others")
            .hint(format!("chmod 700 {}", folder.display()))
    } else {
        Check::good(NAME, text)
    });
    listed.iter().for_each(|entry| report.add(one(ctx, &folder, entry)));
    for (name, holder) in first_sign_ins(&folder).map_err(unread)? {
        let text = format!("{holder} is getting {name}; others that want it wait");
        report.add(Check::doubtful(NAME, text).hint("finish that sign-in, or end the process"));
    }
    if pop::is_wanted(options) {
        report.add(pop_key::check(&folder));
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
    let names = [identity.account.as_deref(), entry.name.as_deref(), key.user.as_deref()];
    let account = names.into_iter().flatten().next().unwrap_or("an unnamed account");
    let life = if entry.is_alive(ctx.now()) { "expires" } else { "expired" };
    let refreshed = if entry.refresh_token.is_some() { "can be refreshed" } else { "cannot be refreshed" };
    let text = format!(
        "{} token of {account} {} {life} {}, {refreshed}",
        key.mode,
        match key.mode == Mode::Oidc.name() {
            true => format!("at {}", key.authority),
            false => format!("in tenant {}", key.tenant),
        },
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
