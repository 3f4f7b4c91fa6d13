//! `remove-cache-dir` and `remove-tokens`: what goes, what stays.

use crate::support::TempDir;
use crate::support::kubelogin::binary;
use crate::support::people::{People, names};
use std::path::Path;
use std::process::{Command, Output};

const ENTRY: &str = "devicecode_contoso_client_server_0123456789abcdef.token.json";

fn run(args: &[&str], env: &[(&str, &Path)]) -> Output {
    Command::new(binary()).args(args).env_clear().envs(env.iter().copied()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    assert!(output.stdout.is_empty(), "something is on stdout");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn remove(folder: &Path) -> String {
    let output = run(&["remove-cache-dir", "--cache-dir", folder.to_str().unwrap()], &[]);
    assert!(output.status.success(), "{output:?}");
    stderr(&output)
}

#[test]
fn what_any_version_wrote_goes_and_the_empty_folder_too() {
    let root = TempDir::new();
    let cache = root.path().join("cache");
    std::fs::create_dir(&cache).unwrap();
    let guid = "6dae42f8-4368-4678-94ff-3960e28e3630";
    for name in [
        ENTRY.to_owned(),
        format!("{ENTRY}.lock"),
        format!(".{ENTRY}.4711.tmp"),
        format!("AzurePublicCloud-{guid}-{guid}-{guid}.json"),
        format!("AzurePublicCloud-{guid}-{guid}-contoso.com_legacy.json"),
        "pop_tokens.cache".to_owned(),
        "pop_rsa_key.cache".to_owned(),
    ] {
        std::fs::write(cache.join(name), "{}").unwrap();
    }
    let record = r#"{"authority":"login.microsoftonline.com","clientId":"c","homeAccountId":"h","tenantId":"t","username":"u","version":"1.0"}"#;
    std::fs::write(cache.join("auth.json"), record).unwrap();
    assert_eq!(remove(&cache), "");
    assert!(!cache.exists());
    assert_eq!(remove(&cache), "", "a folder that is not there is no failure");
}

#[test]
fn foreign_files_stay_and_are_named() {
    let folder = TempDir::new();
    let cache = folder.path();
    std::fs::write(cache.join(ENTRY), "damaged").unwrap();
    for foreign in ["notes.json", "auth.json", "config"] {
        std::fs::write(cache.join(foreign), r#"{"http-basic":{"example.org":{}}}"#).unwrap();
    }
    std::fs::create_dir(cache.join("folder_0123456789abcdef.token.json")).unwrap();
    let said = remove(cache);
    let kept = ["auth.json", "config", "folder_0123456789abcdef.token.json", "notes.json"];
    assert_eq!(names(cache), kept);
    for name in kept {
        assert!(
            said.contains(&format!("kept {}: kubelogin did not create it", cache.join(name).display())),
            "{said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let (folder, elsewhere) = (TempDir::new(), TempDir::new());
    let cache = folder.path();
    let target = elsewhere.path().join("precious");
    std::fs::write(&target, "x").unwrap();
    for name in [ENTRY.to_owned(), format!("{ENTRY}.lock"), "pop_tokens.cache".to_owned()] {
        std::os::unix::fs::symlink(&target, cache.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(&target, cache.join("auth.json")).unwrap();
    remove(cache);
    assert_eq!(std::fs::read_to_string(target).unwrap(), "x");
    assert_eq!(names(cache), ["auth.json"]);
}

#[test]
fn root_and_home_are_not_harmed() {
    let said = remove(Path::new("/"));
    assert!(
        said.contains("kept /etc: kubelogin did not create it") || said.contains("more files in /"),
        "{said}"
    );
    let folder = TempDir::new();
    let home = folder.path();
    let output = run(&["remove-cache-dir", "--cache-dir", home.to_str().unwrap()], &[("HOME", home)]);
    assert!(output.status.success());
    assert!(home.exists(), "an empty home is still a home");
}

#[test]
fn both_commands_take_both_flags_and_kubecachedir() {
    for command in ["remove-tokens", "remove-cache-dir"] {
        for flag in ["--cache-dir", "--token-cache-dir", ""] {
            let root = TempDir::new();
            let cache = root.path().join("cache");
            std::fs::create_dir(&cache).unwrap();
            std::fs::write(cache.join(ENTRY), "").unwrap();
            let output = if flag.is_empty() {
                run(&[command], &[("KUBECACHEDIR", &cache)])
            } else {
                run(&[command, flag, cache.to_str().unwrap()], &[("HOME", root.path())])
            };
            assert!(output.status.success() && !cache.exists(), "{command} {flag}");
            let deprecated = stderr(&output).contains("use remove-cache-dir instead");
            assert_eq!(deprecated, command == "remove-tokens");
        }
    }
}

#[test]
fn the_default_folder_is_under_home_and_the_login_method_does_not_matter() {
    let folder = TempDir::new();
    let home = folder.path();
    let cache = home.join(".kube/cache/kubelogin");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join(ENTRY), "").unwrap();
    let output = run(&["remove-tokens"], &[("HOME", home), ("AAD_LOGIN_METHOD", Path::new("nonsense"))]);
    assert!(output.status.success() && !cache.exists());
    assert!(home.join(".kube/cache").exists());
}

#[test]
fn a_lock_that_a_sign_in_holds_stays() {
    let folder = TempDir::new();
    let cache = folder.path();
    let lock = cache.join(format!("{ENTRY}.lock"));
    let held = kubelogin::sys::lock::try_lock(&lock).unwrap().unwrap();
    let said = remove(cache);
    assert!(said.contains("a sign-in is using it") && lock.exists(), "{said}");
    drop(held);
    // A child that another test forks at this moment has the lock's file open until it runs its program.
    for _ in 0..100 {
        remove(cache);
        if !cache.exists() {
            return;
        }
    }
    panic!("the lock stays");
}

/// The sign-ins of two people for two servers and a second tenant.
fn signed_in() -> People {
    let people = People::start();
    for name in ["ada", "eve"] {
        people.grants().passwords.insert(name.to_owned(), "p".to_owned());
    }
    for (tenant, name, server) in [
        ("contoso", "ada", "aks"),
        ("contoso", "ada", "arc"),
        ("contoso", "eve", "aks"),
        ("fabrikam", "ada", "aks"),
    ] {
        let (name, server) = (format!("--username={name}"), format!("--server-id={server}"));
        let args = ["-lropc", "--password=p", &name, &server];
        assert_eq!(people.run(tenant, &args).code, Some(0));
    }
    people
}

fn entries(people: &People) -> Vec<String> {
    let mut names = names(&people.cache());
    names.retain(|name| name.ends_with(".token.json"));
    names.into_iter().map(|name| name.rsplit_once('_').unwrap().0.replace("ropc_", "")).collect()
}

/// Runs `remove-cache-dir` and returns how many entries it says it has removed.
fn forget(people: &People, args: &[&str]) -> usize {
    let variables = [
        ("HOME", people.home.path()),
        ("AZURE_TENANT_ID", Path::new("x")),
        ("AZURE_USERNAME", Path::new("x")),
    ];
    let output = run(&[&["remove-cache-dir"], args].concat(), &variables);
    assert!(output.status.success(), "{output:?}");
    let said = stderr(&output);
    let removed = said.lines().filter(|line| line.starts_with("removed ropc_")).count();
    assert!(removed > 0 || said.contains("nothing was removed"), "{said}");
    removed
}

#[test]
fn one_sign_in_is_forgotten_for_every_server() {
    let people = signed_in();
    assert_eq!(forget(&people, &["--username=ADA", "--tenant-id=contoso"]), 2);
    assert_eq!(entries(&people), ["contoso_client_aks_eve", "fabrikam_client_aks_ada"]);
    let again = people.run("contoso", &["-lropc", "--username=ada", "--password=p", "--server-id=arc"]);
    assert_eq!(
        (again.code, people.count("password")),
        (Some(0), 4),
        "the password is needed again: {again:?}"
    );
    assert_eq!(forget(&people, &["--tenant-id=fabrikam"]), 1);
    assert_eq!(forget(&people, &["--tenant-id=fabrikam"]), 0);
    assert_eq!(forget(&people, &["--username=eve"]), 1);
    assert_eq!(entries(&people), ["contoso_client_arc_ada"]);
    assert!(people.cache().exists());
}

#[test]
fn a_context_s_sign_in_is_forgotten_and_an_unknown_context_is_an_error() {
    let people = signed_in();
    let config = people.home.file(
        "config",
        format!(
            "contexts: [{{name: c, context: {{user: u}}}}]\nusers:\n- name: u\n  user:\n    exec:\n      command: kubelogin\n      args: [get-token, -lropc, --client-id=client, --tenant-id=contoso, --server-id=aks, --authority-host={}, --username=eve]\n",
            people.entra.url()
        ),
    );
    let config = config.to_str().unwrap();
    let output =
        run(&["remove-tokens", "--context=none", "--kubeconfig", config], &[("HOME", people.home.path())]);
    assert!(
        !output.status.success() && stderr(&output).contains("no context exists with the name: \"none\"")
    );
    assert_eq!(entries(&people).len(), 4);
    let args = ["remove-tokens", "--context=c", "--kubeconfig", config];
    let said = stderr(&run(&args, &[("HOME", people.home.path())]));
    assert!(said.contains(": ropc sign-in of eve in tenant contoso for the server aks\n"), "{said}");
    assert_eq!(
        entries(&people),
        ["contoso_client_aks_ada", "contoso_client_arc_ada", "fabrikam_client_aks_ada"]
    );
}
