//! Users' entries: which of them call kubelogin, and with which arguments.

use super::value::Value;
use std::ffi::OsString;

/// The version that conversion writes.
pub const API_VERSION: &str = "client.authentication.k8s.io/v1beta1";
/// The versions that kubectl still speaks.
pub const KEPT_API_VERSIONS: &[&str] = &[API_VERSION, "client.authentication.k8s.io/v1"];

/// What a user entry is to conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `auth-provider: azure`, or an exec entry that calls kubelogin.
    Ours,
    /// Another project's program of the same name.
    Foreign,
    /// Anything else.
    Other,
}

/// What kind of entry this is.
pub fn kind(user: &Value) -> EntryKind {
    let provider = user.get("auth-provider").and_then(|p| p.get("name")).and_then(Value::as_text);
    if provider == Some("azure") {
        return EntryKind::Ours;
    }
    let exec = user.get("exec");
    let command = exec.and_then(|e| e.get("command")).and_then(Value::as_text).unwrap_or_default();
    if !command.to_ascii_lowercase().contains("kubelogin") {
        return EntryKind::Other;
    }
    let foreign = exec_args(user).iter().any(|arg| {
        arg.to_str().is_some_and(|arg| arg == "--oidc-issuer-url" || arg.starts_with("--oidc-issuer-url="))
    });
    if foreign { EntryKind::Foreign } else { EntryKind::Ours }
}

/// The arguments of an exec entry.
pub fn exec_args(user: &Value) -> Vec<OsString> {
    match user.get("exec").and_then(|exec| exec.get("args")) {
        Some(Value::List(args)) => args.iter().filter_map(Value::as_text).map(OsString::from).collect(),
        _ => Vec::new(),
    }
}
