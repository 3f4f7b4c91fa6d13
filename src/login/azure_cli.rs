//! `azurecli`: the token of the account that is signed in with the Azure CLI.

use super::developer_tool::{Tool, checked, object, push};
use super::{Finding, SignIn};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::grant::Server;
use crate::oauth::token::Token;
use crate::sys::child::Output;
use crate::sys::lock::{self, Lock};
use crate::sys::paths;
use crate::waiting::WaitNotice;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Between two tries for the lock.
const LOCK_POLL: Duration = Duration::from_millis(50);

struct AzureCli<'a> {
    tool: Tool<'a>,
    /// What tells who is signed in.
    status: Vec<String>,
    tenant: Option<&'a str>,
}

/// The sign-in that the options describe.
///
/// # Errors
/// An id with characters that are not allowed.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let server = Server::new(checked(options, Id::ServerId, "")?.unwrap_or_default());
    let mut arguments: Vec<String> =
        ["account", "get-access-token", "-o", "json", "--resource", server.resource()]
            .map(str::to_owned)
            .into();
    let mut status: Vec<String> = ["account", "show", "-o", "json"].map(str::to_owned).into();
    let tenant = checked(options, Id::TenantId, "")?;
    // A subscription may be named by its name, which may have spaces.
    match (checked(options, Id::Subscription, " ")?, tenant) {
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
    Ok(Box::new(AzureCli { tool, status, tenant }))
}

impl SignIn for AzureCli<'_> {
    fn acquire(&self) -> Result<Token> {
        let _lock = self.wait_for_others()?;
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
        let account = object(&output.stdout).unwrap_or_default();
        let user = account.get("user").and_then(|user| user.get("name")?.as_str());
        let tenant = account.get("tenantId").and_then(Value::as_str);
        let (Some(user), Some(tenant)) = (user, tenant) else {
            return Ok(Finding::Good(format!("{name} is installed and signed in")));
        };
        let other = self.tenant.filter(|given| !given.eq_ignore_ascii_case(tenant));
        let other = other.map_or(String::new(), |given| format!("; --tenant-id names {given}"));
        Ok(Finding::Good(format!("{name} is signed in as {user} in tenant {tenant}{other}")))
    }
}

impl AzureCli<'_> {
    /// Calls of `az` on one config folder overwrite each other's tokens; so they take turns.
    fn wait_for_others(&self) -> Result<Option<Lock>> {
        let ctx = self.tool.ctx;
        let folder = ctx.env.path("AZURE_CONFIG_DIR").or_else(|| ctx.home().map(|home| home.join(".azure")));
        let Some(path) =
            folder.filter(|folder| paths::is_folder(folder)).map(|folder| folder.join("kubelogin.lock"))
        else {
            return Ok(None);
        };
        // The lock holder ends within its own limit; the next ones take theirs.
        let deadline = ctx.clock.monotonic().saturating_add(self.tool.limit.saturating_mul(2));
        let mut waiting = WaitNotice::new(ctx);
        loop {
            waiting.tick(|| "another kubelogin that is running the Azure CLI".to_owned());
            match lock::try_lock(&path) {
                Ok(Some(lock)) => return Ok(Some(lock)),
                Ok(None) if ctx.clock.monotonic() >= deadline => return Err(still_locked(&path)),
                Ok(None) => ctx.clock.sleep(LOCK_POLL),
                Err(e) => {
                    ctx.log(1, || format!("no lock on {}: {e}", path.display()));
                    return Ok(None);
                }
            }
        }
    }

    fn rejection_error(&self, output: &Output) -> Error {
        let error = self.tool.rejection_error(output);
        let said = output.stderr.to_ascii_lowercase();
        if said.contains("az login") {
            return error.hint("sign in with: az login");
        }
        match is_missing_subscription(&said) {
            true => error.hint("list the subscriptions with: az account list"),
            false => error,
        }
    }
}

fn still_locked(path: &Path) -> Error {
    let holder = lock::note(path).map_or(String::new(), |note| format!(" ({note})"));
    Error::transient(format!("another kubelogin{holder} has been running the Azure CLI for too long"))
        .hint(format!("end it, or wait; the lock is {}", path.display()))
}

/// Whether az says, in one of its ways, that it knows no such subscription. `said` is in lower case.
fn is_missing_subscription(said: &str) -> bool {
    said.contains("no subscription")
        || said.contains("subscription") && (said.contains("not found") || said.contains("doesn't exist"))
}
