//! The README's examples, run as they stand: `az` and the browser are played, everything else is real, and a
//! proxy leads to the fake in the place of Microsoft's hosts.

use crate::flow::kubectls;
use crate::flow::proxies::Proxy;
use crate::support::api_server::NODE;
use crate::support::entra::{CLIENT, SECRET, SERVER, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::openssl::{self, Identity};
use crate::support::{ApiServer, Entra, TempDir};
use serde_json::json;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// The shell examples that use kubelogin; those of building it are run by CI.
fn examples() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| !block.contains("make ") && block.contains("kube")).collect()
}

struct World {
    entra: Entra,
    proxy: Proxy,
    api: ApiServer,
    metadata: Server,
    identity: Identity,
}

impl World {
    fn start() -> Self {
        let entra = Entra::start();
        let known = entra.checker(SERVER);
        let api =
            ApiServer::start(entra.ca(), move |token| known(token) || token == "of-az" || token == "of-imds");
        let metadata = Server::start(None, |_| {
            Reply::json(
                200,
                &json!({ "access_token": "of-imds", "expires_in": "3600", "token_type": "Bearer" }),
            )
        });
        let identity = Identity::rsa();
        entra.state().certificates.push(identity.registration());
        entra.state().people.passwords.insert("user@contoso.com".to_owned(), "hunter2".to_owned());
        let proxy = Proxy::start(entra.port(), None);
        Self { entra, proxy, api, metadata, identity }
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
        home.file("token", self.federated());
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
        tool("jq", "grep -o '\"token\":\"[^\"]*\"'");
        // The app's registration knows this certificate.
        let keys = self.identity.path("key.pem");
        let folder = keys.parent().unwrap().display();
        tool("openssl", &format!("cp {folder}/key.pem {folder}/cert.pem ."));
        home
    }

    fn federated(&self) -> String {
        let token = unsigned_jwt(&json!({ "sub": "system:serviceaccount:ns:app" }));
        self.entra.state().federated = Some(token.clone());
        token
    }

    /// Runs an example; what it printed.
    fn run(&self, example: &str) -> (bool, String) {
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
        println!("SKIP kubectl or openssl");
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
        let (succeeded, text) = world.run(&script.join("\n"));
        assert!(succeeded, "{example}\n{text}");
        if example.contains("kubectl get nodes") && !needs_browser {
            assert!(text.contains(NODE), "{example}\n{text}");
        }
    }
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
