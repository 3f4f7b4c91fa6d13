//! Opening a page in the user's browser: which programs could, and trying one after the other.

use super::programs;
use crate::context::Context;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

/// A program that opens a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    /// The program's file.
    pub program: PathBuf,
    /// `%s` stands for the address; without one it is the last argument.
    arguments: Vec<String>,
}

/// The programs that could open a page here, in the order in which they are tried: `command`, else what `BROWSER`
/// names, else the system's. A window that the user cannot see opens nothing: Linux needs a display, and over
/// ssh a Mac or Windows has its screen elsewhere.
///
/// # Errors
/// Why there is none, as the end of a sentence.
pub fn openers(ctx: &Context, command: Option<&str>) -> Result<Vec<Opener>, String> {
    let (wanted, what) = if let Some(command) = command {
        (vec![vec![command.to_owned()]], "--browser-command")
    } else if let Some(list) = ctx.env.try_text("BROWSER").map_err(|e| e.message().to_owned())? {
        (alternatives(list), "BROWSER")
    } else if let Some(reason) = why_no_window(ctx) {
        return Err(reason.to_owned());
    } else {
        (system_openers(is_wsl(ctx)), "")
    };
    let openers: Vec<Opener> = wanted.iter().filter_map(|words| find(ctx, words)).collect();
    if !openers.is_empty() {
        return Ok(openers);
    }
    let names: Vec<&str> = wanted.iter().filter_map(|words| words.first()).map(String::as_str).collect();
    let relative = names.iter().find(|name| programs::is_path(name) && !PathBuf::from(name).is_absolute());
    Err(match (relative, names.join(", ")) {
        (Some(name), _) => format!("{name} in {what} is a path that is not absolute"),
        (None, names) if what.is_empty() => format!("{names} is not installed"),
        (None, names) => format!("{names} in {what} is not a program"),
    })
}

fn find(ctx: &Context, words: &[String]) -> Option<Opener> {
    let (name, arguments) = words.split_first()?;
    Some(Opener { program: programs::find(&ctx.env, name)?, arguments: arguments.to_vec() })
}

/// Why no window can be opened that the user sees.
fn why_no_window(ctx: &Context) -> Option<&'static str> {
    let is_set = |name: &str| ctx.env.os(name).is_some();
    if cfg!(any(windows, target_os = "macos")) {
        is_set("SSH_CONNECTION").then_some("this is a session over ssh")
    } else {
        let has_window = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") || is_wsl(ctx);
        (!has_window).then_some("neither DISPLAY nor WAYLAND_DISPLAY is set")
    }
}

/// Reads `BROWSER` as xdg-open does: alternatives between colons, each a program with arguments between blanks. On
/// Windows and macOS it names one program.
fn alternatives(list: &str) -> Vec<Vec<String>> {
    if cfg!(any(windows, target_os = "macos")) || PathBuf::from(list).is_file() {
        return vec![vec![list.to_owned()]];
    }
    let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    list.split(':').map(words).filter(|words| !words.is_empty()).collect()
}

fn system_openers(wsl: bool) -> Vec<Vec<String>> {
    const RUNDLL: &str = "url.dll,FileProtocolHandler";
    let rows: &[&[&str]] = if cfg!(windows) {
        &[&["rundll32", RUNDLL]]
    } else if cfg!(target_os = "macos") {
        &[&["open"]]
    } else if wsl {
        &[&["wslview"], &["rundll32.exe", RUNDLL], &["xdg-open"]]
    } else {
        &[&["xdg-open"]]
    };
    rows.iter().map(|row| row.iter().map(|word| (*word).to_owned()).collect()).collect()
}

/// Windows Subsystem for Linux, where the browser is Windows'.
fn is_wsl(ctx: &Context) -> bool {
    ctx.env.os("WSL_DISTRO_NAME").is_some() || ctx.env.os("WSL_INTEROP").is_some()
}

/// A page that is being opened.
#[derive(Debug)]
pub struct Browser {
    url: String,
    hidden: Vec<&'static str>,
    folder: PathBuf,
    untried: VecDeque<Opener>,
    running: Option<(Opener, Child)>,
    failures: Vec<String>,
}

impl Browser {
    /// Opens `url` with the first of the programs that can be started. They do not get the variables `hidden`.
    ///
    /// # Errors
    /// Which programs were tried, and what became of them.
    pub fn open(
        ctx: &Context,
        openers: Vec<Opener>,
        url: &str,
        hidden: impl Iterator<Item = &'static str>,
    ) -> Result<Self, String> {
        let mut browser = Self {
            url: url.to_owned(),
            hidden: hidden.collect(),
            folder: programs::working_folder(&ctx.env),
            untried: openers.into(),
            running: None,
            failures: Vec::new(),
        };
        match browser.try_next() {
            true => Ok(browser),
            false => Err(browser.failures.join("; ")),
        }
    }

    /// Looks how the program has ended, and tries the next after a failure. Says once what became of all of them.
    pub fn failure(&mut self) -> Option<String> {
        let (opener, child) = self.running.as_mut()?;
        let status = child.try_wait().ok()??;
        let failure =
            (!is_success(opener, status)).then(|| format!("{}: {status}", opener.program.display()));
        self.running = None;
        self.failures.push(failure?);
        (!self.try_next()).then(|| self.failures.join("; "))
    }

    fn try_next(&mut self) -> bool {
        while let Some(opener) = self.untried.pop_front() {
            match self.start(&opener) {
                Ok(child) => {
                    self.running = Some((opener, child));
                    return true;
                }
                Err(e) => self.failures.push(format!("{}: {e}", opener.program.display())),
            }
        }
        false
    }

    /// Starts it directly, never through a shell. Its output goes nowhere: stdout is the protocol, and a program
    /// that reads our stderr to its end must not wait until the browser is closed. It gets none of the secrets in
    /// our environment.
    fn start(&self, opener: &Opener) -> io::Result<Child> {
        #[allow(clippy::disallowed_methods)] // This is where programs are started.
        let mut command = std::process::Command::new(&opener.program);
        for name in &self.hidden {
            command.env_remove(name);
        }
        command.args(opener.arguments_for(&self.url)).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: Ctrl-C ends the sign-in, not the user's browser.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn()
    }
}

impl Opener {
    fn arguments_for(&self, url: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            self.arguments.iter().map(|argument| argument.replace("%s", url)).collect();
        if !self.arguments.iter().any(|argument| argument.contains("%s")) {
            arguments.push(url.to_owned());
        }
        arguments
    }
}

/// Explorer ends with status 1 after it has opened a page.
fn is_success(opener: &Opener, status: ExitStatus) -> bool {
    let name = opener.program.file_name().unwrap_or_default().to_string_lossy();
    status.success() || (name.eq_ignore_ascii_case("explorer.exe") && status.code() == Some(1))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::context::Env;

    fn ctx(env: &[(&str, &str)]) -> Context {
        let env: Env = env.iter().copied().collect();
        Context::fake(&[], env, Context::real().clock, Box::new(io::sink()), Box::new(io::sink()))
    }

    fn opener(program: &str, arguments: &[&str]) -> Opener {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Opener { program: program.into(), arguments }
    }

    #[test]
    fn browser_has_alternatives_arguments_and_a_place_for_the_address() {
        let ctx = ctx(&[("BROWSER", "x-none:  /bin/sh -c %s :./relative:/bin/true"), ("PATH", "/bin")]);
        let found = openers(&ctx, None).unwrap();
        assert_eq!(found, [opener("/bin/sh", &["-c", "%s"]), opener("/bin/true", &[])]);
        assert_eq!(opener("x", &["--url=%s;%s", "b"]).arguments_for("u"), ["--url=u;u", "b"]);
        assert_eq!(opener("x", &["b"]).arguments_for("u"), ["b", "u"]);
        assert_eq!(opener("x", &[]).arguments_for("u"), ["u"]);
    }

    #[test]
    fn a_command_is_one_program() {
        let path = [("PATH", "/bin"), ("BROWSER", "true")];
        assert_eq!(openers(&ctx(&path), Some("sh")).unwrap(), [opener("/bin/sh", &[])]);
        for (command, why) in [
            ("sh -c", "sh -c in --browser-command is not a program"),
            ("/nonexistent/x", "/nonexistent/x in --browser-command is not a program"),
            ("./sh", "./sh in --browser-command is a path that is not absolute"),
        ] {
            assert_eq!(openers(&ctx(&path), Some(command)).unwrap_err(), why);
        }
    }

    #[test]
    fn without_a_window_the_system_opens_nothing() {
        let without = openers(&ctx(&[("PATH", "/bin")]), None).unwrap_err();
        assert_eq!(without, "neither DISPLAY nor WAYLAND_DISPLAY is set");
        for display in ["DISPLAY", "WAYLAND_DISPLAY"] {
            let with = openers(&ctx(&[("PATH", "/nonexistent"), (display, ":0")]), None).unwrap_err();
            assert_eq!(with, "xdg-open is not installed");
        }
        assert!(is_wsl(&ctx(&[("WSL_DISTRO_NAME", "Ubuntu")])) && !is_wsl(&ctx(&[])));
        assert_eq!(system_openers(true).first().unwrap(), &["wslview"]);
    }

    #[test]
    fn after_a_failure_the_next_is_tried() {
        let ctx = ctx(&[]);
        let none = || std::iter::empty();
        let mut both =
            Browser::open(&ctx, vec![opener("/bin/false", &[]), opener("/bin/true", &[])], "u", none());
        let browser = both.as_mut().unwrap();
        while browser.running.is_some() {
            assert_eq!(browser.failure(), None);
        }
        assert_eq!(browser.failures, ["/bin/false: exit status: 1"]);
        let mut one =
            Browser::open(&ctx, vec![opener("/nonexistent", &[]), opener("/bin/false", &[])], "u", none());
        let browser = one.as_mut().unwrap();
        let said: Vec<String> =
            std::iter::from_fn(|| browser.running.is_some().then(|| browser.failure())).flatten().collect();
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("/nonexistent: ") && said[0].ends_with("; /bin/false: exit status: 1"));
        assert!(Browser::open(&ctx, vec![opener("/nonexistent", &[])], "u", none()).is_err());
    }

    #[test]
    fn explorer_ends_with_status_1_when_it_has_opened_a_page() {
        use std::os::unix::process::ExitStatusExt;
        let one = ExitStatus::from_raw(1 << 8);
        assert!(is_success(&opener("/mnt/c/Windows/explorer.exe", &[]), one));
        assert!(is_success(&opener("/mnt/c/Windows/Explorer.EXE", &[]), one));
        assert!(!is_success(&opener("/mnt/c/Windows/explorer.exe", &[]), ExitStatus::from_raw(2 << 8)));
        assert!(!is_success(&opener("/usr/bin/xdg-open", &[]), one));
    }
}
