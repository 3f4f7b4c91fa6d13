//! The login modes: how a person, a pipeline or a machine gets a token.

pub mod browser;
mod cached;
pub mod developer_cli;
pub mod device_code;
pub mod federated;
pub mod managed_identity;
pub mod person;
pub mod pop;
pub mod ropc;
pub mod service_principal;
pub mod session;

use crate::cache::Key;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::mode::Mode;
use crate::oauth::token::Token;
use developer_cli::DeveloperCli;
use federated::Federated;
use managed_identity::ManagedIdentity;
use person::Person;
use service_principal::ServicePrincipal;

/// A sign-in with everything that its mode needs; one that lacks something cannot be built.
pub enum Login<'a> {
    /// `devicecode`, `interactive`, `ropc`
    Person(Person<'a>),
    /// `spn`
    ServicePrincipal(ServicePrincipal<'a>),
    /// `msi`
    ManagedIdentity(ManagedIdentity<'a>),
    /// `workloadidentity` and `azurepipelines`
    Federated(Federated<'a>),
    /// `azurecli` and `azd`
    DeveloperCli(DeveloperCli<'a>),
}

/// The key under which a sign-in's token is kept; `None` where it never is. Nothing is sent, and no key of
/// proof is made: of a bound token, the key's id stays open (empty).
///
/// # Errors
/// A setting that the mode needs is missing or cannot be used.
pub fn cache_key(ctx: &Context, options: &Options) -> Result<Option<Key>> {
    let is_bound = pop::is_wanted(options);
    let options = options.without(&[Id::PopEnabled, Id::PopClaims]);
    let login = match options.login() {
        // Without its password.
        Mode::Ropc => Login::Person(Person::new(ctx, &options)?),
        _ => Login::new(ctx, &options)?,
    };
    let key = match login {
        Login::Person(login) => Some(login.key()),
        Login::ServicePrincipal(login) => Some(login.key()),
        Login::ManagedIdentity(login) => Some(login.key()),
        Login::Federated(login) => Some(login.key()),
        Login::DeveloperCli(_) => None,
    };
    Ok(key.map(|key| Key { pop_key: is_bound.then(String::new), ..key }))
}

impl<'a> Login<'a> {
    /// Takes what the mode needs from the options; sends nothing yet.
    ///
    /// # Errors
    /// A setting that the mode needs is missing or cannot be used.
    pub fn new(ctx: &'a Context, options: &'a Options) -> Result<Self> {
        let mode = options.login();
        if !matches!(mode, Mode::DeviceCode | Mode::Interactive | Mode::Ropc | Mode::ServicePrincipal) {
            for id in [Id::Legacy, Id::PopEnabled].into_iter().filter(|id| options.is_on(*id)) {
                ctx.log(1, || format!("{} is ignored in {} login", id.dashed(), mode.name()));
            }
        }
        match mode {
            Mode::DeviceCode | Mode::Interactive => Person::new(ctx, options).map(Self::Person),
            Mode::Ropc => {
                let person = Person::new(ctx, options)?;
                options.required(Id::Password, "password")?;
                Ok(Self::Person(person))
            }
            Mode::ServicePrincipal => ServicePrincipal::new(ctx, options).map(Self::ServicePrincipal),
            Mode::Msi => ManagedIdentity::new(ctx, options).map(Self::ManagedIdentity),
            Mode::AzureCli => DeveloperCli::azure_cli(ctx, options).map(Self::DeveloperCli),
            Mode::Azd => DeveloperCli::azd(ctx, options).map(Self::DeveloperCli),
            Mode::WorkloadIdentity => Federated::workload_identity(ctx, options).map(Self::Federated),
            Mode::AzurePipelines => Federated::azure_pipelines(ctx, options).map(Self::Federated),
        }
    }

    /// Gets a token, from the cache where `--token-cache` allows it, else by signing in.
    ///
    /// # Errors
    /// Whatever keeps a token from being had.
    pub fn acquire(&self, ctx: &Context, options: &Options) -> Result<Token> {
        let token = cached::token(ctx, options, self)?;
        let pop = match self {
            Self::Person(login) => login.session.pop.as_ref(),
            Self::ServicePrincipal(login) => login.session().pop.as_ref(),
            _ => None,
        };
        match pop {
            Some(pop) => pop.wrap(ctx, token),
            None => Ok(token),
        }
    }
}
