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
use crate::sys::programs;
use crate::time::{UnixTime, local_time, parse_rfc3339};
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

/// How many braces that begin no object may stand before one that does.
const MAX_BRACES: u32 = 1000;

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
        let Some(path) = programs::find_installed(&self.ctx.env, self.program) else {
            return Err(Error::new(format!(
                "{} ({}) is not installed, or not on PATH",
                self.name, self.program
            ))
            .hint(self.install_hint));
        };
        self.ctx.log(2, || format!("running {} {}", path.display(), arguments.join(" ")));
        child::output(self.ctx, &path, arguments, self.limit).map_err(|e| self.run_error(e, &path))
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
        let answer = objects(stdout).find(|answer| answer.contains_key(self.token_field));
        let answer = answer.or_else(|| object(stdout)).ok_or_else(|| failed("no JSON object"))?;
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

    /// Its refusal, in its own words. `line` is one that begins with a command to sign in, `command`, with what it
    /// needs here: the best hint.
    pub fn rejection_error(&self, output: &Output, said: &str, command: &str) -> Error {
        if said.trim().is_empty() {
            return self.silent_error(output.status);
        }
        let error = Error::new(format!("{} returned no token", self.name)).quoting(said);
        let is_command = |line: &&str| line.strip_prefix(command).is_some_and(|rest| rest.starts_with(' '));
        match said.lines().map(str::trim).find(is_command) {
            Some(line) => error.hint(format!("sign in with: {line}")),
            None if said.to_ascii_lowercase().contains(command) => {
                error.hint(format!("sign in with: {command}"))
            }
            None => error,
        }
    }

    fn silent_error(&self, status: ExitStatus) -> Error {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            let error = Error::new(format!("{} was killed by signal {signal}", self.name));
            return match signal {
                9 => error.hint("the system may have run out of memory: try again when it has more"),
                _ => error.hint(self.try_hint("to see whether it works")),
            };
        }
        let status = status.code().unwrap_or_default();
        let error = Error::new(format!("{} ended with status {status} and gave no reason", self.name));
        match status {
            // What a shell says of a program that is not there or cannot be run.
            126 | 127 => error.hint(format!(
                "the script {} cannot run its own program: {}",
                self.program,
                self.reinstall_hint()
            )),
            _ => error.hint(self.try_hint("to see why")),
        }
    }

    fn try_hint(&self, purpose: &str) -> String {
        format!("run '{} {}' {purpose}", self.program, self.arguments.join(" "))
    }

    fn reinstall_hint(&self) -> String {
        self.install_hint.replacen("install it", "reinstall it", 1)
    }

    fn run_error(&self, error: RunError, path: &Path) -> Error {
        let (name, path) = (self.name, path.display());
        match error {
            RunError::NoInterpreter(interpreter) => {
                let missing = match interpreter.as_str() {
                    "" => "the program that loads it is missing".to_owned(),
                    interpreter => format!("its interpreter {interpreter} is missing"),
                };
                Error::new(format!("{name} ({path}) could not be run: {missing}")).hint(self.reinstall_hint())
            }
            RunError::TimedOut => Error::transient(format!(
                "{name} did not finish within {} s and was stopped",
                self.limit.as_secs_f32()
            ))
            .hint("a longer --timeout (or AZURE_CLI_TIMEOUT) gives it more time"),
            RunError::TooMuch(limit) => {
                Error::new(format!("{name} printed more than {limit} bytes; that is no token"))
            }
            RunError::Io(e) => {
                let error = Error::new(format!("{name} ({path}) could not be run: {e}"));
                match e.kind() {
                    // EAGAIN of fork and clone.
                    ErrorKind::WouldBlock => {
                        error.hint("no more processes or threads are allowed: raise ulimit -u or the container's pids limit")
                    }
                    ErrorKind::PermissionDenied => error.hint(format!("make {path} a program that you may run")),
                    _ => error,
                }
            }
        }
    }
}

/// Adds a flag with its value.
pub fn push(arguments: &mut Vec<String>, flag: &str, value: &str) {
    arguments.extend([flag.to_owned(), value.to_owned()]);
}

/// The first JSON object of what a program printed, which may say other things around it.
pub fn object(stdout: &[u8]) -> Option<Map<String, Value>> {
    objects(stdout).next()
}

/// The JSON objects in what a program printed, none within another.
fn objects(stdout: &[u8]) -> impl Iterator<Item = Map<String, Value>> {
    let mut rest = stdout;
    let next = move || {
        for _ in 0..MAX_BRACES {
            let start = rest.iter().position(|b| *b == b'{')?;
            let text = rest.get(start..)?;
            let mut reader = serde_json::Deserializer::from_slice(text).into_iter();
            let object = reader.next()?;
            let length = if object.is_ok() { reader.byte_offset() } else { 1 };
            rest = text.get(length..)?;
            if let Ok(object) = object {
                return Some(object);
            }
        }
        None
    };
    std::iter::from_fn(next)
}

/// A setting that is made of an id's characters only: anything else must not reach a command line.
///
/// # Errors
/// A character that is not allowed.
pub fn checked_id(options: &Options, id: Id) -> Result<Option<&str>> {
    checked(options, id, is_of_an_id)
}

/// A setting that may be a name, of any text: no shell reads it but Windows', which runs `az.cmd`.
///
/// # Errors
/// A character that is not allowed, or a text that would pass for a flag.
pub fn checked_name(options: &Options, id: Id) -> Result<Option<&str>> {
    let allowed = |c: char| if cfg!(windows) { is_of_an_id(c) || c == ' ' } else { !c.is_control() };
    checked(options, id, allowed)
}

fn is_of_an_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-.:/_".contains(c)
}

fn checked(options: &Options, id: Id, is_allowed: fn(char) -> bool) -> Result<Option<&str>> {
    let Some(value) = options.text(id) else {
        return Ok(None);
    };
    if value.starts_with('-') || !value.chars().all(is_allowed) {
        return Err(Error::new(format!(
            "{} \"{value}\" contains characters that are not allowed in an ID",
            id.dashed()
        )));
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_object_counts_whatever_stands_around_it() {
        let first = |text: &str| object(text.as_bytes()).map(|object| Value::from(object).to_string());
        for text in [
            r#"{"a":1}"#,
            r#"WARNING: {x} and [{ are not JSON {"a":1} {"b":2}"#,
            "\u{feff}{{\"a\":1}}",
            r#"[{"a":1}]"#,
        ] {
            assert_eq!(first(text).as_deref(), Some(r#"{"a":1}"#), "{text}");
        }
        for text in ["", "{", "[]", "\"{\"", r#"{"a":"#, "null"] {
            assert_eq!(first(text), None, "{text}");
        }
        let all: Vec<_> = objects(br#"{"a":{"b":1}} {} x {"c":2}"#).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(first(&"{".repeat(1 << 20)), None);
        assert_eq!(first(&r#"{"a":["#.repeat(100_000)), None);
    }
}
