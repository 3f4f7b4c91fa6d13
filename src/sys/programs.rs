//! Where other programs are found, and the folder they run in.
//!
//! Only absolute folders of `PATH` count, and the working folder is the system's: the current folder may be a
//! stranger's repository, and an interpreter such as Python looks for its modules there first
//! (Azure/azure-cli#33781).

use super::files::is_executable;
use crate::context::Env;
use std::path::{Path, PathBuf};

/// The file to run for this name: the first on `PATH` in a folder with an absolute path. A name with a separator is
/// a path, and must be absolute.
pub fn find(env: &Env, name: &str) -> Option<PathBuf> {
    if is_path(name) {
        let path = PathBuf::from(name);
        return (path.is_absolute() && is_executable(&path)).then_some(path);
    }
    let extensions: &[&str] = if cfg!(windows) { &["", ".exe", ".cmd", ".bat"] } else { &[""] };
    std::env::split_paths(env.os("PATH")?)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| extensions.iter().map(move |extension| folder.join(format!("{name}{extension}"))))
        .find(|path| is_executable(path))
}

/// Whether it names a file rather than a program on `PATH`.
pub fn is_path(name: &str) -> bool {
    name.contains('/') || (cfg!(windows) && name.contains('\\'))
}

/// The folder in which other programs run.
pub fn working_folder(env: &Env) -> PathBuf {
    if cfg!(windows) {
        return env.path("SYSTEMROOT").unwrap_or_else(|| PathBuf::from("C:\\"));
    }
    let bin = Path::new("/bin");
    if bin.is_dir() { bin } else { Path::new("/") }.to_owned()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_folders_and_paths_count() {
        let env = |path: &str| -> Env { [("PATH", path)].into_iter().collect() };
        assert_eq!(find(&env("/nonexistent:/bin"), "sh"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find(&env("../../../../../../../../../bin:.::bin"), "sh"), None);
        assert_eq!(find(&env("/bin"), "/bin/sh"), Some(PathBuf::from("/bin/sh")));
        for name in [
            "./sh",
            "bin/sh",
            "../../../../../../../../../../bin/sh",
            "/bin",
            "/nonexistent",
            "x-nonexistent",
        ] {
            assert_eq!(find(&env("/bin"), name), None, "{name}");
        }
        assert_eq!(find(&Env::default(), "sh"), None);
    }
}
