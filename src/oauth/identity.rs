//! Whose an access token is: the claims that people ask for. Nothing is verified; the cluster does that.

use super::jwt;
use serde::Serialize;
use serde_json::{Map, Value};

/// Entra ID puts at most this many groups into a token.
///
/// Source: learn.microsoft.com, "Groups overage claim".
pub const MAX_GROUPS: usize = 200;

/// What a token says of its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// `upn` or what else names the account; of an application its id.
    pub account: Option<String>,
    /// The account at a provider other than Entra ID: its `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The account's object id.
    pub object_id: Option<String>,
    /// The tenant that issued it.
    pub tenant: Option<String>,
    /// The application that asked.
    pub client: Option<String>,
    /// The server that it is for.
    pub audience: Option<String>,
    /// Whether the audience has the prefix of legacy clusters.
    pub legacy_audience: bool,
    /// `1.0` or `2.0`.
    pub version: Option<String>,
    /// How many groups are in it.
    pub groups: Option<usize>,
    /// There are more groups than a token takes, so there are none in it.
    pub too_many_groups: bool,
    /// How many roles are in it.
    pub roles: Option<usize>,
    /// The key that it is bound to.
    pub bound_to_key: Option<String>,
}

impl Identity {
    /// Reads a token's claims; `None` for a token that is no JWT.
    pub fn of(token: &str) -> Option<Self> {
        let claims = jwt::claims(token)?;
        let text =
            |names: &[&str]| names.iter().find_map(|name| claims.get(*name)?.as_str()).map(str::to_owned);
        let count = |name: &str| claims.get(name).and_then(Value::as_array).map(Vec::len);
        let audience = text(&["aud"]);
        Some(Self {
            account: text(&["upn", "preferred_username", "unique_name", "email", "appid", "azp"]),
            subject: text(&["sub"]).filter(|_| !claims.contains_key("oid")),
            object_id: text(&["oid"]),
            tenant: text(&["tid"]),
            client: text(&["appid", "azp"]),
            legacy_audience: audience.as_deref().is_some_and(|audience| audience.starts_with("spn:")),
            audience,
            version: text(&["ver"]),
            groups: count("groups"),
            too_many_groups: has_too_many_groups(&claims),
            roles: count("roles"),
            bound_to_key: claims.get("cnf").and_then(|cnf| cnf.get("kid")?.as_str()).map(str::to_owned),
        })
    }

    /// What to do about too many groups, where there are.
    pub fn group_remedy(&self) -> Option<String> {
        self.too_many_groups.then(|| {
            format!(
                "the account is in more than {MAX_GROUPS} groups, so the token names none and the cluster sees none: use AKS with Azure RBAC, or assign the groups that matter to the server app"
            )
        })
    }
}

fn has_too_many_groups(claims: &Map<String, Value>) -> bool {
    let elsewhere = claims.get("_claim_names").and_then(|names| names.get("groups")).is_some();
    let hinted = claims.get("hasgroups").is_some_and(|has| *has == true || *has == "true");
    elsewhere || hinted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::jws;
    use serde_json::json;

    fn identity(claims: &Value) -> Identity {
        let token = jws::compact(&jws::signing_input(&json!({}), claims), b"s");
        Identity::of(token.expose()).unwrap()
    }

    #[test]
    fn a_person_and_an_application() {
        let person = identity(&json!({
            "upn": "ada@contoso.com", "tid": "t", "appid": "c", "aud": "spn:s", "ver": "1.0", "groups": ["a", "b"]
        }));
        assert_eq!((person.account.as_deref(), person.groups), (Some("ada@contoso.com"), Some(2)));
        assert!(person.legacy_audience && !person.too_many_groups);
        let application =
            identity(&json!({ "azp": "c", "cnf": { "kid": "k" }, "ver": "2.0", "roles": ["r"] }));
        assert_eq!(application.account.as_deref(), Some("c"));
        assert_eq!((application.bound_to_key.as_deref(), application.roles), (Some("k"), Some(1)));
        assert_eq!(Identity::of("opaque"), None);
    }

    #[test]
    fn more_groups_than_a_token_takes() {
        for claims in [
            json!({ "_claim_names": { "groups": "src1" } }),
            json!({ "hasgroups": true }),
            json!({ "hasgroups": "true" }),
        ] {
            assert!(identity(&claims).group_remedy().unwrap().contains("200"), "{claims}");
        }
        assert_eq!(identity(&json!({ "_claim_names": {}, "hasgroups": false })).group_remedy(), None);
    }
}
