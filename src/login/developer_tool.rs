//! What `azurecli` and `azd` share: a program that signs users in is run, and prints a token as JSON.
//!
//! These programs have their own caches, so nothing is cached here: a copy would outlive a sign-out.

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::jwt;
use crate::oauth::token::Token;
use crate::secret::Secret;
use crate::sys::child::{self, Output, RunError};
use crate::time::{UnixTime, local_time, parse_rfc3339};
use serde_json::{Map, Value};
use std::time::Duration;

/// A program that signs users in.
pub struct Tool<'a> {
    pub ctx: &'a Context,
    /// Its name in messages.
    pub name: &'static str,
    /// Its name on `PATH`.
    pub program: &'static str,
    pub install_hint: &'static str,
    /// What gets a token.
    pub arguments: Vec<String>,
    /// The token's field in the answer.
    pub token_field: &'static str,
    pub limit: Duration,
}

impl Tool<'_> {
    /// Runs it; a status other than success is left to the caller.
    ///
    /// # Errors
    /// It is not installed, or does not end in time.
    pub fn run(&self, arguments: &[String]) -> Result<Output> {
        self.ctx.log(2, || format!("running {} {}", self.program, arguments.join(" ")));
        child::output(self.ctx, self.program, arguments, self.limit).map_err(|e| self.run_error(e))
    }

    /// The token that it printed.
    ///
    /// # Errors
    /// What it printed holds no token.
    pub fn read(&self, stdout: &[u8]) -> Result<Token> {
        let failed = |why: &str| {
            Error::new(format!("{} printed {why}", self.name)).hint(format!(
                "run '{} {}' to see what it prints; update it if it is old",
                self.program,
                self.arguments.join(" ")
            ))
        };
        let answer = object(stdout).ok_or_else(|| failed("no JSON object"))?;
        let token = answer.get(self.token_field).and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(failed("no access token"));
        }
        let expires_on = self
            .expiry(&answer, token)
            .ok_or_else(|| failed("a token without a time at which it expires"))?;
        Ok(Token::new(Secret::from(token), expires_on))
    }

    /// `expires_on` in seconds; else the token's own `exp`; else `expiresOn`, which old versions of az write in
    /// the machine's local time and azd in RFC 3339.
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

    /// Its refusal, in its own words.
    pub fn rejection_error(&self, output: &Output) -> Error {
        let said = output.stderr.trim();
        let said = if said.is_empty() { "it gave no reason".to_owned() } else { last_words(said) };
        Error::new(format!("{} returned no token: {said}", self.name))
    }

    fn run_error(&self, error: RunError) -> Error {
        let (name, program) = (self.name, self.program);
        match error {
            RunError::NotFound => Error::new(format!("{name} ({program}) is not installed, or not on PATH"))
                .hint(self.install_hint),
            RunError::TimedOut => Error::transient(format!(
                "{name} did not finish within {} s and was stopped",
                self.limit.as_secs_f32()
            ))
            .hint("a longer --timeout (or AZURE_CLI_TIMEOUT) gives it more time"),
            RunError::TooMuch(limit) => {
                Error::new(format!("{name} printed more than {limit} bytes; that is no token"))
            }
            RunError::Io(e) => Error::new(format!("{name} ({program}) could not be run: {e}")),
        }
    }
}

/// Adds a flag with its value.
pub fn push(arguments: &mut Vec<String>, flag: &str, value: &str) {
    arguments.extend([flag.to_owned(), value.to_owned()]);
}

/// The first JSON object of what a program printed, which may say other things around it.
pub fn object(stdout: &[u8]) -> Option<Map<String, Value>> {
    let start = stdout.iter().position(|b| *b == b'{')?;
    serde_json::Deserializer::from_slice(stdout.get(start..)?).into_iter().next()?.ok()
}

/// A setting that is made of an id's characters only, and of those in `also`: anything else must not reach a
/// command line.
///
/// # Errors
/// A character that is not allowed.
pub fn checked<'o>(options: &'o Options, id: Id, also: &str) -> Result<Option<&'o str>> {
    let Some(value) = options.text(id) else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.:/_".contains(c) || also.contains(c);
    if value.starts_with('-') || !value.chars().all(allowed) {
        return Err(Error::new(format!(
            "{} \"{value}\" contains characters that are not allowed in an ID",
            id.dashed()
        )));
    }
    Ok(Some(value))
}

/// The end of what a program said, where the reason stands.
fn last_words(said: &str) -> String {
    const MAX_CHARS: usize = 1000;
    let skip = said.chars().count().saturating_sub(MAX_CHARS);
    said.chars().skip(skip).collect()
}
