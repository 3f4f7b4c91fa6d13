//! Whose a token is, as the token endpoint's answer says: for the cache, for messages and for choosing among several
//! accounts. Nothing is verified; the cluster does that.
//!
//! Sources: learn.microsoft.com, "ID token claims reference"; `client_info` is what Entra adds to an answer for
//! clients that send `client_info=1`.

use super::jwt;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The claims that name an account, the one that users know best first.
const NAMES: &[&str] = &["preferred_username", "upn", "unique_name", "email"];
/// No name or id is longer.
const MAX_LENGTH: usize = 256;

/// The account to which a token was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// `oid.tid`: the same account of the same tenant always has the same.
    pub account: Option<String>,
    /// Its names, the best first; `sub` where there is none.
    pub names: Vec<String>,
}

impl Owner {
    /// Reads what an answer brought.
    pub fn of(access_token: &str, id_token: Option<&str>, client_info: Option<&str>) -> Self {
        let claims: Vec<Map<String, Value>> =
            [id_token, Some(access_token)].into_iter().flatten().filter_map(jwt::claims).collect();
        let mut names: Vec<String> = Vec::new();
        for name in NAMES.iter().flat_map(|name| claims.iter().filter_map(|claims| text(claims, name))) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
        if names.is_empty() {
            names.extend(claims.iter().find_map(|claims| text(claims, "sub")).map(str::to_owned));
        }
        let of_claims = claims.iter().find_map(|claims| joined(claims, "oid", "tid"));
        let of_client_info = || joined(&decode(client_info?)?, "uid", "utid");
        Self { account: of_claims.or_else(of_client_info), names }
    }

    /// The name that users know best.
    pub fn name(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }

    /// Whether it is the account that a user named; `None` where the answer names none.
    pub fn is(&self, wanted: &str) -> Option<bool> {
        let is_named = |name: &String| is_same(name, wanted);
        (!self.names.is_empty())
            .then(|| self.names.iter().any(is_named) || self.account.as_ref().is_some_and(is_named))
    }
}

/// Whether two names of an account are one: letters count in either case.
pub fn is_same(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.trim().to_lowercase()
}

fn joined(claims: &Map<String, Value>, id: &str, tenant: &str) -> Option<String> {
    let part = |name| text(claims, name).filter(|part| part.bytes().all(|b| b.is_ascii_graphic()));
    Some(format!("{}.{}", part(id)?, part(tenant)?))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = claims.get(name)?.as_str()?;
    (!text.trim().is_empty() && text.len() <= MAX_LENGTH).then_some(text)
}

fn decode(client_info: &str) -> Option<Map<String, Value>> {
    let bytes = client_info.trim_end_matches('=').as_bytes();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(bytes.get(..bytes.len().min(4096))?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn info(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    #[test]
    fn the_account_comes_from_the_claims_or_the_client_info() {
        let id_token =
            jwt(&json!({ "oid": "o", "tid": "t", "preferred_username": "Ada@x", "email": "ada@y" }));
        let client_info = info(&json!({ "uid": "u", "utid": "h" }));
        let owner = Owner::of("opaque", Some(&id_token), Some(&client_info));
        assert_eq!((owner.account.as_deref(), owner.name()), (Some("o.t"), Some("Ada@x")));
        assert_eq!(Owner::of("opaque", None, Some(&client_info)).account.as_deref(), Some("u.h"));
        let of_access = Owner::of(&jwt(&json!({ "oid": "o", "tid": "t", "upn": "ada" })), None, None);
        assert_eq!((of_access.account.as_deref(), of_access.name()), (Some("o.t"), Some("ada")));
        assert_eq!(Owner::of(&jwt(&json!({ "sub": "s" })), None, None).name(), Some("s"));
    }

    #[test]
    fn any_of_its_names_and_its_id_select_it() {
        let id_token =
            jwt(&json!({ "oid": "o", "tid": "t", "preferred_username": "Ada@x", "email": "ada@y" }));
        let owner = Owner::of("opaque", Some(&id_token), None);
        for wanted in ["ada@X", "ADA@y ", "o.t"] {
            assert_eq!(owner.is(wanted), Some(true), "{wanted}");
        }
        assert_eq!(owner.is("eve@x"), Some(false));
        assert_eq!(Owner::of("opaque", None, None).is("eve@x"), None);
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        let long = "x".repeat(257);
        for claims in
            [json!({}), json!({ "oid": 1, "tid": [] }), json!({ "oid": long, "tid": "t", "upn": long })]
        {
            assert_eq!(Owner::of(&jwt(&claims), Some(&jwt(&claims)), None), Owner::default(), "{claims}");
        }
        let odd = info(&json!({ "uid": "a b", "utid": "t" }));
        for client_info in ["", "!", "e30", "W10", &odd, &"A".repeat(10_000)] {
            assert_eq!(Owner::of("", None, Some(client_info)), Owner::default(), "{client_info}");
        }
    }
}
