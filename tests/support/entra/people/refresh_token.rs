//! The refresh token grant.

use super::{Answer, Form, Grants, exactly, expect, field, person_scope, refuse};

pub struct Session {
    pub tenant: String,
    pub client: String,
    pub scope: String,
    pub user: String,
}

pub fn token(grants: &mut Grants, tenant: &str, form: &Form) -> Result<Answer, Answer> {
    exactly(form, &["grant_type", "client_id", "refresh_token", "scope", "client_info"])?;
    expect(form, "client_info", "1")?;
    let token = field(form, "refresh_token").unwrap().to_owned();
    let revoked = || refuse("invalid_grant", "AADSTS70043: The refresh token has expired or been revoked");
    let session = grants.sessions.get(&token).ok_or_else(revoked)?;
    expect(form, "client_id", &session.client)?;
    // Entra's serve every server of the client; AD FS's are for one.
    let scope = person_scope(form)?;
    if tenant == "adfs" || !grants.serves_other_servers {
        expect(form, "scope", &session.scope)?;
    }
    if tenant != session.tenant {
        return Err(revoked());
    }
    let (client, user) = (session.client.clone(), session.user.clone());
    let is_for_another_server = scope != session.scope;
    if grants.rotates {
        // Entra ends none at its use; the fake does, so that a client that keeps the old one is found out.
        if !is_for_another_server {
            grants.sessions.remove(&token);
        }
        return Ok(grants.issue(tenant, &client, &scope, &user));
    }
    let (status, mut body) = grants.issue(tenant, &client, &scope, &user);
    body.as_object_mut().unwrap().remove("refresh_token");
    Ok((status, body))
}
