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

/// What kind of entry this is. A program of another name is ours by its arguments: `--exec-command` may have named
/// it.
pub fn kind(user: &Value) -> EntryKind {
    let provider = user.get("auth-provider").and_then(|p| p.get("name")).and_then(Value::as_text);
    if provider == Some("azure") {
        return EntryKind::Ours;
    }
    let Some(command) = user.get("exec").and_then(|exec| exec.get("command")).and_then(Value::as_text) else {
        return EntryKind::Other;
    };
    let args = exec_args(user);
    let has = |flag: &str| {
        let is_it =
            |arg: &str| arg.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
        args.iter().any(|arg| arg.to_str().is_some_and(is_it))
    };
    if command.to_ascii_lowercase().contains("kubelogin") {
        return if has("--oidc-issuer-url") { EntryKind::Foreign } else { EntryKind::Ours };
    }
    let is_ours = args.first().is_some_and(|word| word == "get-token")
        && (has("--server-id") || has("--login"))
        && !has("--oidc-issuer-url");
    if is_ours { EntryKind::Ours } else { EntryKind::Other }
}

/// The arguments of an exec entry.
pub fn exec_args(user: &Value) -> Vec<OsString> {
    match user.get("exec").and_then(|exec| exec.get("args")) {
        Some(Value::List(args)) => args.iter().filter_map(Value::as_text).map(OsString::from).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig::yaml::Reader;

    #[test]
    fn a_program_of_another_name_is_ours_by_its_arguments() {
        let kind = |text: &str| kind(&Reader::new(text).unwrap().value().unwrap());
        for ours in [
            "{exec: {command: /opt/x, args: [get-token, --login, msi]}}",
            "{exec: {command: x, args: [get-token, --server-id=s]}}",
            "{exec: {command: KubeLogin.exe}}",
            "{auth-provider: {name: azure}}",
        ] {
            assert_eq!(kind(ours), EntryKind::Ours, "{ours}");
        }
        for other in [
            "{exec: {command: aws, args: [eks, get-token, --cluster-name, c]}}",
            "{exec: {command: x, args: [get-token, --login-hint, u]}}",
            "{exec: {args: [get-token, --server-id, s]}}",
            "{exec: {command: kubectl, args: [oidc-login, get-token, --oidc-issuer-url=x]}}",
            "{token: get-token}",
        ] {
            assert_eq!(kind(other), EntryKind::Other, "{other}");
        }
        let foreign = "{exec: {command: kubelogin, args: [get-token, --oidc-issuer-url, x]}}";
        assert_eq!(kind(foreign), EntryKind::Foreign);
    }
}
