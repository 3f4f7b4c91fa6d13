//! Azure Stack Hub by its environment file: every mode that talks to an authority, with Entra ID and with AD FS
//! as its identity provider.

use super::adfs::command;
use super::interactive::sign_in_by;
use crate::support::ca::Leaf;
use crate::support::entra::{SECRET, SERVER, TENANT, unsigned_jwt};
use crate::support::http::{Reply, Server};
use crate::support::openssl::{self, Identity};
use crate::support::people::{People, Run};
use serde_json::json;

const TENANT_ID: &str = "--tenant-id";

#[test]
fn every_mode_signs_in_with_either_identity_provider() {
    let people = People::start();
    people.grants().passwords.insert("u".to_owned(), "p".to_owned());
    let jwt = unsigned_jwt(&json!({ "sub": "x" }));
    people.entra.state().federated = Some(jwt.clone());
    let file = people.home.file("token", &jwt).display().to_string();
    let devops = Server::start(Some(people.entra.ca().server(Leaf::Good)), move |_| {
        Reply::json(200, &json!({ "oidcToken": jwt }))
    });
    let mut modes = vec![
        vec!["-ldevicecode"],
        vec!["-linteractive", "--skip-open-browser"],
        vec!["-lropc", "--username=u", "--password=p"],
        vec!["-lspn", "--client-secret", SECRET],
        vec!["-lworkloadidentity", "--federated-token-file", &file],
        vec!["-lazurepipelines", "--azure-pipelines-service-connection-id=c"],
    ];
    let identity = openssl::is_there().then(Identity::rsa);
    let certificate = identity.as_ref().map(|identity| identity.pem().display().to_string());
    if let Some(file) = &certificate {
        modes.push(vec!["-lspn", "--client-certificate", file]);
    }
    let (entra, adfs) = (people.entra.url(), format!("{}adfs", people.entra.url()));
    for (endpoint, tenant) in [(&entra, &[TENANT_ID, TENANT][..]), (&adfs, &[])] {
        // A registered certificate lets the fake check every assertion as one of the certificate's.
        for mode in &modes {
            let certificates = identity.iter().filter(|_| mode.contains(&"--client-certificate"));
            people.entra.state().certificates = certificates.map(Identity::registration).collect();
            let mut command = command(&people, endpoint, &[mode, tenant].concat());
            command.env("SYSTEM_ACCESSTOKEN", "t").env("SYSTEM_OIDCREQUESTURI", devops.url());
            let run = match mode[0] {
                "-linteractive" => sign_in_by(&people, command),
                _ => Run::of(command.output().unwrap()),
            };
            if endpoint == &adfs && ["-lworkloadidentity", "-lazurepipelines"].contains(&mode[0]) {
                assert!(
                    run.stderr.starts_with("Error: AD FS does not support federated credentials"),
                    "{mode:?}: {run:?}"
                );
            } else {
                assert!(people.entra.knows(&run.token, SERVER), "{endpoint} {mode:?}: {run:?}");
            }
        }
    }
    assert_eq!(devops.requests().len(), 1);
}

/// The book's file, whole; the audience is what --server-id names, whatever else the file names.
#[test]
fn the_books_whole_file_is_read() {
    let people = People::start();
    let (entra, adfs) = (people.entra.url(), format!("{}adfs/", people.entra.url()));
    for (endpoint, tenant) in [(&entra, &[TENANT_ID, TENANT][..]), (&adfs, &[])] {
        let mut command =
            command(&people, endpoint, &[&["-lspn", "--client-secret", SECRET][..], tenant].concat());
        let other = "https://other.local.azurestack.external/";
        let file = json!({
            "name": "AzureStackCloud",
            "managementPortalURL": other,
            "publishSettingsURL": other,
            "serviceManagementEndpoint": other,
            "resourceManagerEndpoint": other,
            "activeDirectoryEndpoint": endpoint,
            "galleryEndpoint": other,
            "keyVaultEndpoint": other,
            "graphEndpoint": other,
            "serviceBusEndpoint": other,
            "batchManagementEndpoint": "N/A",
            "storageEndpointSuffix": "local.azurestack.external",
            "sqlDatabaseDNSSuffix": "N/A",
            "trafficManagerDNSSuffix": "N/A",
            "keyVaultDNSSuffix": "vault.local.azurestack.external",
            "serviceBusEndpointSuffix": "N/A",
            "serviceManagementVMDNSSuffix": "cloudapp.net",
            "resourceManagerVMDNSSuffix": "cloudapp.azurestack.external",
            "containerRegistryDNSSuffix": "N/A",
            "cosmosDBDNSSuffix": "N/A",
            "tokenAudience": "https://management.other.onmicrosoft.com/x",
            "resourceIdentifiers": { "graph": other, "keyVault": other, "datalake": "N/A", "batch": "N/A", "operationalInsights": "N/A" },
        });
        assert_eq!(file.as_object().unwrap().len(), 22);
        people.home.file("stack.json", file.to_string());
        let run = Run::of(command.output().unwrap());
        assert!(people.entra.knows(&run.token, SERVER), "{endpoint}: {run:?}");
        let form = people.entra.requests().pop().unwrap().form();
        let named = if endpoint == &adfs {
            ("resource".to_owned(), SERVER.to_owned())
        } else {
            ("scope".to_owned(), format!("{SERVER}/.default"))
        };
        assert!(form.contains(&named), "{form:?}");
    }
}
