//! The README's examples, run as they stand: `az` and the browser are played, everything else is real, and a
//! proxy leads to the fake in the place of Microsoft's hosts.

use crate::flow::kubectls;
use crate::flow::proxies::Proxy;
use crate::support::api_server::NODE;
use crate::support::ca::Leaf;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::openssl::{self, Identity};
use crate::support::{ApiServer, Entra, TempDir};
use kubelogin::kubeconfig::value::Value;
use kubelogin::kubeconfig::yaml::Reader;
use serde_json::json;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// The blocks in a language.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let start = format!("```{language}\n");
    let at: Vec<usize> = README.match_indices(&start).map(|(at, start)| at + start.len()).collect();
    at.into_iter().map(|at| README[at..].split("```").next().unwrap())
}

/// The script in the pipeline's step.
fn inline_script() -> String {
    let step = blocks("yaml").find(|block| block.contains("AzureCLI@2")).unwrap();
    let (before, script) = step.split_once("inlineScript: |\n").unwrap();
    let indent = before.len() - before.trim_end_matches(' ').len() + 2;
    let lines = script.lines().take_while(|line| line.len() - line.trim_start().len() >= indent);
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

/// The shell examples that use kubelogin; those of building it are run by CI.
fn examples() -> Vec<&'static str> {
    let blocks = blocks("sh");
    blocks.filter(|block| !block.contains("make ") && block.contains("kube")).collect()
}

/// A token of another issuer that the app trusts.
fn federated() -> String {
    unsigned_jwt(&json!({ "sub": "system:serviceaccount:ns:app" }))
}

struct World {
    entra: Entra,
    proxy: Proxy,
    api: ApiServer,
    metadata: Server,
    devops: Server,
    identity: Identity,
}

impl World {
    fn start() -> Self {
        let entra = Entra::start();
        let known = entra.checker(SERVER);
        let api = ApiServer::start(entra.ca(), move |token| {
            known(token) || ["of-az", "of-azd", "of-imds"].contains(&token)
        });
        let metadata = Server::start(None, |_| {
            Reply::json(
                200,
                &json!({ "access_token": "of-imds", "expires_in": "3600", "token_type": "Bearer" }),
            )
        });
        let devops = Server::start(Some(entra.ca().server(Leaf::Good)), |request| {
            assert_eq!(request.header("authorization"), Some("Bearer of-the-job"));
            Reply::json(200, &json!({ "oidcToken": federated() }))
        });
        let identity = Identity::rsa();
        entra.state().certificates.push(identity.registration());
        entra.state().people.passwords.insert("user@contoso.com".to_owned(), "hunter2".to_owned());
        let proxy = Proxy::start(entra.port(), None);
        Self { entra, proxy, api, metadata, devops, identity }
    }

    /// A home as the example's reader has it.
    fn home(&self) -> TempDir {
        let home = TempDir::new();
        let ca = self.entra.ca_file();
        home.file(
            "kubeconfig",
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: aks\ncontexts:\n- name: aks\n  context: {{cluster: aks, user: me}}\nclusters:\n- name: aks\n  cluster:\n    server: {}\n    certificate-authority: {}\nusers:\n- name: me\n  user:\n    auth-provider:\n      name: azure\n      config:\n        apiserver-id: {SERVER}\n        client-id: {CLIENT}\n        config-mode: '1'\n        environment: AzurePublicCloud\n        tenant-id: {TENANT}\n",
                self.api.url(),
                ca.display()
            ),
        );
        home.file("token", federated());
        self.entra.state().federated = Some(federated());
        home.file(
            "stack.json",
            r#"{"activeDirectoryEndpoint": "https://adfs.local.azurestack.external/adfs"}"#,
        );
        std::fs::create_dir_all(home.path().join("bin")).unwrap();
        symlink(crate::support::kubelogin::binary(), home.path().join("bin/kubelogin")).unwrap();
        symlink(kubectls().pop().unwrap(), home.path().join("bin/kubectl")).unwrap();
        let tool = |name: &str, script: &str| {
            let path = home.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        tool(
            "az",
            "case \"$*\" in *get-access-token*) echo '{\"accessToken\":\"of-az\",\"expires_on\":4102444800}';; esac",
        );
        tool(
            "azd",
            "case \"$*\" in 'auth token'*) echo '{\"token\":\"of-azd\",\"expiresOn\":\"2100-01-01T00:00:00Z\"}';; esac",
        );
        tool("jq", "grep -o '\"token\":\"[^\"]*\"'");
        // The app's registration knows this certificate.
        let keys = self.identity.path("key.pem");
        let folder = keys.parent().unwrap().display();
        tool("openssl", &format!("cp {folder}/key.pem {folder}/cert.pem ."));
        home
    }

    /// Runs an example; what it printed.
    fn run(&self, example: &str, more: &[(&str, &str)]) -> (bool, String) {
        let home = self.home();
        let mut script = example.to_owned();
        for (placeholder, value) in [
            ("/path/to/kubeconfig", "$HOME/kubeconfig"),
            ("/path/to/token", "$HOME/token"),
            ("<application id>", CLIENT),
            ("<client id>", CLIENT),
            ("<secret>", &format!("'{SECRET}'")),
            ("<tenant>", TENANT),
            ("<password>", "hunter2"),
            ("<id>", "1"),
            ("<group>", "g"),
            ("<name>", "n"),
        ] {
            script = script.replace(placeholder, value);
        }
        let is_placeholder = |rest: &str| rest.starts_with(char::is_alphabetic);
        assert!(!script.split('<').skip(1).any(is_placeholder), "an unknown placeholder: {script}");
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", format!("{}:/usr/bin:/bin", home.path().join("bin").display()))
            .env("KUBECONFIG", home.path().join("kubeconfig"))
            .env("SSL_CERT_FILE", self.entra.ca_file())
            .env("HTTPS_PROXY", self.proxy.url(""))
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", self.metadata.url())
            .envs([("CLIENT", CLIENT), ("TENANT", TENANT), ("CLUSTER", "k")])
            .envs(more.iter().copied())
            .output()
            .unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }
}

#[test]
fn the_examples_work() {
    if kubectls().is_empty() || !openssl::is_there() {
        return;
    }
    let world = World::start();
    let examples = examples();
    assert!(examples.len() >= 12, "{}", examples.len());
    for example in examples {
        // A person at a browser is played elsewhere: by a test, and by Chromium.
        let needs_browser = example.contains("-l interactive");
        let lines = example.lines().filter(|line| !(needs_browser && line.starts_with("kubectl")));
        let script: Vec<&str> = lines.collect();
        let (succeeded, text) = world.run(&script.join("\n"), &[]);
        assert!(succeeded, "{example}\n{text}");
        if example.contains("kubectl get nodes") && !needs_browser {
            assert!(text.contains(NODE), "{example}\n{text}");
        }
    }
}

/// The step of Azure Pipelines, at an OIDC endpoint of this machine.
#[test]
fn the_pipeline_s_step_works() {
    if kubectls().is_empty() || !openssl::is_there() {
        return;
    }
    let world = World::start();
    let job = [
        ("AZURESUBSCRIPTION_CLIENT_ID", CLIENT),
        ("AZURESUBSCRIPTION_TENANT_ID", TENANT),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection"),
        ("SYSTEM_ACCESSTOKEN", "of-the-job"),
        ("SYSTEM_OIDCREQUESTURI", &format!("{}oidctoken", world.devops.url())),
    ];
    let script = inline_script();
    assert!(script.starts_with("kubelogin convert-kubeconfig -l azurepipelines"), "{script}");
    let (succeeded, text) = world.run(&script, &job);
    assert!(succeeded && text.contains(NODE), "{text}");
    assert!(
        world
            .devops
            .requests()
            .iter()
            .any(|request| request.target.contains("serviceConnectionId=connection"))
    );
}

/// The Deployment's init container does what it is there for.
#[test]
fn the_deployment_converts_what_it_is_given() {
    let deployment = blocks("yaml").find(|block| block.contains("kind: Deployment")).unwrap();
    let value = Reader::new(deployment).unwrap().value().unwrap();
    let at = |value: &Value, path: &str| -> Value {
        path.split('/').fold(value.clone(), |value, key| match (key.parse::<usize>(), value) {
            (Ok(index), Value::List(items)) => items[index].clone(),
            (_, value) => value.get(key).unwrap_or_else(|| panic!("{key}")).clone(),
        })
    };
    let pod = at(&value, "spec/template/spec");
    assert_eq!(at(&pod, "securityContext/runAsNonRoot").as_text(), Some("true"));
    for container in ["initContainers/0", "containers/0"] {
        let root = at(&pod, &format!("{container}/securityContext/readOnlyRootFilesystem"));
        assert_eq!(root.as_text(), Some("true"));
    }
    assert_eq!(at(&value, "spec/selector/matchLabels/app").as_text(), Some("job"));
    assert_eq!(at(&value, "spec/template/metadata/labels/app").as_text(), Some("job"));
    let Value::List(args) = at(&pod, "initContainers/0/args") else { panic!("no list") };
    let files = TempDir::new();
    let given = files.file(
        "config",
        "users:\n- name: u\n  user:\n    auth-provider: {name: azure, config: {apiserver-id: s}}\n",
    );
    let output = files.path().join("converted");
    let args: Vec<String> = args
        .iter()
        .map(|arg| arg.as_text().unwrap())
        .map(|arg| arg.replace("/given/config", given.to_str().unwrap()))
        .map(|arg| arg.replace("/tmp/config", output.to_str().unwrap()))
        .collect();
    let run = crate::support::Kubelogin::new(&args.iter().map(String::as_str).collect::<Vec<_>>()).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(at(&pod, "containers/0/env/0/value").as_text(), Some("/tmp/config"));
    assert!(std::fs::read_to_string(output).unwrap().contains("- workloadidentity"));
}

#[test]
fn every_command_is_in_its_table() {
    let table = README.split("| command | does |").nth(1).unwrap().split("\n\n").next().unwrap();
    for row in kubelogin::cli::flags::COMMANDS {
        assert!(table.contains(&format!("`{}", row.name)), "{}", row.name);
    }
}

/// groff finds nothing wrong with the manual page.
#[test]
fn the_manual_page_is_well_formed() {
    let page = crate::support::Kubelogin::new(&["help", "--man"]).run().stdout;
    let files = TempDir::new();
    let file = files.file("kubelogin.1", page);
    let output = Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(file).output();
    let Ok(output) = output else { return crate::support::skip("groff") };
    let complaints = String::from_utf8_lossy(&output.stderr);
    let page = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() && complaints.contains("cannot load") {
        return crate::support::skip(&format!("groff: {complaints}"));
    }
    assert_eq!((output.status.code(), complaints.as_ref()), (Some(0), ""));
    assert!(page.contains("sign in to Kubernetes") && page.contains("convert"), "{page}");
}

/// What is linked to inside of the page is there.
#[test]
fn its_links_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let anchors: Vec<String> = README
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect();
    for link in README.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(anchors.contains(&link.to_owned()), "{link} is none of {anchors:?}");
    }
}
