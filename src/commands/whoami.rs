//! `whoami`: whose tokens are cached, and which account the Azure CLI would use. From files alone: no service and
//! no program is asked, nothing is changed, and no token is shown.

use super::target;
use crate::cache::listing::{Listed, list};
use crate::cache::{Entry, Key};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::cli::parse::ParsedArgs;
use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::login::{cache_key, tool_account};
use crate::mode::Mode;
use crate::oauth::az_store;
use crate::oauth::identity::Identity;
use crate::style::{Style, Tone};
use crate::time::rfc3339;
use serde::Serialize;
use std::ffi::OsStr;
use std::path::PathBuf;

/// What the columns of names are wide.
const NAMES: usize = 12;

/// One cached sign-in.
#[derive(Serialize)]
struct Account<'a> {
    file: &'a str,
    mode: &'a str,
    authority: &'a str,
    tenant: &'a str,
    client: &'a str,
    server: &'a str,
    legacy: bool,
    user: Option<&'a str>,
    /// The name of the account that signed in.
    name: Option<&'a str>,
    /// Its id, `oid.tid`.
    account: Option<&'a str>,
    proof_of_possession_key: Option<&'a str>,
    expires: String,
    state: &'static str,
    has_refresh_token: bool,
    /// What the token says of itself; of an opaque one nothing.
    identity: Option<Identity>,
    /// Whether the chosen context would use it.
    is_current: bool,
}

/// The account that the Azure CLI would use.
#[derive(Serialize)]
struct ToolAccount<'a> {
    mode: &'static str,
    user: &'a str,
    tenant: &'a str,
    subscription: &'a str,
    subscription_name: &'a str,
    cloud: &'a str,
    is_current: bool,
}

/// An element of the JSON answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Tool(ToolAccount<'a>),
    Cached(Box<Account<'a>>),
}

/// Runs the command.
///
/// # Errors
/// No cache folder, a context that is not there, nothing cached for it.
pub fn run(ctx: &Context, given: &ParsedArgs) -> Result<()> {
    let wanted = wanted(ctx, given)?;
    let folder = wanted.folder.display();
    let listed =
        list(&wanted.folder).map_err(|e| Error::new(format!("cannot read the token cache {folder}: {e}")))?;
    let cached = listed.iter().filter_map(|listed| {
        let (key, entry) = listed.content.as_ref().ok()?;
        let is_current = wanted.is(key);
        (is_current || !wanted.exclusive).then(|| account(ctx, listed, key, entry, is_current))
    });
    let tool = wanted.tool.as_ref().map(tool_row).map(Shown::Tool);
    let accounts: Vec<Shown> =
        tool.into_iter().chain(cached.map(|account| Shown::Cached(Box::new(account)))).collect();
    for problem in listed.iter().filter_map(|listed| Some((&listed.name, listed.content.as_ref().err()?))) {
        ctx.eprintln(&one_line(&format!("Warning: {} is left out: {}", problem.0, problem.1)));
    }
    let is_json = given.last(Id::OutputFormat).and_then(OsStr::to_str) == Some("json");
    if is_json {
        let json = serde_json::to_string_pretty(&accounts)
            .map_err(|e| Error::new(format!("cannot write the answer: {e}")))?;
        ctx.print(&(json + "\n"))?;
    }
    if accounts.is_empty() {
        let what = if wanted.exclusive { "for this sign-in" } else { "in this folder" };
        return Err(Error::new(format!("no account is signed in: no token is cached {what} ({folder})"))
            .hint("sign in with kubectl, or with kubelogin get-token; azurecli and azd have caches of their own: az account show"));
    }
    if is_json {
        return Ok(());
    }
    let style = Style::of(ctx.console.stdout_terminal(), &ctx.env);
    let texts: Vec<String> = accounts.iter().map(|account| account.text(style)).collect();
    ctx.print(&texts.join("\n"))
}

/// Which entries to show.
struct Wanted {
    folder: PathBuf,
    /// That of one sign-in.
    key: Option<Key>,
    /// The account of the sign-in's own tool.
    tool: Option<az_store::Account>,
    /// That one alone.
    exclusive: bool,
}

impl Wanted {
    /// Whether it is the entry of the sign-in. A bound token is told by being bound: its key's id is not known
    /// without the key.
    fn is(&self, other: &Key) -> bool {
        let Some(key) = &self.key else { return false };
        let bound = |key: &Key| key.pop_key.is_some();
        bound(key) == bound(other) && Key { pop_key: key.pop_key.clone(), ..other.clone() } == *key
    }
}

fn wanted(ctx: &Context, given: &ParsedArgs) -> Result<Wanted> {
    let flags = || Options::resolve(given.clone(), &ctx.env);
    if target::flags_suffice(given) {
        let options = flags()?;
        let key = cache_key(ctx, &options)?;
        let tool = tool_account(ctx, &options).transpose()?;
        return Ok(Wanted { folder: options.cache_dir(ctx)?, key, tool, exclusive: true });
    }
    let is_named = given.last(Id::Context).is_some_and(|name| !name.is_empty());
    let any = || Ok(Wanted { folder: flags()?.cache_dir(ctx)?, key: None, tool: None, exclusive: false });
    let found = match target::from_kubeconfig(ctx, given) {
        Err(error) if is_named => return Err(error),
        Err(_) => return any(),
        Ok(found) => found,
    };
    match &found.options {
        Some(Ok(of)) => {
            let key = cache_key(&found.ctx, of);
            let tool = tool_account(&found.ctx, of).transpose();
            let (key, tool) = match is_named {
                true => (key?, tool?),
                false => (key.unwrap_or_default(), tool.unwrap_or_default()),
            };
            Ok(Wanted { folder: of.cache_dir(&found.ctx)?, key, tool, exclusive: is_named })
        }
        Some(Err(error)) if is_named => Err(error.clone()),
        None if is_named => {
            let user = found.entry.map_or(String::new(), |entry| entry.user);
            Err(Error::new(format!("the user \"{user}\" does not sign in by kubelogin")))
        }
        Some(Err(_)) | None => any(),
    }
}

fn tool_row(account: &az_store::Account) -> ToolAccount<'_> {
    ToolAccount {
        mode: Mode::AzureCli.name(),
        user: &account.user,
        tenant: &account.tenant,
        subscription: &account.subscription,
        subscription_name: &account.subscription_name,
        cloud: &account.cloud,
        is_current: true,
    }
}

impl Shown<'_> {
    fn text(&self, style: Style) -> String {
        let account = match self {
            Self::Cached(account) => return text(account, style),
            Self::Tool(account) => account,
        };
        let mut lines = heading(account.user, account.is_current, style);
        let subscription = format!("{} ({})", account.subscription_name, account.subscription);
        line(&mut lines, style, "login", &format!("{}, subscription {subscription}", account.mode));
        line(&mut lines, style, "cloud", account.cloud);
        line(&mut lines, style, "tenant", account.tenant);
        lines
    }
}

fn heading(name: &str, is_current: bool, style: Style) -> String {
    let heading = format!("{name}{}", if is_current { " (current context)" } else { "" });
    format!("{}\n", style.paint(Tone::Good, &one_line(&heading)))
}

fn line(lines: &mut String, style: Style, name: &str, value: &str) {
    let value = style.wrap(&one_line(value), NAMES + 2);
    *lines += &format!("  {name:NAMES$}{value}\n");
}

fn account<'a>(
    ctx: &Context,
    listed: &'a Listed,
    key: &'a Key,
    entry: &'a Entry,
    is_current: bool,
) -> Account<'a> {
    let now = ctx.now();
    Account {
        file: &listed.name,
        mode: &key.mode,
        authority: &key.authority,
        tenant: &key.tenant,
        client: &key.client,
        server: &key.server,
        legacy: key.legacy,
        user: key.user.as_deref(),
        name: entry.name.as_deref(),
        account: entry.account.as_deref(),
        proof_of_possession_key: key.pop_key.as_deref(),
        expires: rfc3339(entry.expires_on),
        state: match (entry.is_fresh(now), entry.is_alive(now), entry.refresh_token.is_some()) {
            (true, ..) => "fresh",
            (false, true, _) => "about to expire",
            (false, false, true) => "expired, can be refreshed",
            (false, false, false) => "expired",
        },
        has_refresh_token: entry.refresh_token.is_some(),
        identity: Identity::of(entry.access_token.expose()),
        is_current,
    }
}

fn text(account: &Account, style: Style) -> String {
    let identity = account.identity.clone().unwrap_or_default();
    let names = [identity.account.as_deref(), account.name, account.user];
    let name = names.into_iter().flatten().next().unwrap_or("an account that its token does not name");
    let mut lines = heading(name, account.is_current, style);
    let mut line = |name: &str, value: &str| line(&mut lines, style, name, value);
    line("login", &format!("{}{}", account.mode, if account.legacy { ", legacy" } else { "" }));
    let is_oidc = account.mode == Mode::Oidc.name();
    line(if is_oidc { "issuer" } else { "authority" }, account.authority);
    if !is_oidc {
        line("tenant", identity.tenant.as_deref().unwrap_or(account.tenant));
    }
    if let Some(id) = account.account {
        line("account", id);
    }
    line("client", account.client);
    if is_oidc {
        line("scope", account.server);
        line("subject", identity.subject.as_deref().unwrap_or("the token does not say"));
    }
    let audience = identity.audience.as_deref().unwrap_or(account.server);
    line("audience", &format!("{audience}{}", if identity.legacy_audience { " (legacy)" } else { "" }));
    line(
        "token",
        &format!(
            "{}, expires {}{}",
            account.state,
            account.expires,
            match &identity.version {
                Some(version) => format!(", version {version}"),
                None => String::new(),
            }
        ),
    );
    let count = |n: Option<usize>| n.map_or("none".to_owned(), |n| n.to_string());
    if account.identity.is_some() {
        line(
            "groups",
            &if identity.too_many_groups {
                "too many for a token".to_owned()
            } else {
                count(identity.groups)
            },
        );
        if !is_oidc {
            line("roles", &count(identity.roles));
        }
    }
    if let Some(key) = identity.bound_to_key.as_deref().or(account.proof_of_possession_key) {
        line("bound to", &format!("the key {key}"));
    }
    if let Some(remedy) = identity.group_remedy() {
        let label = style.paint(Tone::Advice, "Hint:");
        lines += &format!("  {label} {}\n", style.wrap(&remedy, 8));
    }
    lines
}
