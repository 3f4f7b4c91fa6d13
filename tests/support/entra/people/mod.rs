//! What the fake Entra ID knows of people: grants, one file each, as strict as the real one or stricter.
//!
//! A request with a field too few, too many or twice is refused with `invalid_request`; so a test that
//! gets a token has proved the whole form.

pub mod authorization_code;
pub mod device_code;
pub mod password;
pub mod refresh_token;

use super::{Issued, State};
use crate::support::http::{Reply, Request, parse_form};
use crate::support::issuer::Issuer;
use crate::support::pop;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A form or query as it came.
pub type Form = Vec<(String, String)>;
/// A status and a JSON body.
pub type Answer = (u16, Value);

/// What a browser gets, whose headers are its own business.
pub fn browse(state: &mut State, request: &Request) -> Option<Reply> {
    match (request.method.as_str(), segments(request).as_slice()) {
        ("GET", ["adfs", "oauth2", "authorize"]) => {
            Some(to_browser(state.people.authorize_adfs(&request.query())))
        }
        ("GET", [tenant, "oauth2", "v2.0", "authorize"]) => {
            Some(to_browser(state.people.authorize(tenant, &request.query())))
        }
        ("GET", ["favicon.ico"]) => Some(Reply::new(404, "text/plain", "")),
        _ => None,
    }
}

/// A page, or the address to which the browser is sent.
fn to_browser((status, text): (u16, String)) -> Reply {
    match status {
        302 => Reply::new(302, "text/html", "").header("Location", &text),
        _ => Reply::new(status, "text/html; charset=utf-8", text),
    }
}

/// What the program gets; `None` for what is not about people.
pub fn answer(state: &mut State, request: &Request) -> Option<Reply> {
    let people = &mut state.people;
    let (status, body) = match (request.method.as_str(), segments(request).as_slice()) {
        ("POST", [tenant, "oauth2", "v2.0", "devicecode"]) => people.device_code(tenant, &request.form()),
        ("POST", ["adfs", "oauth2", "devicecode"]) => match with_scope(&request.form()) {
            Ok(form) => people.device_code("adfs", &form),
            Err(refusal) => refusal,
        },
        ("POST", ["adfs", "oauth2", "token"]) => match short(field(&request.form(), "grant_type")?) {
            "device_code" | "password" | "refresh_token" | "authorization_code" => {
                people.token_adfs(&request.form())
            }
            _ => return None,
        },
        ("POST", [tenant, "oauth2", "devicecode"]) if request.query() == parse_form("api-version=1.0") => {
            people.device_code_v1(tenant, &request.form())
        }
        ("POST", [tenant, "oauth2", "token"]) if request.query() == parse_form("api-version=1.0") => {
            let form = request.form();
            match field(&form, "grant_type")? {
                "device_code" | "password" | "refresh_token" => people.token_v1(tenant, &form),
                _ => return None,
            }
        }
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => {
            let form = request.form();
            let grant = short(field(&form, "grant_type")?);
            if !["device_code", "authorization_code", "refresh_token", "password"].contains(&grant) {
                return None;
            }
            people.token(tenant, &form)
        }
        ("GET", ["common", "UserRealm", user]) if request.query() == parse_form("api-version=1.0") => {
            people.realm(&parse_form(user)[0].0)
        }
        _ => return None,
    };
    if let (Some(token), Some(scope)) = (body["access_token"].as_str(), body["scope"].as_str()) {
        let audience = scope.split('/').next().unwrap().to_owned();
        state.issued.push(Issued { token: token.to_owned(), audience });
    }
    Some(Reply::json(status, &body))
}

fn segments(request: &Request) -> Vec<&str> {
    request.path().trim_matches('/').split('/').collect()
}

/// The state of all grants.
pub struct Grants {
    /// The time, for intervals and lifetimes.
    pub now: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Answers that come instead of the grant's own, in order: grant type, status, body.
    pub script: VecDeque<(&'static str, Answer)>,
    /// Requests that came, by grant type (`devicecode` for the first one of that grant).
    pub seen: Vec<(String, Form)>,
    /// Whether a refresh gives a new refresh token and ends the old one.
    pub rotates: bool,
    /// Whether a refresh token gets tokens for every server of its client.
    pub serves_other_servers: bool,
    /// Who signs in with the next code or browser, in place of the user that the grant names.
    pub next_user: Option<String>,
    /// Life of access tokens in seconds.
    pub lifetime: u64,
    /// `user@domain` -> password.
    pub passwords: HashMap<String, String>,
    devices: HashMap<String, device_code::Device>,
    codes: HashMap<String, authorization_code::Code>,
    sessions: HashMap<String, refresh_token::Session>,
    serial: u32,
    /// Signs access tokens, where an API server is to check them itself.
    pub issuer: Option<Issuer>,
    /// The key to which the next token is bound.
    bound_to: Option<String>,
    /// How the device code grant behaves.
    pub device: device_code::Behaviour,
}

impl Default for Grants {
    fn default() -> Self {
        let start = Instant::now();
        Self {
            now: Arc::new(move || start.elapsed()),
            script: VecDeque::new(),
            seen: Vec::new(),
            rotates: true,
            serves_other_servers: true,
            next_user: None,
            lifetime: 3600,
            passwords: HashMap::new(),
            devices: HashMap::new(),
            codes: HashMap::new(),
            sessions: HashMap::new(),
            serial: 0,
            issuer: None,
            bound_to: None,
            device: device_code::Behaviour::default(),
        }
    }
}

impl Grants {
    /// Answers a request to the token endpoint of `tenant`.
    pub fn token(&mut self, tenant: &str, form: &Form) -> Answer {
        let grant = field(form, "grant_type").unwrap_or_default().to_owned();
        self.seen.push((short(&grant).to_owned(), form.clone()));
        if self.script.front().is_some_and(|(of, _)| *of == short(&grant)) {
            return self.script.pop_front().unwrap().1;
        }
        let form = &match pop::requested(form) {
            Ok(key_id) => {
                self.bound_to = key_id;
                form.iter()
                    .filter(|(name, _)| !["token_type", "req_cnf"].contains(&name.as_str()))
                    .cloned()
                    .collect()
            }
            Err(violation) => return refuse("invalid_request", &format!("AADSTS90014: {violation}")),
        };
        let answer = match short(&grant) {
            "device_code" => device_code::token(self, tenant, form),
            "authorization_code" => authorization_code::token(self, tenant, form),
            "refresh_token" => refresh_token::token(self, tenant, form),
            "password" => password::token(self, tenant, form),
            _ => Err(refuse("unsupported_grant_type", "AADSTS70003")),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// Answers a request to the v1 token endpoint, which has other names for some fields; what it issues
    /// is for `spn:` and lives as long as a string says.
    fn token_v1(&mut self, tenant: &str, form: &Form) -> Answer {
        if field(form, "client_info").is_some() || field(form, "scope").is_some() {
            return refuse("invalid_request", "AADSTS90014: a field of v2");
        }
        let server = field(form, "resource").unwrap_or_default().to_owned();
        let mut v2: Form = vec![("client_info".to_owned(), "1".to_owned())];
        for (name, value) in form {
            match (name.as_str(), value.as_str()) {
                ("grant_type", "device_code") => v2.push((
                    "grant_type".to_owned(),
                    "urn:ietf:params:oauth:grant-type:device_code".to_owned(),
                )),
                ("code", _) => v2.push(("device_code".to_owned(), value.clone())),
                ("resource", _) if field(form, "code").is_some() => {}
                ("resource", _) => v2.push(("scope".to_owned(), person_scope_of(&format!("spn:{server}")))),
                _ => v2.push((name.clone(), value.clone())),
            }
        }
        let (status, mut body) = self.token(tenant, &v2);
        if status == 200 {
            body["expires_in"] = self.lifetime.to_string().into();
        }
        (status, body)
    }

    /// Answers a request to AD FS's token endpoint, which knows no `client_info`.
    fn token_adfs(&mut self, form: &Form) -> Answer {
        let asks_later = field(form, "device_code").is_some();
        let form = if asks_later { Ok(form.clone()) } else { with_scope(form) };
        match form {
            Ok(mut form) if field(&form, "client_info").is_none() => {
                form.push(("client_info".to_owned(), "1".to_owned()));
                self.token("adfs", &form)
            }
            Ok(_) => refuse("invalid_request", "MSIS9602: client_info"),
            Err(refusal) => refusal,
        }
    }

    /// AD FS's sign-in page.
    pub fn authorize_adfs(&mut self, query: &Form) -> (u16, String) {
        match with_scope(query) {
            Ok(query) => self.authorize("adfs", &query),
            Err((status, body)) => (status, body.to_string()),
        }
    }

    /// Answers a request for a device code of the v1 endpoint.
    fn device_code_v1(&mut self, tenant: &str, form: &Form) -> Answer {
        if let Err(refusal) = exactly(form, &["client_id", "resource"]) {
            return refusal;
        }
        let server = field(form, "resource").unwrap();
        let v2 = vec![
            ("client_id".to_owned(), field(form, "client_id").unwrap().to_owned()),
            ("scope".to_owned(), person_scope_of(&format!("spn:{server}"))),
        ];
        let (status, mut body) = self.device_code(tenant, &v2);
        if let Some(object) = body.as_object_mut() {
            let uri = object.remove("verification_uri").unwrap();
            object.insert("verification_url".to_owned(), uri);
            for number in ["expires_in", "interval"] {
                let text = object[number].to_string();
                object.insert(number.to_owned(), text.into());
            }
        }
        (status, body)
    }

    /// How many requests of this grant came.
    pub fn count(&self, grant: &str) -> usize {
        self.seen.iter().filter(|(of, _)| of == grant).count()
    }

    /// Signs a user in: a new access token and the first refresh token of a session.
    fn issue(&mut self, tenant: &str, client: &str, scope: &str, user: &str) -> Answer {
        let next_user = self.next_user.take();
        let user = next_user.as_deref().unwrap_or(user);
        self.serial += 1;
        let refresh = format!("refresh-{}-{tenant}", self.serial);
        self.sessions.insert(
            refresh.clone(),
            refresh_token::Session {
                tenant: tenant.to_owned(),
                client: client.to_owned(),
                scope: scope.to_owned(),
                user: user.to_owned(),
            },
        );
        let opaque = format!("access-{}-{tenant}-{user}", self.serial);
        let (token_type, access_token) = match (self.bound_to.take(), &self.issuer) {
            (Some(key_id), _) => {
                ("pop", super::unsigned_jwt(&json!({ "jti": opaque, "cnf": { "kid": key_id } })))
            }
            (None, Some(issuer)) => {
                let audience = scope.split('/').next().unwrap();
                ("Bearer", issuer.sign(&json!({ "aud": audience, "upn": user, "tid": tenant })))
            }
            (None, None) => ("Bearer", opaque),
        };
        (
            200,
            json!({
                "token_type": token_type, "scope": scope, "expires_in": self.lifetime, "ext_expires_in": self.lifetime,
                "access_token": access_token, "refresh_token": refresh,
                "id_token": super::unsigned_jwt(&json!({
                    "oid": oid_of(user), "tid": tenant, "aud": client, "preferred_username": user,
                })),
                "client_info": client_info(user, tenant),
            }),
        )
    }
}

/// A user's object id.
fn oid_of(user: &str) -> String {
    format!("oid-of-{user}")
}

/// Whose the tokens are, as Entra says it to clients that ask for it.
fn client_info(user: &str, tenant: &str) -> String {
    use base64::Engine;
    let info = json!({ "uid": oid_of(user), "utid": tenant }).to_string();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(info)
}

/// The grant's name without the URN in front.
fn short(grant: &str) -> &str {
    grant.rsplit(':').next().unwrap_or(grant)
}

/// A field's value.
pub fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// Refuses a form that has not exactly these fields, each once and with a value.
fn exactly(form: &Form, fields: &[&str]) -> Result<(), Answer> {
    let mut came: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    let mut wanted = fields.to_vec();
    came.sort_unstable();
    wanted.sort_unstable();
    if came != wanted || form.iter().any(|(_, value)| value.is_empty()) {
        return Err(refuse("invalid_request", &format!("AADSTS900144: fields {came:?}, wanted {wanted:?}")));
    }
    Ok(())
}

/// Refuses a field with another value.
fn expect(form: &Form, name: &str, value: &str) -> Result<(), Answer> {
    match field(form, name) {
        Some(came) if came == value => Ok(()),
        came => Err(refuse("invalid_request", &format!("AADSTS90014: {name} is {came:?}, not {value:?}"))),
    }
}

/// AD FS's form with the scope that its `resource` stands for; one that names a scope is refused.
fn with_scope(form: &Form) -> Result<Form, Answer> {
    let resource = field(form, "resource").filter(|resource| !resource.is_empty());
    let (Some(resource), None) = (resource, field(form, "scope")) else {
        return Err(refuse("invalid_resource", "MSIS9602: resource and no scope"));
    };
    let scope = person_scope_of(resource);
    let others = form.iter().filter(|(name, _)| name != "resource").cloned();
    Ok(others.chain([("scope".to_owned(), scope)]).collect())
}

/// The scope of a person's token for `server`.
fn person_scope_of(server: &str) -> String {
    format!("{server}/.default openid offline_access profile")
}

/// The scope of a person's token, of any server.
fn person_scope(form: &Form) -> Result<String, Answer> {
    let scope = field(form, "scope").unwrap_or_default();
    match scope.strip_suffix("/.default openid offline_access profile") {
        Some(server) if !server.is_empty() && !server.ends_with(['/', ' ']) => Ok(scope.to_owned()),
        _ => Err(refuse("invalid_scope", &format!("AADSTS70011: {scope}"))),
    }
}

/// An OAuth error in Entra's form.
pub fn refuse(error: &str, description: &str) -> Answer {
    let code: u32 = description
        .trim_start_matches("AADSTS")
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap_or(0);
    let body = json!({
        "error": error, "error_description": format!("{description}\r\nTrace ID: trace\r\nCorrelation ID: corr"),
        "error_codes": [code], "trace_id": "trace", "correlation_id": "corr", "timestamp": "2026-01-01 00:00:00Z",
    });
    (400, body)
}
