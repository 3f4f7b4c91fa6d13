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
    /// `auth-provider: oidc`, or an exec entry that signs in to an OpenID provider by this program or by the other one
    /// of its name.
    Provider,
    /// Anything else.
    Other,
}

/// What kind of entry this is. A program of another name is ours by its arguments: `--exec-command` may have named
/// it.
pub fn kind(user: &Value) -> EntryKind {
    match user.get("auth-provider").and_then(|p| p.get("name")).and_then(Value::as_text) {
        Some("azure") => return EntryKind::Ours,
        Some("oidc") => return EntryKind::Provider,
        _ => {}
    }
    let Some(command) = user.get("exec").and_then(|exec| exec.get("command")).and_then(Value::as_text) else {
        return EntryKind::Other;
    };
    let args = exec_args(user);
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let has = |flag: &str| {
        words
            .iter()
            .any(|arg| arg.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    };
    let is_pair = |pair: &[&str]| matches!(pair, ["--login" | "-l", "oidc"]);
    let is_providers = has("--oidc-issuer-url")
        || words.windows(2).any(is_pair)
        || words.iter().any(|word| matches!(*word, "--login=oidc" | "-l=oidc" | "-loidc"));
    let program = command.to_ascii_lowercase();
    let is_plugin_of_kubectl = words.first() == Some(&"oidc-login")
        && program.rsplit(['/', '\\']).next().is_some_and(|name| name.starts_with("kubectl"));
    if is_plugin_of_kubectl || program.contains("kubectl-oidc_login") {
        return EntryKind::Provider;
    }
    let gets_token = words.first() == Some(&"get-token");
    match (program.contains("kubelogin"), is_providers) {
        (true, true) => EntryKind::Provider,
        (true, false) => EntryKind::Ours,
        (false, true) if gets_token => EntryKind::Provider,
        (false, false) if gets_token && (has("--server-id") || has("--login")) => EntryKind::Ours,
        _ => EntryKind::Other,
    }
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
            "{exec: {command: kubectl, args: [get-token, oidc-login]}}",
            "{token: get-token}",
        ] {
            assert_eq!(kind(other), EntryKind::Other, "{other}");
        }
        for provider in [
            "{exec: {command: kubelogin, args: [get-token, --oidc-issuer-url, x]}}",
            "{exec: {command: kubelogin, args: [get-token, --login, oidc]}}",
            "{exec: {command: /opt/x, args: [get-token, --oidc-issuer-url=x]}}",
            "{exec: {command: /opt/x, args: [get-token, -l=oidc]}}",
            "{exec: {command: kubectl, args: [oidc-login, get-token, --oidc-issuer-url=x]}}",
            "{exec: {command: 'C:\\bin\\kubectl.exe', args: [oidc-login, get-token]}}",
            "{exec: {command: /krew/bin/kubectl-oidc_login, args: [get-token]}}",
            "{auth-provider: {name: oidc}}",
        ] {
            assert_eq!(kind(provider), EntryKind::Provider, "{provider}");
        }
    }
}
