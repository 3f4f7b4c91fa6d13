//! The Azure CLI's folder, and an `az` that counts its runs and prints a token of its own.

use super::TempDir;
use super::entra::SERVER;
use super::kubelogin::{Kubelogin, Output};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const A: &str = "aaaaaaaa-0000-0000-0000-00000000000a";
pub const B: &str = "bbbbbbbb-0000-0000-0000-00000000000b";
const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const HOST: &str = "login.microsoftonline.com";
const HOME_ACCOUNT: &str = "ada-oid.home";

/// Where az is signed in as Ada, with tokens of these values in the store, by tenant.
#[must_use]
pub struct Az {
    folder: TempDir,
    programs: TempDir,
}

impl Az {
    /// az prints `az-token`, and its store has `store-token` for tenant A.
    pub fn new() -> Self {
        let az = Self { folder: TempDir::new(), programs: TempDir::new() };
        std::fs::set_permissions(az.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
        az.write(
            "azureProfile.json",
            &format!("\u{feff}{}", profile(&json!({"name": "ada@contoso.com", "type": "user"}))),
        );
        az.write("msal_token_cache.json", &store(&[(A, "store-token")]));
        az.program("");
        az
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file of az's, with the mode that az gives it.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.file(name, content);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Makes an `az` that runs this script first; `$RUNS` counts and `$GO` is a file that it may wait for.
    pub fn program(&self, script: &str) {
        let (runs, go) = (self.runs_file(), self.programs.path().join("go"));
        let token = r#"{"accessToken":"az-token","expires_on":4102444800}"#;
        let script = format!(
            "#!/bin/sh\nRUNS={} GO={}\necho \"$*\" >>$RUNS\n{script}\necho '{token}'\n",
            runs.display(),
            go.display()
        );
        let path = self.programs.file("az", script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lets those runs of `az` go on that wait for `$GO`.
    pub fn go(&self) {
        self.programs.file("go", "");
    }

    pub fn programs(&self) -> &Path {
        self.programs.path()
    }

    fn runs_file(&self) -> PathBuf {
        self.programs.path().join("runs")
    }

    /// The arguments of each run of `az`.
    pub fn runs(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.runs_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// `get-token -l azurecli` in this folder.
    pub fn command(&self, args: &[&str]) -> Kubelogin {
        Kubelogin::new(&["get-token", "-l", "azurecli", "--server-id", SERVER])
            .args(args)
            .env("PATH", format!("{}:/usr/bin:/bin", self.programs.path().display()))
            .env("AZURE_CONFIG_DIR", self.folder())
    }

    /// The token, and whether `az` was run for it.
    #[track_caller]
    fn answer(&self, command: Kubelogin) -> (String, usize, Output) {
        let before = self.runs().len();
        let output = command.run();
        (output.token(), self.runs().len() - before, output)
    }

    /// The store's token is returned and `az` is not run.
    #[track_caller]
    pub fn hits(&self, command: Kubelogin) -> Output {
        let (token, runs, output) = self.answer(command.arg("-v1"));
        assert_eq!((token.as_str(), runs), ("store-token", 0), "{}", output.stderr);
        assert!(output.stderr.contains("using the token of the Azure CLI's own store"), "{}", output.stderr);
        output
    }

    /// `az` is run, and stderr says that it is for this reason.
    #[track_caller]
    pub fn runs_az(&self, command: Kubelogin, reason: &str) {
        let (token, runs, output) = self.answer(command.arg("-v1"));
        assert_eq!((token.as_str(), runs), ("az-token", 1), "{}", output.stderr);
        let line = output.stderr.lines().find(|line| line.contains("az is run: ")).unwrap_or_default();
        assert!(line.contains(reason), "no {reason:?} in {}", output.stderr);
    }
}

/// `azureProfile.json` with one subscription of this user.
pub fn profile(user: &Value) -> String {
    json!({"installationId": "i", "subscriptions": [{
        "id": "0b1f6471-1bf0-4dda-aec3-cb9272f09590", "name": "Sub A", "state": "Enabled", "user": user,
        "isDefault": true, "tenantId": A, "environmentName": "AzureCloud", "homeTenantId": A,
        "tenantDefaultDomain": null, "managedByTenants": []}]})
    .to_string()
}

/// `msal_token_cache.json` of Ada, with an opaque token for each of these tenants.
pub fn store(tokens: &[(&str, &str)]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires_on = (now + Duration::from_secs(3600)).as_secs().to_string();
    let scope = format!("{SERVER}/.default");
    let entry = |(realm, secret): &(&str, &str)| {
        let key = format!("{HOME_ACCOUNT}-{HOST}-accesstoken-{CLIENT}-{realm}-{scope}").to_lowercase();
        let entry = json!({"credential_type": "AccessToken", "secret": secret, "home_account_id": HOME_ACCOUNT,
            "environment": HOST, "client_id": CLIENT, "target": scope, "realm": realm, "token_type": "Bearer",
            "cached_at": now.as_secs().to_string(), "expires_on": expires_on,
            "extended_expires_on": expires_on});
        (key, entry)
    };
    let account = json!({"home_account_id": HOME_ACCOUNT, "environment": HOST, "realm": A,
        "local_account_id": "ada-oid", "username": "ada@contoso.com", "authority_type": "MSSTS",
        "account_source": "device_code"});
    let tokens: serde_json::Map<String, Value> = tokens.iter().map(entry).collect();
    let key = format!("{HOME_ACCOUNT}-{HOST}-{A}");
    json!({"AccessToken": tokens, "Account": {key: account}, "IdToken": {}, "RefreshToken": {}}).to_string()
}
