//! Environment variables that belong to no flag: one row each, for the manual page, doctor, README and the clean
//! environment of a browser. A flag's variables stand in its row of [`FLAGS`].

use super::flags::FLAGS;

/// A row of the table.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// One sentence of help.
    pub about: &'static str,
    /// Its value must not be shown, and no program that we start to show a page gets it.
    pub secret: bool,
}

const fn row(name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, secret: false }
}

const fn secret(name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, secret: true }
}

/// Every variable that the program reads and that is no flag's, by name.
pub const VARIABLES: &[Variable] = &[
    secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "set by GitHub Actions: lets a job request a federated token"),
    row("ACTIONS_ID_TOKEN_REQUEST_URL", "set by GitHub Actions: where a job requests a federated token"),
    row("ALL_PROXY", "the proxy where HTTPS_PROXY is not set"),
    row("AZURE_CONFIG_DIR", "folder of the Azure CLI's configuration"),
    row("AZURE_ENVIRONMENT_FILEPATH", "JSON file with the endpoints of AzureStackCloud"),
    row("AZURE_POD_IDENTITY_AUTHORITY_HOST", "address of the instance metadata service in msi login"),
    row("BROWSER", "program that opens the sign-in page"),
    row("DEFAULT_IDENTITY_CLIENT_ID", "set by Azure Machine Learning: the identity of the workspace"),
    row("GITHUB_ACTIONS", "set by GitHub Actions: a hint names what the job lacks"),
    row("HTTPS_PROXY", "the proxy, by the rules that kubectl follows; lower case counts too"),
    row("IDENTITY_ENDPOINT", "set by App Service, Service Fabric and Azure Arc: where tokens come from"),
    secret("IDENTITY_HEADER", "set by App Service and Service Fabric: the key to IDENTITY_ENDPOINT"),
    row("IDENTITY_SERVER_THUMBPRINT", "set by Service Fabric: the certificate of IDENTITY_ENDPOINT"),
    row("IMDS_ENDPOINT", "set by Azure Arc"),
    row("KUBECONFIG", "list of kubeconfigs"),
    row("KUBERNETES_EXEC_INFO", "set by kubectl: the form of the answer that it wants"),
    row("MSI_ENDPOINT", "set by Cloud Shell and Azure Machine Learning: where tokens come from"),
    secret("MSI_SECRET", "set by Azure Machine Learning: the key to MSI_ENDPOINT"),
    row("NO_COLOR", "no colours"),
    row("NO_PROXY", "hosts that are reached without the proxy"),
    row("SSL_CERT_DIR", "folders of certificate authorities to trust in place of the system's"),
    row("SSL_CERT_FILE", "file of certificate authorities to trust in place of the system's"),
    secret("SYSTEM_ACCESSTOKEN", "set by Azure Pipelines where the step maps it: the job's own token"),
    row("SYSTEM_OIDCREQUESTURI", "set by Azure Pipelines: where a job requests a federated token"),
    row("TF_BUILD", "set by Azure Pipelines: a hint names what the step lacks"),
];

/// Every variable whose value is a secret, flags' and others.
pub fn secret_names() -> impl Iterator<Item = &'static str> {
    let flags = FLAGS.iter().filter(|flag| flag.secret).flat_map(|flag| flag.env).map(|env| env.name);
    flags.chain(VARIABLES.iter().filter(|variable| variable.secret).map(|variable| variable.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_no_flag_s() {
        assert!(VARIABLES.is_sorted_by_key(|variable| variable.name));
        for variable in VARIABLES {
            assert!(FLAGS.iter().all(|flag| flag.env.iter().all(|env| env.name != variable.name)));
        }
    }
}
