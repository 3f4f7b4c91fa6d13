//! The login modes by name: what `--login` takes.

use crate::error::{Error, Result};

/// A value of `--login`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Their names are their documentation.
pub enum Mode {
    DeviceCode,
    Interactive,
    ServicePrincipal,
    Ropc,
    Msi,
    AzureCli,
    Azd,
    WorkloadIdentity,
    AzurePipelines,
    Oidc,
}

impl Mode {
    /// Every mode with its name on the command line.
    pub const ALL: &[(Self, &str)] = &[
        (Self::DeviceCode, "devicecode"),
        (Self::Interactive, "interactive"),
        (Self::ServicePrincipal, "spn"),
        (Self::Ropc, "ropc"),
        (Self::Msi, "msi"),
        (Self::AzureCli, "azurecli"),
        (Self::Azd, "azd"),
        (Self::WorkloadIdentity, "workloadidentity"),
        (Self::AzurePipelines, "azurepipelines"),
        (Self::Oidc, "oidc"),
    ];

    /// The mode of this name.
    ///
    /// # Errors
    /// An unknown name, in the original's words.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(mode, _)| *mode).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(_, n)| *n).collect();
            Error::new(format!(
                "'{name}' is not a supported login method. Supported method is one of {}",
                names.join(", ")
            ))
        })
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }
}
