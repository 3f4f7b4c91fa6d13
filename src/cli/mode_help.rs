//! `kubelogin help MODE`: what a login mode is for, what it needs, and an example.

use super::flags::{EnvVar, FLAGS, When};
use crate::mode::Mode;
use crate::style::Style;

/// The chapters: a mode, what it is, its own flags, an example.
const CHAPTERS: &[(Mode, &str, &[&str], &str)] = &[
    (
        Mode::DeviceCode,
        "You enter a code on another device while kubelogin waits until the code expires. Policies often forbid it; interactive works then. Tokens are cached.",
        &["client-id", "tenant-id", "environment", "legacy"],
        "kubelogin convert-kubeconfig -l devicecode\nkubectl get nodes",
    ),
    (
        Mode::Interactive,
        "You sign in in a browser. Where no browser can be opened, as over ssh, you open the address in any browser and paste the answer into the terminal. Tokens are cached.",
        &[
            "client-id",
            "tenant-id",
            "redirect-url",
            "login-hint",
            "skip-open-browser",
            "browser-command",
            "authentication-timeout",
            "pop-enabled",
        ],
        "kubelogin convert-kubeconfig -l interactive\nkubectl get nodes",
    ),
    (
        Mode::ServicePrincipal,
        "An application signs in with its secret or its certificate; where both are given, with the certificate. Prefer variables: a secret given as a flag is written into the kubeconfig.",
        &[
            "client-id",
            "client-secret",
            "client-certificate",
            "client-certificate-password",
            "tenant-id",
            "legacy",
            "pop-enabled",
        ],
        "kubelogin convert-kubeconfig -l spn\nexport AZURE_CLIENT_ID=ID AZURE_CLIENT_SECRET=SECRET\nkubectl get nodes",
    ),
    (
        Mode::Ropc,
        "You sign in with user name and password. Microsoft advises against it: it supports neither multifactor authentication nor federated domains. Tokens are cached.",
        &["client-id", "tenant-id", "username", "password", "legacy", "pop-enabled"],
        "kubelogin convert-kubeconfig -l ropc\nexport AZURE_USERNAME=user@contoso.com AZURE_PASSWORD=PASSWORD\nkubectl get nodes",
    ),
    (
        Mode::Msi,
        "A machine in Azure, or one connected by Azure Arc, signs in with the identity assigned to it.",
        &["client-id", "identity-resource-id"],
        "kubelogin convert-kubeconfig -l msi\nkubectl get nodes",
    ),
    (
        Mode::AzureCli,
        "The account that is signed in with the Azure CLI. On Linux and macOS the token comes from the CLI's own store in a millisecond whenever az would print that very token; else az is run.",
        &["tenant-id", "subscription", "azure-config-dir", "timeout"],
        "az login\nkubelogin convert-kubeconfig -l azurecli\nkubectl get nodes",
    ),
    (
        Mode::Azd,
        "The account that is signed in with the Azure Developer CLI.",
        &["tenant-id", "timeout"],
        "azd auth login\nkubelogin convert-kubeconfig -l azd\nkubectl get nodes",
    ),
    (
        Mode::WorkloadIdentity,
        "A pod or a pipeline exchanges a token of another issuer: a file, a variable, or the token of GitHub Actions.",
        &["client-id", "tenant-id", "federated-token-file", "authority-host"],
        "kubelogin convert-kubeconfig -l workloadidentity\nkubectl get nodes",
    ),
    (
        Mode::AzurePipelines,
        "A job of Azure Pipelines signs in through its service connection. Map SYSTEM_ACCESSTOKEN: $(System.AccessToken) into the step.",
        &["client-id", "tenant-id", "azure-pipelines-service-connection-id"],
        "kubelogin convert-kubeconfig -l azurepipelines --tenant-id $AZURESUBSCRIPTION_TENANT_ID\nkubectl get nodes",
    ),
    (
        Mode::Oidc,
        "Any OpenID provider: Keycloak, Dex, Okta, Google, GitLab and others, by the flags of int128/kubelogin. Azure's variables do not count. Tokens are cached.",
        &[
            "oidc-issuer-url",
            "oidc-client-id",
            "oidc-client-secret-file",
            "oidc-extra-scope",
            "grant-type",
            "listen-address",
        ],
        "kubelogin setup --oidc-issuer-url https://idp.example/realms/main --oidc-client-id kubernetes",
    ),
];

/// The chapter of a mode.
pub fn page(mode: Mode, style: Style) -> Option<String> {
    let (_, about, flags, example) = CHAPTERS.iter().find(|(of, ..)| *of == mode)?;
    let mut page = format!("{}\n\nUsage:\n  --login {}\n\nFlags:\n", style.wrap(about, 0), mode.name());
    for flag in flags.iter().filter_map(|name| FLAGS.iter().find(|flag| flag.long == *name)) {
        let counts = |variable: &&EnvVar| match variable.when {
            When::In(of) | When::Fallback(of) => of == mode,
            When::AzureRm => false,
            When::Always | When::NotAzureRm | When::FlagWins => true,
        };
        let variables: Vec<&str> = flag.env.iter().filter(counts).map(|variable| variable.name).collect();
        let variables = match variables.is_empty() {
            true => String::new(),
            false => format!(" [{}]", variables.join(", ")),
        };
        page += &format!("  --{}{variables}\n", flag.long);
    }
    page += "\nExample:\n";
    page.extend(example.lines().map(|line| format!("  {line}\n")));
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_has_a_chapter_and_every_flag_in_it_a_row() {
        for (mode, name) in Mode::ALL {
            let page = page(*mode, Style { colour: false, width: None }).unwrap();
            assert!(page.contains(&format!("--login {name}\n")), "{name}");
        }
        for flag in CHAPTERS.iter().flat_map(|(_, _, flags, _)| *flags) {
            assert!(FLAGS.iter().any(|row| row.long == *flag), "{flag}");
        }
    }
}
