//! The cases of a whole decision, on files as az 2.91 writes them; those that need the file system are the
//! integration tests'.

use super::*;
use serde_json::{Value, json};

const NOW: UnixTime = 1_767_323_045;
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const APP: &str = "99999999-0000-0000-0000-000000000001";
const A: &str = "aaaaaaaa-0000-0000-0000-00000000000a";
const B: &str = "bbbbbbbb-0000-0000-0000-00000000000b";
const HOST: &str = "login.microsoftonline.com";
const ADA: &str = "ada-oid.home";
const EVE: &str = "eve-oid.home";

/// az's folder, and what az is asked.
#[derive(Clone)]
struct World {
    config: Option<String>,
    clouds: Option<String>,
    subscriptions: Vec<Value>,
    accounts: Vec<(String, Value)>,
    tokens: Vec<(String, Value)>,
    principals: Option<String>,
    resource: String,
    tenant: Option<String>,
    subscription: Option<String>,
    cloud_variable: Option<String>,
    encryption_variable: Option<String>,
}

/// A token that names its tenant and its entry.
fn jwt(claims: &Value) -> String {
    use base64::Engine;
    let part = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part("{}".to_owned()), part(claims.to_string()))
}

fn subscription(id: &str, name: &str, tenant: &str, user: Value) -> Value {
    json!({"id": id, "name": name, "state": "Enabled", "user": user, "isDefault": false, "tenantId": tenant,
        "environmentName": "AzureCloud", "homeTenantId": tenant, "managedByTenants": []})
}

fn user(name: &str) -> Value {
    json!({"name": name, "type": "user"})
}

fn application() -> Value {
    json!({"name": APP, "type": "servicePrincipal"})
}

fn account(id: &str, realm: &str, name: &str) -> (String, Value) {
    let entry = json!({"home_account_id": id, "environment": HOST, "realm": realm, "local_account_id": "l",
        "username": name, "authority_type": "MSSTS", "account_source": "device_code"});
    (format!("{id}-{HOST}-{realm}"), entry)
}

fn token(id: Option<&str>, client: &str, realm: &str, resource: &str) -> (String, Value) {
    let target = format!("{resource}/.default {resource}/user.read");
    let key = format!("{}-{HOST}-accesstoken-{client}-{realm}-{target}", id.unwrap_or_default());
    let claims = json!({"tid": realm, "aud": resource, "exp": NOW + 4000, "oid": id});
    let entry = json!({"credential_type": "AccessToken", "secret": jwt(&claims), "home_account_id": id,
        "environment": HOST, "client_id": client, "target": target, "realm": realm, "token_type": "Bearer",
        "cached_at": NOW.to_string(), "expires_on": (NOW + 4000).to_string(),
        "extended_expires_on": (NOW + 4000).to_string()});
    (key.to_lowercase(), entry)
}

impl World {
    /// Ada is signed in, and has a token.
    fn ada() -> Self {
        let mut subscription = subscription("sub-a", "Sub A", A, user("Ada@contoso.com"));
        subscription["isDefault"] = json!(true);
        Self {
            config: None,
            clouds: None,
            subscriptions: vec![subscription],
            accounts: vec![account(ADA, A, "ada@Contoso.com")],
            tokens: vec![token(Some(ADA), CLIENT, A, SERVER)],
            principals: None,
            resource: SERVER.to_owned(),
            tenant: None,
            subscription: None,
            cloud_variable: None,
            encryption_variable: None,
        }
    }

    /// An application is signed in, and has a token.
    fn app() -> Self {
        let mut world = Self::ada();
        world.subscriptions[0]["user"] = application();
        world.accounts.clear();
        world.tokens = vec![token(None, APP, A, SERVER)];
        world.principals = Some(json!([{"client_id": APP, "tenant": A, "client_secret": "s"}]).to_string());
        world
    }

    fn set(mut self, member: &str, value: Value) -> Self {
        self.tokens[0].1[member] = value;
        self
    }

    fn claims(self, claims: &Value) -> Self {
        self.set("secret", json!(jwt(claims)))
    }

    fn without(mut self, member: &str) -> Self {
        self.tokens[0].1.as_object_mut().unwrap().remove(member).unwrap();
        self
    }

    fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    fn subscription(mut self, subscription: &str) -> Self {
        self.subscription = Some(subscription.to_owned());
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn profile(&self) -> String {
        json!({"installationId": "i", "subscriptions": self.subscriptions}).to_string()
    }

    /// The store, its maps in the given order.
    fn store(&self) -> String {
        let map = |entries: &[(String, Value)]| {
            let members: Vec<String> =
                entries.iter().map(|(key, entry)| format!("{}: {entry}", json!(key))).collect();
            format!("{{{}}}", members.join(", "))
        };
        format!(
            r#"{{"AccessToken": {}, "Account": {}, "IdToken": {{}}, "RefreshToken": {{"x": {{"secret": "r"}}}}, "AppMetadata": {{}}}}"#,
            map(&self.tokens),
            map(&self.accounts)
        )
    }

    fn decide_on(&self, profile: &str, store: Option<&str>) -> Result<Token, RunAz> {
        let question = Question {
            resource: &self.resource,
            tenant: self.tenant.as_deref(),
            subscription: self.subscription.as_deref(),
            cloud_variable: self.cloud_variable.as_deref(),
            encryption_variable: self.encryption_variable.as_deref(),
            now: NOW,
        };
        let files = Files {
            config: self.config.as_deref().map(str::as_bytes),
            clouds: self.clouds.as_deref().map(str::as_bytes),
            profile: Some(profile.as_bytes()),
            store: store.map(str::as_bytes),
            principals: self.principals.as_deref().map(str::as_bytes),
        };
        decide(&question, &files, &|path| path == "/there.pem")
    }

    fn decide(&self) -> Result<Token, RunAz> {
        self.decide_on(&self.profile(), Some(&self.store()))
    }

    /// The token is that of the entry at `index`.
    #[track_caller]
    fn hits(&self, index: usize) {
        let token = self.decide().unwrap();
        assert_eq!(token.access_token.expose().as_str(), self.tokens[index].1["secret"].as_str().unwrap());
    }

    /// az has to be run, and cannot help the store.
    #[track_caller]
    fn never(&self, reason: &str) {
        let run = self.decide().unwrap_err();
        assert!(run.reason.contains(reason) && run.outlook == Outlook::Never, "{run:?}");
    }

    /// az has to be run, and may put the token into the store.
    #[track_caller]
    fn not_yet(&self, reason: &str) {
        let run = self.decide().unwrap_err();
        assert!(run.reason.contains(reason) && run.outlook == Outlook::AfterAz, "{run:?}");
    }
}

#[test]
fn the_common_case_of_a_person_and_of_an_application() {
    World::ada().hits(0);
    World::app().hits(0);
    assert_eq!(World::ada().decide().unwrap().expires_on, NOW + 4000);
    World::ada().set("token_type", json!("bearer")).hits(0);
    World::ada().set("refresh_on", json!((NOW + 1).to_string())).hits(0);
    // An opaque token, one without claims.
    World::ada().set("secret", json!("opaque")).hits(0);
    World::ada().claims(&json!({})).hits(0);
    // A token of 24 hours with a time of renewal to come.
    let day = json!((NOW + 86_400).to_string());
    World::ada().set("expires_on", day).set("refresh_on", json!((NOW + 43_200).to_string())).hits(0);
}

#[test]
fn tenant_and_subscription() {
    let mut world = World::ada();
    world.subscriptions.push(subscription("sub-b", "Büro B", B, user("ada@contoso.com")));
    world.accounts.push(account(ADA, B, "ada@contoso.com"));
    world.tokens.push(token(Some(ADA), CLIENT, B, SERVER));
    world.hits(0);
    world.clone().tenant(B).hits(1);
    world.clone().tenant(&B.to_uppercase()).hits(1);
    world.clone().subscription("SUB-B").hits(1);
    world.clone().subscription("BÜRO b").hits(1);
    // The subscription decides the tenant, whatever the other flag says.
    world.clone().subscription("sub-a").tenant(B).hits(0);
    world.clone().with(|w| w.subscriptions[0]["tenantId"] = json!(A.to_uppercase())).hits(0);
    let other = world.clone().with(|w| {
        w.subscriptions[0]["isDefault"] = json!(false);
        w.subscriptions[1]["isDefault"] = json!(true);
    });
    other.hits(1);
    world.clone().subscription("sub-c").never("no subscription");
    world.clone().with(|w| w.subscriptions[1]["isDefault"] = json!(true)).never("more than one");
    world.clone().with(|w| w.subscriptions[0]["isDefault"] = json!(false)).never("no subscription");
    let twice = world.clone().with(|w| w.subscriptions[1]["name"] = json!("sub a"));
    twice.subscription("Sub A").never("more than one");
    world
        .clone()
        .with(|w| w.subscriptions[1]["name"] = json!("SUB-A"))
        .subscription("sub-a")
        .never("more than");
    world.clone().tenant("contoso.com").never("tenant");
    // The profile's domain is no obstacle where the flag gives the ID; a missing one is.
    let domain = world.clone().with(|w| w.subscriptions[0]["tenantId"] = json!("contoso.com"));
    domain.never("tenant");
    domain.tenant(B).hits(1);
    for odd in [json!(null), json!(7)] {
        let world = world.clone().with(|w| w.subscriptions[0]["tenantId"] = odd);
        world.never("azureProfile.json");
        world.tenant(B).never("azureProfile.json");
    }
}

#[test]
fn spellings_of_the_server() {
    let upper = SERVER.to_uppercase();
    // An application's entry is found by its key, which is in lower case.
    let mut app = World::app();
    app.tokens[0] = token(None, APP, A, SERVER);
    app.tokens[0].0 = format!("-{HOST}-accesstoken-{APP}-{A}-{SERVER}/.default");
    app.tokens[0].1["target"] = json!(format!("{SERVER}/.default"));
    app.resource = upper.clone();
    app.hits(0);
    World::ada().with(|w| w.resource = upper).not_yet("no token for this server");
    for audience in [SERVER.to_uppercase(), format!("spn:{SERVER}"), format!("api://{SERVER}")] {
        World::ada().claims(&json!({"aud": audience})).hits(0);
    }
    let uri = World::ada().with(|w| {
        w.resource = format!("api://{SERVER}");
        w.tokens = vec![token(Some(ADA), CLIENT, A, &w.resource)];
    });
    uri.claims(&json!({"aud": SERVER})).hits(0);
    World::ada().with(|w| w.resource.clear()).never("server's ID");
    World::ada().with(|w| w.resource = "a b".to_owned()).never("server's ID");
}

#[test]
fn entries_beside_the_right_one() {
    let agent = || {
        let (key, mut entry) = token(Some(ADA), CLIENT, A, SERVER);
        entry["ext_cache_key"] = json!("HaSh");
        entry["secret"] = json!("agent");
        (key.replace("accesstoken", "atext") + "-hash", entry)
    };
    World::ada().with(|w| w.tokens.insert(0, agent())).hits(1);
    World::ada().with(|w| w.tokens.push(agent())).hits(0);
    World::ada().with(|w| w.tokens = vec![agent()]).not_yet("no token");
    let expiring = || {
        let (key, mut entry) = token(Some(ADA), CLIENT, A, SERVER);
        entry["expires_on"] = json!((NOW + 299).to_string());
        (key + " other", entry)
    };
    World::ada().with(|w| w.tokens.insert(0, expiring())).hits(1);
    World::ada().with(|w| w.tokens.push(expiring())).hits(0);
    // Of other owners.
    let other = World::ada().with(|w| {
        w.tokens.push(token(Some(EVE), CLIENT, A, SERVER));
        w.tokens.push(token(Some(ADA), CLIENT, B, SERVER));
        w.tokens.push(token(Some(ADA), APP, A, SERVER));
        w.tokens.push(token(None, CLIENT, A, SERVER));
        w.tokens.push(token(Some(ADA), CLIENT, A, "other"));
    });
    other.hits(0);
    // Two that match.
    World::ada()
        .with(|w| w.tokens.push((format!("{} x", w.tokens[0].0), w.tokens[0].1.clone())))
        .never("two tokens");
}

#[test]
fn an_entry_that_is_not_plain() {
    for member in ["key_id", "ext_cache_key", "new"] {
        World::ada().set(member, json!("x")).never("plain bearer");
    }
    for kind in [json!("pop"), json!("ssh-cert"), json!(null), json!(["Bearer"])] {
        World::ada().set("token_type", kind).never("plain bearer");
    }
    World::ada().without("token_type").never("plain bearer");
    World::ada().set("credential_type", json!("atext")).never("plain bearer");
    // A bound entry beside it, wherever: MSAL would take the first of the two.
    let bound = |target: &str| {
        let (key, mut entry) = token(Some(ADA), CLIENT, A, SERVER);
        entry["key_id"] = json!("k");
        entry["target"] = json!(target);
        (key + target, entry)
    };
    let scope = format!("{SERVER}/.default");
    World::ada().with(|w| w.tokens.insert(0, bound(&scope))).never("two tokens");
    World::ada().with(|w| w.tokens.push(bound(&scope))).never("two tokens");
    World::ada().with(|w| w.tokens.push(bound(&format!("x {scope}")))).never("two tokens");
    World::ada().with(|w| w.tokens = vec![bound(&scope)]).never("plain bearer");
    // Under the key that MSAL looks at first, without the scope in its target.
    let first = || {
        let (_, mut entry) = token(Some(ADA), CLIENT, A, SERVER);
        entry["target"] = json!("x");
        (format!("{ADA}-{HOST}-accesstoken-{CLIENT}-{A}-{scope}"), entry)
    };
    World::ada().with(|w| w.tokens = vec![first()]).hits(0);
    World::ada().with(|w| w.tokens.push(first())).never("two tokens");
    World::ada()
        .with(|w| {
            w.tokens = vec![first()];
            w.tokens[0].1["ext_cache_key"] = json!("default");
        })
        .never("plain bearer");
}

#[test]
fn times() {
    let left = |seconds: u64| World::ada().set("expires_on", json!((NOW + seconds).to_string()));
    left(301).hits(0);
    for seconds in [300, 299, 0] {
        left(seconds).not_yet("about to expire");
    }
    World::ada().set("refresh_on", json!(NOW.to_string())).not_yet("renewal");
    let number = json!(NOW + 4000);
    for odd in [number, json!(format!(" {}", NOW + 4000)), json!("1_767_999_999"), json!(null), json!("")] {
        World::ada().set("expires_on", odd.clone()).never("not written as");
        World::ada().set("refresh_on", odd).never("not written as");
    }
    World::ada().without("expires_on").never("not written as");
    World::ada().set("expires_on", json!("999999999999999")).never("not written as");
}

#[test]
fn owners_are_compared_exactly() {
    World::ada().set("realm", json!(A.to_uppercase())).not_yet("no token");
    World::ada().set("client_id", json!(CLIENT.to_uppercase())).not_yet("no token");
    World::ada().set("environment", json!("login.windows.net")).not_yet("no token");
    World::app().without("home_account_id").not_yet("no token");
    World::app().set("home_account_id", json!("")).not_yet("no token");
    World::ada().with(|w| w.tokens.clear()).not_yet("no token");
    World::ada().without("target").not_yet("no token");
    for odd in [json!(null), json!(["x"]), json!(format!("{SERVER}/.default\u{a0}x")), json!("a\tb")] {
        World::ada().set("target", odd).never("not written as");
    }
}

#[test]
fn claims_that_disagree() {
    World::ada().claims(&json!({"tid": A.to_uppercase()})).hits(0);
    for claims in [
        json!({"tid": B}),
        json!({"tid": null}),
        json!({"aud": "00000003-0000-0000-c000-000000000000"}),
        json!({"aud": [SERVER]}),
        json!({"aud": format!("api://x/{SERVER}")}),
    ] {
        World::ada().claims(&claims).never("does not agree");
    }
    World::ada().claims(&json!({"exp": NOW})).not_yet("expired");
    World::ada().claims(&json!({"exp": NOW + 1})).hits(0);
    World::ada().set("secret", json!("e30.W10.c2ln")).never("does not agree");
    for odd in [json!(""), json!("a b"), json!("tök"), json!(7)] {
        World::ada().set("secret", odd).never("not written as");
    }
}

#[test]
fn the_last_entry_of_a_home_account_names_it() {
    let guest = World::ada().with(|w| {
        w.accounts =
            vec![account(ADA, "organizations", "ada@contoso.com"), account(ADA, B, "ada#ext#@fabrikam")];
        w.subscriptions[0]["user"]["name"] = json!("Ada#EXT#@fabrikam");
    });
    guest.hits(0);
    let earlier = guest.with(|w| w.subscriptions[0]["user"]["name"] = json!("ada@contoso.com"));
    earlier.never("not in az's store");
    World::ada().with(|w| w.accounts.push(account(ADA, B, "ADA@contoso.com"))).hits(0);
    World::ada().with(|w| w.accounts.push(account(EVE, A, "ada@contoso.com"))).never("two accounts");
    World::ada().with(|w| w.accounts.clear()).never("not in az's store");
    let other = |name: &str, value: Value| World::ada().with(|w| w.accounts[0].1[name] = value);
    other("authority_type", json!("Other")).never("not in az's store");
    other("authority_type", json!("ADFS")).hits(0);
    other("environment", json!("login.windows.net")).never("not in az's store");
    for (name, value) in [
        ("authority_type", json!(null)),
        ("username", json!(null)),
        ("home_account_id", json!(null)),
        ("home_account_id", json!("")),
    ] {
        other(name, value).never("not written as");
    }
}

#[test]
fn never_another_persons_token() {
    let mut two = World::ada();
    two.subscriptions.push(subscription("sub-e", "Sub E", A, user("eve@contoso.com")));
    two.accounts.push(account(EVE, A, "eve@contoso.com"));
    two.tokens.push(token(Some(EVE), CLIENT, A, SERVER));
    two.hits(0);
    two.clone().subscription("sub-e").hits(1);
    // Ada signed out: profile and store without her.
    let out = two.clone().with(|w| {
        w.subscriptions.remove(0);
        w.accounts.remove(0);
        w.tokens.remove(0);
    });
    out.never("no subscription");
    out.subscription("sub-e").hits(0);
    // A person's sign-in took an application's place on the same subscription.
    let mut over = World::app();
    over.subscriptions[0]["user"] = user("ada@contoso.com");
    over.accounts.push(account(ADA, A, "ada@contoso.com"));
    over.not_yet("no token");
    over.with(|w| w.tokens.push(token(Some(ADA), CLIENT, A, SERVER))).hits(1);
    // After `az account clear` there are no files.
    let gone = World::ada();
    assert!(gone.decide_on(&gone.profile(), None).unwrap_err().reason.contains("no token store"));
    assert!(
        decide(&Question::default(), &Files::default(), &|_| true).unwrap_err().reason.contains("no profile")
    );
}

#[test]
fn applications_need_their_credential() {
    let entries = |text: &str| World::app().with(|w| w.principals = Some(text.to_owned()));
    entries("[]").never("no credential");
    entries(r#"[{"client_id": "99"#).never("not written as");
    World::app().with(|w| w.principals = None).never("no credential");
    entries(&json!([{"client_id": APP, "tenant": B, "client_secret": "s"}]).to_string()).hits(0);
    let certificate = |path: &str| json!([{"client_id": APP, "tenant": A, "certificate": path}]).to_string();
    entries(&certificate("/there.pem")).hits(0);
    entries(&certificate("/gone.pem")).never("certificate file");
}

#[test]
fn ambient_and_unknown_accounts() {
    let of = |user: Value| World::app().with(|w| w.subscriptions[0]["user"] = user);
    for name in ["systemAssignedIdentity", "userAssignedIdentity"] {
        let user = json!({"name": name, "type": "servicePrincipal", "assignedIdentityInfo": "MSI"});
        of(user).never("managed identity");
        of(json!({"name": name, "type": "servicePrincipal"})).never("managed identity");
    }
    let shell = json!({"name": "ada@contoso.com", "type": "user", "cloudShellID": true});
    World::ada().with(|w| w.subscriptions[0]["user"] = shell).never("managed identity");
    of(json!({"name": APP, "type": "robot"})).never("unknown type");
    for odd in
        [json!(null), json!({}), json!({"name": "", "type": "user"}), json!({"name": 1, "type": "user"})]
    {
        of(odd).never("azureProfile.json");
    }
}

#[test]
fn encryption() {
    let config = |text: &str| World::ada().with(|w| w.config = Some(text.to_owned()));
    let on = "[core]\nencrypt_token_cache = true\n";
    config(on).never("encrypts");
    config("[core]\nencrypt_token_cache =\n").never("encrypts");
    config("[core]\nEncrypt_Token_Cache: OFF\n").hits(0);
    for value in ["1", "yes", "TRUE", "on", "maybe", ""] {
        World::ada().with(|w| w.encryption_variable = Some(value.to_owned())).never("encrypts");
    }
    for value in ["0", "no", "False", "OFF"] {
        config(on).with(|w| w.encryption_variable = Some(value.to_owned())).hits(0);
    }
}

#[test]
fn clouds() {
    let in_china = |world: World| {
        world.with(|w| {
            w.subscriptions[0]["environmentName"] = json!("AzureChinaCloud");
            for (_, entry) in w.accounts.iter_mut().chain(&mut w.tokens) {
                entry["environment"] = json!("login.chinacloudapi.cn");
            }
        })
    };
    let china = Some("AzureChinaCloud".to_owned());
    in_china(World::ada()).with(|w| w.cloud_variable = china.clone()).hits(0);
    in_china(World::ada()).with(|w| w.config = Some("[cloud]\nname: AzureChinaCloud\n".to_owned())).hits(0);
    in_china(World::ada()).never("no subscription");
    World::ada().with(|w| w.cloud_variable = china).never("no subscription");
    World::ada().with(|w| w.cloud_variable = Some(String::new())).never("empty");
    World::ada().with(|w| w.cloud_variable = Some("azurecloud".to_owned())).never("known");
    let moved = "[AzureCloud]\nendpoint_active_directory = https://gateway.example\n".to_owned();
    World::ada().with(|w| w.clouds = Some(moved)).never("not in az's store");
    let same =
        "[AzureCloud]\nendpoint_active_directory = HTTPS://Login.MicrosoftOnline.com:443/\n".to_owned();
    World::ada().with(|w| w.clouds = Some(same)).hits(0);
    World::ada().with(|w| w.clouds = Some("[DEFAULT]\n".to_owned())).never("clouds.config is not");
    World::ada().with(|w| w.config = Some("[DEFAULT]\n".to_owned())).never("config is not");
}

#[test]
fn damaged_files() {
    let world = World::ada();
    let (profile, store) = (world.profile(), world.store());
    assert!(world.decide_on(&format!("\u{feff}{profile}"), Some(&store)).is_ok());
    for bad in [
        "",
        "[]",
        "null",
        profile.strip_suffix('}').unwrap(),
        &format!("{profile} x"),
        "{\"subscriptions\": {}}",
    ] {
        let run = world.decide_on(bad, Some(&store)).unwrap_err();
        assert!(run.reason.contains("azureProfile.json is not") && run.outlook == Outlook::Never, "{bad}");
    }
    let twice = store.replace("\"IdToken\"", "\"AccessToken\"");
    for bad in [
        "",
        "[]",
        "null",
        &format!("{store} x"),
        &format!("\u{feff}{store}"),
        &twice,
        r#"{"AccessToken": []}"#,
        r#"{"Account": {"a": []}}"#,
    ] {
        let run = world.decide_on(&profile, Some(bad)).unwrap_err();
        // az may be writing it just now.
        assert!(run.reason.contains("msal_token_cache.json is not") && run.outlook == Outlook::Soon, "{bad}");
    }
    for cut in 0..store.len() {
        assert!(world.decide_on(&profile, store.get(..cut)).is_err(), "{cut}");
    }
    // What Python reads in another way: the key's first place, its last value.
    let doubled = world.clone().with(|w| w.tokens.push(w.tokens[0].clone()));
    assert!(doubled.decide().unwrap_err().reason.contains("msal_token_cache.json is not"));
    let member = store.replacen("\"realm\"", "\"secret\": \"s\", \"realm\"", 1);
    assert!(world.decide_on(&profile, Some(&member)).is_err());
    let deep = format!("{{\"AccessToken\": {{\"k\": {}1{}}}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(world.decide_on(&profile, Some(&deep)).is_err());
    // No store sections at all.
    assert!(world.decide_on(&profile, Some("{}")).unwrap_err().reason.contains("not in az's store"));
}

#[test]
fn the_account_alone_is_found_without_the_store() {
    let world = World::ada();
    let profile = world.profile();
    let files = Files { profile: Some(profile.as_bytes()), ..Files::default() };
    let account = super::account(&Question::default(), &files).unwrap();
    assert_eq!((account.user.as_str(), account.kind), ("Ada@contoso.com", AccountKind::User));
    assert_eq!((account.tenant.as_str(), account.subscription.as_str()), (A, "sub-a"));
    assert_eq!((account.subscription_name.as_str(), account.cloud.as_str()), ("Sub A", "AzureCloud"));
}
