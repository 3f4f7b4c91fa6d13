//! Files that cannot be used: certificates, kubeconfigs, the cache.

use super::{APP, Case, case, login, pin};
use crate::support::openssl;
use std::path::Path;

fn data(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

#[test]
fn certificates() {
    let path = |name: &str, path: &str| login(name, "spn", APP).args(&["--client-certificate", path]);
    let file = |name: &str, of: &str, content: &[u8]| {
        path(name, &format!("@files/{of}")).hidden_file(of, content).at_entra([])
    };
    if !openssl::is_there() {
        return;
    }
    let mut cases = vec![
        path("missing", "@files/missing.pem").at_entra([]),
        path("folder", "@files").at_entra([]),
        file("empty", "app.pem", b""),
        file("text", "app.pem", b"hello\n").note("/files/app.pem holds: hello"),
        file("key-alone", "app.pem", &data("rfc7520-4.1.pem"))
            .note("/files/app.pem holds a key without a certificate"),
        file("damaged-pfx", "app.pfx", &data("rfc9579-a1.pfx")[..200]).note("/files/app.pfx is cut off"),
        file("wrong-password", "app.pfx", &data("rfc9579-a1.pfx"))
            .args(&["--client-certificate-password", "wrong"]),
        file("no-password", "app.pfx", &data("rfc9579-a1.pfx")),
        file("several-keys", "app.pfx", &data("several-keys.pfx")),
        file("large", "app.pem", &vec![b'a'; 20 << 20]).note("/files/app.pem holds 20 MiB"),
        file("damaged-pem", "app.pem", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
            .note("/files/app.pem holds no Base64"),
    ];
    let identity = openssl::Identity::rsa();
    cases.push(
        file("certificate-alone", "app.pem", &identity.read("cert.pem"))
            .note("/files/app.pem holds a certificate without a key"),
    );
    let other = openssl::Identity::rsa();
    let pair = [other.read("key.pem"), identity.read("cert.pem")].concat();
    cases.push(
        file("of-two-pairs", "app.pem", &pair)
            .note("/files/app.pem holds a key and another key's certificate"),
    );
    identity.openssl(&["pkcs8", "-topk8", "-in", "key.pem", "-out", "locked.pem", "-passout", "pass:right"]);
    let locked = [identity.read("locked.pem"), identity.read("cert.pem")].concat();
    cases.push(file("locked-key", "app.pem", &locked).note("/files/app.pem holds an encrypted key"));
    cases.push(
        file("locked-key-wrong-password", "app.pem", &locked)
            .note("/files/app.pem holds an encrypted key")
            .args(&["--client-certificate-password", "wrong"]),
    );
    cases.push(file("readable-by-others", "app.pem", b"hello").mode("app.pem", 0o644));
    pin("certificates", cases);
}

const PROVIDER: &str =
    "users:\n- name: u\n  user:\n    auth-provider: {name: azure, config: {apiserver-id: s}}\n";

#[test]
fn kubeconfigs() {
    let convert = |name: &str, content: &str, args: &[&str]| {
        case(name, &["convert-kubeconfig", "--kubeconfig", "@files/config"])
            .args(args)
            .file("config", content)
    };
    let entry = |user: &str| {
        format!("users:\n- name: u\n  user:\n    exec:\n      command: kubelogin\n      args: [{user}]\n")
    };
    let contexts = "contexts:\n- name: a\n  context: {user: u}\n";
    pin(
        "convert",
        vec![
            case("missing", &["convert-kubeconfig", "--kubeconfig", "@files/missing"]),
            case("nothing-anywhere", &["convert-kubeconfig"]),
            case("several-missing", &["convert-kubeconfig"]).env("KUBECONFIG", "@files/a:@files/b"),
            case("folder", &["convert-kubeconfig", "--kubeconfig", "@files"]),
            convert("not-yaml", "a: b\nc: [\n", &[]),
            convert("text", "just text\n", &[]),
            convert("users-not-a-list", "users: text\n", &[]),
            convert("user-not-a-mapping", "users:\n- text\n", &[]),
            convert("user-twice", &format!("{PROVIDER}- name: u\n  user: {{}}\n"), &["-l", "msi"]),
            convert("no-user-of-ours", "users:\n- name: u\n  user: {token: x}\n", &["-l", "msi"]),
            convert("unknown-context", &format!("{PROVIDER}{contexts}"), &["-l", "msi", "--context", "b"]),
            convert(
                "context-without-user",
                "contexts:\n- name: a\n  context: {}\n",
                &["-l", "msi", "--context", "a"],
            ),
            convert("unknown-mode", PROVIDER, &["-l", "magic"]),
            convert("no-client-id", PROVIDER, &["-l", "devicecode"]),
            convert("no-server-id", &entry("get-token"), &["-l", "msi"]),
            convert(
                "old-arguments",
                &entry("get-token, --frob, --server-id, s, --timeout, '30'"),
                &["-l", "msi"],
            ),
            convert("pop-without-claims", PROVIDER, &["-l", "spn", "--pop-enabled"]),
            convert("output-into-no-folder", PROVIDER, &["-l", "msi", "--output", "@files/none/config"]),
            convert("output-is-a-folder", PROVIDER, &["-l", "msi", "--output", "@files"]),
            convert(
                "secret-in-the-file",
                PROVIDER,
                &["-l", "spn", "--client-id", "c", "--tenant-id", "t", "--client-secret", "x", "--dry-run"],
            ),
        ],
    );
}

#[test]
fn whoami_and_doctor() {
    let config = "current-context: a\ncontexts:\n- name: a\n  context: {user: u}\n- name: c\n  context: {user: cert}\nusers:\n- name: cert\n  user: {}\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: kubelogin\n      args: [get-token, --login, spn, --server-id, s]\n";
    let with = |name: &str, args: &[&str]| {
        case(name, args).args(&["--kubeconfig", "@files/config"]).file("config", config)
    };
    // What doctor asks of the network ends at a proxy that is not there.
    // Nothing listens there; a port that was free a moment ago may be another test's now.
    let proxy = "http://127.0.0.1:1";
    let doctor = |case: Case| case.env("HTTPS_PROXY", proxy);
    pin(
        "whoami-and-doctor",
        vec![
            case("whoami-without-cache", &["whoami"]),
            with("whoami-unknown-context", &["whoami", "--context", "b"]),
            with("whoami-context-of-another-kind", &["whoami", "--context", "c"]),
            with("whoami-not-signed-in", &["whoami", "--context", "a"]),
            doctor(with("doctor-unknown-context", &["doctor", "--context", "b"])),
            doctor(with("doctor-context-of-another-kind", &["doctor", "--context", "c"])),
            doctor(case("doctor-without-kubeconfig", &["doctor"])),
            doctor(
                case("doctor-not-yaml", &["doctor", "--kubeconfig", "@files/config"])
                    .file("config", "users: [\n"),
            ),
            doctor(with("doctor-settings-missing", &["doctor", "--context", "a"])),
        ],
    );
}

#[test]
fn caches() {
    let remove = |name: &str, folder: &str| case(name, &["remove-cache-dir", "--cache-dir", folder]);
    let foreign =
        |case: Case| case.file("cache/notes.txt", "mine\n").file("cache/auth.json", "{\"https\":1}\n");
    let get = |name: &str, folder: &str| {
        login(name, "spn", APP)
            .args(&["--client-secret", super::SECRET, "--token-cache", "all", "--cache-dir", folder])
            .at_entra([super::refused(7_000_215, "Invalid client secret provided.")])
    };
    let mut homeless = case("no-home", &["remove-cache-dir"]).note("HOME is empty");
    homeless = homeless.env("HOME", "");
    let damaged = case("whoami-damaged-entry", &["whoami", "--cache-dir", "@files/cache"])
        .file("cache/devicecode_contoso_client_server_0123456789abcdef.token.json", "{");
    let closed = get("another-user-s-folder", "@files/cache").hidden_file("cache/x", "").mode("cache", 0o755);
    let mut cases = vec![
        foreign(remove("foreign-files", "@files/cache")),
        foreign(case("remove-tokens", &["remove-tokens", "--token-cache-dir", "@files/cache"])),
        remove("empty-foreign-file", "@files/cache").file("cache/auth.json", ""),
        remove("file-in-place-of-a-folder", "@files/cache").file("cache", "mine\n"),
        get("cache-is-a-file", "@files/cache").file("cache", "mine\n"),
        get("cache-below-a-file", "@files/file/cache").file("file", "mine\n"),
        homeless,
        damaged,
        case("whoami-file-in-place-of-a-folder", &["whoami", "--cache-dir", "@files/cache"])
            .file("cache", "mine\n"),
    ];
    // Only root can give a folder away.
    if std::os::unix::fs::chown(closed.files.path().join("cache"), Some(12345), None).is_ok() {
        cases.push(closed.note("/files/cache is another user's"));
        pin("cache", cases);
    } else {
        crate::support::skip("root: a folder cannot be given to another user");
    }
}
