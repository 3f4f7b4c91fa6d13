//! What the command line says about a sign-in to an OpenID provider, checked.

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::oauth::oidc::client::{Client, check_headers, check_parameters};
use crate::oauth::oidc::provider;
use crate::oauth::oidc::web_address::openable;
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::time::Duration;

/// No provider's secret is longer.
const MAX_SECRET: u64 = 64 << 10;

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// In a browser that is redirected to this machine.
    AuthorizationCode,
    /// In a browser anywhere; the code is typed.
    Keyboard,
    /// With user name and password.
    Password,
    /// In a browser anywhere, where a code of ours is entered.
    DeviceCode,
    /// The application itself.
    ClientCredentials,
}

impl Grant {
    /// Its name in `--grant-type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authcode",
            Self::Keyboard => "authcode-keyboard",
            Self::Password => "password",
            Self::DeviceCode => "device-code",
            Self::ClientCredentials => "client-credentials",
        }
    }
}

/// When PKCE is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PkceMethod {
    /// Where the provider announces it.
    Auto,
    /// Never.
    No,
    /// Always.
    S256,
}

/// The settings.
pub struct Settings {
    pub issuer: String,
    pub client: Client,
    /// Space-separated, `openid` last.
    pub scope: String,
    pub grant: Grant,
    pub pkce: PkceMethod,
    pub redirect_url: Option<String>,
    pub redirect_host: Option<String>,
    pub extra: Vec<(String, String)>,
    pub uses_access_token: bool,
    pub listen: Vec<String>,
    /// How long to wait for the browser.
    pub browser_timeout: Duration,
    pub opens: bool,
    pub command: Option<String>,
    pub after: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub skips_verification: bool,
    /// PEM, from `--certificate-authority-data`.
    pub authority_data: Vec<Vec<u8>>,
}

impl Settings {
    /// Reads them from the options.
    ///
    /// # Errors
    /// A missing issuer or client id, in the words that people search for; a setting that cannot be used.
    pub fn new(ctx: &Context, options: &Options) -> Result<Self> {
        let issuer = required(options, Id::OidcIssuerUrl)?;
        let id = required(options, Id::OidcClientId)?;
        provider::request(&issuer)?;
        refuse_local_tls(options)?;
        let headers = options.pairs(Id::OidcRequestHeader);
        check_headers(&headers)?;
        let headers = headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
        let extra = options.pairs(Id::OidcAuthRequestExtraParams);
        check_parameters(&extra)?;
        let username = options.text(Id::Username).map(str::to_owned);
        let grant = match options.text(Id::GrantType) {
            Some("authcode") => Grant::AuthorizationCode,
            Some("authcode-keyboard") => Grant::Keyboard,
            Some("password") => Grant::Password,
            Some("device-code") => Grant::DeviceCode,
            Some("client-credentials") => Grant::ClientCredentials,
            _ if username.is_some() => Grant::Password,
            _ => Grant::AuthorizationCode,
        };
        let pkce = match options.text(Id::OidcPkceMethod) {
            _ if options.is_on(Id::OidcUsePkce) => PkceMethod::S256,
            Some("no") => PkceMethod::No,
            Some("S256") => PkceMethod::S256,
            _ => PkceMethod::Auto,
        };
        let own = |id| options.text(id).map(str::to_owned);
        let keyboard_url = own(Id::OidcRedirectUrlAuthcodeKeyboard).filter(|_| grant == Grant::Keyboard);
        let after = own(Id::OpenUrlAfterAuthentication);
        let after = match after.as_deref().map(openable) {
            Some(None) => {
                return Err(Error::new("--open-url-after-authentication is not an https address"));
            }
            address => address.flatten(),
        };
        Ok(Self {
            client: Client { id, secret: client_secret(ctx, options)?, headers },
            scope: scope(options),
            redirect_url: own(Id::OidcRedirectUrl).or(keyboard_url),
            redirect_host: own(Id::OidcRedirectUrlHostname),
            uses_access_token: options.is_on(Id::OidcUseAccessToken),
            listen: listen(options),
            opens: !options.is_on(Id::SkipOpenBrowser),
            command: own(Id::BrowserCommand),
            password: options.secret(Id::Password),
            skips_verification: options.is_on(Id::InsecureSkipTlsVerify),
            authority_data: authority_data(options)?,
            issuer,
            grant,
            pkce,
            extra,
            browser_timeout: browser_timeout(options)?,
            after,
            username,
        })
    }
}

fn required(options: &Options, id: Id) -> Result<String> {
    options.text(id).map(str::to_owned).ok_or_else(|| Error::new(format!("{} is missing", id.dashed())))
}

fn refuse_local_tls(options: &Options) -> Result<()> {
    match [Id::LocalServerCert, Id::LocalServerKey].into_iter().find(|id| options.text(*id).is_some()) {
        Some(id) => Err(Error::new(format!(
            "{} is not supported: register an http://localhost redirect address",
            id.dashed()
        ))),
        None => Ok(()),
    }
}

/// The extra scopes in order, then `openid`.
fn scope(options: &Options) -> String {
    let mut scopes = options.list(Id::OidcExtraScope);
    scopes.push("openid".to_owned());
    scopes.join(" ")
}

fn listen(options: &Options) -> Vec<String> {
    let ports = options.texts(Id::ListenPort);
    match ports.is_empty() {
        true => options.list(Id::ListenAddress),
        false => ports.into_iter().map(|port| format!("127.0.0.1:{port}")).collect(),
    }
}

fn browser_timeout(options: &Options) -> Result<Duration> {
    let is_given = |id| options.args().last(id).is_some();
    let (ours, other) = (Id::AuthenticationTimeout, Id::AuthenticationTimeoutSec);
    if is_given(ours) && is_given(other) {
        return Err(Error::new(format!("{} and {} are one setting", ours.dashed(), other.dashed()))
            .hint("give one of them"));
    }
    Ok(match is_given(ours) {
        true => options.duration(ours),
        false => Duration::from_secs(options.number(other).unwrap_or(180).into()),
    })
}

fn client_secret(ctx: &Context, options: &Options) -> Result<Option<Secret>> {
    if let Some(path) = options.path(Id::OidcClientSecretFile) {
        return read_secret(path).map(Some);
    }
    if let Some(name) = options.text(Id::OidcClientSecretEnv) {
        return match ctx.env.text(name) {
            Some(secret) => Ok(Some(Secret::from(secret))),
            None => Err(Error::new(format!(
                "the environment variable {name} (--oidc-client-secret-env) is not set, or empty"
            ))),
        };
    }
    Ok(options.secret(Id::OidcClientSecret))
}

/// One final line end is cut; other white space at the ends is more likely damage than meant.
fn read_secret(path: &Path) -> Result<Secret> {
    let failed =
        |why: &str| Error::new(format!("cannot use {} (--oidc-client-secret-file): {why}", path.display()));
    let bytes = zeroize::Zeroizing::new(read_bounded(path, MAX_SECRET).map_err(|e| failed(&e.to_string()))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not text"))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err(failed("it is empty"));
    }
    if text.trim() != text {
        return Err(failed("it begins or ends with white space"));
    }
    if text.contains('\0') {
        return Err(failed("it contains a NUL"));
    }
    Ok(Secret::from(text))
}

fn authority_data(options: &Options) -> Result<Vec<Vec<u8>>> {
    let decode = |text: &str| {
        let plain: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(plain).map_err(|_| Error::new("--certificate-authority-data is not base64"))
    };
    options.texts(Id::CertificateAuthorityData).into_iter().map(decode).collect()
}
