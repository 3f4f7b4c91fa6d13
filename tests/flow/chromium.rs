//! `interactive` in a real browser: headless Chromium, the fake's sign-in page, a real form_post.

use crate::support::entra::people::refuse;
use crate::support::people::{People, Run};
use base64::Engine;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Chromium under one of its names on PATH.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|file| file.is_file())
}

/// A program for `--browser-command` that opens its argument in a fresh, quiet Chromium which trusts the
/// fake's certificate and nothing else, and leaves a screenshot.
#[cfg(unix)]
fn browser(people: &People, chromium: &Path, screenshot: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let spki = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(people.entra.public_key()));
    let home = people.home.path();
    let script = home.join("browser");
    let text = format!(
        "#!/bin/sh\nexport HOME={home}\nexec timeout 120 {chromium} --headless --no-sandbox --disable-gpu --disable-quic \
         --no-first-run --disable-background-networking --disable-component-update --disable-sync \
         --disable-dev-shm-usage --user-data-dir={home}/profile --ignore-certificate-errors-spki-list={spki} \
         --window-size=900,600 --hide-scrollbars --virtual-time-budget=5000 --screenshot={screenshot} \"$1\"\n",
        home = home.display(),
        chromium = chromium.display(),
        screenshot = screenshot.display(),
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    script
}

/// Signs in with the browser; the run and the screenshot's bytes.
#[cfg(unix)]
fn sign_in(people: &People, chromium: &Path, name: &str) -> (Run, Vec<u8>) {
    let screenshot = match std::env::var_os("KUBELOGIN_SCREENSHOTS") {
        Some(folder) => Path::new(&folder).join(format!("{name}.png")),
        None => people.home.path().join("page.png"),
    };
    let _ = std::fs::remove_file(&screenshot);
    let script = browser(people, chromium, &screenshot);
    // The browser is ours to wait for: the program ends before it, and its profile goes with the test.
    let waits = people.home.path().join("waits");
    std::fs::write(
        &waits,
        format!("#!/bin/sh\n{} \"$1\"\n: >{}\n", script.display(), people.home.path().join("done").display()),
    )
    .unwrap();
    let mode: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&waits, mode).unwrap();
    let mut command =
        people.command("contoso", &["-linteractive", "--authentication-timeout=60s", "--browser-command"]);
    let run = Run::of(command.arg(&waits).stdin(Stdio::null()).output().unwrap());
    let start = std::time::Instant::now();
    while !people.home.path().join("done").exists() && start.elapsed().as_secs() < 120 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    (run, std::fs::read(screenshot).unwrap_or_default())
}

#[cfg(unix)]
#[test]
fn a_real_browser_posts_the_form_and_the_page_is_shown() {
    let Some(chromium) = chromium() else {
        crate::support::skip("chromium");
        return;
    };
    if !Command::new("timeout").arg("--version").output().is_ok_and(|output| output.status.success()) {
        crate::support::skip("timeout");
        return;
    }
    let people = People::start();
    let (run, screenshot) = sign_in(&people, &chromium, "signed-in");
    assert_eq!((run.code, run.token.as_str()), (Some(0), "access-2-contoso-browser-user"), "{run:?}");
    assert_eq!((people.count("authorize"), people.count("authorization_code")), (1, 1));
    assert!(screenshot.starts_with(b"\x89PNG") && screenshot.len() > 4000, "{} bytes", screenshot.len());

    let people = People::start();
    let refusal = refuse("access_denied", "AADSTS65004: <i>User</i> declined to consent to access the app.");
    people.grants().script.push_back(("authorize", refusal));
    let (run, screenshot) = sign_in(&people, &chromium, "refused");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("AADSTS65004"), "{run:?}");
    assert!(screenshot.starts_with(b"\x89PNG"), "{} bytes", screenshot.len());
}
