//! The conversion rules as data: which arguments a mode's new entry has, in which order, and from where.

use crate::cli::flags::Id;
use crate::mode::Mode;

/// Where an argument's value may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgSource {
    /// The flag or the old entry; one of them must have it.
    Required,
    /// The flag or the old entry, if one has it.
    FlagOrOldEntry,
    /// The flag only.
    FlagOnly,
    /// The flag only, and only if this other one was not given.
    FlagOnlyUnless(Id),
}
use ArgSource::{FlagOnly, FlagOnlyUnless, FlagOrOldEntry, Required};

/// One argument of a mode.
pub type Rule = (Id, ArgSource);

/// The arguments of a mode in their order, after login, server id and cache folder.
pub const RULES: &[(Mode, &[Rule])] = &[
    (
        Mode::DeviceCode,
        &[
            (Id::ClientId, Required),
            (Id::TenantId, Required),
            (Id::Environment, FlagOrOldEntry),
            (Id::Legacy, FlagOrOldEntry),
        ],
    ),
    (
        Mode::Interactive,
        &[
            (Id::ClientId, Required),
            (Id::TenantId, Required),
            (Id::Environment, FlagOrOldEntry),
            (Id::PopEnabled, FlagOrOldEntry),
            (Id::PopClaims, FlagOrOldEntry),
            (Id::RedirectUrl, FlagOrOldEntry),
            (Id::LoginHint, FlagOrOldEntry),
        ],
    ),
    (
        Mode::ServicePrincipal,
        &[
            (Id::ClientId, Required),
            (Id::TenantId, Required),
            (Id::Environment, FlagOrOldEntry),
            (Id::ClientSecret, FlagOnly),
            (Id::ClientCertificate, FlagOnly),
            (Id::ClientCertificatePassword, FlagOnly),
            (Id::Legacy, FlagOrOldEntry),
            (Id::PopEnabled, FlagOrOldEntry),
            (Id::PopClaims, FlagOrOldEntry),
            (Id::DisableEnvironmentOverride, FlagOrOldEntry),
        ],
    ),
    (
        Mode::Ropc,
        &[
            (Id::ClientId, Required),
            (Id::TenantId, Required),
            (Id::Environment, FlagOrOldEntry),
            (Id::Username, FlagOnly),
            (Id::Password, FlagOnly),
            (Id::Legacy, FlagOrOldEntry),
            (Id::PopEnabled, FlagOrOldEntry),
            (Id::PopClaims, FlagOrOldEntry),
        ],
    ),
    (Mode::Msi, &[(Id::ClientId, FlagOnly), (Id::IdentityResourceId, FlagOnlyUnless(Id::ClientId))]),
    (Mode::AzureCli, &[(Id::TenantId, FlagOnly), (Id::Subscription, FlagOnly)]),
    (Mode::Azd, &[(Id::TenantId, FlagOnly)]),
    (
        Mode::WorkloadIdentity,
        &[
            (Id::ClientId, FlagOnly),
            (Id::TenantId, FlagOnly),
            (Id::AuthorityHost, FlagOrOldEntry),
            (Id::FederatedTokenFile, FlagOnly),
        ],
    ),
    (Mode::AzurePipelines, &[(Id::TenantId, Required), (Id::PipelinesServiceConnectionId, FlagOnly)]),
];

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
    Id::Output,
    Id::OutputFormat,
    Id::SignIn,
    Id::Man,
    Id::AzureConfigDir,
    Id::Login,
    Id::ServerId,
    Id::CacheDir,
    Id::TokenCacheDir,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::{Command, FLAGS};

    #[test]
    fn every_flag_is_in_a_rule_or_in_the_list_of_those_never_converted() {
        for flag in FLAGS.iter().filter(|f| f.belongs_to(Command::GetToken) || f.belongs_to(Command::Convert))
        {
            let ruled = RULES.iter().any(|(_, rules)| rules.iter().any(|(id, _)| *id == flag.id))
                || CARRIED_IN_EVERY_MODE.contains(&flag.id);
            assert_ne!(ruled, NOT_CONVERTED.contains(&flag.id), "--{}", flag.long);
        }
    }

    #[test]
    fn every_mode_has_its_rules_and_every_secret_a_variable() {
        for (mode, name) in Mode::ALL {
            assert_eq!(RULES.iter().filter(|(m, _)| m == mode).count(), 1, "{name}");
        }
        for flag in FLAGS.iter().filter(|f| f.secret) {
            assert!(!flag.env.is_empty(), "--{}", flag.long);
        }
    }
}
