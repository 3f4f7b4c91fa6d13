//! `azurecli` from the Azure CLI's own store: the folder and its files, and many calls at once. What the files
//! say is decided in pure code, which has its own tests.

use crate::support::TempDir;
use crate::support::az::{A, Az, B, profile, store};
use crate::support::kubelogin::Kubelogin;
use serde_json::{Value, json};
use std::fs::{FileTimes, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

const STORE: &str = "msal_token_cache.json";

#[test]
fn the_stores_token_is_returned_without_starting_az() {
    let az = Az::new();
    let output = az.hits(az.command(&[]));
    assert!(output.credential()["status"]["expirationTimestamp"].is_string());
    az.hits(az.command(&["--tenant-id", A]));
    az.hits(az.command(&["--subscription", "0B1F6471-1BF0-4DDA-AEC3-CB9272F09590", "--tenant-id", B]));
    az.hits(az.command(&["--subscription", "sub a"]));
    az.write("config", "# az\r\n[cloud]\r\nname = AzureCloud\r\n\r\n[core]\r\noutput =\r\n");
    az.write("clouds.config", "[AzureCloud]\n");
    az.hits(az.command(&[]));
    // az may even have been uninstalled.
    az.hits(az.command(&[]).env("PATH", "/nonexistent"));
}

#[test]
fn the_token_and_the_secrets_are_never_shown() {
    let az = Az::new();
    let output = az.command(&["-v9"]).run();
    assert_eq!(output.token(), "store-token");
    assert!(!output.stderr.contains("store-token"), "{}", output.stderr);
}

#[test]
fn the_settings_that_always_run_az() {
    let az = Az::new();
    az.runs_az(az.command(&["--force-refresh"]), "--force-refresh");
    az.runs_az(az.command(&["--token-cache", "none"]), "--token-cache");
    az.hits(az.command(&["--token-cache", "all"]));
    for value in ["", "https://example.invalid"] {
        az.runs_az(az.command(&[]).env("ARM_CLOUD_METADATA_URL", value), "ARM_CLOUD_METADATA_URL");
    }
    az.hits(az.command(&[]).env("COPILOT_AGENT_SESSION_ID", ""));
    az.runs_az(az.command(&[]).env("COPILOT_AGENT_SESSION_ID", "x"), "COPILOT_AGENT_SESSION_ID");
    for (value, is_plain) in [("", false), ("1", false), ("maybe", false), ("False", true)] {
        let command = az.command(&[]).env("AZURE_CORE_ENCRYPT_TOKEN_CACHE", value);
        match is_plain {
            true => drop(az.hits(command)),
            false => az.runs_az(command, "encrypts"),
        }
    }
    az.runs_az(az.command(&[]).env("AZURE_CLOUD_NAME", ""), "cloud");
    az.runs_az(az.command(&[]).env("AZURE_CLOUD_NAME", "AzureChinaCloud"), "no subscription");
    az.hits(az.command(&[]).env("AZURE_CLOUD_NAME", "AzureCloud"));
}

#[test]
fn the_place_of_the_folder() {
    let az = Az::new();
    az.hits(az.command(&[]).env("AZURE_CONFIG_DIR", format!("{}/", az.folder().display())));
    let elsewhere = TempDir::new();
    let link = elsewhere.path().join("link");
    symlink(az.folder(), &link).unwrap();
    az.hits(az.command(&[]).env("AZURE_CONFIG_DIR", &link));
    // Where an empty or relative path leads is az's to know.
    for odd in ["", "x", "~/.azure", "./"] {
        az.runs_az(az.command(&[]).env("AZURE_CONFIG_DIR", odd), "absolute");
    }
    let path = format!("{}:/usr/bin:/bin", az.programs().display());
    let server = crate::support::entra::SERVER;
    let at_home =
        || Kubelogin::new(&["get-token", "-l", "azurecli", "--server-id", server]).env("PATH", &path);
    az.runs_az(at_home(), "there is no folder");
    symlink(az.folder(), elsewhere.path().join(".azure")).unwrap();
    az.hits(at_home().env("HOME", elsewhere.path()));
    for odd in ["", "x"] {
        az.runs_az(at_home().env("HOME", odd), "absolute");
    }
}

#[test]
fn who_may_write_to_the_folder() {
    let az = Az::new();
    let restrict = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for mode in [0o700, 0o775] {
        restrict(az.folder(), mode);
        az.hits(az.command(&[]));
    }
    restrict(az.folder(), 0o777);
    az.runs_az(az.command(&[]), "every user");
    restrict(az.folder(), 0o700);
    restrict(&az.path(STORE), 0o666);
    az.runs_az(az.command(&[]), "every user");
}

#[test]
fn files_that_are_not_plain_files() {
    for name in ["config", "clouds.config", "azureProfile.json", STORE] {
        let az = Az::new();
        let content = std::fs::read(az.path(name)).unwrap_or_default();
        let path = az.write(name, "");
        let remove = || std::fs::remove_file(&path).unwrap();
        remove();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        az.runs_az(az.command(&[]), "not a regular file");
        remove();
        std::fs::create_dir(&path).unwrap();
        az.runs_az(az.command(&[]), "not a regular file");
        std::fs::remove_dir(&path).unwrap();
        let elsewhere = az.write("elsewhere", &String::from_utf8(content).unwrap());
        symlink(elsewhere, &path).unwrap();
        az.runs_az(az.command(&[]), "cannot read");
        remove();
        let file = std::fs::File::create_new(&path).unwrap();
        file.set_len((8 << 20) + 1).unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
        az.runs_az(az.command(&[]), "is larger than");
    }
}

#[test]
fn damaged_and_missing_files() {
    let az = Az::new();
    let whole = std::fs::read_to_string(az.path(STORE)).unwrap();
    let half = whole.get(..whole.len() / 2).unwrap();
    for bad in ["", half, "[]", &format!("{whole}x"), &format!("\u{feff}{whole}")] {
        az.write(STORE, bad);
        az.runs_az(az.command(&[]), "msal_token_cache.json is not written");
    }
    az.write(STORE, &whole);
    for (name, bad) in [("config", "[DEFAULT]\n"), ("clouds.config", "[a]\nb = %c\n")] {
        let path = az.write(name, bad);
        az.runs_az(az.command(&[]), "is not written as az writes it");
        std::fs::remove_file(path).unwrap();
    }
    az.hits(az.command(&[]));
    // What `az logout` and `az account clear` leave.
    std::fs::remove_file(az.path(STORE)).unwrap();
    az.runs_az(az.command(&[]), "no token store");
    az.write("azureProfile.json", "{\"subscriptions\": []}");
    az.runs_az(az.command(&[]), "no subscription");
    std::fs::remove_file(az.path("azureProfile.json")).unwrap();
    az.runs_az(az.command(&[]), "no profile");
}

#[test]
fn a_newer_encrypted_store_is_where_the_tokens_are() {
    let az = Az::new();
    let encrypted = az.write("msal_token_cache.bin", "x");
    let set = |time| {
        let file = OpenOptions::new().write(true).open(&encrypted).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    };
    let plain = az.path(STORE).metadata().unwrap().modified().unwrap();
    set(plain - Duration::from_secs(1));
    az.hits(az.command(&[]));
    for time in [plain, plain + Duration::from_secs(1)] {
        set(time);
        az.runs_az(az.command(&[]), "keyring");
    }
}

#[test]
fn the_windows_az_in_wsl_has_another_home() {
    let az = Az::new();
    let windows = TempDir::new();
    windows.file("python.exe", "");
    let copy = windows.file("wbin/az", std::fs::read(az.programs().join("az")).unwrap());
    std::fs::set_permissions(copy, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", windows.path().join("wbin").display());
    az.runs_az(az.command(&[]).env("PATH", path), "Windows");
}

#[test]
fn the_certificate_of_an_application_must_be_there() {
    const APP: &str = "99999999-0000-0000-0000-000000000001";
    let az = Az::new();
    az.write("azureProfile.json", &profile(&json!({"name": APP, "type": "servicePrincipal"})));
    let mut cache: Value = serde_json::from_str(&store(&[(A, "store-token")])).unwrap();
    for entry in cache["AccessToken"].as_object_mut().unwrap().values_mut() {
        entry["client_id"] = json!(APP);
        entry["home_account_id"] = json!(null);
    }
    az.write(STORE, &cache.to_string());
    az.runs_az(az.command(&[]), "no credential");
    let certificate = az.write("app.pem", "x");
    let entry = |path: &Path| json!([{"client_id": APP, "tenant": A, "certificate": path}]).to_string();
    az.write("service_principal_entries.json", &entry(&certificate));
    az.hits(az.command(&[]));
    az.write("service_principal_entries.json", &entry(Path::new("app.pem")));
    az.runs_az(az.command(&[]), "certificate file");
    az.write("service_principal_entries.json", &entry(&az.path("gone.pem")));
    az.runs_az(az.command(&[]), "certificate file");
}

/// Every file of a folder with what a write, a lock file or a read would change.
fn listing(folder: &Path) -> Vec<(std::ffi::OsString, u64, SystemTime, i64, i64)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let metadata = file.metadata().unwrap();
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            (file.file_name(), metadata.len(), metadata.modified().unwrap(), changed.0, changed.1)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn nothing_in_azs_folder_is_made_or_changed() {
    let az = Az::new();
    let before = listing(az.folder());
    az.hits(az.command(&[]));
    az.runs_az(az.command(&["--force-refresh"]), "--force-refresh");
    az.runs_az(az.command(&["--tenant-id", B]), "no token for this server");
    assert_eq!(listing(az.folder()), before);
}

/// Waits for something that other processes do; the bound only ends a broken test.
#[track_caller]
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Calls that run at once, on one cache folder.
struct Calls {
    home: TempDir,
    children: Vec<Child>,
}

impl Calls {
    fn new() -> Self {
        Self { home: TempDir::new(), children: Vec::new() }
    }

    fn spawn(&mut self, count: usize, command: impl Fn() -> Kubelogin) {
        for _ in 0..count {
            let log = self.home.file(&format!("log.{}", self.children.len()), "");
            let command = command().arg("-v1").env("HOME", self.home.path());
            let (mut command, _) = command.into_command();
            command.stdout(Stdio::piped()).stderr(std::fs::File::create(log).unwrap());
            self.children.push(command.spawn().unwrap());
        }
    }

    fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.home.path().join(format!("log.{index}"))).unwrap()
    }

    /// Waits until each has read the store and found that it needs az.
    fn all_need_az(&self) {
        eventually("every call needs az", || {
            (0..self.children.len()).all(|index| self.log(index).contains("az is run: "))
        });
    }

    /// Their tokens.
    fn ends(&mut self) -> Vec<String> {
        let children = std::mem::take(&mut self.children);
        children
            .into_iter()
            .enumerate()
            .map(|(index, child)| {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", self.log(index));
                let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
                credential["status"]["token"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

/// A part of a script: waits for the file `$GO`.
const WAIT: &str = "while ! [ -e $GO ]; do sleep 0.02; done";

#[test]
fn twenty_calls_with_one_question_cost_one_az() {
    let az = Az::new();
    let full = az.write("full", &store(&[(A, "store-token")]));
    az.write(STORE, &store(&[]));
    // As az does, it writes in place.
    az.program(&format!("{WAIT}; cat {} >{}", full.display(), az.path(STORE).display()));
    let mut calls = Calls::new();
    calls.spawn(20, || az.command(&[]));
    calls.all_need_az();
    // Another question does not wait.
    let other = az.command(&["--tenant-id", B]).env("HOME", calls.home.path());
    let (mut other, _home) = other.into_command();
    let other = other.stdout(Stdio::piped()).spawn().unwrap();
    eventually("the other question runs az", || az.runs().iter().any(|run| run.contains(B)));
    assert_eq!(az.runs().len(), 2);
    az.go();
    let mut tokens = calls.ends();
    tokens.sort();
    // The one that ran az has its answer from there.
    assert_eq!(tokens.remove(0), "az-token");
    let logs: Vec<String> = (0..20).map(|index| calls.log(index)).collect();
    assert!(tokens.iter().all(|token| token == "store-token"), "{}", logs.join("\n"));
    assert!(other.wait_with_output().unwrap().status.success());
    assert_eq!(az.runs().len(), 2);
}

#[test]
fn what_the_store_can_never_answer_runs_side_by_side() {
    // Each az ends only when all five run.
    let all = "while [ $(wc -l <$RUNS) -lt 5 ]; do sleep 0.02; done";
    let check = |az: &Az, args: &[&str]| {
        az.program(all);
        let mut calls = Calls::new();
        calls.spawn(5, || az.command(args));
        assert!(calls.ends().iter().all(|token| token == "az-token"));
        assert_eq!(az.runs().len(), 5);
    };
    let az = Az::new();
    az.write(
        "azureProfile.json",
        &profile(&json!({"name": "systemAssignedIdentity", "type": "servicePrincipal"})),
    );
    check(&az, &[]);
    check(&Az::new(), &["--tenant-id", "contoso.com"]);
    check(&Az::new(), &["--force-refresh"]);
}

#[test]
fn an_az_that_never_writes_is_waited_for_once() {
    let az = Az::new();
    az.write(STORE, &store(&[]));
    // The first ends when it is told to, the others when all of them run.
    az.program(&format!("if [ $(wc -l <$RUNS) -eq 1 ]; then {WAIT}; else while [ $(wc -l <$RUNS) -lt 5 ]; do sleep 0.02; done; fi"));
    let mut calls = Calls::new();
    calls.spawn(5, || az.command(&[]));
    calls.all_need_az();
    eventually("the first az runs", || az.runs().len() == 1);
    az.go();
    assert!(calls.ends().iter().all(|token| token == "az-token"));
    assert_eq!(az.runs().len(), 5);
}

#[test]
fn a_wait_that_takes_too_long_is_no_error() {
    let az = Az::new();
    az.write(STORE, &store(&[]));
    az.program(&format!("[ $(wc -l <$RUNS) -gt 1 ] || {{ {WAIT}; }}"));
    let mut calls = Calls::new();
    calls.spawn(1, || az.command(&[]));
    eventually("the first az runs", || az.runs().len() == 1);
    calls.spawn(1, || az.command(&["--timeout", "3s"]));
    eventually("the second az runs", || az.runs().len() == 2);
    az.go();
    assert_eq!(calls.ends(), ["az-token", "az-token"]);
    assert_eq!(az.runs().len(), 2);
    let log = calls.log(1);
    let notice = log.lines().find(|line| line.starts_with("Waiting for process ")).unwrap_or_default();
    assert!(notice.contains(" (since 20") && notice.ends_with(" that is running the Azure CLI"), "{log}");
}

#[test]
fn a_cache_folder_that_cannot_be_used_costs_the_turns_alone() {
    let az = Az::new();
    az.write(STORE, &store(&[]));
    let file = az.write("file", "");
    az.runs_az(az.command(&[]).arg("--cache-dir").arg(file), "no token for this server");
}

#[test]
fn whoami_and_doctor_name_the_account() {
    let az = Az::new();
    let run = |command: &str, args: &[&str]| {
        Kubelogin::new(&[command, "-l", "azurecli", "--server-id", crate::support::entra::SERVER])
            .args(args)
            .env("PATH", format!("{}:/usr/bin:/bin", az.programs().display()))
            .env("AZURE_CONFIG_DIR", az.folder())
            .run()
    };
    let output = run("whoami", &[]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    for text in
        ["ada@contoso.com (current context)", "azurecli, subscription Sub A (0b1f6471", A, "AzureCloud"]
    {
        assert!(output.stdout.contains(text), "no {text:?} in {}", output.stdout);
    }
    let json: Value = serde_json::from_str(&run("whoami", &["--output=json"]).stdout).unwrap();
    assert_eq!((&json[0]["user"], &json[0]["mode"]), (&json!("ada@contoso.com"), &json!("azurecli")));
    assert!(az.runs().is_empty());
    az.program("echo '{\"user\":{\"name\":\"ada\"},\"tenantId\":\"T\"}'; exit 0");
    let plain = run("doctor", &[]).stdout.replace(['\n', ' '], "");
    assert!(plain.contains("azkeepsitstokensinplainform:yes"), "{plain}");
    let config = az.write("config", "[core]\nencrypt_token_cache = true\n");
    let encrypted = run("doctor", &[]).stdout.replace(['\n', ' '], "");
    assert!(encrypted.contains("plainform:no(azencryptsitstokens)"), "{encrypted}");
    std::fs::remove_file(config).unwrap();
    az.write("azureProfile.json", "{");
    run("whoami", &[]).fails_with("azureProfile.json is not written");
}
