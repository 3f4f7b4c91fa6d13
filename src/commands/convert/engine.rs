//! From an old user entry and the options to the new entry, by the rules.

use super::rules::{AZURE, CARRIED_IN_EVERY_MODE, HEAD, OIDC, Provider};
use crate::cli::flags::{FLAGS, Family, Id, ValueKind};
use crate::cli::options::Options;
use crate::cli::parse::{ParsedArgs, parse_old_args};
use crate::cli::paths;
use crate::error::{Error, Result};
use crate::kubeconfig::entry::{API_VERSION, KEPT_API_VERSIONS, exec_args};
use crate::kubeconfig::relative::is_absolute;
use crate::kubeconfig::value::{Scalar, Value};
use crate::login::modes;
use crate::login::rules::ArgSource::{self, FlagOnly, FlagOnlyUnless, FlagOrOldEntry, Required};
use crate::login::rules::Rule;
use crate::mode::Mode;
use crate::sys::files::may_exist;
use std::ffi::OsStr;
use std::path::Path;

const INSTALL_HINT: &str = "\nkubelogin is not installed which is required to connect to AAD enabled cluster.\n\nTo learn more, please go to https://azure.github.io/kubelogin/\n";

/// An entry's conversion.
struct Conversion<'a> {
    options: &'a Options,
    rules: ModeRules,
    provider: Option<&'a Value>,
    old: ParsedArgs,
    /// The folder of the kubeconfig, against which a path of an auth-provider is relative.
    folder: Option<&'a Path>,
}

/// All that the engine has to know about a mode.
struct ModeRules {
    /// The `auth-provider` that the mode's entries may come from.
    provider: &'static Provider,
    /// The arguments after `--login`, before the mode's own.
    head: &'static [Rule],
    /// The mode's own.
    own: &'static [Rule],
    /// What is carried after them.
    carried: Vec<Id>,
}

impl ModeRules {
    fn of(mode: Mode) -> Self {
        let row = modes::row(mode);
        let own = row.rules;
        let is_providers = mode == Mode::Oidc;
        let is_carried = |id: &Id| {
            let fits =
                !is_providers || id.flag().family == Family::Both && *id != Id::DisableEnvironmentOverride;
            !own.iter().any(|(own, _)| own == id) && fits && (*id != Id::AuthorityHost || row.asks_authority)
        };
        let carried = CARRIED_IN_EVERY_MODE.iter().copied().filter(is_carried).collect();
        match is_providers {
            true => Self { provider: &OIDC, head: &[], own, carried },
            false => Self { provider: &AZURE, head: HEAD, own, carried },
        }
    }
}

/// The new entry and what is to be said about it.
pub struct Converted {
    /// The new value of `user`.
    pub user: Value,
    /// Flags of the old entry that this version does not know, or whose value is of the wrong type or missing.
    pub dropped: Vec<String>,
    /// Values that are written as typed and will not work as they are.
    pub doubts: Vec<String>,
    /// The secrets among the new arguments.
    pub secrets: Vec<Id>,
}

/// The secrets that conversion writes when they are typed, and what to use instead of each.
pub fn secrets() -> impl Iterator<Item = (Id, String)> {
    FLAGS.iter().filter(|flag| flag.secret).map(|flag| {
        let variable = flag.env.first().map(|variable| format!("the environment variable {}", variable.name));
        (flag.id, variable.unwrap_or_else(|| "--oidc-client-secret-file".to_owned()))
    })
}

/// Converts one entry.
///
/// # Errors
/// A required argument that neither flag nor old entry has, half of the PoP pair, a value that is not UTF-8.
pub fn convert(options: &Options, user: &Value) -> Result<Converted> {
    convert_with(options, user, None, None)
}

/// The same with an absolute path for the entry's `command`, and with the folder of the kubeconfig.
///
/// # Errors
/// As [`convert`].
pub fn convert_with(
    options: &Options,
    user: &Value,
    command: Option<&str>,
    folder: Option<&Path>,
) -> Result<Converted> {
    let (old, unknown) = parse_old_args(&exec_args(user))?;
    let rules = ModeRules::of(options.login());
    let provider = user
        .get("auth-provider")
        .filter(|provider| provider.get("name").and_then(Value::as_text) == Some(rules.provider.name));
    let conversion = Conversion { options, rules, provider, old, folder };
    let args = conversion.arguments().map_err(|e| match unknown.first() {
        Some(lost) => e.or_hint(format!(
            "give it as a flag: the entry's old arguments could not be read in full: {}",
            lost.message()
        )),
        None => e,
    })?;
    let is_written = |id: &Id| args.iter().any(|(arg, value)| arg == id && value.is_some());
    let secrets = secrets().map(|(id, _)| id).filter(is_written).collect();
    let doubts = conversion.doubts(&args);
    Ok(Converted {
        secrets,
        doubts,
        user: conversion.entry(user, args, command),
        dropped: unknown.iter().map(|e| e.message().to_owned()).collect(),
    })
}

/// What the command line says about a flag.
enum Explicit {
    /// Nothing: the flag was not given.
    Nothing,
    /// It was given with an empty value, which takes the old one away.
    Empty,
    /// It was given with this value, or the environment's in its place.
    Value(String),
}

/// An argument with its value, if it takes one.
type Arg = (Id, Option<String>);

impl Conversion<'_> {
    fn arguments(&self) -> Result<Vec<Arg>> {
        let mut args = vec![(Id::Login, Some(self.options.login().name().to_owned()))];
        self.check_pop_pair()?;
        for (id, source) in self.rules.head.iter().chain(self.rules.own) {
            self.append(&mut args, *id, *source)?;
        }
        for id in &self.rules.carried {
            self.append(&mut args, *id, FlagOrOldEntry)?;
        }
        Ok(args)
    }

    fn append(&self, args: &mut Vec<Arg>, id: Id, source: ArgSource) -> Result<()> {
        if let FlagOnlyUnless(other) = source
            && matches!(self.explicit(other)?, Explicit::Value(_))
        {
            return Ok(());
        }
        if id.flag().repeatable {
            let given = self.options.args();
            let from = if self.is_given(id) { given } else { &self.old };
            let key = self.rules.provider.keys.iter().find(|(of, _)| *of == id);
            if let (false, Some(value)) =
                (self.is_given(id), key.and_then(|(_, key)| self.provider_config(key)))
            {
                let is_path = id.flag().kind == ValueKind::File;
                let value = if is_path { self.absolute(value) } else { value.to_owned() };
                args.push((id, Some(value)));
                return Ok(());
            }
            for value in from.all(id).filter(|value| !value.is_empty()) {
                args.push((id, Some(text(id, value)?)));
            }
            return Ok(());
        }
        if !id.flag().takes_value() {
            args.extend(self.is_on(id, source).then_some((id, None)));
            return Ok(());
        }
        let value = match source {
            Required | FlagOrOldEntry => self.value(id)?,
            FlagOnly | FlagOnlyUnless(_) => match self.explicit(id)? {
                Explicit::Value(value) => Some(value),
                Explicit::Nothing | Explicit::Empty => None,
            },
        };
        if value.is_none() && source == Required {
            return Err(Error::new(format!("{} is required", id.dashed())));
        }
        args.extend(value.map(|value| (id, Some(value))));
        Ok(())
    }

    /// The flag's value, else the auth-provider's, else the old argument's.
    fn value(&self, id: Id) -> Result<Option<String>> {
        match self.explicit(id)? {
            Explicit::Value(value) => return Ok(Some(value)),
            Explicit::Empty => return Ok(None),
            Explicit::Nothing => {}
        }
        // Without its other half the old one has nothing to say.
        if id == Id::PopClaims && !self.is_on(Id::PopEnabled, FlagOrOldEntry) && self.is_given(Id::PopEnabled)
        {
            return Ok(None);
        }
        let key = self.rules.provider.keys.iter().find(|(of, _)| *of == id);
        if let Some(value) = key.and_then(|(_, key)| self.provider_config(key)) {
            return Ok(Some(value.to_owned()));
        }
        let by_older_name = || self.old.last(Id::TokenCacheDir).filter(|_| id == Id::CacheDir);
        let old = self.old.last(id).or_else(by_older_name).filter(|value| !value.is_empty());
        old.map(|value| text(id, value)).transpose()
    }

    /// The flag's value if it was given: what the environment made of it, but a secret only as typed.
    fn explicit(&self, id: Id) -> Result<Explicit> {
        let given = self.options.args();
        let typed = match id {
            Id::CacheDir => given.last_of(&[Id::CacheDir, Id::TokenCacheDir]),
            id => given.last(id),
        };
        let Some(typed) = typed else { return Ok(Explicit::Nothing) };
        // KUBECACHEDIR is only a default.
        let is_as_typed = id.flag().secret || id == Id::CacheDir;
        let value = if is_as_typed { typed } else { self.options.as_typed(id).unwrap_or_default() };
        if value.is_empty() { Ok(Explicit::Empty) } else { text(id, value).map(Explicit::Value) }
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

    fn check_pop_pair(&self) -> Result<()> {
        if !self.rules.own.iter().any(|(id, _)| *id == Id::PopEnabled) {
            return Ok(());
        }
        match (self.is_on(Id::PopEnabled, FlagOrOldEntry), self.value(Id::PopClaims)?.is_some()) {
            (true, false) => Err(Error::new("--pop-claims is required when specifying --pop-enabled")),
            (false, true) => Err(Error::new("--pop-enabled is required when specifying --pop-claims")),
            _ => Ok(()),
        }
    }

    /// A path of the auth-provider, which client-go takes as relative to the kubeconfig's folder; as it is where the
    /// file is not there.
    fn absolute(&self, path: &str) -> String {
        let joined = self.folder.filter(|_| !is_absolute(path)).map(|folder| folder.join(path));
        let found = joined.filter(|path| may_exist(path));
        found.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| path.to_owned())
    }

    /// A path of the auth-provider that stays relative.
    fn relative_path(&self, args: &[Arg]) -> Option<String> {
        let path = self.provider_config("idp-certificate-authority").filter(|path| !is_absolute(path))?;
        let is_it = |(id, value): &Arg| *id == Id::CertificateAuthority && value.as_deref() == Some(path);
        args.iter().any(is_it).then(|| {
            format!(
                "--certificate-authority {path} is relative, and there is no such file in the kubeconfig's folder; write the path in full"
            )
        })
    }

    /// Paths that only a shell could expand, and one that nothing is known to be relative to.
    fn doubts(&self, args: &[Arg]) -> Vec<String> {
        let relative = self.relative_path(args);
        let is_path = |id: Id| matches!(id.flag().kind, ValueKind::File | ValueKind::Folder);
        let folder = self.config_folder().flatten().map(|folder| (Id::AzureConfigDir, folder));
        let args = args.iter().filter_map(|(id, value)| Some((*id, value.as_deref()?)));
        args.chain(folder)
            .filter(|(id, _)| is_path(*id))
            .filter_map(|(id, value)| {
                let part = paths::unexpanded(Path::new(value)).filter(|part| !may_exist(part))?;
                Some(format!(
                    "{} {value} is written as it is, but no shell expands {} where kubectl runs kubelogin; write the path in full",
                    id.dashed(),
                    part.display()
                ))
            })
            .chain(relative)
            .collect()
    }

    /// The old entry with its exec section replaced and its auth-provider gone.
    fn entry(&self, user: &Value, args: Vec<Arg>, command: Option<&str>) -> Value {
        let old = user.get("exec");
        let field = |name: &str| old.and_then(|exec| exec.get(name)).cloned();
        let text_of = |name: &str| old.and_then(|exec| exec.get(name)).and_then(Value::as_text);
        let has_text = |name: &str| text_of(name).is_some_and(|text| !text.is_empty());
        let api_version =
            text_of("apiVersion").filter(|v| KEPT_API_VERSIONS.contains(v)).unwrap_or(API_VERSION);
        let old_command =
            text_of("command").filter(|command| is_absolute(command) && !is_other_program(command));
        let hint = field("installHint").filter(|_| has_text("installHint"));
        let words = std::iter::once("get-token".to_owned())
            .chain(args.into_iter().flat_map(|(id, value)| std::iter::once(id.dashed()).chain(value)));
        let mut exec = vec![
            (Scalar::key("apiVersion"), Value::text(api_version)),
            (Scalar::key("args"), Value::List(words.map(Value::text).collect())),
            (Scalar::key("command"), Value::text(command.or(old_command).unwrap_or("kubelogin"))),
        ];
        exec.extend(self.environment(field("env")).map(|env| (Scalar::key("env"), env)));
        let own_hint = (self.options.login() != Mode::Oidc).then(|| Value::text(INSTALL_HINT));
        exec.extend(hint.or(own_hint).map(|hint| (Scalar::key("installHint"), hint)));
        // kubectl refuses v1 without it.
        let lacks_mode = api_version != API_VERSION && !has_text("interactiveMode");
        if lacks_mode {
            exec.push((Scalar::key("interactiveMode"), Value::text("IfAvailable")));
        }
        if let Some(Value::Map(fields)) = old {
            let is_replaced = |key: &str| key == "env" || exec.iter().any(|(name, _)| name.text == key);
            let kept: Vec<_> = fields.iter().filter(|(key, _)| !is_replaced(&key.text)).cloned().collect();
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

    /// The Azure CLI's folder where it was given: `Some(None)` takes the old one away.
    fn config_folder(&self) -> Option<Option<&str>> {
        if self.options.login() != Mode::AzureCli || !self.is_given(Id::AzureConfigDir) {
            return None;
        }
        Some(
            self.options.as_typed(Id::AzureConfigDir).and_then(OsStr::to_str).filter(|text| !text.is_empty()),
        )
    }

    /// The old `env`, with the Azure CLI's folder in it where that was given.
    fn environment(&self, old: Option<Value>) -> Option<Value> {
        const NAME: &str = "AZURE_CONFIG_DIR";
        let Some(folder) = self.config_folder() else {
            return old;
        };
        let mut list = match old {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        };
        list.retain(|variable| variable.get("name").and_then(Value::as_text) != Some(NAME));
        list.extend(folder.map(|folder| {
            Value::Map(vec![
                (Scalar::key("name"), Value::text(NAME)),
                (Scalar::key("value"), Value::text(folder)),
            ])
        }));
        (!list.is_empty()).then_some(Value::List(list))
    }
}

/// kubectl, whose plugin the old entry calls, or krew's link to int128's program.
fn is_other_program(command: &str) -> bool {
    let file = command.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    ["kubectl", "kubectl-oidc_login"].contains(&file.strip_suffix(".exe").unwrap_or(&file))
}

fn text(id: Id, value: &OsStr) -> Result<String> {
    value.to_str().map(str::to_owned).ok_or_else(|| {
        Error::new(format!("{} is not valid UTF-8 and cannot stand in a kubeconfig", id.dashed()))
    })
}
