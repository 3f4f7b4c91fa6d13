//! `azureProfile.json`: which subscription az uses, and who is signed in for it.

use super::RunAz;
use super::cloud::Cloud;
use super::json::{Field, Object};
use serde::Deserialize;

/// What kind of account is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    User,
    /// A service principal.
    Application,
    /// A managed identity, or the person of a Cloud Shell: az asks a local service for each token.
    Ambient,
    /// A type that is not known here.
    Unknown,
}

/// The account that az would use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's name, or the application's client ID.
    pub user: String,
    /// What kind it is.
    pub kind: AccountKind,
    /// The subscription's tenant.
    pub tenant: String,
    /// The subscription's ID.
    pub subscription: String,
    /// The subscription's name.
    pub subscription_name: String,
    /// The active cloud's name.
    pub cloud: String,
    /// The active cloud's host, as the store names it.
    pub(super) environment: String,
}

#[derive(Deserialize)]
struct Profile<'a> {
    #[serde(borrow, default)]
    subscriptions: Option<Vec<Object<Subscription<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription<'a> {
    #[serde(borrow, default)]
    id: Field<'a>,
    #[serde(borrow, default)]
    name: Field<'a>,
    #[serde(borrow, default)]
    environment_name: Field<'a>,
    #[serde(borrow, default)]
    is_default: Field<'a>,
    #[serde(borrow, default)]
    tenant_id: Field<'a>,
    #[serde(borrow, default)]
    user: Option<Object<User<'a>>>,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow, default)]
    name: Field<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow, default, rename = "cloudShellID")]
    cloud_shell_id: Field<'a>,
    #[serde(borrow, default, rename = "assignedIdentityInfo")]
    assigned_identity_info: Field<'a>,
}

/// The account of the wanted subscription (an ID or a name), else of the default one.
///
/// # Errors
/// [`RunAz`] unless the cloud has exactly one, in the form that az writes.
pub(super) fn account(bytes: Option<&[u8]>, cloud: Cloud, wanted: Option<&str>) -> Result<Account, RunAz> {
    let bytes = bytes.ok_or_else(|| RunAz::never("az has no profile: nothing is signed in"))?;
    let unusual = || RunAz::never("azureProfile.json is not written as az writes it");
    // az writes this file with a byte order mark.
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let Object(profile): Object<Profile> =
        serde_json::from_str(text.map_err(|_| unusual())?).map_err(|_| unusual())?;
    let subscriptions = profile.subscriptions.unwrap_or_default();
    let wanted = wanted.map(str::to_lowercase);
    let mut found: Option<&Subscription> = None;
    for Object(subscription) in &subscriptions {
        if subscription.environment_name.text().ok_or_else(unusual)? != cloud.name {
            continue;
        }
        if !subscription.is_wanted(wanted.as_deref()).ok_or_else(unusual)? {
            continue;
        }
        if found.replace(subscription).is_some() {
            return Err(RunAz::never("more than one subscription of az's profile matches"));
        }
    }
    let found = found.ok_or_else(|| RunAz::never("no subscription of az's profile matches"))?;
    found.account(cloud).ok_or_else(unusual)
}

impl Subscription<'_> {
    /// Whether it has the wanted ID or name (in lower case), or is the default one. `None` where az would
    /// stumble over it.
    fn is_wanted(&self, wanted: Option<&str>) -> Option<bool> {
        let (id, name) = (self.id.text()?, self.name.text()?);
        match (wanted, &self.is_default) {
            (Some(wanted), _) => Some(id.to_lowercase() == wanted || name.to_lowercase() == wanted),
            (None, Field::Bool(is_default)) => Some(*is_default),
            (None, Field::Absent | Field::Null) => Some(false),
            (None, Field::Text(_) | Field::Other) => None,
        }
    }

    fn account(&self, cloud: Cloud) -> Option<Account> {
        let Object(user) = self.user.as_ref()?;
        let name = user.name.text().filter(|name| !name.is_empty())?;
        let is_ambient = matches!(name, "systemAssignedIdentity" | "userAssignedIdentity")
            || user.cloud_shell_id != Field::Absent
            || user.assigned_identity_info != Field::Absent;
        let kind = match user.kind.text()? {
            _ if is_ambient => AccountKind::Ambient,
            "user" => AccountKind::User,
            "servicePrincipal" => AccountKind::Application,
            _ => AccountKind::Unknown,
        };
        Some(Account {
            user: name.to_owned(),
            kind,
            tenant: self.tenant_id.text()?.to_owned(),
            subscription: self.id.text()?.to_owned(),
            subscription_name: self.name.text()?.to_owned(),
            cloud: cloud.name,
            environment: cloud.environment,
        })
    }
}
