//! What a sign-in by a user shows, to whom, and which browser it opens.

use crate::support::people::{People, Run};
use crate::support::{TempDir, side_by_side};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A GUI may hold the lock where nothing shows the code: a run that waits for it shows the code as well.
#[test]
fn who_waits_for_a_sign_in_sees_its_prompt() {
    let people = People::start();
    // Five seconds: longer than it takes the waiter to say something.
    people.grants().device.entered_at_poll = 5;
    let mut holder = people.command("contoso", &["-ldevicecode"]).spawn().unwrap();
    let mut prompt = String::new();
    let mut shown = BufReader::new(holder.stderr.take().unwrap());
    shown.read_line(&mut prompt).unwrap();
    assert!(prompt.contains("ABC123"), "{prompt}");
    let waiter = people.run("contoso", &["-ldevicecode"]);
    assert!(holder.wait().unwrap().success() && waiter.code == Some(0), "{waiter:?}");
    let said = &waiter.stderr;
    assert!(said.contains("ABC123") && said.contains("https://microsoft.com/devicelogin"), "{said}");
    assert_eq!(people.count("devicecode"), 1);
}

/// Of the redirect address only the port counts, as with the original.
#[test]
fn of_a_redirect_url_the_port_counts() {
    let people = People::start();
    let urls = [
        "http://localhost:PORT",
        "http://localhost:PORT/",
        "https://127.0.0.1:PORT/x/y",
        "http://[::1]:PORT",
        "localhost:PORT",
    ];
    // All of them listen until they are dropped: no two get one port.
    let ports = urls.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = ports.map(|listener| listener.local_addr().unwrap().port());
    side_by_side(urls.into_iter().zip(ports).collect::<Vec<_>>(), |(url, port)| {
        let url = url.replace("PORT", &port.to_string());
        // Each under a lock of its own.
        let tenant = format!("contoso-{port}");
        let args =
            ["-linteractive", "--skip-open-browser", "--authentication-timeout=1s", "--redirect-url", &url];
        let run = people.run(&tenant, &args);
        let wanted = format!("redirect_uri=http%3A%2F%2Flocalhost%3A{port}&");
        assert!(run.stderr.contains(&wanted), "{url}: {}", run.stderr);
    });
    let elsewhere = people.run("contoso", &["-linteractive", "--redirect-url", "http://example.org:8400"]);
    assert!(elsewhere.code == Some(1) && elsewhere.stderr.contains("example.org"), "{elsewhere:?}");
}

/// A browser that notes its arguments, and its folder, and ends with this status.
fn browser(files: &TempDir, name: &str, status: u8) -> std::path::PathBuf {
    let seen = files.path().join("seen");
    let script = format!(
        "#!/bin/sh\n{{ echo {name}; pwd; printf '%s\\n' \"$@\"; }} >>{}\nexit {status}\n",
        seen.display()
    );
    let path = files.file(name, script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What the browsers of a sign-in noted, and how it ended.
fn opened(files: &TempDir, set: impl FnOnce(&mut Command) -> &mut Command) -> (Vec<String>, Run) {
    let people = People::start();
    let caller = TempDir::new();
    let mut command = people.command("contoso", &["-linteractive", "--authentication-timeout=1s"]);
    set(command.current_dir(caller.path()).stdin(Stdio::null()));
    let run = Run::of(command.output().unwrap());
    let seen = std::fs::read_to_string(files.path().join("seen")).unwrap_or_default();
    (seen.lines().map(str::to_owned).collect(), run)
}

#[test]
fn browser_is_read_as_xdg_open_does() {
    let files = TempDir::new();
    let firefox = browser(&files, "firefox", 0).display().to_string();
    for value in [
        format!("{firefox} --new-window %s"),
        format!("{firefox} --new-window"),
        format!("/nonexistent/x:{firefox} --new-window %s"),
    ] {
        let _ = std::fs::remove_file(files.path().join("seen"));
        let (seen, run) = opened(&files, |command| command.env("BROWSER", &value));
        assert_eq!(seen.len(), 4, "{value}: {seen:?} {run:?}");
        assert_eq!((seen[0].as_str(), seen[2].as_str()), ("firefox", "--new-window"), "{value}");
        assert!(seen[3].starts_with("https://localhost:"), "{value}: {seen:?}");
    }
}

#[test]
fn a_browser_runs_in_a_folder_of_the_system_s() {
    let files = TempDir::new();
    let firefox = browser(&files, "firefox", 0);
    let (seen, run) = opened(&files, |command| command.env("BROWSER", &firefox));
    assert!(
        seen.get(1).is_some_and(|folder| ["/bin", "/usr/bin", "/"].contains(&folder.as_str())),
        "{seen:?} {run:?}"
    );
    // One that is named relative to the caller's folder is refused.
    let (_, run) = opened(&files, |command| command.args(["--browser-command", "./firefox"]));
    assert!(run.code == Some(1) && run.stderr.contains("--browser-command"), "{run:?}");
}

/// explorer.exe ends with 1 after it has opened the page.
#[test]
fn a_browser_that_fails_after_it_opened_the_page_is_no_failure() {
    let files = TempDir::new();
    let explorer = browser(&files, "explorer.exe", 1);
    let (seen, run) = opened(&files, |command| command.env("BROWSER", &explorer));
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(!run.stderr.contains("no browser was opened"), "{run:?}");
}
