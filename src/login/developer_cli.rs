//! `azurecli` and `azd`: the token of whoever is signed in with the Azure CLI or the Azure Developer CLI.
//!
//! They have their own caches, so nothing is cached here: a copy would outlive a sign-out.

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::grant::Server;
use crate::oauth::jwt;
use crate::oauth::token::Token;
use crate::secret::Secret;
use crate::sys::child::{self, Output, RunError};
use crate::sys::lock::{self, Lock};
use crate::time::{UnixTime, local_time, parse_rfc3339};
use crate::waiting::WaitNotice;
use serde_json::{Map, Value};
use std::time::Duration;

/// Between two tries for the lock.
const LOCK_POLL: Duration = Duration::from_millis(50);

const AZD_LOGIN: &str = "sign in with: azd auth login";

/// A program that signs people in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    /// `az`
    AzureCli,
    /// `azd`
    DeveloperCli,
}

/// A sign-in through another program.
pub struct DeveloperCli<'a> {
    ctx: &'a Context,
    tool: Tool,
    /// What gets a token.
    arguments: Vec<String>,
    /// What tells who is signed in.
    status: Vec<String>,
    tenant: Option<&'a str>,
    limit: Duration,
}

impl<'a> DeveloperCli<'a> {
    /// Takes what `azurecli` needs.
    ///
    /// # Errors
    /// An id with characters that no id has.
    pub fn azure_cli(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let server = Server::new(checked(options, Id::ServerId, "")?.unwrap_or_default());
        let mut arguments: Vec<String> =
            ["account", "get-access-token", "-o", "json", "--resource", server.resource()]
                .map(str::to_owned)
                .into();
        let mut status: Vec<String> = ["account", "show", "-o", "json"].map(str::to_owned).into();
        let tenant = checked(options, Id::TenantId, "")?;
        // A subscription may go by its name, which may have spaces.
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
        let limit = options.duration(Id::Timeout);
        Ok(Self { ctx, tool: Tool::AzureCli, arguments, status, tenant, limit })
    }

    /// Takes what `azd` needs.
    ///
    /// # Errors
    /// An id with characters that no id has.
    pub fn azd(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let scope = Server::new(checked(options, Id::ServerId, "")?.unwrap_or_default()).scope();
        let mut arguments: Vec<String> =
            ["auth", "token", "-o", "json", "--scope", &scope].map(str::to_owned).into();
        let tenant = checked(options, Id::TenantId, "")?;
        if let Some(tenant) = tenant {
            push(&mut arguments, "--tenant-id", tenant);
        }
        let status = ["auth", "login", "--check-status", "--output", "json"].map(str::to_owned).into();
        let limit = options.duration(Id::Timeout);
        Ok(Self { ctx, tool: Tool::DeveloperCli, arguments, status, tenant, limit })
    }

    /// Asks the program who is signed in, but for no token.
    ///
    /// # Errors
    /// It is not installed, or nobody is signed in.
    pub fn status(&self) -> Result<String> {
        let output = child::output(self.ctx, self.tool.program(), &self.status, self.limit)
            .map_err(|failure| self.not_run(failure))?;
        if !output.status.success() {
            return Err(self.refused(&output));
        }
        let name = self.tool.name();
        let account = object(&output.stdout).unwrap_or_default();
        let text = |field: &str| account.get(field).and_then(Value::as_str);
        // azd ends well whether anybody is signed in or not.
        if self.tool == Tool::DeveloperCli && text("status") != Some("success") {
            return Err(Error::new(format!("nobody is signed in with {name}")).hint(AZD_LOGIN));
        }
        let user = account.get("user").and_then(|user| user.get("name")?.as_str());
        let (Some(user), Some(tenant)) = (user, text("tenantId")) else {
            return Ok(format!("{name} is there and signed in"));
        };
        let other = self.tenant.filter(|given| !given.eq_ignore_ascii_case(tenant));
        let other = other.map_or(String::new(), |given| format!("; --tenant-id names {given}"));
        Ok(format!("{name} is signed in as {user} in tenant {tenant}{other}"))
    }

    /// Asks the program.
    ///
    /// # Errors
    /// It is not installed, nobody is signed in, it does not end in time, or what it prints is no token.
    pub fn acquire(&self) -> Result<Token> {
        let _lock = match self.tool {
            Tool::AzureCli => self.wait_for_others()?,
            Tool::DeveloperCli => None,
        };
        self.ctx.log(2, || format!("running {} {}", self.tool.program(), self.arguments.join(" ")));
        let output = child::output(self.ctx, self.tool.program(), &self.arguments, self.limit)
            .map_err(|failure| self.not_run(failure))?;
        if !output.status.success() {
            return Err(self.refused(&output));
        }
        self.read(&output.stdout)
    }

    /// Calls of `az` on one config folder overwrite each other's tokens; so they take turns.
    fn wait_for_others(&self) -> Result<Option<Lock>> {
        let folder =
            self.ctx.env.path("AZURE_CONFIG_DIR").or_else(|| self.ctx.home().map(|home| home.join(".azure")));
        let Some(path) = folder.filter(|folder| folder.is_dir()).map(|folder| folder.join("kubelogin.lock"))
        else {
            return Ok(None);
        };
        // Whoever holds it ends within its own limit; the next ones take theirs.
        let deadline = self.ctx.clock.monotonic().saturating_add(self.limit.saturating_mul(2));
        let mut waiting = WaitNotice::new(self.ctx);
        loop {
            waiting.tick(|| "another kubelogin that is running the Azure CLI".to_owned());
            match lock::try_lock(&path) {
                Ok(Some(lock)) => return Ok(Some(lock)),
                Ok(None) if self.ctx.clock.monotonic() >= deadline => return Err(still_locked(&path)),
                Ok(None) => self.ctx.clock.sleep(LOCK_POLL),
                Err(e) => {
                    self.ctx.log(1, || format!("no lock on {}: {e}", path.display()));
                    return Ok(None);
                }
            }
        }
    }

    fn read(&self, stdout: &[u8]) -> Result<Token> {
        let name = self.tool.name();
        let failed = |why: &str| {
            Error::new(format!("{name} printed {why}")).hint(format!(
                "run '{} {}' to see what it prints; update it if it is old",
                self.tool.program(),
                self.arguments.join(" ")
            ))
        };
        let answer = object(stdout).ok_or_else(|| failed("no JSON object"))?;
        let field = match self.tool {
            Tool::AzureCli => "accessToken",
            Tool::DeveloperCli => "token",
        };
        let token = answer.get(field).and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(failed("no access token"));
        }
        let expires_on = self
            .expiry(&answer, token)
            .ok_or_else(|| failed("a token without a time at which it expires"))?;
        Ok(Token { access_token: Secret::from(token), expires_on, refresh_token: None })
    }

    /// `expires_on` in seconds; else the token's own `exp`; else `expiresOn`, which old versions of az
    /// write in the machine's local time and azd in RFC 3339.
    fn expiry(&self, answer: &Map<String, Value>, token: &str) -> Option<UnixTime> {
        let seconds = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        let text = answer.get("expiresOn").and_then(Value::as_str);
        answer
            .get("expires_on")
            .and_then(seconds)
            .or_else(|| text.and_then(parse_rfc3339))
            .or_else(|| jwt::claims(token)?.get("exp").and_then(seconds))
            .or_else(|| text.and_then(|text| local_time(text, self.ctx.env.text("TZ"))))
    }

    fn not_run(&self, failure: RunError) -> Error {
        let (name, program) = (self.tool.name(), self.tool.program());
        match failure {
            RunError::NotFound => Error::new(format!("{name} ({program}) is not installed, or not on PATH"))
                .hint(self.tool.install_hint()),
            RunError::TimedOut => Error::transient(format!(
                "{name} did not finish within {} s and was ended",
                self.limit.as_secs_f32()
            ))
            .hint("a longer --timeout (or AZURE_CLI_TIMEOUT) gives it more time"),
            RunError::TooMuch(limit) => {
                Error::new(format!("{name} printed more than {limit} bytes; that is no token"))
            }
            RunError::Io(e) => Error::new(format!("{name} ({program}) could not be run: {e}")),
        }
    }

    fn refused(&self, output: &Output) -> Error {
        let said = output.stderr.trim();
        let lower = said.to_ascii_lowercase();
        let name = self.tool.name();
        let said = if said.is_empty() { "it gave no reason".to_owned() } else { last_words(said) };
        let error = Error::new(format!("{name} has no token: {said}"));
        match self.tool {
            Tool::AzureCli if lower.contains("az login") => error.hint("sign in with: az login"),
            Tool::AzureCli if is_missing_subscription(&lower) => {
                error.hint("see which subscriptions there are with: az account list")
            }
            Tool::DeveloperCli if lower.contains("azd auth login") => error.hint(AZD_LOGIN),
            _ => error,
        }
    }
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::AzureCli => "the Azure CLI",
            Self::DeveloperCli => "the Azure Developer CLI",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::AzureCli if cfg!(windows) => "az.cmd",
            Self::AzureCli => "az",
            Self::DeveloperCli => "azd",
        }
    }

    fn install_hint(self) -> &'static str {
        match self {
            Self::AzureCli => "install it (https://aka.ms/azure-cli), or use another --login",
            Self::DeveloperCli => "install it (https://aka.ms/azd), or use another --login",
        }
    }
}

fn still_locked(path: &std::path::Path) -> Error {
    let holder = lock::note(path).map_or(String::new(), |note| format!(" ({note})"));
    Error::transient(format!("another kubelogin{holder} has been running the Azure CLI for too long"))
        .hint(format!("end it, or wait; the lock is {}", path.display()))
}

fn push(arguments: &mut Vec<String>, flag: &str, value: &str) {
    arguments.extend([flag.to_owned(), value.to_owned()]);
}

/// The first JSON object of what a program printed, which may say other things around it.
fn object(stdout: &[u8]) -> Option<Map<String, Value>> {
    let start = stdout.iter().position(|b| *b == b'{')?;
    serde_json::Deserializer::from_slice(stdout.get(start..)?).into_iter().next()?.ok()
}

/// Whether az says, in one of its ways, that it knows no such subscription. `said` is in lower case.
fn is_missing_subscription(said: &str) -> bool {
    said.contains("no subscription")
        || said.contains("subscription") && (said.contains("not found") || said.contains("doesn't exist"))
}

/// A setting that is made of an id's characters only: anything else must not reach a command line.
fn checked<'o>(options: &'o Options, id: Id, also: &str) -> Result<Option<&'o str>> {
    let Some(value) = options.text(id) else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.:/_".contains(c) || also.contains(c);
    if value.starts_with('-') || !value.chars().all(allowed) {
        return Err(Error::new(format!("{} \"{value}\" has characters that no id has", id.dashed())));
    }
    Ok(Some(value))
}

/// The end of what a program said, where the reason stands.
fn last_words(said: &str) -> String {
    const MAX_CHARS: usize = 1000;
    let skip = said.chars().count().saturating_sub(MAX_CHARS);
    said.chars().skip(skip).collect()
}
