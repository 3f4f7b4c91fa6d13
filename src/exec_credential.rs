//! The exec plugin protocol: `KUBERNETES_EXEC_INFO` in, one ExecCredential out.
//!
//! Source: kubernetes.io, "Client Authentication (v1)" and "(v1beta1)".

use crate::context::Env;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::time::{UnixTime, rfc3339};
use serde::Serialize;
use serde_json::{Map, Value};

/// The protocol's versions that kubectl still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// `client.authentication.k8s.io/v1beta1`
    V1Beta1,
    /// `client.authentication.k8s.io/v1`
    V1,
}

impl ApiVersion {
    fn name(self) -> &'static str {
        match self {
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
            Self::V1 => "client.authentication.k8s.io/v1",
        }
    }
}

const VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// The version that the caller wants; v1beta1 where it does not say.
///
/// `spec.interactive` is not looked at: a cached or silent token is right for a caller without a terminal too.
///
/// # Errors
/// Text that is not JSON or too long, another version.
pub fn wanted_version(env: &Env) -> Result<ApiVersion> {
    let info = exec_info(env)?;
    let name = match info.get("apiVersion") {
        None | Some(Value::Null) => "",
        Some(Value::String(name)) => name,
        Some(_) => {
            return Err(Error::new(format!(
                "{VARIABLE} is not an ExecCredential: its apiVersion is not text"
            )));
        }
    };
    match name {
        "" => Ok(ApiVersion::V1Beta1),
        name => [ApiVersion::V1Beta1, ApiVersion::V1]
            .into_iter()
            .find(|version| version.name() == name)
            .ok_or_else(|| {
                Error::new(format!("{VARIABLE} asks for the unsupported API version \"{name}\"")).hint(
                    "use client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1 as apiVersion of the kubeconfig's exec entry",
                )
            }),
    }
}

/// Whether the caller says that its terminal must not be used (`spec.interactive`, which it sets to false where
/// something else reads its standard input).
pub fn forbids_terminal(env: &Env) -> bool {
    let info = exec_info(env).unwrap_or_default();
    info.get("spec").and_then(|spec| spec.get("interactive")).and_then(Value::as_bool) == Some(false)
}

/// What the caller says; nothing where it says nothing.
fn exec_info(env: &Env) -> Result<Map<String, Value>> {
    const MAX_BYTES: usize = 1 << 20;
    let Some(value) = env.os(VARIABLE) else {
        return Ok(Map::new());
    };
    if value.len() > MAX_BYTES {
        return Err(Error::new(format!(
            "{VARIABLE} is {} bytes long; more than {MAX_BYTES} is refused",
            value.len()
        )));
    }
    let text = value.to_str().ok_or_else(|| Error::new(format!("{VARIABLE} is not valid UTF-8")))?;
    serde_json::from_str(text)
        .map_err(|e| Error::new(format!("{VARIABLE} is not an ExecCredential in JSON: {e}")))
}

#[derive(Serialize)]
struct ExecCredential<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    spec: Spec,
    status: Status<'a>,
}

#[derive(Serialize)]
struct Spec {
    interactive: bool,
}

#[derive(Serialize)]
struct Status<'a> {
    #[serde(rename = "expirationTimestamp")]
    expiration_timestamp: String,
    token: &'a str,
}

/// The answer: one JSON object and a newline.
///
/// # Errors
/// Never in practice: every part of it is text.
pub fn render(version: ApiVersion, token: &Secret, expires_on: UnixTime) -> Result<Secret> {
    let credential = ExecCredential {
        kind: "ExecCredential",
        api_version: version.name(),
        spec: Spec { interactive: false },
        status: Status { expiration_timestamp: rfc3339(expires_on), token: token.expose() },
    };
    serde_json::to_string(&credential)
        .map(|text| Secret::new(text + "\n"))
        .map_err(|e| Error::new(format!("cannot write the ExecCredential: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(info: &str) -> Result<ApiVersion> {
        wanted_version(&[("KUBERNETES_EXEC_INFO", info)].into_iter().collect())
    }

    #[test]
    fn the_callers_version_is_answered() {
        assert_eq!(wanted_version(&Env::default()).unwrap(), ApiVersion::V1Beta1);
        for (info, expected) in [
            ("", ApiVersion::V1Beta1),
            ("{}", ApiVersion::V1Beta1),
            (r#"{"apiVersion":""}"#, ApiVersion::V1Beta1),
            (r#"{"apiVersion":null}"#, ApiVersion::V1Beta1),
            (r#"{"apiVersion":"client.authentication.k8s.io/v1beta1"}"#, ApiVersion::V1Beta1),
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#,
                ApiVersion::V1,
            ),
        ] {
            assert_eq!(version(info).unwrap(), expected, "{info}");
        }
    }

    #[test]
    fn another_version_and_bad_json_are_named() {
        let error = version(r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#).unwrap_err();
        assert!(error.message().contains("\"client.authentication.k8s.io/v1alpha1\""));
        for bad in ["x", "[]", "{", r#"{"apiVersion":1}"#, "{\"a\":\"\u{0}\"}"] {
            assert!(version(bad).unwrap_err().message().starts_with("KUBERNETES_EXEC_INFO is not"), "{bad}");
        }
        assert!(version(&" ".repeat(10 << 20)).unwrap_err().message().contains("10485760 bytes"));
        assert!(version(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn the_answer_is_one_line_of_json() {
        let text = render(ApiVersion::V1, &Secret::from("abc"), 1_767_323_045).unwrap();
        assert_eq!(
            text.expose().as_str(),
            "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"spec\":{\"interactive\":false},\"status\":{\"expirationTimestamp\":\"2026-01-02T03:04:05Z\",\"token\":\"abc\"}}\n"
        );
    }
}
