//! Every cell of the table of arguments: required, carried, explicit; from flags and from both old forms.

use super::{PROVIDER, arguments, exec};

/// Everything that an old entry may have.
const OLD: &[&str] = &[
    "get-token",
    "--login",
    "devicecode",
    "--environment",
    "E0",
    "--server-id=S0",
    "-t",
    "T0",
    "--client-id",
    "C0",
    "--client-secret",
    "x",
    "--client-certificate",
    "/old.pfx",
    "--client-certificate-password",
    "x",
    "--username",
    "u0",
    "--password",
    "x",
    "--legacy",
    "--pop-enabled",
    "--pop-claims",
    "u=/old",
    "--redirect-url",
    "http://localhost:1",
    "--login-hint",
    "h0",
    "--identity-resource-id",
    "/i0",
    "--federated-token-file",
    "/f0",
    "--subscription",
    "s0",
    "--azure-pipelines-service-connection-id",
    "p0",
    "--token-cache-dir",
    "/tc0",
    "--authority-host",
    "https://a0/",
    "--timeout",
    "30s",
    "--disable-instance-discovery",
    "--use-azurerm-env-vars",
    "--disable-environment-override",
    "--token-cache",
    "all",
    "--authentication-timeout",
    "1m",
    "--force-refresh",
    "--certificate-authority",
    "/ca1",
    "--certificate-authority",
    "/ca2",
    "--skip-open-browser",
    "--browser-command",
    "b0",
];

/// The same as flags, as far as convert-kubeconfig takes them.
const FLAGS: &[&str] = &[
    "--environment",
    "E1",
    "--server-id",
    "S1",
    "-t",
    "T1",
    "--client-id",
    "C1",
    "--client-secret",
    "sec1",
    "--client-certificate",
    "/new.pfx",
    "--client-certificate-password",
    "pw1",
    "--username",
    "u1",
    "--password",
    "pass1",
    "--legacy",
    "--pop-enabled",
    "--pop-claims",
    "u=/new",
    "--redirect-url",
    "http://localhost:2",
    "--login-hint",
    "h1",
    "--identity-resource-id",
    "/i1",
    "--federated-token-file",
    "/f1",
    "--subscription",
    "s1",
    "--azure-pipelines-service-connection-id",
    "p1",
    "--cache-dir",
    "/tc1",
    "--authority-host",
    "https://a1/",
    "--timeout",
    "31s",
    "--disable-instance-discovery",
    "--use-azurerm-env-vars",
    "--disable-environment-override",
    "--token-cache",
    "none",
    "--authentication-timeout",
    "2m",
    "--certificate-authority",
    "/ca3",
    "--skip-open-browser",
    "--browser-command",
    "b1",
];

/// What is carried behind every mode's own arguments.
const TAIL0: &str = "--use-azurerm-env-vars --disable-environment-override --disable-instance-discovery --timeout 30s --token-cache all --authentication-timeout 1m --force-refresh --certificate-authority /ca1 --certificate-authority /ca2 --skip-open-browser --browser-command b0";
const TAIL1: &str = "--use-azurerm-env-vars --disable-environment-override --disable-instance-discovery --timeout 31s --token-cache none --authentication-timeout 2m --certificate-authority /ca3 --skip-open-browser --browser-command b1";

#[track_caller]
fn check(user: &str, args: &[&str], expected: &str) {
    let (output, converted, _files) = arguments(user, &[], args);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(converted.join(" "), expected);
}

#[test]
fn what_an_auth_provider_has() {
    let with = |mode: &str, expected: &str| check(PROVIDER, &["-l", mode], expected);
    with(
        "devicecode",
        "--login devicecode --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud",
    );
    with(
        "interactive",
        "--login interactive --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud",
    );
    with("spn", "--login spn --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud");
    with(
        "ropc",
        "--login ropc --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud",
    );
    with("msi", "--login msi --server-id SRV");
    with("azurecli", "--login azurecli --server-id SRV");
    with("azd", "--login azd --server-id SRV");
    with("workloadidentity", "--login workloadidentity --server-id SRV");
    with("azurepipelines", "--login azurepipelines --server-id SRV --tenant-id TEN");
}

#[test]
fn an_old_config_mode_means_legacy() {
    for mode in ["        config-mode: '0'\n", "        config-mode: \"\"\n", "        config-mode: 0\n", ""]
    {
        let provider = PROVIDER.replace("        config-mode: '1'\n", mode);
        check(
            &provider,
            &[],
            "--login devicecode --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud --legacy",
        );
        check(
            &provider,
            &["-l", "interactive"],
            "--login interactive --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud",
        );
    }
    check(
        PROVIDER,
        &["--legacy"],
        "--login devicecode --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud --legacy",
    );
}

#[test]
fn what_old_arguments_keep_in_each_mode() {
    let with = |mode: &str, expected: &str| {
        let tail = TAIL0.to_owned();
        let (own, authority) = (expected, "--authority-host https://a0/ ");
        let tail = match mode {
            // In the table's own place.
            "spn" => tail.replace("--disable-environment-override ", ""),
            _ => tail,
        };
        let authority =
            if matches!(mode, "msi" | "azurecli" | "azd" | "workloadidentity") { "" } else { authority };
        check(
            &exec(OLD),
            &["-l", mode],
            &format!("--login {mode} --server-id S0 --cache-dir /tc0 {own}{authority}{tail}"),
        );
    };
    with("devicecode", "--client-id C0 --tenant-id T0 --environment E0 --legacy ");
    with(
        "interactive",
        "--client-id C0 --tenant-id T0 --environment E0 --pop-enabled --pop-claims u=/old --redirect-url http://localhost:1 --login-hint h0 ",
    );
    with(
        "spn",
        "--client-id C0 --tenant-id T0 --environment E0 --legacy --pop-enabled --pop-claims u=/old --disable-environment-override ",
    );
    with(
        "ropc",
        "--client-id C0 --tenant-id T0 --environment E0 --legacy --pop-enabled --pop-claims u=/old ",
    );
    with("msi", "");
    with("azurecli", "");
    with("azd", "");
    with("workloadidentity", "--authority-host https://a0/ ");
    with("azurepipelines", "--tenant-id T0 ");
}

#[test]
fn what_flags_give_in_each_mode() {
    let with = |mode: &str, expected: &str| {
        let authority = if matches!(mode, "msi" | "azurecli" | "azd" | "workloadidentity") {
            ""
        } else {
            "--authority-host https://a1/ "
        };
        let tail = if mode == "spn" {
            TAIL1.replace("--disable-environment-override ", "")
        } else {
            TAIL1.to_owned()
        };
        let args: Vec<&str> = FLAGS.iter().chain(&["-l", mode]).copied().collect();
        for old in [PROVIDER.to_owned(), exec(&["get-token"]), exec(OLD)] {
            let tail = if old.contains("--force-refresh") {
                tail.replace("--certificate", "--force-refresh --certificate")
            } else {
                tail.clone()
            };
            check(
                &old,
                &args,
                &format!("--login {mode} --server-id S1 --cache-dir /tc1 {expected}{authority}{tail}"),
            );
        }
    };
    with("devicecode", "--client-id C1 --tenant-id T1 --environment E1 --legacy ");
    with(
        "interactive",
        "--client-id C1 --tenant-id T1 --environment E1 --pop-enabled --pop-claims u=/new --redirect-url http://localhost:2 --login-hint h1 ",
    );
    with(
        "spn",
        "--client-id C1 --tenant-id T1 --environment E1 --client-secret sec1 --client-certificate /new.pfx --client-certificate-password pw1 --legacy --pop-enabled --pop-claims u=/new --disable-environment-override ",
    );
    with(
        "ropc",
        "--client-id C1 --tenant-id T1 --environment E1 --username u1 --password pass1 --legacy --pop-enabled --pop-claims u=/new ",
    );
    with("msi", "--client-id C1 ");
    with("azurecli", "--tenant-id T1 --subscription s1 ");
    with("azd", "--tenant-id T1 ");
    with(
        "workloadidentity",
        "--client-id C1 --tenant-id T1 --authority-host https://a1/ --federated-token-file /f1 ",
    );
    with("azurepipelines", "--tenant-id T1 --azure-pipelines-service-connection-id p1 ");
    check(
        PROVIDER,
        &["-l", "msi", "--identity-resource-id", "/i1"],
        "--login msi --server-id SRV --identity-resource-id /i1",
    );
}

#[test]
fn what_is_missing_is_named_and_the_file_stays() {
    let fails = |user: &str, args: &[&str], text: &str| {
        let (output, _, files) = arguments(user, &[], args);
        output.fails_with(text);
        assert_eq!(std::fs::read_to_string(files.path().join("config")).unwrap(), super::config(user));
    };
    let without = |key: &str| {
        PROVIDER
            .lines()
            .filter(|line| !line.contains(key))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    for mode in ["devicecode", "interactive", "spn", "ropc"] {
        fails(&without("apiserver-id"), &["-l", mode], "--server-id is required");
        fails(&without("client-id"), &["-l", mode], "--client-id is required");
        fails(&without("tenant-id"), &["-l", mode], "--tenant-id is required");
    }
    fails(&without("tenant-id"), &["-l", "azurepipelines"], "--tenant-id is required");
    fails("    exec: {command: kubelogin}\n", &[], "--server-id is required");
    fails(PROVIDER, &["--pop-enabled"], "--pop-claims is required when specifying --pop-enabled");
    fails(PROVIDER, &["--pop-claims", "u=1"], "--pop-enabled is required when specifying --pop-claims");
    let half =
        exec(&["get-token", "--server-id", "s", "--client-id", "c", "--tenant-id", "t", "--pop-enabled"]);
    fails(&half, &["-l", "interactive"], "--pop-claims is required when specifying --pop-enabled");
    check(&half, &["-l", "msi"], "--login msi --server-id s");
}

#[test]
fn the_environment_has_its_say_only_where_a_flag_was_given_and_never_for_secrets() {
    let env = &[
        ("AZURE_CLIENT_ID", "ENV"),
        ("AZURE_TENANT_ID", "ENV"),
        ("AZURE_CLIENT_SECRET", "ENVSECRET"),
        ("AZURE_USERNAME", "ENV"),
    ];
    let (_, converted, _files) = arguments(PROVIDER, env, &["-l", "spn"]);
    assert_eq!(
        converted.join(" "),
        "--login spn --server-id SRV --client-id CLI --tenant-id TEN --environment AzurePublicCloud"
    );
    let (output, converted, _files) =
        arguments(PROVIDER, env, &["-l", "spn", "--client-id", "typed", "--client-secret", "typed"]);
    assert_eq!(
        converted.join(" "),
        "--login spn --server-id SRV --client-id ENV --tenant-id TEN --environment AzurePublicCloud --client-secret typed"
    );
    assert!(
        output.stderr.contains("Warning: --client-secret was written to the kubeconfig")
            && output.stderr.contains("AAD_SERVICE_PRINCIPAL_CLIENT_SECRET")
    );
    assert!(!output.stderr.contains("typed"));
    let (_, converted, _files) =
        arguments(PROVIDER, env, &["-l", "spn", "--client-id", "typed", "--disable-environment-override"]);
    assert_eq!(
        converted.join(" "),
        "--login spn --server-id SRV --client-id typed --tenant-id TEN --environment AzurePublicCloud --disable-environment-override"
    );
    let (_, converted, _files) = arguments(PROVIDER, &[("AAD_LOGIN_METHOD", "azurecli")], &["-l", "spn"]);
    assert_eq!(converted.join(" "), "--login azurecli --server-id SRV");
}

#[test]
fn a_flag_given_empty_lets_the_environment_speak() {
    let env = &[("AZURE_CLIENT_ID", "ENV"), ("AZURE_CLIENT_SECRET", "ENVSECRET")];
    let (_, converted, _files) =
        arguments(PROVIDER, env, &["-l", "spn", "--client-id", "", "--client-secret", ""]);
    assert_eq!(
        converted.join(" "),
        "--login spn --server-id SRV --client-id ENV --tenant-id TEN --environment AzurePublicCloud"
    );
}

/// `--client-id "$UNSET"` was given: keeping the old value would sign in as somebody else.
#[test]
fn a_flag_given_empty_takes_the_old_value_away() {
    let old = exec(OLD);
    for (mode, id) in [("azurepipelines", "tenant-id"), ("spn", "client-id"), ("ropc", "server-id")] {
        for given in [vec![format!("--{id}=")], vec![format!("--{id}"), String::new()]] {
            let args: Vec<&str> = ["-l", mode].into_iter().chain(given.iter().map(String::as_str)).collect();
            for user in [PROVIDER, &old] {
                let (output, ..) = arguments(user, &[], &args);
                output.fails_with(&format!("--{id} is required"));
            }
        }
    }
    let head = "--login interactive --server-id S0";
    let tail = format!("--authority-host https://a0/ {TAIL0}");
    check(
        &old,
        &["-l", "interactive", "--environment=", "--cache-dir=", "--redirect-url", "", "--pop-enabled=false"],
        &format!("{head} --client-id C0 --tenant-id T0 --login-hint h0 {tail}"),
    );
    check(
        &old,
        &["-l", "azurecli", "--token-cache-dir", "", "--certificate-authority=", "--browser-command="],
        &format!(
            "--login azurecli --server-id S0 {}",
            TAIL0
                .replace(" --certificate-authority /ca1 --certificate-authority /ca2", "")
                .replace(" --browser-command b0", "")
        ),
    );
    check(&old, &["-l", "msi", "--client-id=", "--identity-resource-id", "/i1"], &{
        format!("--login msi --server-id S0 --cache-dir /tc0 --identity-resource-id /i1 {TAIL0}")
    });
    check(PROVIDER, &["-l", "spn", "-e", ""], "--login spn --server-id SRV --client-id CLI --tenant-id TEN");
}

#[test]
fn an_old_entry_that_ends_in_a_flag_without_its_value_is_repaired() {
    for (old, flags) in [
        ("--client-id C1 --tenant-id", &["-t", "T1"][..]),
        ("-t T1 --client-id", &["--client-id=C1"]),
        ("--client-id C1 -t T1 -e", &[]),
        ("--client-id C1 --tenant-id=T1 --cache-dir", &[]),
    ] {
        let args: Vec<&str> = ["get-token", "--server-id", "s"].into_iter().chain(old.split(' ')).collect();
        let (output, converted, _files) =
            arguments(&exec(&args), &[], &[&["-l", "devicecode"], flags].concat());
        assert_eq!(
            converted.join(" "),
            "--login devicecode --server-id s --client-id C1 --tenant-id T1",
            "{old}: {}",
            output.stderr
        );
        assert!(output.stderr.contains("left out of its arguments: flag needs an argument: --"));
    }
    let (output, ..) = arguments(&exec(&["get-token", "--server-id"]), &[], &["-l", "msi"]);
    output.fails_with("--server-id is required");
    output.hints("flag needs an argument: --server-id");
}

#[test]
fn what_a_flag_turns_off_and_what_not() {
    let old = &["get-token", "--server-id", "s", "--client-id", "c", "--tenant-id", "t", "--legacy"];
    let pop =
        &["--pop-enabled", "--pop-claims", "u=/old", "--cache-dir", "/new", "--token-cache-dir", "/old"];
    let both: Vec<&str> = old.iter().chain(pop).copied().collect();
    let head = "--login spn --server-id s --cache-dir /new --client-id c --tenant-id t";
    check(&exec(&both), &["-l", "spn"], &format!("{head} --legacy --pop-enabled --pop-claims u=/old"));
    check(&exec(&both), &["-l", "spn", "--pop-enabled=false", "--legacy=false"], &format!("{head} --legacy"));
    let reversed: Vec<&str> =
        old.iter().chain(&["--token-cache-dir=/old", "--cache-dir=/new"]).copied().collect();
    check(&exec(&reversed), &["-l", "spn"], &format!("{head} --legacy"));
}
