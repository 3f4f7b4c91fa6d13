//! The entry that kubectl would use: a context, its user, and how that user signs in.

use super::entry::exec_args;
use super::value::Value;
use super::{File, paths, read_regular};
use crate::context::Context;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A context's user.
#[derive(Debug)]
pub struct Active {
    /// The file that has the user.
    pub file: PathBuf,
    /// The context's name.
    pub context: String,
    /// The user's name.
    pub user: String,
    /// What the kubeconfig says about the user; `None` where it says nothing.
    pub value: Option<Value>,
    /// How it signs in.
    pub method: SignInMethod,
}

/// How a user signs in.
#[derive(Debug)]
pub enum SignInMethod {
    /// By a program.
    Exec(Exec),
    /// By an `auth-provider` of this name, which kubectl no longer has.
    AuthProvider(String),
    /// By a certificate, a token, or not at all.
    Other,
}

/// An exec entry.
#[derive(Debug)]
pub struct Exec {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are set for it.
    pub env: Vec<(OsString, OsString)>,
    /// The protocol's version.
    pub api_version: String,
    /// Whether it says method it may use the terminal, as the version v1 demands.
    pub has_interactive_mode: bool,
}

/// Finds the entry of `context`, else of the current context. As in kubectl, the first file that has a name
/// counts.
///
/// # Errors
/// No kubeconfig, one that cannot be read, no such context, a context without a user.
pub fn find(ctx: &Context, kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Active> {
    let paths = paths(ctx, kubeconfig)?;
    if paths.is_empty() {
        return Err(Error::new("there is no kubeconfig")
            .hint("get one with: az aks get-credentials; or pass --kubeconfig"));
    }
    let files = paths.iter().map(|path| File::read(path)).collect::<Result<Vec<_>>>()?;
    let current = || files.iter().find_map(|file| file.document.current_context.as_deref());
    let context = context.or_else(current).ok_or_else(|| {
        Error::new("the kubeconfig has no current context")
            .hint("choose one with: kubectl config use-context NAME; or pass --context")
    })?;
    let user = files
        .iter()
        .find_map(|file| file.document.contexts.get(context))
        .ok_or_else(|| Error::new(format!("no context exists with the name: \"{context}\"")))?
        .clone();
    let owner = files.iter().find(|file| file.document.user_names.contains(&user)).ok_or_else(|| {
        Error::new(format!(
            "the context \"{context}\" names the user \"{user}\", who is not in the kubeconfig"
        ))
    })?;
    let value = owner.document.users.iter().find(|entry| entry.name == user).map(|entry| entry.value.clone());
    let method = value.as_ref().map_or(SignInMethod::Other, method);
    Ok(Active { file: owner.source.path.clone(), context: context.to_owned(), user, value, method })
}

/// Every context's name, sorted. Files that cannot be read have none.
pub fn contexts(ctx: &Context, kubeconfig: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = paths(ctx, kubeconfig)
        .unwrap_or_default()
        .iter()
        .filter_map(|path| read_regular(path).ok())
        .flat_map(|file| file.document.contexts.into_keys())
        // Shells read them line by line.
        .filter(|name| !name.contains(char::is_control))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn method(user: &Value) -> SignInMethod {
    let text = |value: Option<&Value>| value.and_then(Value::as_text).unwrap_or_default().to_owned();
    if let Some(exec) = user.get("exec").filter(|exec| matches!(exec, Value::Map(_))) {
        let env = match exec.get("env") {
            Some(Value::List(variables)) => variables
                .iter()
                .map(|variable| (text(variable.get("name")).into(), text(variable.get("value")).into()))
                .collect(),
            _ => Vec::new(),
        };
        return SignInMethod::Exec(Exec {
            command: text(exec.get("command")),
            args: exec_args(user),
            env,
            api_version: text(exec.get("apiVersion")),
            has_interactive_mode: exec.get("interactiveMode").is_some(),
        });
    }
    match user.get("auth-provider").filter(|provider| matches!(provider, Value::Map(_))) {
        Some(provider) => SignInMethod::AuthProvider(text(provider.get("name"))),
        None => SignInMethod::Other,
    }
}
