//! The flag table: one row per flag, from which parser, help, completion, environment names, the
//! README's reference and the reading of old kubeconfig arguments all come.

use crate::mode::Mode;

/// The commands that take flags; `Root` is `kubelogin` without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// No command.
    Root,
    /// `get-token`
    GetToken,
    /// `convert-kubeconfig`
    Convert,
    /// `remove-cache-dir`
    RemoveCacheDir,
    /// `remove-tokens`
    RemoveTokens,
    /// `whoami`
    Whoami,
    /// `doctor`
    Doctor,
    /// `clean`
    Clean,
    /// `completion`
    Completion,
    /// `help`
    Help,
    /// `setup`
    Setup,
    /// `version`
    Version,
}

/// What a command is called and does.
pub struct CommandRow {
    /// Which one.
    pub command: Command,
    /// The word on the command line.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
}

/// Every command, in the order of the help page.
pub const COMMANDS: &[CommandRow] = &[
    CommandRow {
        command: Command::Clean,
        name: "clean",
        about: "Delete the cached tokens of OpenID providers",
    },
    CommandRow {
        command: Command::Completion,
        name: "completion",
        about: "Generate the completion script for bash, zsh, fish or powershell",
    },
    CommandRow {
        command: Command::Convert,
        name: "convert-kubeconfig",
        about: "convert kubeconfig to use exec auth module",
    },
    CommandRow {
        command: Command::Doctor,
        name: "doctor",
        about: "Check what a sign-in would use and what is wrong with it",
    },
    CommandRow { command: Command::GetToken, name: "get-token", about: "get AAD token" },
    CommandRow { command: Command::Help, name: "help", about: "Help about any command" },
    CommandRow {
        command: Command::RemoveCacheDir,
        name: "remove-cache-dir",
        about: "Remove all cached tokens from filesystem",
    },
    CommandRow {
        command: Command::RemoveTokens,
        name: "remove-tokens",
        about: "Remove all cached tokens from filesystem (older name of remove-cache-dir)",
    },
    CommandRow {
        command: Command::Setup,
        name: "setup",
        about: "Sign in to an OpenID provider and show how to set up the cluster and kubectl",
    },
    CommandRow { command: Command::Version, name: "version", about: "Print the version" },
    CommandRow {
        command: Command::Whoami,
        name: "whoami",
        about: "Show whose tokens are cached, without network access",
    },
];

/// Names a flag everywhere in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each is its row of FLAGS.
pub enum Id {
    AuthenticationTimeout,
    AuthenticationTimeoutSec,
    AuthorityHost,
    AzureConfigDir,
    BrowserCommand,
    CacheDir,
    CertificateAuthority,
    CertificateAuthorityData,
    ClientCertificate,
    ClientCertificatePassword,
    ClientId,
    ClientSecret,
    Context,
    DisableEnvironmentOverride,
    DisableInstanceDiscovery,
    DryRun,
    Environment,
    ExecCommand,
    FederatedTokenFile,
    ForceRefresh,
    GrantType,
    Help,
    IdentityResourceId,
    InsecureSkipTlsVerify,
    Kubeconfig,
    Legacy,
    ListenAddress,
    ListenPort,
    LocalServerCert,
    LocalServerKey,
    LogToStderr,
    Login,
    LoginHint,
    Man,
    NoDescriptions,
    OidcAuthRequestExtraParams,
    OidcClientId,
    OidcClientSecret,
    OidcClientSecretEnv,
    OidcClientSecretFile,
    OidcExtraScope,
    OidcIssuerUrl,
    OidcPkceMethod,
    OidcRedirectUrl,
    OidcRedirectUrlAuthcodeKeyboard,
    OidcRedirectUrlHostname,
    OidcRequestHeader,
    OidcUseAccessToken,
    OidcUsePkce,
    OpenUrlAfterAuthentication,
    Outfile,
    Output,
    OutputFormat,
    Password,
    PipelinesServiceConnectionId,
    PopClaims,
    PopEnabled,
    RedirectUrl,
    ServerId,
    SignIn,
    SkipOpenBrowser,
    Subscription,
    TenantId,
    Timeout,
    TlsRenegotiationFreely,
    TlsRenegotiationOnce,
    TokenCache,
    TokenCacheDir,
    TokenCacheStorage,
    UseAzureRmEnvVars,
    Username,
    Verbosity,
    Version,
}

/// How a flag's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Takes no separate value; `--flag=false` turns it off.
    Bool,
    /// A number of 0 or more.
    Level,
    /// A Go duration greater than zero.
    Duration,
    /// A whole number of seconds, or a port.
    Number,
    /// Any text.
    Text,
    /// A line of CSV.
    List,
    /// `key=value` pairs.
    Pairs,
    /// The name of a file.
    File,
    /// The name of a folder.
    Folder,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A login mode ([`Mode::ALL`]).
    LoginMode,
    /// A cloud's name.
    Cloud,
    /// The name of a context of the kubeconfig.
    ContextName,
}

/// When an environment variable counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Unless `--use-azurerm-env-vars` names other variables for this setting.
    NotAzureRm,
    /// Only with `--use-azurerm-env-vars`.
    AzureRm,
    /// Only in this login mode.
    In(Mode),
    /// Only in this login mode, and only if nothing else gave a value.
    Fallback(Mode),
    /// A default: the flag beats it.
    FlagWins,
}

/// Which kind of command line a flag belongs to: that of Microsoft Entra ID, or that of any OpenID provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A sign-in to Entra ID.
    Azure,
    /// The login mode `oidc`; giving it chooses that mode.
    Oidc,
    /// Either.
    Both,
}

/// An environment variable of a flag.
pub struct EnvVar {
    /// Its name.
    pub name: &'static str,
    /// When it counts.
    pub when: When,
}

/// A row of the table.
pub struct Flag {
    /// The name in the code.
    pub id: Id,
    /// `--long`
    pub long: &'static str,
    /// `-s`
    pub short: Option<char>,
    /// How its text is read.
    pub kind: ValueKind,
    /// The value where none is given; shown in the help.
    pub default: &'static str,
    /// The environment variables, later ones win.
    pub env: &'static [EnvVar],
    /// The commands that take it.
    pub commands: &'static [Command],
    /// One sentence of help.
    pub help: &'static str,
    /// Its value must not be shown.
    pub secret: bool,
    /// May be given several times, each value counting.
    pub repeatable: bool,
    /// Which kind of command line it belongs to.
    pub family: Family,
}

const GET_TOKEN: &[Command] = &[Command::GetToken];
const CONVERT: &[Command] = &[Command::Convert];
const SIGN_IN_COMMANDS: &[Command] = &[Command::GetToken, Command::Convert, Command::Doctor, Command::Whoami];
const OIDC_COMMANDS: &[Command] =
    &[Command::GetToken, Command::Convert, Command::Doctor, Command::Whoami, Command::Setup];
const CACHE_USERS: &[Command] = &[
    Command::GetToken,
    Command::Convert,
    Command::Doctor,
    Command::Whoami,
    Command::Clean,
    Command::RemoveCacheDir,
    Command::RemoveTokens,
];
/// Those whose flags name a tenant: to sign in there, or to forget who has.
const TENANT_USERS: &[Command] = &[
    Command::GetToken,
    Command::Convert,
    Command::Doctor,
    Command::Whoami,
    Command::RemoveCacheDir,
    Command::RemoveTokens,
];
/// Those whose flags name a user.
const USERNAME_USERS: &[Command] = &[
    Command::GetToken,
    Command::Convert,
    Command::Doctor,
    Command::Whoami,
    Command::Setup,
    Command::RemoveCacheDir,
    Command::RemoveTokens,
];
const INSPECTORS: &[Command] = &[Command::Doctor, Command::Whoami];
const KUBECONFIG_USERS: &[Command] =
    &[Command::Convert, Command::Doctor, Command::Whoami, Command::RemoveCacheDir, Command::RemoveTokens];
const ALL_COMMANDS: &[Command] = &[
    Command::Root,
    Command::GetToken,
    Command::Convert,
    Command::RemoveCacheDir,
    Command::RemoveTokens,
    Command::Doctor,
    Command::Whoami,
    Command::Completion,
    Command::Help,
    Command::Clean,
    Command::Setup,
    Command::Version,
];

const fn row(id: Id, long: &'static str, kind: ValueKind, help: &'static str) -> Flag {
    Flag {
        id,
        long,
        short: None,
        kind,
        default: "",
        env: &[],
        commands: SIGN_IN_COMMANDS,
        help,
        secret: false,
        repeatable: false,
        family: Family::Azure,
    }
}

const fn both(id: Id, long: &'static str, kind: ValueKind, help: &'static str) -> Flag {
    Flag { family: Family::Both, ..row(id, long, kind, help) }
}

const fn oidc(id: Id, long: &'static str, kind: ValueKind, help: &'static str) -> Flag {
    Flag { family: Family::Oidc, commands: OIDC_COMMANDS, ..row(id, long, kind, help) }
}

const fn env(name: &'static str, when: When) -> EnvVar {
    EnvVar { name, when }
}

/// Every flag, by name.
pub const FLAGS: &[Flag] = &[
    Flag {
        default: "5m",
        ..both(
            Id::AuthenticationTimeout,
            "authentication-timeout",
            ValueKind::Duration,
            "how long to wait for the browser sign-in",
        )
    },
    Flag {
        default: "180",
        ..oidc(
            Id::AuthenticationTimeoutSec,
            "authentication-timeout-sec",
            ValueKind::Number,
            "how many seconds to wait for the browser sign-in; used in oidc login",
        )
    },
    Flag {
        env: &[env("AZURE_AUTHORITY_HOST", When::In(Mode::WorkloadIdentity))],
        ..row(
            Id::AuthorityHost,
            "authority-host",
            ValueKind::Text,
            "base URL of the authority, with a trailing slash; wins over --environment",
        )
    },
    Flag {
        commands: CONVERT,
        ..row(
            Id::AzureConfigDir,
            "azure-config-dir",
            ValueKind::Folder,
            "Azure CLI config path, written as AZURE_CONFIG_DIR of the exec entry",
        )
    },
    Flag {
        env: &[env("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", When::Fallback(Mode::AzurePipelines))],
        ..row(
            Id::PipelinesServiceConnectionId,
            "azure-pipelines-service-connection-id",
            ValueKind::Text,
            "service connection (resource) id of Azure Pipelines",
        )
    },
    both(
        Id::BrowserCommand,
        "browser-command",
        ValueKind::Text,
        "program that opens the sign-in page, with the URL as its one argument",
    ),
    Flag {
        commands: CACHE_USERS,
        default: "${HOME}/.kube/cache/kubelogin/",
        env: &[env("KUBECACHEDIR", When::FlagWins)],
        ..both(Id::CacheDir, "cache-dir", ValueKind::Folder, "directory to cache tokens")
    },
    Flag {
        repeatable: true,
        ..both(
            Id::CertificateAuthority,
            "certificate-authority",
            ValueKind::File,
            "PEM file of certificate authorities to trust besides the others; may be repeated",
        )
    },
    Flag {
        repeatable: true,
        ..oidc(
            Id::CertificateAuthorityData,
            "certificate-authority-data",
            ValueKind::Text,
            "certificate authorities to trust in place of the system's, PEM in base64; may be repeated; used in oidc login",
        )
    },
    Flag {
        env: &[
            env("AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE", When::NotAzureRm),
            env("AZURE_CLIENT_CERTIFICATE_PATH", When::NotAzureRm),
            env("ARM_CLIENT_CERTIFICATE_PATH", When::AzureRm),
        ],
        ..row(
            Id::ClientCertificate,
            "client-certificate",
            ValueKind::File,
            "AAD client certificate with its key, in PFX or PEM; used in spn login",
        )
    },
    Flag {
        secret: true,
        env: &[
            env("AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE_PASSWORD", When::NotAzureRm),
            env("AZURE_CLIENT_CERTIFICATE_PASSWORD", When::NotAzureRm),
            env("ARM_CLIENT_CERTIFICATE_PASSWORD", When::AzureRm),
        ],
        ..row(
            Id::ClientCertificatePassword,
            "client-certificate-password",
            ValueKind::Text,
            "password of the client certificate; used in spn login",
        )
    },
    Flag {
        env: &[
            env("AAD_SERVICE_PRINCIPAL_CLIENT_ID", When::NotAzureRm),
            env("AZURE_CLIENT_ID", When::NotAzureRm),
            env("ARM_CLIENT_ID", When::AzureRm),
            env("AZURE_CLIENT_ID", When::In(Mode::WorkloadIdentity)),
            env("AZURESUBSCRIPTION_CLIENT_ID", When::Fallback(Mode::AzurePipelines)),
        ],
        ..row(Id::ClientId, "client-id", ValueKind::Text, "AAD client application ID")
    },
    Flag {
        secret: true,
        env: &[
            env("AAD_SERVICE_PRINCIPAL_CLIENT_SECRET", When::NotAzureRm),
            env("AZURE_CLIENT_SECRET", When::NotAzureRm),
            env("ARM_CLIENT_SECRET", When::AzureRm),
        ],
        ..row(
            Id::ClientSecret,
            "client-secret",
            ValueKind::Text,
            "AAD client application secret; used in spn login",
        )
    },
    Flag {
        commands: KUBECONFIG_USERS,
        ..both(
            Id::Context,
            "context",
            ValueKind::ContextName,
            "the name of the kubeconfig context (default: all of them in convert-kubeconfig, else the current one); remove-cache-dir forgets its sign-in alone",
        )
    },
    both(
        Id::DisableEnvironmentOverride,
        "disable-environment-override",
        ValueKind::Bool,
        "ignore environment variables",
    ),
    row(
        Id::DisableInstanceDiscovery,
        "disable-instance-discovery",
        ValueKind::Bool,
        "do not ask the public cloud whether the authority host is known (private, disconnected or non-Entra authorities)",
    ),
    Flag {
        commands: CONVERT,
        ..both(Id::DryRun, "dry-run", ValueKind::Bool, "write nothing and print the change as a unified diff")
    },
    Flag {
        short: Some('e'),
        default: "AzurePublicCloud",
        ..row(Id::Environment, "environment", ValueKind::Cloud, "Azure environment name")
    },
    Flag {
        commands: CONVERT,
        ..both(
            Id::ExecCommand,
            "exec-command",
            ValueKind::File,
            "absolute path that is written as the entry's command, or self for the program that runs now",
        )
    },
    Flag {
        env: &[env("AZURE_FEDERATED_TOKEN_FILE", When::In(Mode::WorkloadIdentity))],
        ..row(
            Id::FederatedTokenFile,
            "federated-token-file",
            ValueKind::File,
            "federated token file of workload identity",
        )
    },
    Flag {
        commands: GET_TOKEN,
        ..both(
            Id::ForceRefresh,
            "force-refresh",
            ValueKind::Bool,
            "do not use the cached access token: refresh it, or else sign in",
        )
    },
    Flag {
        default: "auto",
        ..oidc(
            Id::GrantType,
            "grant-type",
            ValueKind::Choice(&[
                "auto",
                "authcode",
                "authcode-keyboard",
                "password",
                "device-code",
                "client-credentials",
            ]),
            "how to sign in: auto is password with --username, else authcode; used in oidc login",
        )
    },
    Flag {
        short: Some('h'),
        commands: ALL_COMMANDS,
        ..both(Id::Help, "help", ValueKind::Bool, "help for this command")
    },
    row(
        Id::IdentityResourceId,
        "identity-resource-id",
        ValueKind::Text,
        "managed identity resource id; used in msi login when no client id is set",
    ),
    oidc(
        Id::InsecureSkipTlsVerify,
        "insecure-skip-tls-verify",
        ValueKind::Bool,
        "do not verify the provider's TLS certificate: anyone on the way can read and forge tokens; used in oidc login",
    ),
    Flag {
        commands: KUBECONFIG_USERS,
        ..both(
            Id::Kubeconfig,
            "kubeconfig",
            ValueKind::File,
            "path to the kubeconfig file (default: $KUBECONFIG, else ~/.kube/config)",
        )
    },
    row(Id::Legacy, "legacy", ValueKind::Bool, "get a token with the 'spn:' prefix in its audience claim"),
    Flag {
        repeatable: true,
        default: "127.0.0.1:8000,127.0.0.1:18000",
        ..oidc(
            Id::ListenAddress,
            "listen-address",
            ValueKind::List,
            "addresses to listen on for the browser, the first that is free; may be repeated; used in oidc login",
        )
    },
    Flag {
        repeatable: true,
        ..oidc(
            Id::ListenPort,
            "listen-port",
            ValueKind::Number,
            "older form of --listen-address=127.0.0.1:PORT; used in oidc login",
        )
    },
    oidc(
        Id::LocalServerCert,
        "local-server-cert",
        ValueKind::File,
        "not supported: register an http://localhost redirect address",
    ),
    oidc(
        Id::LocalServerKey,
        "local-server-key",
        ValueKind::File,
        "not supported: register an http://localhost redirect address",
    ),
    Flag {
        short: Some('l'),
        default: "devicecode",
        env: &[env("AAD_LOGIN_METHOD", When::Always)],
        ..both(Id::Login, "login", ValueKind::LoginMode, "login method")
    },
    row(
        Id::LoginHint,
        "login-hint",
        ValueKind::Text,
        "account that the sign-in page suggests; used in interactive login",
    ),
    Flag {
        commands: ALL_COMMANDS,
        default: "true",
        ..both(Id::LogToStderr, "logtostderr", ValueKind::Bool, "log to standard error instead of files")
    },
    Flag { commands: &[Command::Help], ..both(Id::Man, "man", ValueKind::Bool, "the manual page, for man") },
    Flag {
        commands: &[Command::Completion],
        ..both(
            Id::NoDescriptions,
            "no-descriptions",
            ValueKind::Bool,
            "accepted and without effect: the shells show descriptions where they have room",
        )
    },
    Flag {
        repeatable: true,
        ..oidc(
            Id::OidcAuthRequestExtraParams,
            "oidc-auth-request-extra-params",
            ValueKind::Pairs,
            "parameters to add to the authorization request as key=value; may be repeated; used in oidc login",
        )
    },
    oidc(Id::OidcClientId, "oidc-client-id", ValueKind::Text, "client ID at the OpenID provider"),
    Flag {
        secret: true,
        ..oidc(
            Id::OidcClientSecret,
            "oidc-client-secret",
            ValueKind::Text,
            "client secret at the OpenID provider; prefer --oidc-client-secret-file",
        )
    },
    oidc(
        Id::OidcClientSecretEnv,
        "oidc-client-secret-env",
        ValueKind::Text,
        "name of the environment variable that holds the client secret; used in oidc login",
    ),
    oidc(
        Id::OidcClientSecretFile,
        "oidc-client-secret-file",
        ValueKind::File,
        "file that holds the client secret; used in oidc login",
    ),
    Flag {
        repeatable: true,
        ..oidc(
            Id::OidcExtraScope,
            "oidc-extra-scope",
            ValueKind::List,
            "scopes to request besides openid; may be repeated; used in oidc login",
        )
    },
    oidc(
        Id::OidcIssuerUrl,
        "oidc-issuer-url",
        ValueKind::Text,
        "issuer of an OpenID provider; chooses the oidc login",
    ),
    Flag {
        default: "auto",
        ..oidc(
            Id::OidcPkceMethod,
            "oidc-pkce-method",
            ValueKind::Choice(&["auto", "no", "S256"]),
            "PKCE: auto is S256 where the provider announces it; used in oidc login",
        )
    },
    oidc(
        Id::OidcRedirectUrl,
        "oidc-redirect-url",
        ValueKind::Text,
        "redirect address to send, as it is registered; used in oidc login",
    ),
    oidc(
        Id::OidcRedirectUrlAuthcodeKeyboard,
        "oidc-redirect-url-authcode-keyboard",
        ValueKind::Text,
        "older name of --oidc-redirect-url for --grant-type=authcode-keyboard",
    ),
    oidc(
        Id::OidcRedirectUrlHostname,
        "oidc-redirect-url-hostname",
        ValueKind::Text,
        "host of the redirect address, in place of localhost; used in oidc login",
    ),
    Flag {
        secret: true,
        repeatable: true,
        ..oidc(
            Id::OidcRequestHeader,
            "oidc-request-header",
            ValueKind::Pairs,
            "headers to add to requests to the provider as key=value; may be repeated; used in oidc login",
        )
    },
    oidc(
        Id::OidcUseAccessToken,
        "oidc-use-access-token",
        ValueKind::Bool,
        "give the access token to the cluster in place of the ID token; used in oidc login",
    ),
    oidc(Id::OidcUsePkce, "oidc-use-pkce", ValueKind::Bool, "older name of --oidc-pkce-method=S256"),
    oidc(
        Id::OpenUrlAfterAuthentication,
        "open-url-after-authentication",
        ValueKind::Text,
        "page to show in the browser after the sign-in; used in oidc login",
    ),
    Flag {
        commands: CONVERT,
        ..both(
            Id::Outfile,
            "outfile",
            ValueKind::File,
            "write the converted kubeconfig here, - for standard output, and leave the input alone",
        )
    },
    Flag { commands: CONVERT, ..both(Id::Output, "output", ValueKind::File, "older name of --outfile") },
    Flag {
        commands: INSPECTORS,
        default: "text",
        ..both(Id::OutputFormat, "output", ValueKind::Choice(&["text", "json"]), "output format")
    },
    Flag {
        secret: true,
        env: &[env("AAD_USER_PRINCIPAL_PASSWORD", When::Always), env("AZURE_PASSWORD", When::Always)],
        ..both(Id::Password, "password", ValueKind::Text, "password for ropc login flow")
    },
    row(
        Id::PopClaims,
        "pop-claims",
        ValueKind::Text,
        "claims of the proof-of-possession token as key=value,key2=value2; must include u=ARM_ID_OF_CLUSTER; goes with --pop-enabled",
    ),
    row(
        Id::PopEnabled,
        "pop-enabled",
        ValueKind::Bool,
        "request a proof-of-possession (PoP) token; works in interactive, spn and ropc login; goes with --pop-claims",
    ),
    row(
        Id::RedirectUrl,
        "redirect-url",
        ValueKind::Text,
        "address on this machine to which the browser returns; only its port counts; used in interactive login",
    ),
    row(Id::ServerId, "server-id", ValueKind::Text, "AAD server application ID"),
    Flag {
        commands: &[Command::Doctor],
        ..both(Id::SignIn, "sign-in", ValueKind::Bool, "also sign in and describe the token")
    },
    both(
        Id::SkipOpenBrowser,
        "skip-open-browser",
        ValueKind::Bool,
        "only print the address of the sign-in page; used in interactive login",
    ),
    Flag {
        short: Some('s'),
        ..row(
            Id::Subscription,
            "subscription",
            ValueKind::Text,
            "Azure subscription name or id; used in azurecli login",
        )
    },
    Flag {
        commands: TENANT_USERS,
        short: Some('t'),
        env: &[
            env("AZURE_TENANT_ID", When::NotAzureRm),
            env("ARM_TENANT_ID", When::AzureRm),
            env("AZURESUBSCRIPTION_TENANT_ID", When::Fallback(Mode::AzurePipelines)),
        ],
        ..row(
            Id::TenantId,
            "tenant-id",
            ValueKind::Text,
            "AAD tenant ID; remove-cache-dir forgets the sign-ins of the tenant that the flag names",
        )
    },
    Flag {
        default: "60s",
        env: &[env("AZURE_CLI_TIMEOUT", When::Always)],
        ..both(
            Id::Timeout,
            "timeout",
            ValueKind::Duration,
            "time limit of network exchanges and of the Azure CLI",
        )
    },
    oidc(
        Id::TlsRenegotiationFreely,
        "tls-renegotiation-freely",
        ValueKind::Bool,
        "accepted and without effect",
    ),
    oidc(Id::TlsRenegotiationOnce, "tls-renegotiation-once", ValueKind::Bool, "accepted and without effect"),
    Flag {
        default: "auto",
        ..both(
            Id::TokenCache,
            "token-cache",
            ValueKind::Choice(&["auto", "all", "none"]),
            "which tokens are cached: auto (user logins), all (service principals and managed identities too), none",
        )
    },
    Flag {
        commands: CACHE_USERS,
        ..both(Id::TokenCacheDir, "token-cache-dir", ValueKind::Folder, "older name of --cache-dir")
    },
    Flag {
        default: "disk",
        ..oidc(
            Id::TokenCacheStorage,
            "token-cache-storage",
            ValueKind::Choice(&["disk", "keyring", "none", "auto"]),
            "where tokens are cached: disk or none; keyring and auto mean disk; used in oidc login",
        )
    },
    row(
        Id::UseAzureRmEnvVars,
        "use-azurerm-env-vars",
        ValueKind::Bool,
        "use the environment variable names of the Terraform Azure Provider (ARM_CLIENT_ID, ARM_CLIENT_SECRET, ARM_CLIENT_CERTIFICATE_PATH, ARM_CLIENT_CERTIFICATE_PASSWORD, ARM_TENANT_ID)",
    ),
    Flag {
        commands: USERNAME_USERS,
        env: &[env("AAD_USER_PRINCIPAL_NAME", When::Always), env("AZURE_USERNAME", When::Always)],
        ..both(
            Id::Username,
            "username",
            ValueKind::Text,
            "user name for ropc login flow; remove-cache-dir forgets the sign-ins of the account that the flag names",
        )
    },
    Flag {
        short: Some('v'),
        commands: ALL_COMMANDS,
        ..both(Id::Verbosity, "v", ValueKind::Level, "number for the log level verbosity")
    },
    Flag {
        commands: &[Command::Root],
        ..both(Id::Version, "version", ValueKind::Bool, "version for kubelogin")
    },
];

impl Flag {
    /// Whether `command` takes it.
    pub fn belongs_to(&self, command: Command) -> bool {
        // setup signs in to an OpenID provider as get-token does.
        let as_get_token =
            command == Command::Setup && self.family == Family::Both && self.commands == SIGN_IN_COMMANDS;
        as_get_token || self.commands.contains(&command)
    }

    /// Whether `command` reads its environment variables: one that signs in must not decide what is deleted.
    pub fn reads_env_in(&self, command: Command) -> bool {
        !matches!(command, Command::RemoveCacheDir | Command::RemoveTokens) || self.id == Id::CacheDir
    }

    /// Whether every command takes it.
    pub fn is_global(&self) -> bool {
        matches!(self.id, Id::LogToStderr | Id::Verbosity)
    }

    /// Whether it takes a value of its own.
    pub fn takes_value(&self) -> bool {
        self.kind != ValueKind::Bool
    }
}

impl Id {
    /// Its row.
    pub fn flag(self) -> &'static Flag {
        // The lint tests below prove that every id has a row; the first row stands in for the impossible.
        const FIRST: &Flag = match FLAGS.first() {
            Some(flag) => flag,
            None => &row(Id::Help, "help", ValueKind::Bool, ""),
        };
        FLAGS.iter().find(|flag| flag.id == self).unwrap_or(FIRST)
    }

    /// `--long`, for messages and arguments.
    pub fn dashed(self) -> String {
        format!("--{}", self.flag().long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_id_and_each_name_stands_once() {
        let ids: HashSet<Id> = FLAGS.iter().map(|f| f.id).collect();
        assert_eq!(ids.len(), FLAGS.len());
        for flag in FLAGS {
            assert_eq!(flag.id.flag().long, flag.long);
        }
        for row in COMMANDS {
            let rows = FLAGS.iter().filter(|f| f.belongs_to(row.command));
            let (mut longs, mut shorts) = (HashSet::new(), HashSet::new());
            for flag in rows {
                assert!(longs.insert(flag.long), "--{} twice in {}", flag.long, row.name);
                if let Some(short) = flag.short {
                    assert!(shorts.insert(short), "-{short} twice in {}", row.name);
                }
            }
        }
    }

    #[test]
    fn a_name_has_the_same_shape_in_every_command() {
        // The command is found among the arguments by skipping flags with their values, before it is
        // known whose flags they are.
        for a in FLAGS {
            for b in FLAGS {
                if a.long == b.long || (a.short.is_some() && a.short == b.short) {
                    assert_eq!(a.takes_value(), b.takes_value(), "{}", a.long);
                }
            }
        }
    }

    #[test]
    fn rows_are_well_formed() {
        for flag in FLAGS {
            assert!(flag.long.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", flag.long);
            assert!(!flag.help.is_empty() && !flag.help.ends_with('.'), "{}", flag.long);
            assert!(!flag.commands.is_empty(), "{}", flag.long);
            if flag.kind == ValueKind::Duration {
                assert!(crate::time::parse_go_duration(flag.default).is_some(), "{}", flag.long);
            }
            if let ValueKind::Choice(words) = flag.kind {
                assert!(words.contains(&flag.default), "{}", flag.long);
            }
            for variable in flag.env {
                assert!(variable.name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
                let arm = variable.name.starts_with("ARM_");
                assert_eq!(arm, variable.when == When::AzureRm, "{}", variable.name);
            }
        }
    }

    /// [`Options`](crate::cli::options::Options) reads switches and lists from the command line alone: a variable or a
    /// default would silently not count.
    #[test]
    fn switches_and_lists_have_neither_variable_nor_default() {
        for flag in FLAGS.iter().filter(|flag| flag.kind == ValueKind::Bool || flag.repeatable) {
            assert!(flag.env.is_empty(), "{}", flag.long);
            let is_list = matches!(flag.kind, ValueKind::List);
            assert!(flag.default.is_empty() || is_list || flag.id == Id::LogToStderr, "{}", flag.long);
        }
    }

    #[test]
    fn rows_stand_in_alphabetical_order() {
        let names: Vec<&str> = FLAGS.iter().map(|f| f.long).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
        let names: Vec<&str> = COMMANDS.iter().map(|c| c.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
    }
}
