//! Failures before anything is asked: flags, settings, clouds, the caller's protocol.

use super::{APP, SECRET, SERVER, case, login, pin};

#[test]
fn flags() {
    let get = |name: &str, args: &[&str]| case(name, &["get-token"]).args(args);
    pin(
        "flags",
        vec![
            case("unknown-command", &["frobnicate"]),
            case("misspelt-command", &["get-tokens"]),
            case("unknown-help-topic", &["help", "frobnicate"]),
            case("unknown-shell", &["completion", "tcsh"]),
            get("unknown-flag", &["--frobnicate"]),
            get("unknown-shorthand", &["-x"]),
            get("flag-of-another-command", &["--dry-run"]),
            get("value-missing", &["--server-id"]),
            get("boolean-value", &["--legacy=maybe"]),
            get("duration-without-unit", &["--timeout", "30"]),
            get("duration-zero", &["--timeout", "0s", "--server-id", SERVER]),
            get("duration-negative", &["--authentication-timeout", "-5m", "--server-id", SERVER]),
            get("verbosity", &["-v", "loud"]),
            get("login-mode", &["-l", "magic", "--server-id", SERVER]),
            get("token-cache", &["--token-cache", "sometimes", "--server-id", SERVER]),
            case("output-form", &["whoami", "--output", "xml"]),
            login("pop-without-claims", "spn", &["--pop-enabled"]),
            login("pop-claims-alone", "spn", &["--pop-claims", "u=/cluster"]),
            login("pop-claims-without-u", "spn", APP).args(&[
                "--client-secret",
                SECRET,
                "--pop-enabled",
                "--pop-claims",
                "a=b",
            ]),
            login("pop-claims-form", "spn", APP).args(&[
                "--client-secret",
                SECRET,
                "--pop-enabled",
                "--pop-claims",
                "u",
            ]),
            login("pop-in-a-mode-without-it", "azurecli", &["--pop-enabled", "--pop-claims", "u=/cluster"])
                .env("PATH", "/nonexistent"),
            login("redirect-url-elsewhere", "interactive", APP)
                .args(&["--redirect-url", "http://example.org:8400"]),
            login("redirect-url-form", "interactive", APP).args(&["--redirect-url", "localhost:99999"]),
            login("browser-command-relative", "interactive", APP)
                .args(&["--browser-command", "bin/browser", "--authentication-timeout", "1s"])
                .at_entra([]),
        ],
    );
}

#[test]
fn settings() {
    let id = |name: &str, mode: &str| login(name, mode, &["--tenant-id", "contoso"]);
    let tenant = |name: &str, mode: &str| login(name, mode, &["--client-id", "client"]);
    pin(
        "settings",
        vec![
            case("no-server-id", &["get-token"]),
            case("no-server-id-for-msi", &["get-token", "-l", "msi"]),
            case("empty-server-id", &["get-token", "--server-id", ""]),
            id("devicecode-without-client", "devicecode"),
            tenant("devicecode-without-tenant", "devicecode"),
            id("interactive-without-client", "interactive"),
            tenant("interactive-without-tenant", "interactive"),
            login("spn-without-proof", "spn", APP),
            login("spn-without-proof-of-arm", "spn", APP).args(&["--use-azurerm-env-vars"]),
            login("spn-without-proof-or-variables", "spn", APP).args(&["--disable-environment-override"]),
            id("spn-without-client", "spn").args(&["--client-secret", SECRET]),
            tenant("spn-without-tenant", "spn").args(&["--client-secret", SECRET]),
            login("spn-with-two-proofs", "spn", APP).args(&[
                "--client-secret",
                SECRET,
                "--client-certificate",
                "@files/app.pfx",
            ]),
            login("ropc-without-user", "ropc", APP).args(&["--password", SECRET]),
            login("ropc-without-password", "ropc", APP).args(&["--username", "ada@contoso.com"]),
            id("workloadidentity-without-client", "workloadidentity"),
            tenant("workloadidentity-without-tenant", "workloadidentity"),
            login("workloadidentity-without-file", "workloadidentity", APP),
            login("workloadidentity-in-github-without-permission", "workloadidentity", APP)
                .env("GITHUB_ACTIONS", "true"),
            login("workloadidentity-in-azure-pipelines", "workloadidentity", APP).env("TF_BUILD", "True"),
            login("azurepipelines-elsewhere", "azurepipelines", APP)
                .args(&["--azure-pipelines-service-connection-id", "connection"]),
            login("azurepipelines-without-connection", "azurepipelines", APP)
                .env("SYSTEM_ACCESSTOKEN", SECRET)
                .env("SYSTEM_OIDCREQUESTURI", "https://dev.example/oidctoken"),
            login("azurepipelines-without-uri", "azurepipelines", APP)
                .args(&["--azure-pipelines-service-connection-id", "connection"])
                .env("SYSTEM_ACCESSTOKEN", SECRET),
            login("tenant-with-a-slash", "devicecode", &["--client-id", "client", "--tenant-id", "a/../b"]),
            case("server-id-with-a-quote", &["get-token", "-l", "azurecli", "--server-id", "a;b"]),
        ],
    );
}

#[test]
fn clouds() {
    let secret = &["--client-secret", SECRET];
    let host =
        |name: &str, host: &str| login(name, "spn", APP).args(secret).args(&["--authority-host", host]);
    let stack = |name: &str| login(name, "spn", APP).args(secret).args(&["-e", "AzureStackCloud"]);
    let file = |name: &str, content: &str| {
        stack(name).file("cloud.json", content).env("AZURE_ENVIRONMENT_FILEPATH", "@files/cloud.json")
    };
    pin(
        "clouds",
        vec![
            login("unknown-cloud", "spn", APP).args(secret).args(&["-e", "AzureMoonCloud"]),
            host("host-without-slash", "https://login.example"),
            host("host-without-scheme", "login.example/"),
            host("host-http", "http://login.example/"),
            host("host-with-password", "https://ada:hunter2@login.example/"),
            host("host-empty", "https:///"),
            stack("file-unset"),
            stack("file-missing").env("AZURE_ENVIRONMENT_FILEPATH", "@files/missing.json"),
            stack("file-is-a-folder").env("AZURE_ENVIRONMENT_FILEPATH", "@files"),
            file("file-not-json", "cloud"),
            file("file-without-endpoint", "{}"),
            file("file-with-http-endpoint", r#"{"activeDirectoryEndpoint":"http://login.example/"}"#),
            file("file-with-a-number", r#"{"activeDirectoryEndpoint":1}"#),
        ],
    );
}

#[test]
fn exec_info() {
    let get = |name: &str, info: &str| {
        login(name, "spn", APP).args(&["--client-secret", SECRET]).env("KUBERNETES_EXEC_INFO", info)
    };
    let good = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;
    pin(
        "exec-info",
        vec![
            get("not-json", "hello"),
            get("truncated", "{\"apiVersion\":"),
            get("list", "[]"),
            get("version-not-text", r#"{"apiVersion":1}"#),
            get("old-version", r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#),
            get("foreign-version", r#"{"apiVersion":"v2"}"#),
            case("convert-as-plugin", &["convert-kubeconfig"]).env("KUBERNETES_EXEC_INFO", good),
        ],
    );
}
