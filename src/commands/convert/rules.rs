//! Which flags are arguments of a converted entry in every mode, and which in none. The rules of each mode are in
//! its row of [`MODES`](crate::login::modes::MODES).

use crate::cli::flags::Id;
use crate::login::rules::ArgSource::{FlagOrOldEntry, Required};
use crate::login::rules::Rule;

/// An `auth-provider` whose entries conversion reads, and where in its config each value stands.
#[derive(Debug)]
pub struct Provider {
    /// Its name.
    pub name: &'static str,
    /// The keys of its config.
    pub keys: &'static [(Id, &'static str)],
}

/// Azure's.
pub const AZURE: Provider = Provider {
    name: "azure",
    keys: &[
        (Id::Environment, "environment"),
        (Id::TenantId, "tenant-id"),
        (Id::ClientId, "client-id"),
        (Id::ServerId, "apiserver-id"),
    ],
};

/// Any OpenID provider's: the one that kubectl has built in.
pub const OIDC: Provider = Provider {
    name: "oidc",
    keys: &[
        (Id::OidcIssuerUrl, "idp-issuer-url"),
        (Id::OidcClientId, "client-id"),
        (Id::OidcClientSecret, "client-secret"),
        (Id::CertificateAuthority, "idp-certificate-authority"),
        (Id::CertificateAuthorityData, "idp-certificate-authority-data"),
        (Id::OidcExtraScope, "extra-scopes"),
    ],
};

/// The arguments that stand before a mode's own.
pub const HEAD: &[Rule] = &[(Id::ServerId, Required), (Id::CacheDir, FlagOrOldEntry)];

/// What get-token understands in every mode and is carried after the mode's own arguments.
pub const CARRIED_IN_EVERY_MODE: &[Id] = &[
    Id::AuthorityHost,
    Id::UseAzureRmEnvVars,
    Id::DisableEnvironmentOverride,
    Id::DisableInstanceDiscovery,
    Id::Timeout,
    Id::TokenCache,
    Id::AuthenticationTimeout,
    Id::ForceRefresh,
    Id::CertificateAuthority,
    Id::SkipOpenBrowser,
    Id::BrowserCommand,
];

/// What is no argument of a converted entry: it belongs to the command, stands first, or is an environment
/// variable of the entry.
pub const NOT_CONVERTED: &[Id] = &[
    Id::Help,
    Id::Verbosity,
    Id::LogToStderr,
    Id::Kubeconfig,
    Id::Context,
    Id::DryRun,
    Id::Outfile,
    Id::Output,
    Id::OutputFormat,
    Id::ExecCommand,
    Id::SignIn,
    Id::Man,
    Id::AzureConfigDir,
    Id::Login,
    Id::TokenCacheDir,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::{Command, FLAGS, Family};
    use crate::login::modes::MODES;

    #[test]
    fn every_flag_is_in_a_rule_or_in_the_list_of_those_never_converted() {
        for flag in FLAGS.iter().filter(|f| f.belongs_to(Command::GetToken) || f.belongs_to(Command::Convert))
        {
            let ruled = MODES.iter().any(|row| row.rules.iter().any(|(id, _)| *id == flag.id))
                || HEAD.iter().any(|(id, _)| *id == flag.id)
                || CARRIED_IN_EVERY_MODE.contains(&flag.id);
            assert_ne!(ruled, NOT_CONVERTED.contains(&flag.id), "--{}", flag.long);
        }
    }

    #[test]
    fn every_secret_has_a_variable() {
        for flag in FLAGS.iter().filter(|f| f.secret && f.family == Family::Azure) {
            assert!(!flag.env.is_empty(), "--{}", flag.long);
        }
    }
}
