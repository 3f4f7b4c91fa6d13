//! Where a managed identity's tokens come from on this machine, and the request that each source takes.
//!
//! Source: learn.microsoft.com, "How to use managed identities … to acquire an access token" of virtual
//! machines, App Service, Azure Arc, Service Fabric, Cloud Shell; the order is MSAL's.

use crate::context::Env;
use crate::error::{Error, Result};
use crate::http::form;
use crate::http::message::{Request, Retry, Route};
use crate::http::url::without_userinfo;
use crate::secret::Secret;
use std::borrow::Cow;

/// Which identity of the machine to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The machine's own.
    System,
    /// A user-assigned one, by its client id.
    Client(String),
    /// A user-assigned one, by its resource id.
    Resource(String),
}

/// A source of tokens.
#[derive(Clone, Debug)]
pub enum IdentitySource {
    /// Service Fabric; its certificate is pinned by its SHA-1.
    ServiceFabric {
        /// `IDENTITY_ENDPOINT`
        endpoint: String,
        /// `IDENTITY_HEADER`
        header: Secret,
        /// `IDENTITY_SERVER_THUMBPRINT`
        thumbprint: [u8; 20],
    },
    /// App Service, Functions, Container Apps.
    AppService {
        /// `IDENTITY_ENDPOINT`
        endpoint: String,
        /// `IDENTITY_HEADER`
        header: Secret,
    },
    /// Azure Machine Learning.
    MachineLearning {
        /// `MSI_ENDPOINT`
        endpoint: String,
        /// `MSI_SECRET`
        secret: Secret,
        /// `DEFAULT_IDENTITY_CLIENT_ID`
        default_client: Option<String>,
    },
    /// Cloud Shell.
    CloudShell {
        /// `MSI_ENDPOINT`
        endpoint: String,
    },
    /// A server connected by Azure Arc.
    Arc {
        /// `IDENTITY_ENDPOINT`, or the agent's usual one.
        endpoint: String,
    },
    /// The instance metadata service of virtual machines.
    Imds {
        /// Its token address.
        endpoint: String,
    },
}

/// The agent's endpoint where the environment names none.
const ARC_ENDPOINT: &str = "http://localhost:40342/metadata/identity/oauth2/token";
const IMDS_HOST: &str = "http://169.254.169.254";
const IMDS_PATH: &str = "/metadata/identity/oauth2/token";

impl IdentitySource {
    /// The source that this environment points to. `has_arc_agent`: the agent's program is installed.
    ///
    /// # Errors
    /// A Service Fabric thumbprint that is no SHA-1, a variable that is not UTF-8.
    pub fn detect(env: &Env, has_arc_agent: bool) -> Result<Self> {
        let text = |name: &str| env.try_text(name).map(|text| text.map(str::to_owned));
        let secret = |name: &str| env.try_text(name).map(|text| text.map(Secret::from));
        if let (Some(endpoint), Some(header)) = (text("IDENTITY_ENDPOINT")?, secret("IDENTITY_HEADER")?) {
            return match env.try_text("IDENTITY_SERVER_THUMBPRINT")? {
                Some(thumbprint) => {
                    Ok(Self::ServiceFabric { endpoint, header, thumbprint: parse_thumbprint(thumbprint)? })
                }
                None => Ok(Self::AppService { endpoint, header }),
            };
        }
        if let Some(endpoint) = text("MSI_ENDPOINT")? {
            return Ok(match secret("MSI_SECRET")? {
                Some(secret) => Self::MachineLearning {
                    endpoint,
                    secret,
                    default_client: text("DEFAULT_IDENTITY_CLIENT_ID")?,
                },
                None => Self::CloudShell { endpoint },
            });
        }
        if let (Some(endpoint), Some(_)) = (text("IDENTITY_ENDPOINT")?, text("IMDS_ENDPOINT")?) {
            return Ok(Self::Arc { endpoint });
        }
        if has_arc_agent {
            return Ok(Self::Arc { endpoint: ARC_ENDPOINT.to_owned() });
        }
        let host = env.try_text("AZURE_POD_IDENTITY_AUTHORITY_HOST")?.unwrap_or(IMDS_HOST);
        Ok(Self::Imds { endpoint: format!("{}{IMDS_PATH}", host.trim_end_matches('/')) })
    }

    /// Its name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ServiceFabric { .. } => "Service Fabric",
            Self::AppService { .. } => "App Service",
            Self::MachineLearning { .. } => "Azure Machine Learning",
            Self::CloudShell { .. } => "Cloud Shell",
            Self::Arc { .. } => "Azure Arc",
            Self::Imds { .. } => "the instance metadata service",
        }
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        match self {
            Self::ServiceFabric { endpoint, .. }
            | Self::AppService { endpoint, .. }
            | Self::MachineLearning { endpoint, .. }
            | Self::CloudShell { endpoint }
            | Self::Arc { endpoint }
            | Self::Imds { endpoint } => endpoint,
        }
    }

    /// Its address for messages.
    pub fn shown_endpoint(&self) -> Cow<'_, str> {
        without_userinfo(self.endpoint())
    }

    /// A request that only finds out whether the instance metadata service is there. The other sources are
    /// known by their variables.
    pub fn probe_request(&self) -> Option<Request> {
        let Self::Imds { endpoint } = self else { return None };
        let mut request =
            Request::get(endpoint.replace(IMDS_PATH, "/metadata/instance?api-version=2021-02-01"));
        request.headers = vec![("Metadata", Secret::from("true"))];
        Some(Request { route: Route::Local, retry: Retry::Never, ..request })
    }

    /// The token request.
    ///
    /// # Errors
    /// An identity that the source cannot be asked for.
    pub fn request(&self, identity: &Identity, resource: &str) -> Result<Request> {
        let unsupported = |what: &str| Err(Error::new(format!("{} does not support {what}", self.name())));
        match (self, identity) {
            (
                Self::ServiceFabric { .. } | Self::CloudShell { .. },
                Identity::Client(_) | Identity::Resource(_),
            ) => {
                return unsupported("user-assigned identities");
            }
            (Self::MachineLearning { .. }, Identity::Resource(_)) => {
                return unsupported("an identity resource id")
                    .map_err(|e| e.hint("pass the identity's --client-id"));
            }
            _ => {}
        }
        let selector = |client: &'static str, resource_id: &'static str| match identity {
            Identity::System => None,
            Identity::Client(id) => Some((client, id.as_str())),
            Identity::Resource(id) => Some((resource_id, id.as_str())),
        };
        let metadata = || vec![("Metadata", Secret::from("true"))];
        let (version, selector, headers) = match self {
            Self::ServiceFabric { header, .. } => {
                ("2019-07-01-preview", None, vec![("Secret", header.clone())])
            }
            Self::AppService { header, .. } => (
                "2019-08-01",
                selector("client_id", "mi_res_id"),
                vec![("X-IDENTITY-HEADER", header.clone())],
            ),
            Self::MachineLearning { secret, default_client, .. } => (
                "2017-09-01",
                selector("clientid", "").or(default_client.as_deref().map(|id| ("clientid", id))),
                vec![("secret", secret.clone())],
            ),
            Self::CloudShell { endpoint } => {
                let mut request = Request::post(endpoint.clone(), vec![("resource", Secret::from(resource))]);
                request.headers = metadata();
                request.route = Route::Local;
                return Ok(request);
            }
            Self::Arc { .. } => ("2020-06-01", selector("client_id", "msi_res_id"), metadata()),
            Self::Imds { .. } => ("2018-02-01", selector("client_id", "msi_res_id"), metadata()),
        };
        let pairs = [("api-version", version), ("resource", resource)].into_iter().chain(selector);
        let separator = if self.endpoint().contains('?') { '&' } else { '?' };
        Ok(Request {
            headers,
            retry: match self {
                Self::Imds { .. } | Self::Arc { .. } => Retry::Metadata,
                _ => Retry::Usual,
            },
            route: Route::Local,
            ..Request::get(format!("{}{separator}{}", self.endpoint(), form::encode(pairs)))
        })
    }
}

/// Forty hexadecimal digits, with or without separators.
fn parse_thumbprint(text: &str) -> Result<[u8; 20]> {
    let refused = || Error::new("IDENTITY_SERVER_THUMBPRINT is not the SHA-1 thumbprint of a certificate");
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' ' | '-'))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(refused)?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    match digits.len() {
        40 => bytes.try_into().map_err(|_| refused()),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(env: &[(&str, &str)], agent: bool) -> IdentitySource {
        IdentitySource::detect(&env.iter().copied().collect(), agent).unwrap()
    }

    fn url(source: &IdentitySource, identity: &Identity) -> String {
        source.request(identity, "srv").unwrap().url
    }

    #[test]
    fn sources_are_detected_in_their_order() {
        let endpoint = ("IDENTITY_ENDPOINT", "http://e/token");
        let header = ("IDENTITY_HEADER", "h");
        let print = ("IDENTITY_SERVER_THUMBPRINT", "00112233445566778899aabbccddeeff00112233");
        let msi = ("MSI_ENDPOINT", "http://m");
        let secret = ("MSI_SECRET", "s");
        let imds = ("IMDS_ENDPOINT", "http://i");
        assert!(matches!(
            detect(&[endpoint, header, print, msi, secret, imds], true),
            IdentitySource::ServiceFabric { .. }
        ));
        assert!(matches!(
            detect(&[endpoint, header, msi, secret, imds], true),
            IdentitySource::AppService { .. }
        ));
        assert!(matches!(
            detect(&[endpoint, msi, secret, imds], true),
            IdentitySource::MachineLearning { .. }
        ));
        assert!(matches!(detect(&[endpoint, msi, imds], true), IdentitySource::CloudShell { .. }));
        assert!(matches!(detect(&[endpoint, imds], false), IdentitySource::Arc { .. }));
        assert_eq!(detect(&[], true).endpoint(), ARC_ENDPOINT);
        assert_eq!(
            detect(&[endpoint], false).endpoint(),
            "http://169.254.169.254/metadata/identity/oauth2/token"
        );
        assert_eq!(
            detect(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9/")], false).endpoint(),
            "http://127.0.0.1:9/metadata/identity/oauth2/token"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_variable_that_cannot_be_read_is_not_taken_for_an_unset_one() {
        use std::os::unix::ffi::OsStringExt;
        let odd = std::ffi::OsString::from_vec(vec![b'h', 0xff]);
        for name in [
            "IDENTITY_ENDPOINT",
            "IDENTITY_HEADER",
            "IDENTITY_SERVER_THUMBPRINT",
            "MSI_ENDPOINT",
            "MSI_SECRET",
            "IMDS_ENDPOINT",
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        ] {
            let others: &[(&str, &str)] = match name {
                "IDENTITY_SERVER_THUMBPRINT" => {
                    &[("IDENTITY_ENDPOINT", "http://e"), ("IDENTITY_HEADER", "h")]
                }
                "MSI_SECRET" => &[("MSI_ENDPOINT", "http://e")],
                "IMDS_ENDPOINT" | "IDENTITY_HEADER" => &[("IDENTITY_ENDPOINT", "http://e")],
                _ => &[],
            };
            let env: Env = others.iter().copied().collect();
            let env = env.with([(name.into(), odd.clone())]);
            let error = IdentitySource::detect(&env, false).unwrap_err();
            assert!(error.message().contains(name), "{error}");
        }
    }

    #[test]
    fn each_source_names_the_identity_its_own_way() {
        let client = Identity::Client("c".to_owned());
        let resource = Identity::Resource("/r".to_owned());
        let app = detect(&[("IDENTITY_ENDPOINT", "http://e/token"), ("IDENTITY_HEADER", "h")], false);
        assert_eq!(url(&app, &Identity::System), "http://e/token?api-version=2019-08-01&resource=srv");
        assert_eq!(url(&app, &client), "http://e/token?api-version=2019-08-01&resource=srv&client_id=c");
        assert_eq!(url(&app, &resource), "http://e/token?api-version=2019-08-01&resource=srv&mi_res_id=%2Fr");
        let imds = detect(&[], false);
        assert!(url(&imds, &resource).ends_with("?api-version=2018-02-01&resource=srv&msi_res_id=%2Fr"));
        let ml = detect(
            &[("MSI_ENDPOINT", "http://m?x=1"), ("MSI_SECRET", "s"), ("DEFAULT_IDENTITY_CLIENT_ID", "d")],
            false,
        );
        assert_eq!(
            url(&ml, &Identity::System),
            "http://m?x=1&api-version=2017-09-01&resource=srv&clientid=d"
        );
        assert_eq!(url(&ml, &client), "http://m?x=1&api-version=2017-09-01&resource=srv&clientid=c");
        assert!(ml.request(&resource, "srv").unwrap_err().message().contains("identity resource id"));
        let shell = detect(&[("MSI_ENDPOINT", "http://m")], false);
        assert!(matches!(
            shell.request(&Identity::System, "srv").unwrap().body,
            crate::http::message::Body::Form(_)
        ));
        assert!(shell.request(&client, "srv").is_err() && shell.request(&resource, "srv").is_err());
    }

    #[test]
    fn thumbprints() {
        let plain = parse_thumbprint("00112233445566778899AAbbccddeeff00112233").unwrap();
        assert_eq!(plain[9], 0x99);
        assert_eq!(
            parse_thumbprint("00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33").unwrap(),
            plain
        );
        for bad in ["", "00", "zz112233445566778899aabbccddeeff00112233", &"0".repeat(41)] {
            assert!(parse_thumbprint(bad).is_err(), "{bad}");
        }
    }
}
