//! Folders that are gone after the test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("kubelogin-test-{:08}-{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if content.as_ref().starts_with(b"#!") {
            written_by_another(&path, content.as_ref());
        } else {
            std::fs::write(&path, content).unwrap();
        }
        path
    }
}

/// Writes a file that is going to be run. A child process that another test starts meanwhile holds, for a moment, what
/// this process has open, and a file that is open for writing cannot be run ("Text file busy"): so a process of its
/// own opens this one.
fn written_by_another(path: &Path, content: &[u8]) {
    let mut shell =
        Command::new("sh").args(["-c", "cat >\"$1\"", "sh"]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(content).unwrap();
    assert!(shell.wait().unwrap().success());
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
