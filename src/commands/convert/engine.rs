//! From an old user entry and the options to the new entry, by the rules.

use super::rules::CARRIED_IN_EVERY_MODE;
use crate::cli::flags::{FLAGS, Id};
use crate::cli::options::Options;
use crate::cli::parse::{ParsedArgs, parse_old_args};
use crate::error::{Error, Result};
use crate::kubeconfig::entry::{API_VERSION, KEPT_API_VERSIONS, exec_args};
use crate::kubeconfig::value::{Scalar, Value};
use crate::login::modes;
use crate::login::rules::ArgSource::{self, FlagOnly, FlagOnlyUnless, FlagOrOldEntry, Required};
use crate::login::rules::Rule;
use crate::mode::Mode;
use std::ffi::OsStr;
use std::path::Path;

const INSTALL_HINT: &str = "\nkubelogin is not installed which is required to connect to AAD enabled cluster.\n\nTo learn more, please go to https://azure.github.io/kubelogin/\n";

/// An entry's conversion.
pub struct Conversion<'a> {
    options: &'a Options,
    provider: Option<&'a Value>,
    old: ParsedArgs,
}

/// The new entry and what is to be said about it.
pub struct Converted {
    /// The new value of `user`.
    pub user: Value,
    /// Flags of the old entry that nobody knows, or whose value is of the wrong type.
    pub dropped: Vec<String>,
    /// The secrets among the new arguments.
    pub secrets: Vec<Id>,
}

/// The secrets that conversion writes when they are typed, and the variable to use instead of each.
pub fn secrets() -> impl Iterator<Item = (Id, &'static str)> {
    FLAGS.iter().filter(|flag| flag.secret).filter_map(|flag| Some((flag.id, flag.env.first()?.name)))
}

/// Converts one entry.
///
/// # Errors
/// A required argument that neither flag nor old entry has, half of the PoP pair, old arguments that
/// cannot be read.
pub fn convert(options: &Options, user: &Value) -> Result<Converted> {
    // Of one of the two the program would not know whether it was meant to go or to stay.
    if let Some(key) = user.duplicate_key() {
        return Err(Error::new(format!("the key \"{key}\" stands twice in one place")));
    }
    let (old, unknown) = parse_old_args(&exec_args(user)).map_err(|e| e.context("its old arguments"))?;
    let provider =
        user.get("auth-provider").filter(|p| p.get("name").and_then(Value::as_text) == Some("azure"));
    let conversion = Conversion { options, provider, old };
    let args = conversion.arguments()?;
    let secrets = secrets().map(|(id, _)| id).filter(|id| args.contains(&id.dashed())).collect();
    Ok(Converted {
        secrets,
        user: conversion.entry(user, args),
        dropped: unknown.iter().map(|e| e.message().to_owned()).collect(),
    })
}

impl Conversion<'_> {
    fn arguments(&self) -> Result<Vec<String>> {
        let mode = self.options.login();
        let server = self.value(Id::ServerId)?.ok_or_else(|| missing(Id::ServerId))?;
        let mut args = vec!["get-token".to_owned()];
        push(&mut args, Id::Login, mode.name());
        push(&mut args, Id::ServerId, &server);
        if let Some(folder) = self.cache_folder()? {
            push(&mut args, Id::CacheDir, &folder);
        }
        let row = modes::row(mode);
        let rules = row.rules;
        self.check_pop_pair(rules)?;
        for (id, source) in rules {
            self.append(&mut args, *id, *source)?;
        }
        let in_table = |id: Id| rules.iter().any(|(rule, _)| *rule == id);
        for id in CARRIED_IN_EVERY_MODE.iter().copied().filter(|id| !in_table(*id)) {
            if id != Id::AuthorityHost || row.asks_authority {
                self.append(&mut args, id, FlagOrOldEntry)?;
            }
        }
        Ok(args)
    }

    fn append(&self, args: &mut Vec<String>, id: Id, source: ArgSource) -> Result<()> {
        if let FlagOnlyUnless(other) = source
            && self.explicit(other)?.is_some()
        {
            return Ok(());
        }
        if id.flag().repeatable {
            let given: Vec<&OsStr> = self.options.args().all(id).collect();
            let values = if given.is_empty() { self.old.all(id).collect() } else { given };
            for value in values {
                push(args, id, text(id, value)?);
            }
            return Ok(());
        }
        if !id.flag().takes_value() {
            if self.is_on(id, source) {
                args.push(id.dashed());
            }
            return Ok(());
        }
        let value = match source {
            Required | FlagOrOldEntry => self.value(id)?,
            FlagOnly | FlagOnlyUnless(_) => self.explicit(id)?,
        };
        match value {
            Some(value) => push(args, id, &value),
            None if source == Required => return Err(missing(id)),
            None => {}
        }
        Ok(())
    }

    /// The flag's value, else the auth-provider's, else the old argument's.
    fn value(&self, id: Id) -> Result<Option<String>> {
        if let Some(value) = self.explicit(id)? {
            return Ok(Some(value));
        }
        // Without its other half the old one has nothing to say.
        if id == Id::PopClaims && !self.is_on(Id::PopEnabled, FlagOrOldEntry) && self.is_given(Id::PopEnabled)
        {
            return Ok(None);
        }
        let key = match id {
            Id::Environment => "environment",
            Id::TenantId => "tenant-id",
            Id::ClientId => "client-id",
            Id::ServerId => "apiserver-id",
            _ => "",
        };
        if let Some(value) = self.provider_config(key) {
            return Ok(Some(value.to_owned()));
        }
        match self.old.last(id).filter(|value| !value.is_empty()) {
            Some(value) => text(id, value).map(|value| Some(value.to_owned())),
            None => Ok(None),
        }
    }

    /// The flag's value if it was given: what the environment made of it, but a secret only as typed.
    fn explicit(&self, id: Id) -> Result<Option<String>> {
        let typed = self.options.args().last(id);
        let value = match typed {
            Some(_) if !id.flag().secret => self.options.path(id).map(Path::as_os_str),
            _ => typed.filter(|typed| !typed.is_empty()),
        };
        value.map(|value| text(id, value).map(str::to_owned)).transpose()
    }

    fn is_given(&self, id: Id) -> bool {
        self.options.args().last(id).is_some()
    }

    fn is_on(&self, id: Id, source: ArgSource) -> bool {
        let given = self.options.args();
        if id == Id::Legacy {
            return given.is_on(id) || self.provider_is_legacy() || self.old.is_on(id);
        }
        if self.is_given(id) {
            return given.is_on(id);
        }
        source == FlagOrOldEntry && self.old.is_on(id)
    }

    /// Clusters of AAD v1 have no config-mode, or 0: their tokens have the `spn:` prefix.
    fn provider_is_legacy(&self) -> bool {
        self.provider.is_some() && matches!(self.provider_config("config-mode"), None | Some("0"))
    }

    fn provider_config(&self, key: &str) -> Option<&str> {
        let value = self.provider?.get("config")?.get(key)?;
        value.as_text().filter(|text| !text.is_empty())
    }

    fn cache_folder(&self) -> Result<Option<String>> {
        let given = self.options.args().last_of(&[Id::CacheDir, Id::TokenCacheDir]);
        let old = || self.old.last(Id::CacheDir).or_else(|| self.old.last(Id::TokenCacheDir));
        match given.filter(|folder| !folder.is_empty()).or_else(old).filter(|folder| !folder.is_empty()) {
            Some(folder) => text(Id::CacheDir, folder).map(|folder| Some(folder.to_owned())),
            None => Ok(None),
        }
    }

    fn check_pop_pair(&self, rules: &[Rule]) -> Result<()> {
        if !rules.iter().any(|(id, _)| *id == Id::PopEnabled) {
            return Ok(());
        }
        match (self.is_on(Id::PopEnabled, FlagOrOldEntry), self.value(Id::PopClaims)?.is_some()) {
            (true, false) => Err(Error::new("--pop-claims is required when specifying --pop-enabled")),
            (false, true) => Err(Error::new("--pop-enabled is required when specifying --pop-claims")),
            _ => Ok(()),
        }
    }

    /// The old entry with its exec section replaced and its auth-provider gone.
    fn entry(&self, user: &Value, args: Vec<String>) -> Value {
        let old = user.get("exec");
        let field = |name: &str| old.and_then(|exec| exec.get(name)).cloned();
        let text_of = |name: &str| old.and_then(|exec| exec.get(name)).and_then(Value::as_text);
        let api_version =
            text_of("apiVersion").filter(|v| KEPT_API_VERSIONS.contains(v)).unwrap_or(API_VERSION);
        let command = text_of("command").filter(|command| is_absolute(command)).unwrap_or("kubelogin");
        let hint = field("installHint").filter(|hint| hint.as_text().is_some_and(|hint| !hint.is_empty()));
        let mut exec = vec![
            (Scalar::key("apiVersion"), Value::text(api_version)),
            (Scalar::key("args"), Value::List(args.into_iter().map(Value::text).collect())),
            (Scalar::key("command"), Value::text(command)),
        ];
        exec.extend(self.environment(field("env")).map(|env| (Scalar::key("env"), env)));
        exec.push((Scalar::key("installHint"), hint.unwrap_or_else(|| Value::text(INSTALL_HINT))));
        if let Some(Value::Map(fields)) = old {
            let kept = fields.iter().filter(|(key, _)| !exec.iter().any(|(name, _)| name.text == key.text));
            let kept: Vec<_> = kept.cloned().collect();
            exec.extend(kept);
        }
        let mut fields: Vec<(Scalar, Value)> = Vec::new();
        if let Value::Map(old) = user {
            fields.extend(
                old.iter().filter(|(key, _)| !matches!(key.text.as_str(), "exec" | "auth-provider")).cloned(),
            );
        }
        fields.push((Scalar::key("exec"), Value::Map(exec)));
        Value::Map(fields)
    }

    /// The old `env`, with the Azure CLI's folder in it where that was given.
    fn environment(&self, old: Option<Value>) -> Option<Value> {
        const NAME: &str = "AZURE_CONFIG_DIR";
        let folder = self.options.text(Id::AzureConfigDir).filter(|_| self.options.login() == Mode::AzureCli);
        let Some(folder) = folder else {
            return old;
        };
        let mut list = match old {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        };
        list.retain(|variable| variable.get("name").and_then(Value::as_text) != Some(NAME));
        list.push(Value::Map(vec![
            (Scalar::key("name"), Value::text(NAME)),
            (Scalar::key("value"), Value::text(folder)),
        ]));
        Some(Value::List(list))
    }
}

/// On any system: a kubeconfig may be converted on another one than it is used on.
fn is_absolute(command: &str) -> bool {
    let drive =
        matches!(command.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    command.starts_with('/') || command.starts_with("\\\\") || drive
}

fn missing(id: Id) -> Error {
    Error::new(format!("{} is required", id.dashed()))
}

fn push(args: &mut Vec<String>, id: Id, value: &str) {
    args.extend([id.dashed(), value.to_owned()]);
}

fn text(id: Id, value: &OsStr) -> Result<&str> {
    value.to_str().ok_or_else(|| {
        Error::new(format!("{} is not valid UTF-8 and cannot stand in a kubeconfig", id.dashed()))
    })
}
