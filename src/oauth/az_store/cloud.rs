//! Which cloud az is set to, and the host that its tokens are kept under.

use super::RunAz;
use super::ini::Ini;

/// az's own table of clouds: learn.microsoft.com/cli/azure/manage-clouds-azure-cli.
const CLOUDS: &[(&str, &str)] = &[
    ("AzureCloud", "login.microsoftonline.com"),
    ("AzureChinaCloud", "login.chinacloudapi.cn"),
    ("AzureUSGovernment", "login.microsoftonline.us"),
    ("AzureBleuCloud", "login.sovcloud-identity.fr"),
];

/// The active cloud.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cloud {
    /// Its name, as subscriptions give it.
    pub(super) name: String,
    /// The authority's host in lower case, without a port: MSAL's `environment`.
    pub(super) environment: String,
}

/// Finds the active cloud: the environment variable, else `config`, else AzureCloud. An endpoint in
/// `clouds.config` wins over az's own table, also for a cloud of that table.
///
/// # Errors
/// [`RunAz`] for an unknown cloud, and for an endpoint that is not a plain `https://host`.
pub(super) fn active(config: &Ini, clouds: &Ini, variable: Option<&str>) -> Result<Cloud, RunAz> {
    let name = variable.or_else(|| config.value("cloud", "name")).unwrap_or("AzureCloud");
    if name.is_empty() {
        return Err(RunAz::never("the name of az's cloud is empty"));
    }
    let environment = match clouds.value(name, "endpoint_active_directory") {
        Some(endpoint) => host(endpoint).ok_or_else(|| RunAz::never("az's cloud has an unusual endpoint"))?,
        None => {
            let known = CLOUDS.iter().find(|(known, _)| *known == name);
            known.ok_or_else(|| RunAz::never("az's cloud is not a known one"))?.1.to_owned()
        }
    };
    Ok(Cloud { name: name.to_owned(), environment })
}

/// The host of `https://host[:port]`, with nothing but slashes behind it.
fn host(endpoint: &str) -> Option<String> {
    let endpoint = endpoint.to_ascii_lowercase();
    let authority = endpoint.strip_prefix("https://")?.trim_end_matches('/');
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_host = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    (is_host && !host.is_empty() && port.parse::<u16>().is_ok()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(config: &str, clouds: &str, variable: Option<&str>) -> Option<String> {
        let config = Ini::parse("config", Some(config.as_bytes())).unwrap();
        let clouds = Ini::parse("clouds.config", Some(clouds.as_bytes())).unwrap();
        active(&config, &clouds, variable).ok().map(|cloud| format!("{} {}", cloud.name, cloud.environment))
    }

    #[test]
    fn variable_then_config_then_public_cloud() {
        let china = "[cloud]\nname = AzureChinaCloud\n";
        assert_eq!(environment("", "", None).unwrap(), "AzureCloud login.microsoftonline.com");
        assert_eq!(environment(china, "", None).unwrap(), "AzureChinaCloud login.chinacloudapi.cn");
        let government = environment(china, "", Some("AzureUSGovernment"));
        assert_eq!(government.unwrap(), "AzureUSGovernment login.microsoftonline.us");
        let bleu = environment("", "", Some("AzureBleuCloud"));
        assert_eq!(bleu.unwrap(), "AzureBleuCloud login.sovcloud-identity.fr");
        for odd in ["", "azurecloud", "AzureGermanCloud", "x", " AzureCloud"] {
            assert_eq!(environment("", "", Some(odd)), None, "{odd:?}");
        }
        assert_eq!(environment("[cloud]\nname =\n", "", None), None);
    }

    #[test]
    fn an_endpoint_of_its_own_wins() {
        let clouds = "[stack]\nendpoint_active_directory = https://Login.Stack.Example:8443/\n\
                      [AzureCloud]\nendpoint_active_directory = https://gateway.example\n[AzureChinaCloud]\nprofile = latest\n";
        assert_eq!(environment("", clouds, Some("stack")).unwrap(), "stack login.stack.example");
        assert_eq!(environment("", clouds, None).unwrap(), "AzureCloud gateway.example");
        let china = environment("", clouds, Some("AzureChinaCloud"));
        assert_eq!(china.unwrap(), "AzureChinaCloud login.chinacloudapi.cn");
        assert_eq!(environment("", "[stack]\nprofile = latest\n", Some("stack")), None);
    }

    #[test]
    fn other_endpoints_are_refused() {
        for odd in [
            "",
            "http://login.example",
            "https://",
            "https:///",
            "https://login.example/adfs",
            "https://login.example//x/",
            "https://a@login.example",
            "https://login.example?x",
            "https://login.example#x",
            "https://login.example:",
            "https://login.example:x",
            "https://[::1]",
            "login.example",
        ] {
            let clouds = format!("[AzureCloud]\nendpoint_active_directory = {odd}\n");
            assert_eq!(environment("", &clouds, None), None, "{odd:?}");
        }
    }
}
