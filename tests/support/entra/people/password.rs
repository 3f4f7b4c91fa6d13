//! The resource owner password grant, and the realm service that is asked before it.

use super::{Answer, Form, Grants, exactly, expect, field, person_scope, refuse};
use serde_json::json;

impl Grants {
    /// Answers `common/UserRealm/{user}`.
    pub fn realm(&mut self, user: &str) -> Answer {
        self.seen.push(("realm".to_owned(), vec![("user".to_owned(), user.to_owned())]));
        if self.script.front().is_some_and(|(of, _)| *of == "realm") {
            return self.script.pop_front().unwrap().1;
        }
        let account_type = if user.ends_with("@federated.example") { "Federated" } else { "Managed" };
        (200, json!({"ver": "1.0", "account_type": account_type, "domain_name": "example"}))
    }
}

pub fn token(grants: &mut Grants, tenant: &str, form: &Form) -> Result<Answer, Answer> {
    exactly(form, &["grant_type", "client_id", "username", "password", "scope", "client_info"])?;
    expect(form, "client_info", "1")?;
    let scope = person_scope(form)?;
    let user = field(form, "username").unwrap();
    if grants.passwords.get(user).map(String::as_str) != field(form, "password") {
        return Err(refuse("invalid_grant", "AADSTS50126: Error validating credentials"));
    }
    let (client, user) = (field(form, "client_id").unwrap().to_owned(), user.to_owned());
    Ok(grants.issue(tenant, &client, &scope, &user))
}
