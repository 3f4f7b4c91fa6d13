//! `azd`: the token of the account that is signed in with the Azure Developer CLI.

use super::developer_tool::{Tool, checked_id, object, push};
use super::{Finding, SignIn};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::grant::Server;
use crate::oauth::token::Token;
use crate::sys::child::Output;
use serde_json::Value;

const LOGIN_COMMAND: &str = "azd auth login";

struct Azd<'a>(Tool<'a>);

/// The sign-in that the options describe.
///
/// # Errors
/// An id with characters that are not allowed.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let scope = Server::new(checked_id(options, Id::ServerId)?.unwrap_or_default()).scope();
    let mut arguments: Vec<String> =
        ["auth", "token", "-o", "json", "--no-prompt", "--scope", &scope].map(str::to_owned).into();
    if let Some(tenant) = checked_id(options, Id::TenantId)? {
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
            return Err(Error::new(format!("no account is signed in with {}", self.0.name))
                .hint(format!("sign in with: {LOGIN_COMMAND}")));
        }
        Ok(Finding::Good(format!("{} is installed and signed in", self.0.name)))
    }
}

impl Azd<'_> {
    fn rejection_error(&self, output: &Output) -> Error {
        let Some(Said { text, suggestion }) = Said::read(&output.stderr) else {
            return self.0.rejection_error(output, &output.stderr, LOGIN_COMMAND);
        };
        let error = self.0.rejection_error(output, &text, LOGIN_COMMAND);
        match suggestion {
            Some(suggestion) => error.hint(suggestion),
            None => error,
        }
    }
}

/// What azd says in JSON lines on stderr.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    text: String,
    suggestion: Option<String>,
}

impl Said {
    /// The text of `error`, else the first message with words in it; `None` if there is neither.
    fn read(stderr: &str) -> Option<Self> {
        let lines: Vec<Value> = stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let text_at = |places: &[&str]| {
            let texts = lines.iter().flat_map(|line| places.iter().map(|place| line.pointer(place)));
            let mut words = texts.filter_map(|text| Some(text?.as_str()?.trim()));
            words.find(|text| text.contains(char::is_alphanumeric)).map(str::to_owned)
        };
        let text = text_at(&["/error", "/error/message"]).or_else(|| text_at(&["/data/message"]))?;
        Some(Self { text, suggestion: text_at(&["/suggestion", "/error/suggestion", "/data/suggestion"]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_json_lines() {
        let read = |stderr: &str| Said::read(stderr).map(|said| (said.text, said.suggestion));
        let text =
            |text: &str, suggestion: Option<&str>| Some((text.to_owned(), suggestion.map(str::to_owned)));
        let message = r#"{"type":"consoleMessage","data":{"message":"\n \n"}}
{"type":"consoleMessage","data":{"message":"\nERROR: a\nb\n"}}"#;
        assert_eq!(read(message), text("ERROR: a\nb", None));
        let error = format!("{message}\nwarning\n{}", r#"{"error":"no tenant","suggestion":"pass one"}"#);
        assert_eq!(read(&error), text("no tenant", Some("pass one")));
        for none in
            ["", "ERROR: text", "{}", "[]", "{\"error\":1}", "{\"data\":{\"message\":\"-\"}}", "{\"error"]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
