//! Paths as people type them: a leading `~/` is expanded, for no shell has been there where kubectl runs a program.

use crate::context::Env;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// A path with a leading `~/` (or a `~` alone) expanded.
///
/// # Errors
/// There is no home folder.
pub fn expand(path: &Path, home: Option<&Path>) -> Result<PathBuf, NoHome> {
    match path.strip_prefix("~") {
        Ok(rest) => Ok(home.ok_or(NoHome)?.join(rest)),
        Err(_) => Ok(path.to_owned()),
    }
}

/// The path that is meant, where it can be used; the error says why not.
///
/// # Errors
/// There is no home folder for `~/`; a shell should have expanded its beginning, and nothing of that name exists.
pub fn usable(path: &Path, home: Option<&Path>, exists: impl Fn(&Path) -> bool) -> Result<PathBuf, String> {
    let expanded =
        expand(path, home).map_err(|NoHome| "there is no home folder: HOME is not set".to_owned())?;
    match unexpanded(path).filter(|part| !exists(part)) {
        Some(part) => {
            Err(format!("no shell has expanded {}, and nothing of that name exists", part.display()))
        }
        None => Ok(expanded),
    }
}

/// What to do about a path that is not usable.
pub const HINT: &str = "write the path in full, or with ~/ for the home folder";

/// The home folder: `HOME`, on Windows `USERPROFILE`.
pub fn home(env: &Env) -> Option<PathBuf> {
    env.path("HOME").or_else(|| cfg!(windows).then(|| env.path("USERPROFILE")).flatten())
}

/// A `~` that nothing says the meaning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHome;

/// The beginning of a path that only a shell expands: `$HOME`, `${HOME}`, `~user`. Unless a folder of that name
/// exists, the path cannot be meant as it is.
pub fn unexpanded(path: &Path) -> Option<&Path> {
    let Some(Component::Normal(first)) = path.components().next() else { return None };
    let is_odd = first.to_str().is_some_and(|first| {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let variable = first
            .strip_prefix('$')
            .map(|name| name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name));
        let windows = first.strip_prefix('%').and_then(|name| name.strip_suffix('%'));
        let user = first.strip_prefix('~').filter(|user| !user.is_empty());
        user.is_some() || variable.is_some_and(is_name) || (cfg!(windows) && windows.is_some_and(is_name))
    });
    is_odd.then_some(Path::new::<OsStr>(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_expanded_at_the_beginning_only() {
        let home = Some(Path::new("/home/u"));
        for (typed, meant) in [
            ("~/x/y", "/home/u/x/y"),
            ("~", "/home/u"),
            ("~u/x", "~u/x"),
            ("a/~/x", "a/~/x"),
            ("/~", "/~"),
            ("", ""),
        ] {
            assert_eq!(expand(Path::new(typed), home).unwrap(), Path::new(meant), "{typed}");
        }
        assert_eq!(expand(Path::new("~/x"), None), Err(NoHome));
        assert_eq!(expand(Path::new("/x"), None).unwrap(), Path::new("/x"));
    }

    #[test]
    fn what_only_a_shell_expands_is_found() {
        for (path, part) in [
            ("$HOME/x", "$HOME"),
            ("${HOME}/.kube", "${HOME}"),
            ("${XDG_CACHE_HOME}", "${XDG_CACHE_HOME}"),
            ("~alice/x", "~alice"),
        ] {
            assert_eq!(unexpanded(Path::new(path)), Some(Path::new(part)), "{path}");
        }
        for path in ["~/x", "~", "/$HOME/x", "a$HOME", "$", "${}", "$1", "./$HOME", "x/~y", "", "100%"] {
            assert_eq!(unexpanded(Path::new(path)), None, "{path}");
        }
    }
}
