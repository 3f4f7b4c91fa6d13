//! Where other programs are found, and the folder they run in.
//!
//! Only absolute folders of `PATH` count, and the working folder is the system's: the current folder may be a
//! stranger's repository, and an interpreter such as Python looks for its modules there first
//! (Azure/azure-cli#33781, Azure/azure-sdk-for-go#18266).

use super::files::is_executable;
use crate::context::Env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file to run for this name: the first on `PATH` in a folder with an absolute path. A name with a separator is
/// a path, and must be absolute.
pub fn find(env: &Env, name: &str) -> Option<PathBuf> {
    if is_path(name) {
        let path = PathBuf::from(name);
        return (path.is_absolute() && is_executable(&path)).then_some(path);
    }
    std::env::split_paths(env.os("PATH")?).find_map(|folder| in_folder(&folder, name))
}

/// The same, and where `PATH` has none, the first in the folders where installers put `az` and `azd`: a program with a
/// window has a short `PATH`. Root runs only what is root's there.
pub fn find_installed(env: &Env, name: &str) -> Option<PathBuf> {
    let installed = || {
        installation_folders(env)
            .iter()
            .filter_map(|folder| in_folder(folder, name))
            .find(|path| !is_root() || is_owned_by_root(path))
    };
    find(env, name).or_else(installed)
}

fn in_folder(folder: &Path, name: &str) -> Option<PathBuf> {
    if !folder.is_absolute() {
        return None;
    }
    // On Windows a file without an extension is another system's script.
    let extensions: &[&str] =
        if cfg!(windows) && !name.contains('.') { &[".exe", ".cmd", ".bat"] } else { &[""] };
    let mut paths = extensions.iter().map(|extension| folder.join(format!("{name}{extension}")));
    paths.find(|path| is_executable(path))
}

/// Homebrew's, the packages', pip's and azd's own folders.
fn installation_folders(env: &Env) -> Vec<PathBuf> {
    let below = |variable: &str, folder: &str| env.path(variable).map(|path| path.join(folder));
    if cfg!(windows) {
        let folders = [
            below("PROGRAMFILES", r"Microsoft SDKs\Azure\CLI2\wbin"),
            below("LOCALAPPDATA", r"Programs\Azure Dev CLI"),
        ];
        return folders.into_iter().flatten().collect();
    }
    let shared = ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/opt/az/bin"].map(PathBuf::from);
    let own = [below("HOME", ".local/bin"), below("HOME", ".azd/bin")];
    shared.into_iter().chain(own.into_iter().flatten()).collect()
}

fn is_root() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    false
}

/// Whether only root can have put it there: the file, where a link leads, and the folders of both.
fn is_owned_by_root(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let is_roots = |path: &Path| path.symlink_metadata().is_ok_and(|metadata| metadata.uid() == 0);
        let Ok(target) = path.canonicalize() else { return false };
        [path, &target].into_iter().all(|path| is_roots(path) && path.parent().is_some_and(is_roots))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        true
    }
}

/// `PATH` for another program, where some of its folders have no absolute path: from the system's folder they would
/// lead elsewhere.
pub fn absolute_path_variable(env: &Env) -> Option<OsString> {
    let all = env.os("PATH")?;
    let absolute = |folder: &PathBuf| folder.is_absolute();
    let has_relative = !std::env::split_paths(all).all(|folder| absolute(&folder));
    has_relative.then(|| std::env::join_paths(std::env::split_paths(all).filter(absolute)).ok())?
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

    #[test]
    fn another_program_gets_absolute_folders_only() {
        let path = |path: &str| absolute_path_variable(&[("PATH", path)].into_iter().collect());
        assert_eq!(path(".:/a::b:/c"), Some("/a:/c".into()));
        assert_eq!(path("bin"), Some("".into()));
        assert_eq!(path("/a:/c"), None);
        assert_eq!(absolute_path_variable(&Env::default()), None);
    }

    #[test]
    fn where_path_has_none_installers_folders_count() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let home = std::env::temp_dir().join(format!("kubelogin-programs-{}", std::process::id()));
        let program = home.join(".azd/bin/x-tool");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "").unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let env: Env = [("PATH", "/nonexistent"), ("HOME", home.to_str().unwrap())].into_iter().collect();
        let found = find_installed(&env, "x-tool");
        let others = is_root().then(|| {
            chown(&program, Some(64_123), None).unwrap();
            find_installed(&env, "x-tool")
        });
        let relative: Env = [("PATH", "/nonexistent"), ("HOME", ".")].into_iter().collect();
        assert_eq!(find_installed(&relative, "x-tool"), None);
        std::fs::remove_dir_all(&home).unwrap();
        assert_eq!(found, Some(program));
        assert_eq!(others.flatten(), None, "root runs only what is root's");
        // PATH comes first.
        let first: Env = [("PATH", "/bin")].into_iter().collect();
        assert_eq!(find_installed(&first, "sh"), Some(PathBuf::from("/bin/sh")));
    }
}
