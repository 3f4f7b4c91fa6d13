//! `azd`: the token of the account that is signed in with the Azure Developer CLI.

use super::developer_tool::{Tool, checked, object, push};
use super::{Finding, SignIn};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::grant::Server;
use crate::oauth::token::Token;
use crate::sys::child::Output;
use serde_json::Value;

const LOGIN: &str = "sign in with: azd auth login";

struct Azd<'a>(Tool<'a>);

/// The sign-in that the options describe.
///
/// # Errors
/// An id with characters that are not allowed.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let scope = Server::new(checked(options, Id::ServerId, "")?.unwrap_or_default()).scope();
    let mut arguments: Vec<String> =
        ["auth", "token", "-o", "json", "--no-prompt", "--scope", &scope].map(str::to_owned).into();
    if let Some(tenant) = checked(options, Id::TenantId, "")? {
        push(&mut arguments, "--tenant-id", tenant);
    }
    Ok(Box::new(Azd(Tool {
        ctx,
        name: "the Azure Developer CLI",
        program: "azd",
        install_hint: "install it (https://aka.ms/azd), or use another --login",
        arguments,
        token_field: "token",
        limit: options.duration(Id::Timeout),
    })))
}

impl SignIn for Azd<'_> {
    fn acquire(&self) -> Result<Token> {
        let output = self.0.run(&self.0.arguments)?;
        if !output.status.success() {
            return Err(self.rejection_error(&output));
        }
        self.0.read(&output.stdout)
    }

    fn check(&self) -> Result<Finding> {
        let status = ["auth", "login", "--check-status", "--output", "json"].map(str::to_owned);
        let output = self.0.run(&status)?;
        if !output.status.success() {
            return Err(self.rejection_error(&output));
        }
        let account = object(&output.stdout).unwrap_or_default();
        // Its exit status is that of success whether or not an account is signed in.
        if account.get("status").and_then(Value::as_str) != Some("success") {
            return Err(Error::new(format!("no account is signed in with {}", self.0.name)).hint(LOGIN));
        }
        Ok(Finding::Good(format!("{} is installed and signed in", self.0.name)))
    }
}

impl Azd<'_> {
    fn rejection_error(&self, output: &Output) -> Error {
        let error = self.0.rejection_error(output);
        match output.stderr.to_ascii_lowercase().contains("azd auth login") {
            true => error.hint(LOGIN),
            false => error,
        }
    }
}
