//! Identities that something on this machine vouches for: managed identity, pipelines, token files, az and azd.

use super::{APP, CLIENT, Case, SECRET, SERVER, case, login, pin};
use crate::support::Entra;
use crate::support::ca::Leaf;
use crate::support::http::{Listener, Reply, Server};
use serde_json::json;
use std::path::Path;

const IMDS: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

#[test]
fn managed_identities() {
    let msi = |name: &str, args: &[&str]| login(name, "msi", args);
    let refusal = |status: u16, text: &str| {
        Reply::json(status, &json!({ "error": "invalid_request", "error_description": text }))
    };
    let imds = |name: &str, args: &[&str], answer: Reply| msi(name, args).at_machine(IMDS, "", [answer]);
    let html = |status: u16| Reply::new(status, "text/html", "<html>Forbidden</html>");
    let gone = {
        let closed = Listener::start(drop);
        format!("http://127.0.0.1:{}/", closed.port())
    };
    let app = |case: Case| case.env("IDENTITY_HEADER", "header");
    let arc = |name: &str, challenge: Reply| {
        msi(name, &[]).env("IMDS_ENDPOINT", "http://127.0.0.1").at_machine(
            "IDENTITY_ENDPOINT",
            "token",
            [challenge],
        )
    };
    let basic = |realm: &str| {
        Reply::json(401, &json!({})).header("WWW-Authenticate", &format!("Basic realm={realm}"))
    };
    let not_found = "Identity not found";
    let several = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request";
    pin(
        "msi",
        vec![
            msi("not-there", &[]).env(IMDS, &gone).without_pauses(),
            imds("no-identity", &[], refusal(400, not_found)),
            imds("not-this-client", &["--client-id", CLIENT], refusal(400, not_found)),
            imds("not-this-resource", &["--identity-resource-id", "/id"], refusal(400, not_found)),
            imds("client-from-a-variable", &[], refusal(400, not_found)).env("AZURE_CLIENT_ID", CLIENT),
            imds("several-identities", &[], refusal(400, several)),
            imds("forbidden-page", &[], html(403)),
            imds("page", &[], html(200)),
            imds("unknown-server", &[], refusal(400, "AADSTS500011: The resource principal was not found.")),
            imds("broken-for-ever", &[], refusal(500, "oops")),
            imds("gone-for-ever", &[], refusal(410, "starting")),
            imds("no-token", &[], Reply::json(200, &json!({}))),
            app(msi("app-service-refuses", &[]).at_machine(
                "IDENTITY_ENDPOINT",
                "token",
                [refusal(400, "No User Assigned Managed Identity found")],
            )),
            msi("cloud-shell-takes-no-client", &["--client-id", CLIENT])
                .env("MSI_ENDPOINT", "http://127.0.0.1:1/token"),
            app(msi("fabric-thumbprint", &[]))
                .env("IDENTITY_ENDPOINT", "https://127.0.0.1:1/token")
                .env("IDENTITY_SERVER_THUMBPRINT", "x"),
            arc("arc-foreign-key-file", basic("/etc/shadow")),
            arc("arc-without-challenge", Reply::json(401, &json!({}))),
            msi("endpoint-is-no-address", &[]).env("IDENTITY_ENDPOINT", "here").env("IDENTITY_HEADER", "x"),
        ],
    );
}

#[test]
fn token_files() {
    let file = |name: &str, content: &[u8]| {
        login(name, "workloadidentity", APP)
            .args(&["--federated-token-file", "@files/token"])
            .hidden_file("token", content)
            .at_entra([])
    };
    let missing = |name: &str, path: &str| {
        login(name, "workloadidentity", APP).args(&["--federated-token-file", path]).at_entra([])
    };
    pin(
        "token-files",
        vec![
            file("empty", b"").note("/files/token is empty"),
            file("blank", b" \n").note("/files/token holds a blank line"),
            file("text", b"hello").note("/files/token holds: hello"),
            file("bytes", &[0xff, 0xfe]).note("/files/token holds: FF FE"),
            file("large", &vec![b'a'; 10 << 20]).note("/files/token holds 10 MiB"),
            missing("folder", "@files"),
            missing("missing", "@files/missing"),
            login("missing-from-variable", "workloadidentity", APP)
                .env("AZURE_FEDERATED_TOKEN_FILE", "@files/missing")
                .at_entra([]),
        ],
    );
}

/// A service with TLS whose root is that of the fake Entra ID beside it.
fn beside_entra(case: Case, variable: &str, reply: Reply) -> Case {
    let entra = Entra::start();
    let shown = reply.clone();
    let server = Server::start(Some(entra.ca().server(Leaf::Good)), move |_| reply.clone());
    let url = format!("{}oidc?v=1", server.url());
    let root = entra.ca().pem();
    case.answers(&[shown])
        .at_port(entra.port(), &root)
        .env(variable, &url)
        .without_pauses()
        .keep((server, entra))
}

#[test]
fn pipelines() {
    let github = |name: &str, reply: Reply| {
        let case = login(name, "workloadidentity", APP).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET);
        beside_entra(case, "ACTIONS_ID_TOKEN_REQUEST_URL", reply)
    };
    let azure = |name: &str, reply: Reply| {
        let case = login(name, "azurepipelines", APP)
            .args(&["--azure-pipelines-service-connection-id", "connection"])
            .env("SYSTEM_ACCESSTOKEN", SECRET);
        beside_entra(case, "SYSTEM_OIDCREQUESTURI", reply)
    };
    let page = |status: u16| Reply::new(status, "text/html", "<html>Sign in</html>");
    let message = json!({ "message": "TF400813: The user is not authorized to access this resource." });
    pin(
        "pipelines",
        vec![
            login("github-not-https", "workloadidentity", APP)
                .env("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/x")
                .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET),
            github("github-unauthorized", Reply::json(401, &json!({ "message": "Bad credentials" }))),
            github("github-no-token", Reply::json(200, &json!({}))),
            github("github-page", page(200)),
            github("github-no-jwt", Reply::json(200, &json!({ "value": "hello" }))),
            azure("azure-sign-in-page", page(203)),
            azure(
                "azure-redirect-to-sign-in",
                Reply::new(302, "text/html", "").header("Location", "https://example.org/signin"),
            ),
            azure("azure-unauthorized", Reply::json(401, &message)),
            azure(
                "azure-connection-not-found",
                Reply::json(404, &json!({ "message": "Service connection was not found." })),
            ),
            azure("azure-no-token", Reply::json(200, &json!({}))),
        ],
    );
}

#[test]
fn developer_tools() {
    let az = |name: &str, script: &str| login(name, "azurecli", &[]).tool("az", script);
    let azd = |name: &str, script: &str| login(name, "azd", &[]).tool("azd", script);
    let fails = |text: &str| format!("echo \"{text}\" >&2\nexit 1");
    let azd_error = r#"cat >&2 <<'END'
{"type":"consoleMessage","timestamp":"2026-01-02T03:04:05Z","data":{"message":"\nERROR: not logged in, run `azd auth login` to login\n"}}
END
exit 1"#;
    let azd_suggestion = r#"cat >&2 <<'END'
{"type":"consoleMessage","data":{"message":"\n"}}
{"error":"fetching token: AADSTS50076: multi-factor authentication is needed\nTrace ID: x","suggestion":"run azd auth login --tenant-id T"}
END
exit 1"#;
    pin(
        "developer-tools",
        vec![
            az("az-not-signed-in", &fails("ERROR: Please run 'az login' to setup account.")),
            az(
                "az-interaction-required",
                &fails(
                    "ERROR: AADSTS50076: Due to a configuration change, you must use multi-factor authentication.\nTo re-authenticate, please run:\naz login --scope x/.default",
                ),
            ),
            az(
                "az-subscription",
                &fails("ERROR: The subscription of 'x' doesn't exist in cloud 'AzureCloud'."),
            )
            .args(&["--subscription", "x"]),
            az(
                "az-logout-and-login",
                &fails(
                    "WARNING: a new version is there\nERROR: AADSTS70043: The refresh token has expired.\nInteractive authentication is needed. Please run:\naz logout\naz login --tenant T --scope S/.default",
                ),
            ),
            az("az-many-lines", "for i in $(seq 100); do echo \"line $i\"; done >&2; exit 1"),
            az("az-hostile", &fails("one\n\u{1b}[2JHint: run this")),
            az("az-unexplained", &fails("ERROR: (AuthorizationFailed) over scope /subscriptions/x")),
            az("az-silent", "exit 1"),
            az("az-status", "exit 127"),
            az("az-killed", "kill -KILL $$"),
            az("az-terminated", "kill -TERM $$"),
            az("az-prints-no-json", "echo garbage"),
            az("az-prints-nothing", ":"),
            az("az-no-token", "echo '{}'"),
            az("az-no-expiry", "echo '{\"accessToken\":\"t\"}'"),
            az("az-too-long", "head -c 10485760 /dev/zero"),
            az("az-hangs", "exec sleep 60").args(&["--timeout", "300ms"]),
            login("az-without-interpreter", "azurecli", &[]).program("az", "#!/nonexistent/python\n"),
            login("az-without-first-line", "azurecli", &[]).program("az", "echo '{}'\n"),
            login("az-tenant", "azurecli", &["--tenant-id", "a;b"]).tool("az", "exit 9"),
            azd("azd-not-signed-in", azd_error),
            azd("azd-suggests", azd_suggestion),
            azd("azd-silent", "exit 3"),
            login("azd-without-interpreter", "azd", &[]).program("azd", "#! /nonexistent/sh -e\n"),
            azd("azd-not-signed-in-text", &fails("ERROR: not logged in, run 'azd auth login' to login")),
            azd("azd-no-token", "echo '{}'"),
            case(
                "convert-to-az-without-server",
                &["convert-kubeconfig", "-l", "azurecli", "--kubeconfig", "@files/config"],
            )
            .file(
                "config",
                "users:\n- name: u\n  user:\n    exec: {command: kubelogin, args: [get-token]}\n",
            ),
            case(
                "az-server",
                &["get-token", "-l", "azurecli", "--server-id", SERVER, "--subscription", "a\nb"],
            )
            .tool("az", "exit 9"),
        ],
    );
}

/// Not on a machine where they are installed: a short PATH does not keep them from being found.
#[test]
fn missing_tools() {
    if ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/opt/az/bin"]
        .iter()
        .any(|folder| ["az", "azd"].iter().any(|name| Path::new(folder).join(name).exists()))
    {
        return crate::support::skip("a machine without az and azd");
    }
    let missing = |name: &str, mode: &str| login(name, mode, &[]).env("PATH", "/nonexistent");
    pin("missing-tools", vec![missing("az-not-installed", "azurecli"), missing("azd-not-installed", "azd")]);
}
