//! What the command line says about a sign-in at an OpenID provider.

use crate::cache::{Key, fingerprint};
use crate::cli::flags::Id;
use crate::cli::options::{Options, SettingSource};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::web_url::WebUrl;
use crate::mode::Mode;
use crate::oauth::oidc::authorize::{check_parameters, scope};
use crate::oauth::oidc::client::Client;
use crate::oauth::oidc::provider::check_issuer;
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use crate::sys::http::trust::has_certificate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

/// The largest file of certificates that is read.
const MAX_CERTIFICATES: u64 = 16 << 20;
/// The largest file with a client secret.
const MAX_SECRET: u64 = 64 << 10;

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// In a browser that comes back to this machine.
    AuthCode,
    /// In a browser whose answer the user types.
    Keyboard,
    /// With user name and password.
    Password,
    /// With a code that is entered elsewhere.
    DeviceCode,
    /// As the client itself.
    ClientCredentials,
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

/// Everything that a sign-in needs.
#[derive(Debug)]
pub struct Settings {
    /// The provider.
    pub issuer: String,
    /// The client.
    pub client: Client,
    /// What is asked for.
    pub scope: String,
    /// The redirect address as given.
    pub redirect_url: Option<String>,
    /// The host of the redirect address, where that is not given.
    pub redirect_host: String,
    /// The cluster gets the access token.
    pub uses_access_token: bool,
    /// More headers for the provider.
    pub headers: Vec<(String, Secret)>,
    /// More parameters for it.
    pub parameters: Vec<(String, String)>,
    /// When PKCE is sent.
    pub pkce: PkceMethod,
    /// How to sign in.
    pub grant: GrantType,
    /// Where to listen for the browser.
    pub places: Vec<(Vec<IpAddr>, u16)>,
    /// How long to wait for the user, where that was given.
    pub timeout: Option<Duration>,
    /// Where the browser goes in the end.
    pub done: Option<String>,
    /// PEM texts of the only roots that are trusted; `None`: the usual ones.
    pub roots: Option<Vec<Vec<u8>>>,
    /// The provider's certificate is not verified.
    pub skips_verification: bool,
    /// The user's name.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// A setting that is missing or cannot be used.
    pub fn new(ctx: &Context, options: &Options) -> Result<Self> {
        let missing = |id: Id| Error::new(format!("{} is missing", id.dashed()));
        let issuer = options.text(Id::OidcIssuerUrl).ok_or_else(|| missing(Id::OidcIssuerUrl))?;
        let client_id = options.text(Id::OidcClientId).ok_or_else(|| missing(Id::OidcClientId))?;
        check_issuer(issuer)?;
        if let Some(id) =
            [Id::LocalServerCert, Id::LocalServerKey].into_iter().find(|id| options.text(*id).is_some())
        {
            return Err(Error::new(format!("{} is not supported", id.dashed()))
                .hint("register an http://localhost redirect address and leave it out"));
        }
        let mut parameters = options.pairs(Id::OidcAuthRequestExtraParams);
        parameters.sort_unstable();
        check_parameters(&parameters)?;
        let redirect_url = options.text(Id::OidcRedirectUrl);
        let redirect_url = redirect_url.or(options.text(Id::OidcRedirectUrlAuthcodeKeyboard));
        let username = options.text(Id::Username).map(str::to_owned);
        Ok(Self {
            client: Client { id: client_id.to_owned(), secret: client_secret(ctx, options)? },
            issuer: issuer.to_owned(),
            scope: scope(&options.list(Id::OidcExtraScope)),
            redirect_host: options.text(Id::OidcRedirectUrlHostname).unwrap_or("localhost").to_owned(),
            uses_access_token: options.is_on(Id::OidcUseAccessToken),
            headers: headers(options)?,
            parameters,
            pkce: match options.text(Id::OidcPkceMethod) {
                _ if options.is_on(Id::OidcUsePkce) => PkceMethod::S256,
                Some("no") => PkceMethod::No,
                Some("S256") => PkceMethod::S256,
                _ => PkceMethod::Auto,
            },
            grant: match options.text(Id::GrantType) {
                Some("authcode") => GrantType::AuthCode,
                Some("authcode-keyboard") => GrantType::Keyboard,
                Some("password") => GrantType::Password,
                Some("device-code") => GrantType::DeviceCode,
                Some("client-credentials") => GrantType::ClientCredentials,
                _ if username.is_some() => GrantType::Password,
                // Never a device code: most clients may not use it, and it can be phished.
                _ => GrantType::AuthCode,
            },
            places: places(options, redirect_url)?,
            redirect_url: redirect_url.map(str::to_owned),
            timeout: timeout(options)?,
            done: options
                .text(Id::OpenUrlAfterAuthentication)
                .map(|url| WebUrl::parse(url).map(|url| url.text()))
                .transpose()
                .map_err(|e| e.context("cannot use --open-url-after-authentication"))?,
            roots: roots(options)?,
            skips_verification: options.is_on(Id::InsecureSkipTlsVerify),
            username,
            password: options.secret(Id::Password),
        })
    }

    /// The redirect address to send from this port.
    pub fn redirect_uri(&self, port: u16) -> String {
        self.redirect_url.clone().unwrap_or_else(|| format!("http://{}:{port}", self.redirect_host))
    }

    /// What the tokens are cached under. All that tells one sign-in from another goes through one hash, the secret
    /// among it; issuer, client and scope stand beside it in clear.
    pub fn key(&self) -> Key {
        let (family, user) = match self.grant {
            GrantType::AuthCode | GrantType::Keyboard | GrantType::DeviceCode => ("person", None),
            GrantType::Password => ("password", self.username.clone()),
            GrantType::ClientCredentials => ("client-credentials", None),
        };
        let flag = |is_on: bool| if is_on { "1" } else { "0" };
        let pkce = match self.pkce {
            PkceMethod::Auto => "auto",
            PkceMethod::No => "no",
            PkceMethod::S256 => "S256",
        };
        let secret = self.client.secret.as_ref().map(|secret| format!("={}", secret.expose()));
        let mut parts: Vec<&[u8]> = [
            self.issuer.as_str(),
            &self.client.id,
            &self.scope,
            secret.as_deref().unwrap_or_default(),
            self.redirect_url.as_deref().unwrap_or_default(),
            pkce,
            family,
            flag(self.uses_access_token),
            flag(self.skips_verification),
            flag(self.roots.is_some()),
        ]
        .map(str::as_bytes)
        .to_vec();
        for (name, value) in &self.headers {
            parts.extend([&b"header"[..], name.as_bytes(), value.expose().as_bytes()]);
        }
        for (name, value) in &self.parameters {
            parts.extend([&b"parameter"[..], name.as_bytes(), value.as_bytes()]);
        }
        parts.extend(self.roots.iter().flatten().map(Vec::as_slice));
        Key {
            authority: self.issuer.clone(),
            client: self.client.id.clone(),
            server: self.scope.clone(),
            mode: Mode::Oidc.name().to_owned(),
            user,
            credential: Some(fingerprint(&parts)),
            ..Key::default()
        }
    }
}

/// The client secret of the flag, of a file, or of a variable that the flag names: no fixed one, for a secret must
/// never reach another provider than its own.
fn client_secret(ctx: &Context, options: &Options) -> Result<Option<Secret>> {
    const IDS: [Id; 3] = [Id::OidcClientSecret, Id::OidcClientSecretFile, Id::OidcClientSecretEnv];
    let given: Vec<Id> = IDS.into_iter().filter(|id| options.path(*id).is_some()).collect();
    if let [one, other, ..] = given.as_slice() {
        return Err(Error::new(format!("{} and {} are both given", one.dashed(), other.dashed()))
            .hint("leave one of them out"));
    }
    if let Some(file) = options.path(Id::OidcClientSecretFile) {
        return secret_of_file(file).map(Some);
    }
    if let Some(name) = options.text(Id::OidcClientSecretEnv) {
        let secret = ctx.env.text(name).map(Secret::from);
        return secret.map(Some).ok_or_else(|| {
            Error::new(format!("the environment variable {name} (--oidc-client-secret-env) is not set"))
                .hint(format!("set {name} to the client secret"))
        });
    }
    Ok(options.secret(Id::OidcClientSecret))
}

fn secret_of_file(file: &Path) -> Result<Secret> {
    let failed =
        |why: &str| Error::new(format!("cannot use {} (--oidc-client-secret-file): {why}", file.display()));
    let bytes = zeroize::Zeroizing::new(read_bounded(file, MAX_SECRET).map_err(|e| failed(&e.to_string()))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not valid UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(failed("it is empty"));
    }
    if text.contains('\0') {
        return Err(failed("it contains a NUL"));
    }
    if text.trim() != text {
        return Err(failed("the secret begins or ends with white space")
            .hint("write the secret alone into the file; one line end after it is ignored"));
    }
    Ok(Secret::from(text))
}

fn headers(options: &Options) -> Result<Vec<(String, Secret)>> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let header = |(name, value): (String, String)| {
        let refuse = |why: &str| Err(Error::new(format!("cannot use --oidc-request-header: {why}")));
        if name.is_empty() || !name.bytes().all(is_token) {
            return refuse("a name is no header's name");
        }
        if ["host", "content-length", "content-type"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return refuse(&format!("{name} cannot be set"));
        }
        if value.contains(char::is_control) {
            return refuse(&format!("the value of {name} contains a line end or another control character"));
        }
        Ok((name, Secret::new(value)))
    };
    let mut pairs = options.pairs(Id::OidcRequestHeader);
    pairs.sort_unstable();
    pairs.into_iter().map(header).collect()
}

fn timeout(options: &Options) -> Result<Option<Duration>> {
    let is_given = |id: Id| options.source(id) != SettingSource::Default;
    let (own, shared) = (Id::AuthenticationTimeoutSec, Id::AuthenticationTimeout);
    if is_given(own) && is_given(shared) {
        return Err(Error::new(format!("{} and {} are both given", own.dashed(), shared.dashed()))
            .hint("leave one of them out"));
    }
    if is_given(shared) {
        return Ok(Some(options.duration(shared)));
    }
    let seconds = options.number(own).map(u64::from);
    Ok(seconds.filter(|_| is_given(own)).map(Duration::from_secs))
}

/// Where to listen; with a redirect address only where its port is, if any place has it.
fn places(options: &Options, redirect_url: Option<&str>) -> Result<Vec<(Vec<IpAddr>, u16)>> {
    let ports = options.args().all(Id::ListenPort).filter_map(OsStr::to_str);
    let of_ports: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
    let mut texts = if of_ports.is_empty() { options.list(Id::ListenAddress) } else { of_ports };
    if texts.is_empty() {
        texts.push("127.0.0.1:0".to_owned());
    }
    let places = texts.iter().map(|text| place(text)).collect::<Result<Vec<_>>>()?;
    let wanted = redirect_url.and_then(port_of);
    let fitting: Vec<_> = places.iter().filter(|(_, port)| Some(*port) == wanted).cloned().collect();
    Ok(if fitting.is_empty() { places } else { fitting })
}

fn place(text: &str) -> Result<(Vec<IpAddr>, u16)> {
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let refuse = || {
        Error::new(format!("cannot use --listen-address {text}: it is no address with a port"))
            .hint("write it as 127.0.0.1:8000, [::1]:8000 or localhost:8000")
    };
    let text = if text.is_empty() { "127.0.0.1:0" } else { text };
    let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_| refuse())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addresses = match host.parse::<IpAddr>() {
        // The redirect address says localhost, which browsers try as ::1 first.
        Ok(address) if address == v4 => vec![v4, v6],
        Ok(address) => vec![address],
        Err(_) if host.eq_ignore_ascii_case("localhost") => vec![v4, v6],
        Err(_) if host.is_empty() => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
        Err(_) => return Err(refuse()),
    };
    Ok((addresses, port))
}

/// The port of an http address, of any host.
fn port_of(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    match authority.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => port.parse().ok(),
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ => Some(443),
    }
}

/// The certificates that the flags name, in place of the system's. The sentences are int128's.
fn roots(options: &Options) -> Result<Option<Vec<Vec<u8>>>> {
    let mut pems = Vec::new();
    for path in options.paths(Id::CertificateAuthority) {
        let failed =
            |why: &str| Error::new(format!("could not load the certificate from {}: {why}", path.display()));
        let pem =
            read_bounded(&path, MAX_CERTIFICATES).map_err(|e| failed(&format!("could not read: {e}")))?;
        if !has_certificate(&pem) {
            return Err(failed("invalid certificate").hint("name a PEM file (-----BEGIN CERTIFICATE-----)"));
        }
        pems.push(pem);
    }
    for data in options.args().all(Id::CertificateAuthorityData).filter_map(OsStr::to_str) {
        let failed = |why: &str| Error::new(format!("could not load the certificate: {why}"));
        let text: String = data.split(['\r', '\n']).collect();
        let pem = STANDARD.decode(text).map_err(|e| failed(&format!("could not decode base64: {e}")))?;
        if !has_certificate(&pem) {
            return Err(failed("invalid certificate")
                .hint("--certificate-authority-data is the base64 of a PEM text"));
        }
        pems.push(pem);
    }
    Ok((!pems.is_empty()).then_some(pems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        for (text, addresses, port) in [
            ("127.0.0.1:8000", vec![v4, v6], 8000),
            ("localhost:1", vec![v4, v6], 1),
            ("[::1]:2", vec![v6], 2),
            ("0.0.0.0:3", vec![any], 3),
            (":4", vec![any], 4),
            ("", vec![v4, v6], 0),
        ] {
            assert_eq!(place(text).unwrap(), (addresses, port), "{text}");
        }
        for bad in ["8000", "127.0.0.1", "x:1", "127.0.0.1:x", "127.0.0.1:70000", "a:b:1"] {
            assert!(place(bad).is_err(), "{bad}");
        }
        for (url, port) in [
            ("http://localhost:8000/a", Some(8000)),
            ("http://a", Some(80)),
            ("https://a/x", Some(443)),
            ("http://[::1]:9", Some(9)),
            ("urn:ietf:wg:oauth:2.0:oob", None),
        ] {
            assert_eq!(port_of(url), port, "{url}");
        }
    }
}
