//! Clouds: from `--environment`'s names to an authority's base address.
//!
//! Of an environment file only `activeDirectoryEndpoint` counts. `tokenAudience` and `resourceIdentifiers` name
//! Azure's own services, whose tokens are not requested here: a cluster's audience is what `--server-id` names.

use crate::cli::paths;
use crate::context::Env;
use crate::error::{Error, Result};
use crate::sys::files::{may_exist, read_bounded};
use serde_json::Value;
use std::path::Path;

/// Where an authority's address came from, which decides whether it has to be validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The table below.
    Known,
    /// The file named by `AZURE_ENVIRONMENT_FILEPATH`: trusted as it is.
    EnvironmentFile,
    /// `--authority-host`.
    AuthorityHost,
}

/// The variable that names the environment file of AzureStackCloud.
pub const ENVIRONMENT_FILE: &str = "AZURE_ENVIRONMENT_FILEPATH";

const STACK: &str = "AzureStackCloud";

const CLOUDS: &[(&[&str], &str)] = &[
    (&["AzurePublicCloud", "AzurePublic", "AzureCloud"], "https://login.microsoftonline.com/"),
    (&["AzureChinaCloud"], "https://login.chinacloudapi.cn/"),
    (&["AzureUSGovernmentCloud", "AzureUSGovernment"], "https://login.microsoftonline.us/"),
];

/// The environment names to choose from.
pub fn names() -> Vec<&'static str> {
    CLOUDS.iter().filter_map(|(names, _)| names.first().copied()).chain([STACK]).collect()
}

/// The authority's base address: `--authority-host`, else what `--environment` stands for.
///
/// # Errors
/// An unknown environment; an environment file that is not named, not there, or not usable.
pub fn authority_base(
    environment: Option<&str>,
    authority_host: Option<&str>,
    env: &Env,
) -> Result<(String, Origin)> {
    if let Some(host) = authority_host {
        return Ok((host.to_owned(), Origin::AuthorityHost));
    }
    let name = environment.unwrap_or("AzurePublicCloud");
    if name.eq_ignore_ascii_case(STACK) {
        return Ok((environment_file(env)?, Origin::EnvironmentFile));
    }
    CLOUDS
        .iter()
        .find(|(names, _)| names.iter().any(|n| n.eq_ignore_ascii_case(name)))
        .map(|(_, base)| ((*base).to_owned(), Origin::Known))
        .ok_or_else(|| {
            Error::new(format!("unknown environment \"{name}\"; use one of {}", names().join(", ")))
        })
}

/// `activeDirectoryEndpoint` of the file that `AZURE_ENVIRONMENT_FILEPATH` names.
fn environment_file(env: &Env) -> Result<String> {
    const MAX_BYTES: u64 = 1 << 20;
    let Some(path) = env.path(ENVIRONMENT_FILE) else {
        return Err(Error::new(format!("environment {STACK} needs {ENVIRONMENT_FILE}, which is not set"))
            .hint(
                "set it to the JSON file with the cloud's endpoints (activeDirectoryEndpoint and others)",
            ));
    };
    let failed = |path: &Path, why: &str| {
        Error::new(format!("cannot use the environment file {} ({ENVIRONMENT_FILE}): {why}", path.display()))
    };
    let path = paths::usable(&path, paths::home(env).as_deref(), may_exist)
        .map_err(|why| failed(&path, &why).hint(paths::HINT))?;
    let bytes = read_bounded(&path, MAX_BYTES).map_err(|e| failed(&path, &e.to_string()))?;
    parse_environment(&bytes).map_err(|why| failed(&path, &why))
}

/// Reads an environment file's text; a byte order mark and unknown keys are accepted.
///
/// # Errors
/// Why it cannot be used.
pub fn parse_environment(bytes: &[u8]) -> std::result::Result<String, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
    let Value::Object(map) = value else {
        return Err("not a JSON object".to_owned());
    };
    // Go's JSON reader, which wrote the book's example, takes keys in any case.
    let endpoint = map.iter().find(|(key, _)| key.eq_ignore_ascii_case("activeDirectoryEndpoint"));
    match endpoint {
        Some((_, Value::String(text))) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some((_, Value::String(_))) => Err("activeDirectoryEndpoint is empty".to_owned()),
        Some(_) => Err("activeDirectoryEndpoint is not text".to_owned()),
        None => Err("it has no activeDirectoryEndpoint".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(name: &str) -> Option<String> {
        authority_base(Some(name), None, &Env::default()).ok().map(|(base, _)| base)
    }

    #[test]
    fn the_table() {
        for name in ["AzurePublicCloud", "azurepubliccloud", "AzurePublic", "AzureCloud"] {
            assert_eq!(base(name).as_deref(), Some("https://login.microsoftonline.com/"), "{name}");
        }
        assert_eq!(base("AzureChinaCloud").as_deref(), Some("https://login.chinacloudapi.cn/"));
        assert_eq!(base("AZUREUSGOVERNMENT").as_deref(), Some("https://login.microsoftonline.us/"));
        assert_eq!(
            authority_base(None, None, &Env::default()).unwrap(),
            ("https://login.microsoftonline.com/".to_owned(), Origin::Known)
        );
    }

    #[test]
    fn unknown_names_are_refused_with_the_list() {
        let error = authority_base(Some("Azure"), None, &Env::default()).unwrap_err();
        assert_eq!(
            error.message(),
            "unknown environment \"Azure\"; use one of AzurePublicCloud, AzureChinaCloud, AzureUSGovernmentCloud, AzureStackCloud"
        );
    }

    #[test]
    fn the_authority_host_wins() {
        let (base, origin) = authority_base(Some("nonsense"), Some("https://a/"), &Env::default()).unwrap();
        assert_eq!((base.as_str(), origin), ("https://a/", Origin::AuthorityHost));
    }

    #[test]
    fn environment_files() {
        assert_eq!(
            parse_environment(b"\xef\xbb\xbf{\"x\":1,\"activeDirectoryEndpoint\":\"https://a/ \"}").unwrap(),
            "https://a/"
        );
        for (bad, why) in [
            (&b"{}"[..], "it has no activeDirectoryEndpoint"),
            (b"{\"activeDirectoryEndpoint\":1}", "activeDirectoryEndpoint is not text"),
            (b"{\"activeDirectoryEndpoint\":\"\"}", "activeDirectoryEndpoint is empty"),
            (b"[]", "not a JSON object"),
        ] {
            assert_eq!(parse_environment(bad).unwrap_err(), why);
        }
        assert!(parse_environment(b"").unwrap_err().starts_with("not JSON: "));
        let unset = authority_base(Some("azurestackcloud"), None, &Env::default()).unwrap_err();
        assert!(unset.message().contains("AZURE_ENVIRONMENT_FILEPATH, which is not set"));
        let folder: Env = [(ENVIRONMENT_FILE, "/")].into_iter().collect();
        assert!(authority_base(Some(STACK), None, &folder).unwrap_err().message().ends_with("is a folder"));
    }
}
