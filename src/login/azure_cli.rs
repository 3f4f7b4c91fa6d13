//! `azurecli`: the token of the account that is signed in with the Azure CLI.
//!
//! ```text
//! --force-refresh, --token-cache none -> run az
//! az's store has the token            -> return it
//!   it may appear there -> wait for the process that runs az with this question -> look again
//!                                    -> there: return it
//!                       -> run az
//!   it never can        -> run az, beside other processes
//! ```
//! Waiting is never an error: after the time that one az may take, each process goes on alone.

use super::az_store::AzStore;
use super::developer_tool::{Tool, checked_id, checked_name, object, push};
use super::{Finding, SignIn};
use crate::cache::{Key, LOCK_SUFFIX, Policy, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::az_store::{Account, Outlook, RunAz};
use crate::oauth::grant::Server;
use crate::oauth::token::Token;
use crate::sys::child::Output;
use crate::sys::lock::{self, Lock};
use crate::sys::private;
use crate::time::rfc3339;
use crate::waiting::WaitNotice;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Between two tries for the lock.
const LOCK_POLL: Duration = Duration::from_millis(50);
/// How often a store that is being written is read before az is run instead.
const MAX_LOOKS: u32 = 5;
/// About as long as az writes its store.
const WRITE_TIME: Duration = Duration::from_millis(20);

struct AzureCli<'a> {
    tool: Tool<'a>,
    /// What tells who is signed in.
    status: Vec<String>,
    store: AzStore<'a>,
    /// The setting for which az is run whatever its store has.
    always_run: Option<&'static str>,
    /// The cache folder, where the locks are.
    lock_folder: Option<PathBuf>,
}

/// The sign-in that the options describe.
///
/// # Errors
/// An id with characters that are not allowed.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let server = Server::new(checked_id(options, Id::ServerId)?.unwrap_or_default());
    let mut arguments: Vec<String> =
        ["account", "get-access-token", "-o", "json", "--resource", server.resource()]
            .map(str::to_owned)
            .into();
    let mut status: Vec<String> = ["account", "show", "-o", "json"].map(str::to_owned).into();
    let tenant = checked_id(options, Id::TenantId)?;
    let subscription = checked_name(options, Id::Subscription)?;
    match (subscription, tenant) {
        (Some(subscription), tenant) => {
            push(&mut arguments, "--subscription", subscription);
            push(&mut status, "--subscription", subscription);
            if let Some(tenant) = tenant {
                // az refuses both together.
                ctx.log(1, || format!("the tenant {tenant} is left out: the subscription decides it"));
            }
        }
        (None, Some(tenant)) => push(&mut arguments, "--tenant", tenant),
        (None, None) => {}
    }
    let tool = Tool {
        ctx,
        name: "the Azure CLI",
        program: if cfg!(windows) { "az.cmd" } else { "az" },
        install_hint: "install it (https://aka.ms/azure-cli), or use another --login",
        arguments,
        token_field: "accessToken",
        limit: options.duration(Id::Timeout),
    };
    let always_run = if options.is_on(Id::ForceRefresh) {
        Some("--force-refresh is set")
    } else {
        (Policy::named(options.text(Id::TokenCache)) == Policy::None).then_some("--token-cache is none")
    };
    let store = AzStore { ctx, resource: server.resource().to_owned(), tenant, subscription };
    Ok(Box::new(AzureCli { tool, status, store, always_run, lock_folder: options.cache_dir(ctx).ok() }))
}

/// Whose turn it is to run az.
enum Turn {
    /// This process's, while it holds the lock.
    Mine(#[expect(dead_code, reason = "dropping it lets the others look into the store")] Lock),
    /// None in particular's: az is run beside other processes.
    Alone,
    /// No az is needed.
    Answered(Token),
}

impl SignIn for AzureCli<'_> {
    fn acquire(&self) -> Result<Token> {
        let ctx = self.tool.ctx;
        let stored = match self.always_run {
            Some(reason) => Err(RunAz::never(reason)),
            None => self.stored_token(),
        };
        let run = match stored {
            Ok(token) => {
                ctx.log(1, || "using the token of the Azure CLI's own store; az is not run".to_owned());
                return Ok(token);
            }
            Err(run) => run,
        };
        ctx.log(1, || format!("az is run: {}", run.reason));
        let turn = match run.outlook {
            Outlook::Never => Turn::Alone,
            Outlook::AfterAz | Outlook::Soon => self.take_turn(),
        };
        if let Turn::Answered(token) = turn {
            ctx.log(1, || "using the token that another process has just got from the Azure CLI".to_owned());
            return Ok(token);
        }
        let output = self.tool.run(&self.tool.arguments)?;
        if !output.status.success() {
            return Err(self.rejection_error(&output));
        }
        self.tool.read(&output.stdout)
    }

    fn check(&self) -> Result<Finding> {
        let output = self.tool.run(&self.status)?;
        if !output.status.success() {
            return Err(self.rejection_error(&output));
        }
        let name = self.tool.name;
        let plain = match self.store.check_plain() {
            Ok(()) => "az keeps its tokens in plain form: yes".to_owned(),
            Err(run) => format!("az keeps its tokens in plain form: no ({})", run.reason),
        };
        let account = object(&output.stdout).unwrap_or_default();
        let user = account.get("user").and_then(|user| user.get("name")?.as_str());
        let tenant = account.get("tenantId").and_then(Value::as_str);
        let (Some(user), Some(tenant)) = (user, tenant) else {
            return Ok(Finding::Good(format!("{name} is installed and signed in; {plain}")));
        };
        let other = self.store.tenant.filter(|given| !given.eq_ignore_ascii_case(tenant));
        let other = other.map_or(String::new(), |given| format!("; --tenant-id names {given}"));
        Ok(Finding::Good(format!("{name} is signed in as {user} in tenant {tenant}{other}; {plain}")))
    }

    fn tool_account(&self) -> Option<Result<Account>> {
        Some(self.store.account().map_err(|run| {
            Error::new(format!("cannot tell which account the Azure CLI uses: {}", run.reason))
                .hint("ask the Azure CLI itself with: az account show")
        }))
    }
}

impl AzureCli<'_> {
    /// The token of az's store. While az writes it in place, a look may see a half file: it is worth a few more.
    fn stored_token(&self) -> std::result::Result<Token, RunAz> {
        let mut looks = 1;
        loop {
            match self.store.token() {
                Err(run) if run.outlook == Outlook::Soon && looks < MAX_LOOKS => {
                    looks += 1;
                    self.tool.ctx.clock.sleep(WRITE_TIME);
                }
                answer => return answer,
            }
        }
    }

    /// Waits while another process runs az with the same question, then looks into the store again.
    fn take_turn(&self) -> Turn {
        let ctx = self.tool.ctx;
        let Some(path) = self.lock_path() else { return Turn::Alone };
        let deadline = ctx.clock.monotonic().saturating_add(self.tool.limit);
        let mut notice = WaitNotice::new(ctx);
        let mut has_waited = false;
        loop {
            match lock::try_lock(&path) {
                Ok(Some(mut lock)) => {
                    // Also without a wait: the process before may have ended since the store was read.
                    if let Ok(token) = self.stored_token() {
                        return Turn::Answered(token);
                    }
                    // That az did not help: the ones after it would wait in vain.
                    if has_waited {
                        return Turn::Alone;
                    }
                    lock.note(&format!("process {} (since {})\n", std::process::id(), rfc3339(ctx.now())));
                    return Turn::Mine(lock);
                }
                Ok(None) if ctx.clock.monotonic() >= deadline => return Turn::Alone,
                Ok(None) => {
                    has_waited = true;
                    ctx.clock.sleep(LOCK_POLL);
                    notice.tick(|| {
                        let holder = lock::note(&path).unwrap_or_else(|| "another process".to_owned());
                        format!("{holder} that is running the Azure CLI")
                    });
                }
                Err(e) => {
                    ctx.log(1, || format!("no lock on {}: {e}", path.display()));
                    return Turn::Alone;
                }
            }
        }
    }

    /// The lock of this question, a file of the cache folder that is named as the locks of cached tokens are.
    fn lock_path(&self) -> Option<PathBuf> {
        let folder = self.lock_folder.as_ref()?;
        private::create_folder(folder)
            .inspect_err(|e| self.tool.ctx.log(1, || format!("no folder {}: {e}", folder.display())))
            .ok()?;
        let parts = self
            .store
            .identity()
            .map(|part| [&[u8::from(part.is_some())], part.unwrap_or_default()].concat());
        let key = Key {
            mode: "azurecli".to_owned(),
            server: self.store.resource.clone(),
            credential: Some(fingerprint(&parts.each_ref().map(Vec::as_slice))),
            ..Key::default()
        };
        Some(folder.join(key.file_name() + LOCK_SUFFIX))
    }

    fn rejection_error(&self, output: &Output) -> Error {
        let error = self.tool.rejection_error(output, &output.stderr, "az login");
        match is_missing_subscription(&output.stderr.to_ascii_lowercase()) {
            true => error.or_hint("list the subscriptions with: az account list"),
            false => error,
        }
    }
}

/// Whether az says, in one of its ways, that it knows no such subscription. `said` is in lower case.
fn is_missing_subscription(said: &str) -> bool {
    said.contains("no subscription")
        || said.contains("subscription") && (said.contains("not found") || said.contains("doesn't exist"))
}
