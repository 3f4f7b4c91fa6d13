//! The table of the login modes: one row each, with what tells one mode from another as data.

use super::rules::ArgSource::{FlagOnly, FlagOnlyUnless, FlagOrOldEntry, Required};
use super::rules::Rule;
use super::{
    SignIn, azd, azure_cli, browser, device_code, federated, managed_identity, oidc, ropc, service_principal,
};
use crate::cache::Policy;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::mode::Mode;
use crate::oauth::remedy::Who;

/// Makes the sign-in of a mode from the options; sends nothing.
pub type Build = for<'a> fn(&'a Context, &'a Options) -> Result<Box<dyn SignIn + 'a>>;

/// When a mode's tokens are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// With `--token-cache auto`: a user would have to sign in again.
    ByDefault,
    /// Only with `--token-cache all`.
    OnRequest,
    /// Never: the tool has its own store, and a copy would outlive a sign-out there.
    Never,
}

/// A row of the table.
pub struct ModeRow {
    /// The mode.
    pub mode: Mode,
    /// Who signs in: what a remedy can ask of them differs.
    pub who: Who,
    /// When its tokens are cached.
    pub caching: Caching,
    /// Whether its tokens come from an authority that `--authority-host` can name.
    pub asks_authority: bool,
    /// Whether `--legacy` counts.
    pub takes_legacy: bool,
    /// Whether `--pop-enabled` counts.
    pub takes_pop: bool,
    /// Settings that a sign-in needs and a cache lookup does not, with their names in messages.
    pub credentials: &'static [(Id, &'static str)],
    /// Its arguments in a converted kubeconfig entry, after login, server id and cache folder.
    pub rules: &'static [Rule],
    /// Its constructor.
    pub build: Build,
}

/// Most modes.
const ROW: ModeRow = ModeRow {
    mode: Mode::DeviceCode,
    who: Who::Application,
    caching: Caching::OnRequest,
    asks_authority: true,
    takes_legacy: false,
    takes_pop: false,
    credentials: &[],
    rules: &[
        (Id::ClientId, Required),
        (Id::TenantId, Required),
        (Id::Environment, FlagOrOldEntry),
        (Id::Legacy, FlagOrOldEntry),
    ],
    build: device_code::build,
};

/// Every mode.
pub const MODES: &[ModeRow] = &[
    ModeRow { who: Who::DeviceCode, caching: Caching::ByDefault, takes_legacy: true, ..ROW },
    ModeRow {
        mode: Mode::Interactive,
        who: Who::Browser,
        caching: Caching::ByDefault,
        takes_pop: true,
        rules: &[
            (Id::ClientId, Required),
            (Id::TenantId, Required),
            (Id::Environment, FlagOrOldEntry),
            (Id::PopEnabled, FlagOrOldEntry),
            (Id::PopClaims, FlagOrOldEntry),
            (Id::RedirectUrl, FlagOrOldEntry),
            (Id::LoginHint, FlagOrOldEntry),
        ],
        build: browser::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::ServicePrincipal,
        takes_legacy: true,
        takes_pop: true,
        rules: &[
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
        build: service_principal::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::Ropc,
        who: Who::Password,
        caching: Caching::ByDefault,
        takes_legacy: true,
        takes_pop: true,
        credentials: &[(Id::Password, "password")],
        rules: &[
            (Id::ClientId, Required),
            (Id::TenantId, Required),
            (Id::Environment, FlagOrOldEntry),
            (Id::Username, FlagOnly),
            (Id::Password, FlagOnly),
            (Id::Legacy, FlagOrOldEntry),
            (Id::PopEnabled, FlagOrOldEntry),
            (Id::PopClaims, FlagOrOldEntry),
        ],
        build: ropc::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::Msi,
        who: Who::Machine,
        asks_authority: false,
        rules: &[(Id::ClientId, FlagOnly), (Id::IdentityResourceId, FlagOnlyUnless(Id::ClientId))],
        build: managed_identity::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::AzureCli,
        who: Who::Tool,
        caching: Caching::Never,
        asks_authority: false,
        rules: &[(Id::TenantId, FlagOnly), (Id::Subscription, FlagOnly)],
        build: azure_cli::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::Azd,
        who: Who::Tool,
        caching: Caching::Never,
        asks_authority: false,
        rules: &[(Id::TenantId, FlagOnly)],
        build: azd::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::WorkloadIdentity,
        who: Who::Federated,
        rules: &[
            (Id::ClientId, FlagOnly),
            (Id::TenantId, FlagOnly),
            (Id::AuthorityHost, FlagOrOldEntry),
            (Id::FederatedTokenFile, FlagOnly),
        ],
        build: federated::workload_identity::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::AzurePipelines,
        who: Who::Federated,
        rules: &[(Id::TenantId, Required), (Id::PipelinesServiceConnectionId, FlagOnly)],
        build: federated::azure_pipelines::build,
        ..ROW
    },
    ModeRow {
        mode: Mode::Oidc,
        who: Who::Browser,
        caching: Caching::ByDefault,
        asks_authority: false,
        rules: OIDC,
        build: oidc::build,
        ..ROW
    },
];

/// An OpenID provider's arguments, in the order of the flag table.
const OIDC: &[Rule] = &[
    (Id::OidcIssuerUrl, Required),
    (Id::OidcClientId, Required),
    (Id::OidcClientSecret, FlagOrOldEntry),
    (Id::OidcClientSecretFile, FlagOrOldEntry),
    (Id::OidcClientSecretEnv, FlagOrOldEntry),
    (Id::OidcRedirectUrl, FlagOrOldEntry),
    (Id::OidcExtraScope, FlagOrOldEntry),
    (Id::OidcUseAccessToken, FlagOrOldEntry),
    (Id::OidcRequestHeader, FlagOrOldEntry),
    (Id::OidcAuthRequestExtraParams, FlagOrOldEntry),
    (Id::OidcPkceMethod, FlagOrOldEntry),
    (Id::GrantType, FlagOrOldEntry),
    (Id::ListenAddress, FlagOrOldEntry),
    (Id::AuthenticationTimeoutSec, FlagOrOldEntry),
    (Id::OpenUrlAfterAuthentication, FlagOrOldEntry),
    (Id::CertificateAuthority, FlagOrOldEntry),
    (Id::CertificateAuthorityData, FlagOrOldEntry),
    (Id::InsecureSkipTlsVerify, FlagOrOldEntry),
    (Id::TlsRenegotiationOnce, FlagOrOldEntry),
    (Id::TlsRenegotiationFreely, FlagOrOldEntry),
    (Id::LocalServerCert, FlagOrOldEntry),
    (Id::LocalServerKey, FlagOrOldEntry),
    (Id::Username, FlagOrOldEntry),
    (Id::Password, FlagOrOldEntry),
    (Id::CacheDir, FlagOrOldEntry),
    (Id::TokenCacheStorage, FlagOrOldEntry),
    (Id::OidcUsePkce, FlagOrOldEntry),
    (Id::ListenPort, FlagOrOldEntry),
    (Id::OidcRedirectUrlHostname, FlagOrOldEntry),
    (Id::OidcRedirectUrlAuthcodeKeyboard, FlagOrOldEntry),
];

/// The row of a mode. A test holds that each has one.
pub fn row(mode: Mode) -> &'static ModeRow {
    MODES.iter().find(|row| row.mode == mode).unwrap_or(&ROW)
}

impl ModeRow {
    /// Whether its tokens are cached under this policy.
    pub fn is_cached(&self, policy: Policy) -> bool {
        match policy {
            Policy::None => false,
            Policy::Auto => self.caching == Caching::ByDefault,
            Policy::All => self.caching != Caching::Never,
        }
    }

    /// The flags among `--legacy` and `--pop-enabled` that are on but mean nothing in this mode.
    pub fn ignored_flags(&self, options: &Options) -> Vec<Id> {
        [(Id::Legacy, self.takes_legacy), (Id::PopEnabled, self.takes_pop)]
            .into_iter()
            .filter(|(id, is_taken)| !is_taken && options.is_on(*id))
            .map(|(id, _)| id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_has_one_row_in_the_order_of_the_names() {
        let rows: Vec<Mode> = MODES.iter().map(|row| row.mode).collect();
        let names: Vec<Mode> = Mode::ALL.iter().map(|(mode, _)| *mode).collect();
        assert_eq!(rows, names);
    }
}
