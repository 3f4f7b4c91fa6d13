//! Authorities: where tokens come from, and the endpoints that follow from one.

use crate::error::{Error, Result};
use crate::http::url::HttpsUrl;

/// The hosts of Microsoft Entra ID's clouds: their endpoints are known without asking.
const WELL_KNOWN: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "login.microsoftonline.us",
    "login-us.microsoftonline.com",
    "login.usgovcloudapi.net",
    "login.microsoftonline.de",
    "login.sovcloud-identity.fr",
    "login.sovcloud-identity.de",
    "login.sovcloud-identity.sg",
];

/// What kind of server an authority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityKind {
    /// Microsoft Entra ID, or an OpenID provider that answers like it.
    Entra,
    /// Active Directory Federation Services: no tenants, `/adfs/oauth2/…`, `resource`.
    Adfs,
}

/// An issuer of tokens, with the tenant whose tokens it issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    base: HttpsUrl,
    tenant: String,
    kind: AuthorityKind,
}

/// The addresses of one authority that requests go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The token endpoint.
    pub token: String,
    /// Where a browser signs in.
    pub authorize: String,
    /// The device authorization endpoint.
    pub device_code: String,
    /// Whether requests name the server by `resource` instead of `scope`.
    pub wants_resource: bool,
}

impl Authority {
    /// The authority at `base` (`https://host[:port]/[adfs/]`) for `tenant` (an id or a domain name).
    ///
    /// # Errors
    /// A base address that [`HttpsUrl`] refuses, a missing tenant where the authority has tenants, a
    /// tenant with characters that no id or domain name has.
    pub fn new(base: &str, tenant: Option<&str>) -> Result<Self> {
        let base = HttpsUrl::parse(base)?;
        let tenant = tenant.unwrap_or_default();
        let last_segment = base.path().trim_end_matches('/').rsplit('/').next();
        if tenant.eq_ignore_ascii_case("adfs") || last_segment.is_some_and(|s| s.eq_ignore_ascii_case("adfs"))
        {
            return Ok(Self { base, tenant: String::new(), kind: AuthorityKind::Adfs });
        }
        if tenant.is_empty() {
            return Err(
                Error::new("tenant ID cannot be empty").hint("pass --tenant-id or set AZURE_TENANT_ID")
            );
        }
        if !is_tenant(tenant) {
            return Err(Error::new(format!("\"{tenant}\" is neither a tenant ID nor a domain name")));
        }
        Ok(Self { base, tenant: tenant.to_owned(), kind: AuthorityKind::Entra })
    }

    /// What kind of server it is.
    pub fn kind(&self) -> AuthorityKind {
        self.kind
    }

    /// The tenant; empty for AD FS, which has none.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.base.host()
    }

    /// The base address with a trailing slash; names the authority in messages and cache keys.
    pub fn base(&self) -> String {
        format!("{}{}/", self.base.origin(), self.base.path().trim_end_matches('/'))
    }

    /// Whether it is one of Microsoft Entra ID's own hosts.
    pub fn is_well_known(&self) -> bool {
        WELL_KNOWN.contains(&self.base.host())
    }

    /// The v2.0 endpoints; for AD FS its only ones.
    ///
    /// Source: learn.microsoft.com, "Microsoft identity platform endpoints"; "AD FS OpenID Connect/OAuth flows".
    pub fn endpoints(&self) -> Endpoints {
        match self.kind {
            AuthorityKind::Adfs => Endpoints::under(&format!("{}/oauth2", self.adfs_root()), "", true),
            AuthorityKind::Entra => {
                Endpoints::under(&format!("{}{}/oauth2/v2.0", self.base(), self.tenant), "", false)
            }
        }
    }

    /// The v1 endpoints, which `--legacy` uses; AD FS has no others than its own.
    pub fn legacy_endpoints(&self) -> Endpoints {
        match self.kind {
            AuthorityKind::Adfs => self.endpoints(),
            AuthorityKind::Entra => {
                Endpoints::under(&format!("{}{}/oauth2", self.base(), self.tenant), "?api-version=1.0", true)
            }
        }
    }

    /// Where the authority's OpenID configuration document lies.
    pub fn openid_configuration(&self) -> String {
        format!("{}{}/v2.0/.well-known/openid-configuration", self.base(), self.tenant)
    }

    fn adfs_root(&self) -> String {
        let path = self.base.path().trim_end_matches('/');
        if path.rsplit('/').next().is_some_and(|s| s.eq_ignore_ascii_case("adfs")) {
            format!("{}{path}", self.base.origin())
        } else {
            format!("{}{path}/adfs", self.base.origin())
        }
    }
}

impl Endpoints {
    fn under(root: &str, query: &str, wants_resource: bool) -> Self {
        Self {
            token: format!("{root}/token{query}"),
            authorize: format!("{root}/authorize{query}"),
            device_code: format!("{root}/devicecode{query}"),
            wants_resource,
        }
    }
}

fn is_tenant(tenant: &str) -> bool {
    tenant.len() <= 253
        && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && tenant.bytes().any(|b| b != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entra_endpoints() {
        let authority = Authority::new("https://login.microsoftonline.com/", Some("contoso.com")).unwrap();
        assert!(authority.is_well_known());
        assert_eq!(
            authority.endpoints().token,
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
        );
        assert_eq!(
            authority.legacy_endpoints().device_code,
            "https://login.microsoftonline.com/contoso.com/oauth2/devicecode?api-version=1.0"
        );
        assert!(!authority.endpoints().wants_resource && authority.legacy_endpoints().wants_resource);
        assert_eq!(
            authority.openid_configuration(),
            "https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration"
        );
    }

    #[test]
    fn adfs_has_no_tenant() {
        for (base, tenant) in [
            ("https://sts.local/adfs", None),
            ("https://sts.local/adfs/", Some("adfs")),
            ("https://sts.local/ADFS/", Some("x")),
            ("https://sts.local/", Some("adfs")),
            ("https://sts.local", Some("ADFS")),
        ] {
            let authority = Authority::new(base, tenant).unwrap();
            assert_eq!(authority.kind(), AuthorityKind::Adfs, "{base}");
            let token = authority.endpoints().token;
            assert_eq!(token.to_lowercase(), "https://sts.local/adfs/oauth2/token");
            assert_eq!(authority.tenant(), "");
        }
    }

    #[test]
    fn a_tenant_is_needed_and_cannot_change_the_path() {
        assert_eq!(Authority::new("https://a/", None).unwrap_err().message(), "tenant ID cannot be empty");
        for bad in ["a/b", "..", "a?b", "a#b", "ä", "a b", "a%2f"] {
            assert!(Authority::new("https://a/", Some(bad)).is_err(), "{bad}");
        }
    }
}
