//! Tests that cannot run here, because a tool or a right is missing.
//!
//! libtest hides what a passing test prints, so a skip goes to the real stderr, and to the file that
//! `KUBELOGIN_SKIPPED` names: `make test` prints that one last. With `KUBELOGIN_REQUIRE_TOOLS=1`, as in CI, it is
//! a failure.

use std::io::Write;

/// What even CI may lack, with the reason.
const ALLOWED: &[(&str, &str)] = &[
    ("pwsh", "none of the package registries that CI uses has PowerShell"),
    ("IPv6", "a container's network may be without it"),
];

/// Reports that the current test, or a part of it, is skipped for lack of `what`: a tool's name, or a right, with
/// more after a colon.
///
/// # Panics
/// With `KUBELOGIN_REQUIRE_TOOLS=1`, unless CI may lack it.
#[track_caller]
pub fn skip(what: &str) {
    let is_allowed = ALLOWED.iter().any(|(allowed, _)| what == *allowed);
    let is_required = std::env::var("KUBELOGIN_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(is_allowed || !is_required, "KUBELOGIN_REQUIRE_TOOLS=1, and this machine lacks {what}");
    let thread = std::thread::current();
    let line =
        format!("SKIP {}: {}\n", thread.name().unwrap_or("a test"), what.trim_end().replace('\n', " "));
    // Not by a macro: libtest keeps what those print. In one piece, because tests run side by side.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("KUBELOGIN_SKIPPED") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
