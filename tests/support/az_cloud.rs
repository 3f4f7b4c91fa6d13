//! As much of a cloud as the real Azure CLI needs to sign an application and two people in: device code and client
//! credentials, refresh tokens, the tenants and subscriptions of each person. Everything is served on one port.

use super::entra::{CLIENT, SECRET, TENANT, now, unsigned_jwt};
use super::http::{Reply, Request};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Ada's other tenant.
pub const TENANT_2: &str = "22222222-2222-3333-4444-555555555555";

/// The people; `GET /next/NAME` says who enters the next device code.
const PEOPLE: &[&str] = &["ada", "eve"];

#[derive(Default)]
pub struct AzCloud {
    next: Mutex<String>,
    count: Mutex<u32>,
}

impl AzCloud {
    /// Answers a request to `https://localhost:PORT`.
    pub fn answer(&self, host: &str, request: &Request) -> Reply {
        let path = request.path();
        let tenant = path.split('/').nth(1).unwrap_or_default();
        let base = format!("{host}/{tenant}");
        if path.ends_with("/.well-known/openid-configuration") {
            return Reply::json(
                200,
                &json!({ "issuer": format!("{base}/v2.0"), "token_endpoint": format!("{base}/oauth2/v2.0/token"),
                         "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
                         "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize") }),
            );
        }
        if let Some(name) = path.strip_prefix("/next/") {
            name.clone_into(&mut self.next.lock().unwrap());
            return Reply::json(200, &json!({}));
        }
        if path.ends_with("/devicecode") {
            let device_code = self.next.lock().unwrap().clone();
            return Reply::json(
                200,
                &json!({ "device_code": device_code, "user_code": "CODE", "verification_uri": host,
                         "expires_in": 900, "interval": 1, "message": "enter CODE" }),
            );
        }
        if path.ends_with("/token") {
            return self.token(tenant, request);
        }
        match (path, bearer(request)) {
            ("/arm/tenants", Some(claims)) => {
                let tenant = |id: &&str| json!({ "id": format!("/tenants/{id}"), "tenantId": id });
                list(tenants_of(&claims).iter().map(tenant).collect())
            }
            ("/arm/subscriptions", Some(claims)) => list(subscriptions_of(&claims)),
            _ => Reply::json(200, &json!({ "value": [] })),
        }
    }

    fn token(&self, tenant: &str, request: &Request) -> Reply {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value);
        let scope = field("scope").split(' ').find(|scope| scope.ends_with("/.default")).unwrap_or_default();
        let audience = scope.trim_end_matches("/.default");
        let mut count = self.count.lock().unwrap();
        *count += 1;
        let (exp, jti) = (now() + 3599, *count);
        let (person, refresh) = (field("device_code"), field("refresh_token"));
        let person = PEOPLE.iter().find(|name| **name == person || **name == refresh);
        if let Some(person) = person {
            let home = home_of(person);
            let tenant = if tenant == "organizations" { home } else { tenant };
            let oid = format!("{person}-oid");
            let claims = json!({ "aud": audience, "tid": tenant, "oid": oid, "exp": exp, "jti": jti });
            let id_token = json!({ "aud": field("client_id"), "tid": tenant, "oid": oid, "sub": oid, "exp": exp,
                "iat": now(), "iss": "x", "preferred_username": name_in(person, tenant) });
            return Reply::json(
                200,
                &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": unsigned_jwt(&claims),
                         "refresh_token": person, "id_token": unsigned_jwt(&id_token), "foci": "1",
                         "scope": format!("{audience}/user_impersonation {scope}"),
                         "client_info": base64url(&json!({ "uid": oid, "utid": home })) }),
            );
        }
        if field("client_id") == CLIENT && field("client_secret") == SECRET {
            let claims = json!({ "aud": audience, "tid": tenant, "appid": CLIENT, "exp": exp, "jti": jti });
            let token = unsigned_jwt(&claims);
            return Reply::json(
                200,
                &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }),
            );
        }
        Reply::json(401, &json!({ "error": "invalid_client" }))
    }
}

fn home_of(person: &str) -> &'static str {
    if person == "ada" { TENANT } else { TENANT_2 }
}

/// A guest has another name than at home.
fn name_in(person: &str, tenant: &str) -> String {
    match tenant == home_of(person) {
        true => format!("{person}@contoso.com"),
        false => format!("{person}_contoso.com#EXT#@fabrikam.com"),
    }
}

fn tenants_of(claims: &Value) -> &'static [&'static str] {
    if claims["oid"] == "ada-oid" { &[TENANT, TENANT_2] } else { &[TENANT_2] }
}

/// One in each tenant that the token may be for.
fn subscriptions_of(claims: &Value) -> Vec<Value> {
    let (id, name) = match (claims["oid"].as_str(), claims["tid"].as_str()) {
        (Some("ada-oid"), Some(TENANT)) => ("00000000-0000-0000-0000-000000000001", "Sub One"),
        (Some("ada-oid"), Some(TENANT_2)) => ("00000000-0000-0000-0000-000000000002", "Sub Two"),
        (Some("eve-oid"), _) => ("00000000-0000-0000-0000-000000000003", "Sub Eve"),
        _ => return Vec::new(),
    };
    vec![
        json!({ "id": format!("/subscriptions/{id}"), "subscriptionId": id, "displayName": name, "state": "Enabled",
                 "tenantId": claims["tid"], "subscriptionPolicies": {} }),
    ]
}

fn list(values: Vec<Value>) -> Reply {
    Reply::json(200, &json!({ "value": values }))
}

fn bearer(request: &Request) -> Option<Value> {
    let token = request.header("authorization")?.strip_prefix("Bearer ")?;
    kubelogin::oauth::jwt::claims(token).map(Value::Object)
}

fn base64url(value: &Value) -> String {
    unsigned_jwt(value).split('.').nth(1).unwrap_or_default().to_owned()
}
