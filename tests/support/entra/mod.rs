//! A fake Entra ID that is as strict as the real one: it checks method, path, headers and every form
//! field, answers with the real one's errors, and remembers what it issued.

mod assertion;
mod client_credentials;
pub mod people;

use super::ca::Leaf;
use super::http::{Reply, Request, Server};
use super::openssl::Registration;
use super::{Ca, Kubelogin, TempDir, pop};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
pub const SECRET: &str = "s3cr3t~With.Odd&chars=+%/ü";
pub const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

pub struct Entra {
    server: Server,
    state: Arc<Mutex<State>>,
    ca: Arc<Ca>,
    files: TempDir,
    certificate: Vec<u8>,
}

/// What the service knows and what happens next.
pub struct State {
    /// Every access token that was issued.
    pub issued: Vec<Issued>,
    /// Replies to give in place of the next requests' own.
    pub script: VecDeque<Reply>,
    /// Requests that no client of Entra's may send; the test fails on them.
    pub violations: Vec<String>,
    /// The OpenID configuration document, where there is one.
    pub document: Option<Value>,
    /// The tenant as which this is another provider than Entra ID, with paths of its own: `/oauth/token`,
    /// `/oauth/authorize`, `/oauth/device`, and nothing else but the document.
    pub provider: Option<String>,
    /// Seconds that an access token lives.
    pub lifetime: u64,
    /// Added to the `Date` header.
    pub clock_offset: i64,
    /// Secrets of the registered app, right now.
    pub secret: String,
    /// Certificates of the registered app.
    pub certificates: Vec<Registration>,
    /// Ids of assertions that have been used.
    pub assertion_ids: Vec<String>,
    /// Whether requests for bound tokens get `Bearer` as their type, or tokens that are not bound.
    pub pop_answer: PopAnswer,
    /// A JWT that the app trusts as an assertion of another issuer.
    pub federated: Option<String>,
    /// People: their codes, passwords and sessions.
    pub people: people::Grants,
}

/// How a request for a bound token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopAnswer {
    /// `pop`
    Pop,
    /// A bound token whose type is said to be `Bearer`.
    Bearer,
    /// A token that is not bound.
    Unbound,
}

#[derive(Clone, Debug)]
pub struct Issued {
    pub token: String,
    pub audience: String,
}

/// A request of the token endpoint that has the right form.
pub struct TokenRequest<'a> {
    pub form: Vec<(String, String)>,
    pub version: Version,
    pub state: &'a mut State,
    pub request: &'a Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V2,
    V1,
    Adfs,
}

/// An error in Entra's form: status, OAuth code, AADSTS number, text.
pub struct EntraError(pub u16, pub &'static str, pub u32, pub &'static str);

type Grant = fn(&mut TokenRequest) -> Result<Value, EntraError>;

const GRANTS: &[(&str, Grant)] = &[("client_credentials", client_credentials::grant)];

impl Entra {
    pub fn start() -> Self {
        Self::start_with(Leaf::Good)
    }

    pub fn start_with(leaf: Leaf) -> Self {
        let ca = Arc::new(Ca::new("Test Root"));
        let state = Arc::new(Mutex::new(State {
            issued: Vec::new(),
            script: VecDeque::new(),
            violations: Vec::new(),
            document: None,
            provider: None,
            lifetime: 3599,
            clock_offset: 0,
            secret: SECRET.to_owned(),
            certificates: Vec::new(),
            assertion_ids: Vec::new(),
            pop_answer: PopAnswer::Pop,
            federated: None,
            people: people::Grants::default(),
        }));
        let (tls, certificate) = ca.server_and_der(leaf);
        let server = serve("127.0.0.1:0", &state, tls);
        let files = TempDir::new();
        files.file("ca.pem", ca.pem());
        files.file("cloud.json", environment(&server.url()));
        Self { server, state, ca, files, certificate }
    }

    /// The same service under a certificate of another authority, at a port of its own.
    pub fn face(&self, ca: &Ca) -> Server {
        serve("127.0.0.1:0", &self.state, ca.server(Leaf::Good))
    }

    /// The same service at another address of this machine.
    pub fn at(&self, address: &str) -> Server {
        serve(address, &self.state, self.ca.server(Leaf::Good))
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The SubjectPublicKeyInfo of the server's certificate, DER: a P-256 key's is 91 bytes long and
    /// always begins the same.
    pub fn public_key(&self) -> &[u8] {
        const BEGIN: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
        let start = self.certificate.windows(BEGIN.len()).position(|window| window == BEGIN).unwrap();
        &self.certificate[start..start + 91]
    }

    pub fn ca_file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// The environment file that makes AzureStackCloud this server.
    pub fn environment_file(&self) -> PathBuf {
        self.files.path().join("cloud.json")
    }

    /// `get-token` that finds this server as AzureStackCloud, with nothing but mode and server id said.
    pub fn get_token(&self, login: &str) -> Kubelogin {
        Kubelogin::new(&[
            "get-token",
            "--login",
            login,
            "--server-id",
            SERVER,
            "--environment",
            "AzureStackCloud",
        ])
        .env("AZURE_ENVIRONMENT_FILEPATH", self.environment_file())
        .env("SSL_CERT_FILE", self.ca_file())
    }

    /// A whole sign-in of the registered app with its secret.
    pub fn spn(&self) -> Kubelogin {
        self.get_token("spn").args(&["--client-id", CLIENT, "--tenant-id", TENANT, "--client-secret", SECRET])
    }

    /// A sign-in of the registered app with the certificate in a file.
    pub fn with_certificate(&self, file: &std::path::Path) -> Kubelogin {
        self.get_token("spn")
            .args(&["--client-id", CLIENT, "--tenant-id", TENANT])
            .arg("--client-certificate")
            .arg(file)
    }

    /// What a browser gets that opens this address of the server's: status and page, or with 302 the address to
    /// which it is sent.
    pub fn browse(&self, url: &str) -> (u16, String) {
        let target = format!("/{}", url.strip_prefix(&self.url()).unwrap());
        let request = Request { method: "GET".to_owned(), target, headers: Vec::new(), body: Vec::new() };
        let reply = answer(&mut self.state(), &request);
        let location = reply.headers.iter().find(|(name, _)| name == "Location");
        let text = location.map(|(_, address)| address.clone());
        (reply.status, text.unwrap_or_else(|| String::from_utf8(reply.body).unwrap()))
    }

    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    pub fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Gives these replies in place of the next requests' own.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state().script.extend(replies);
    }

    /// Whether it issued this token for this audience.
    pub fn knows(&self, token: &str, audience: &str) -> bool {
        self.state().issued.iter().any(|issued| issued.token == token && issued.audience == audience)
    }

    /// A checker of bearer tokens for an API server.
    pub fn checker(&self, audience: &str) -> impl Fn(&str) -> bool + Send + Sync + 'static {
        let (state, audience) = (Arc::clone(&self.state), audience.to_owned());
        move |token| {
            state
                .lock()
                .unwrap()
                .issued
                .iter()
                .any(|issued| issued.token == token && issued.audience == audience)
        }
    }
}

fn serve(address: &str, state: &Arc<Mutex<State>>, tls: Arc<rustls::ServerConfig>) -> Server {
    let shared = Arc::clone(state);
    Server::start_at(address, Some(tls), move |request| {
        let mut state = shared.lock().unwrap();
        let reply = state.script.pop_front().unwrap_or_else(|| answer(&mut state, request));
        let now = i64::try_from(now()).unwrap() + state.clock_offset;
        reply.header("Date", &http_date(now))
    })
}

impl Drop for Entra {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let violations = self.state.lock().unwrap().violations.clone();
            assert!(violations.is_empty(), "requests that no client may send: {violations:#?}");
        }
    }
}

/// The book's environment file, with keys that nobody needs.
fn environment(authority: &str) -> String {
    json!({
        "name": "AzureStackCloud",
        "managementPortalURL": "https://portal.local/",
        "activeDirectoryEndpoint": authority,
        "tokenAudience": "https://management.local/x",
        "resourceIdentifiers": { "graph": "N/A" },
    })
    .to_string()
}

/// A request of a provider with paths of its own, at the path that it would have at Entra ID.
fn translated(tenant: &str, request: &Request) -> Request {
    let place = match request.path() {
        "/oauth/token" => "oauth2/v2.0/token",
        "/oauth/authorize" => "oauth2/v2.0/authorize",
        "/oauth/device" => "oauth2/v2.0/devicecode",
        path if path.ends_with("/.well-known/openid-configuration") => return request.clone(),
        _ => "nothing",
    };
    let query = request.target.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
    Request { target: format!("/{tenant}/{place}{query}"), ..request.clone() }
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let at_provider = state.provider.as_ref().map(|tenant| translated(tenant, request));
    let request = at_provider.as_ref().unwrap_or(request);
    if let Some(reply) = people::browse(state, request) {
        return reply;
    }
    if let Err(violation) = check_headers(request) {
        state.violations.push(format!("{} {}: {violation}", request.method, request.target));
    }
    let correlation = request.header("client-request-id").unwrap_or_default().to_owned();
    let path = request.path().to_owned();
    if path.ends_with("/.well-known/openid-configuration") {
        return match &state.document {
            Some(document) => Reply::json(200, document),
            None => Reply::json(404, &json!({ "error": "not_found" })),
        };
    }
    if let Some(reply) = people::answer(state, request) {
        return reply;
    }
    let version = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", _, "oauth2", "v2.0", "token"] => Version::V2,
        ["", "adfs", "oauth2", "token"] => Version::Adfs,
        ["", _, "oauth2", "token"] => Version::V1,
        _ => {
            state.violations.push(format!("unknown path {path}"));
            return Reply::new(404, "text/html", "<html>Not found</html>");
        }
    };
    match token(state, request, version, &path) {
        Ok(value) => Reply::json(200, &value).header("Cache-Control", "no-store"),
        Err(error) => error.reply(&correlation),
    }
}

fn token(state: &mut State, request: &Request, version: Version, path: &str) -> Result<Value, EntraError> {
    let tenant = path.split('/').nth(1).unwrap_or_default();
    if version != Version::Adfs && tenant != TENANT {
        return Err(EntraError(400, "invalid_request", 90002, "Tenant not found."));
    }
    if version == Version::V1 && !request.query().contains(&("api-version".to_owned(), "1.0".to_owned())) {
        state.violations.push("v1 without api-version=1.0".to_owned());
    }
    if request.method != "POST" {
        return Err(EntraError(405, "invalid_request", 900_561, "The endpoint only accepts POST requests."));
    }
    if request.header("content-type") != Some("application/x-www-form-urlencoded") {
        state.violations.push(format!("content type {:?}", request.header("content-type")));
    }
    let form = request.form();
    for (i, (name, _)) in form.iter().enumerate() {
        if form[..i].iter().any(|(earlier, _)| earlier == name) {
            state.violations.push(format!("{name} twice"));
        }
    }
    let grant = form.iter().find(|(name, _)| name == "grant_type").map(|(_, value)| value.clone());
    let Some(grant) = grant else {
        return Err(EntraError(
            400,
            "invalid_request",
            900_144,
            "The request body must contain: 'grant_type'.",
        ));
    };
    let Some((_, run)) = GRANTS.iter().find(|(name, _)| *name == grant) else {
        return Err(EntraError(
            400,
            "unsupported_grant_type",
            70003,
            "The app requested an unsupported grant type.",
        ));
    };
    run(&mut TokenRequest { form, version, state, request })
}

fn check_headers(request: &Request) -> Result<(), String> {
    let header = |name: &str| request.header(name).ok_or_else(|| format!("no {name}"));
    if !header("user-agent")?.starts_with("kubelogin/") {
        return Err("another user agent".to_owned());
    }
    if header("accept")? != "application/json" {
        return Err("another Accept".to_owned());
    }
    if header("return-client-request-id")? != "true" {
        return Err("no return-client-request-id".to_owned());
    }
    let id = header("client-request-id")?;
    let form: Vec<usize> = id.split('-').map(str::len).collect();
    if form != [8, 4, 4, 4, 12] || !id.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Err(format!("client-request-id {id} is no UUID"));
    }
    Ok(())
}

impl TokenRequest<'_> {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A field that must be there.
    pub fn required(&self, name: &'static str) -> Result<String, EntraError> {
        self.field(name).filter(|value| !value.is_empty()).map(str::to_owned).ok_or(EntraError(
            400,
            "invalid_request",
            900_144,
            "The request body must contain a parameter that is missing.",
        ))
    }

    /// Notes fields that this grant does not have.
    pub fn only(&mut self, allowed: &[&str]) {
        for (name, _) in &self.form {
            if !allowed.contains(&name.as_str()) {
                self.state.violations.push(format!("unexpected field {name}"));
            }
        }
    }

    /// The audience that the scope (v2) or resource (v1, AD FS) stands for.
    pub fn audience(&self) -> Result<String, EntraError> {
        let (server, audience) = match self.version {
            Version::V2 => {
                let scope = self.required("scope")?;
                let server = scope
                    .split(' ')
                    .next()
                    .and_then(|scope| scope.strip_suffix("/.default"))
                    .ok_or(EntraError(
                        400,
                        "invalid_scope",
                        70011,
                        "The provided value for scope is not valid.",
                    ))?
                    .to_owned();
                (server.clone(), server)
            }
            Version::V1 => {
                let resource = self.required("resource")?;
                (resource.clone(), format!("spn:{resource}"))
            }
            Version::Adfs => {
                let resource = self.required("resource")?;
                (resource.clone(), resource)
            }
        };
        if server != SERVER {
            return Err(EntraError(
                400,
                "invalid_resource",
                500_011,
                "The resource principal was not found in the tenant.",
            ));
        }
        Ok(audience)
    }

    /// Checks that the client is registered.
    pub fn client(&self) -> Result<String, EntraError> {
        let client = self.required("client_id")?;
        if client != CLIENT {
            return Err(EntraError(
                400,
                "unauthorized_client",
                700_016,
                "Application was not found in the directory.",
            ));
        }
        Ok(client)
    }

    /// Issues an access token.
    pub fn issue(&mut self, audience: &str) -> Value {
        let lifetime = self.state.lifetime;
        let mut claims = json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT, "appid": CLIENT,
            "oid": "99999999-0000-0000-0000-000000000000", "exp": now() + lifetime, "ver": "1.0",
            "jti": self.state.issued.len(),
        });
        let key_id = pop::requested(&self.form).unwrap_or_else(|violation| {
            self.state.violations.push(violation);
            None
        });
        let answer = self.state.pop_answer;
        if let Some(key_id) = key_id.as_ref().filter(|_| answer != PopAnswer::Unbound) {
            claims["cnf"] = json!({ "kid": key_id, "xms_ksl": "sw" });
        }
        let token_type = if key_id.is_some() && answer == PopAnswer::Pop { "pop" } else { "Bearer" };
        let token = unsigned_jwt(&claims);
        self.state.issued.push(Issued { token: token.clone(), audience: audience.to_owned() });
        // v1 answers with strings.
        if self.version == Version::V1 {
            json!({ "token_type": "Bearer", "expires_in": lifetime.to_string(), "ext_expires_in": lifetime.to_string(),
                    "expires_on": (now() + lifetime).to_string(), "not_before": now().to_string(),
                    "resource": audience, "access_token": token })
        } else {
            json!({ "token_type": token_type, "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token })
        }
    }
}

impl EntraError {
    fn reply(&self, correlation: &str) -> Reply {
        let Self(status, error, code, text) = self;
        let trace = "0f0f0f0f-1111-2222-3333-444444444444";
        Reply::json(
            *status,
            &json!({
                "error": error,
                "error_description": format!("AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: 2026-01-02 03:04:05Z"),
                "error_codes": [code],
                "timestamp": "2026-01-02 03:04:05Z",
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
            }),
        )
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A JWT that nobody verifies: the API server asks the fake whether it issued it.
pub fn unsigned_jwt(claims: &Value) -> String {
    use base64::Engine;
    let part = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(json!({ "typ": "JWT", "alg": "RS256" }).to_string()),
        part(claims.to_string()),
        part("signature".to_owned())
    )
}

pub fn http_date(time: i64) -> String {
    let time = u64::try_from(time).unwrap();
    let (year, month, day, hour, minute, second) = kubelogin::time::civil(time);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(time / 86_400 % 7) as usize];
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [month as usize - 1];
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
