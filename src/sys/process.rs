//! Processes: the browser, and what becomes of this one.

use super::files::find_program;
use crate::context::Context;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// Leaves no core dump behind: it would hold tokens and secrets.
pub fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // A limit can always be lowered; where it cannot, nothing is lost but this precaution.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

/// A program that was started to show a page.
#[derive(Debug)]
pub struct Browser {
    name: String,
    child: Option<Child>,
}

impl Browser {
    /// Opens `url` with `command`, else with what the system has for it. The program does not get the variables
    /// `hidden`.
    ///
    /// # Errors
    /// Which programs were tried, for people.
    pub fn open(ctx: &Context, command: Option<&str>, url: &str, hidden: &[&str]) -> Result<Self, String> {
        let candidates = match command {
            Some(command) => vec![(command, vec![])],
            None => candidates(is_wsl(ctx)),
        };
        let mut failures = Vec::new();
        for (program, arguments) in candidates {
            match start(program, &arguments, url, hidden) {
                Ok(child) => return Ok(Self { name: program.to_owned(), child: Some(child) }),
                Err(e) => failures.push(format!("{program}: {e}")),
            }
        }
        Err(failures.join("; "))
    }

    /// What went wrong since it was started; said once.
    pub fn failure(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        (!status.success()).then(|| format!("{}: {status}", self.name))
    }
}

/// The program that would open a page, if it is there.
pub fn find_browser(ctx: &Context, command: Option<&str>) -> Option<PathBuf> {
    let names = match command {
        Some(command) => vec![command],
        None => candidates(is_wsl(ctx)).into_iter().map(|(name, _)| name).collect(),
    };
    names.into_iter().find_map(|name| find_program(&ctx.env, name))
}

/// Programs that open a page, in the order in which they are tried.
fn candidates(wsl: bool) -> Vec<(&'static str, Vec<&'static str>)> {
    const RUNDLL: [&str; 1] = ["url.dll,FileProtocolHandler"];
    if cfg!(windows) {
        vec![("rundll32", RUNDLL.to_vec())]
    } else if cfg!(target_os = "macos") {
        vec![("open", vec![])]
    } else if wsl {
        vec![("wslview", vec![]), ("rundll32.exe", RUNDLL.to_vec()), ("xdg-open", vec![])]
    } else {
        vec![("xdg-open", vec![])]
    }
}

/// Windows Subsystem for Linux, where the browser is Windows'.
fn is_wsl(ctx: &Context) -> bool {
    ctx.env.os("WSL_DISTRO_NAME").is_some() || ctx.env.os("WSL_INTEROP").is_some()
}

/// Starts it directly, never through a shell. Its output goes nowhere: stdout is the protocol, and
/// whoever reads our stderr to its end must not wait for a browser to be closed. It gets none of the secrets
/// in our environment.
fn start(program: &str, arguments: &[&str], url: &str, hidden: &[&str]) -> std::io::Result<Child> {
    #[allow(clippy::disallowed_methods)] // This is where programs are started.
    let mut command = std::process::Command::new(program);
    for name in hidden {
        command.env_remove(name);
    }
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own: Ctrl-C ends the sign-in, not the user's browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Env;

    fn ctx(env: &[(&str, &str)]) -> Context {
        let env: Env = env.iter().copied().collect();
        Context::fake(&[], env, Context::real().clock, Box::new(std::io::sink()), Box::new(std::io::sink()))
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Browser::open(&ctx(&[]), Some("/nonexistent/browser"), "https://a/", &[]).unwrap_err();
        assert!(error.starts_with("/nonexistent/browser: "));
    }

    #[test]
    fn wsl_asks_windows_first() {
        assert!(is_wsl(&ctx(&[("WSL_DISTRO_NAME", "Ubuntu")])) && !is_wsl(&ctx(&[])));
        if cfg!(target_os = "linux") {
            assert_eq!(candidates(true).first().map(|candidate| candidate.0), Some("wslview"));
        }
    }
}
