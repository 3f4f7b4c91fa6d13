//! Programs that are run for what they print: with a time limit that ends the whole process tree, and a
//! bound on what is read.

use super::programs;
use crate::context::Context;
use crate::sys::interrupt::{SignalGuard, defer_signals};
use crate::sys::thread;
use crate::waiting::WaitNotice;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// More than any token and its JSON.
const MAX_OUTPUT: usize = 1 << 20;
/// Enough for what a person reads.
const MAX_ERROR: usize = 64 << 10;
/// How often a wait looks whether the child has ended.
const POLL: Duration = Duration::from_millis(10);
/// How many times it looks for what is still in the pipes of a child that has ended: 100 ms.
const LAST_POLLS: u32 = 10;

/// What a program printed.
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its stdout, wiped when dropped: it holds a token.
    pub stdout: Zeroizing<Vec<u8>>,
    /// The beginning of its stderr.
    pub stderr: String,
}

/// Why there is no output.
#[derive(Debug)]
pub enum RunError {
    /// The file is there, but not the interpreter that its first line names; empty where it names none.
    NoInterpreter(String),
    /// It did not end in time and has been ended, with all that it had started.
    TimedOut,
    /// It printed more than this many bytes.
    TooMuch(usize),
    /// The system's reason.
    Io(io::Error),
}

/// Runs `program`, a file, directly and never through a shell, in the system's folder, with nothing on its stdin. A
/// signal that ends this process ends it too, with all that it had started.
///
/// When it has ended, its answer counts, though something that it started may hold the pipes open
/// (Azure/azure-sdk-for-go#24685).
///
/// # Errors
/// [`RunError`]; a program that ends with a failure of its own is not one.
pub fn output(
    ctx: &Context,
    program: &Path,
    arguments: &[String],
    limit: Duration,
) -> Result<Output, RunError> {
    let guard = defer_signals();
    let mut child = start(ctx, program, arguments)?;
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let result = collect(ctx, &name, &mut child, limit, &guard);
    if result.is_err() {
        end_tree(&child);
        let _ = child.wait();
    }
    result
}

fn start(ctx: &Context, program: &Path, arguments: &[String]) -> Result<Child, RunError> {
    let error = match command(ctx, program).args(arguments).spawn() {
        Ok(child) => return Ok(child),
        Err(error) => error,
    };
    // A script without a first line that names its interpreter is the shell's, as for execvp (POSIX).
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) {
        return command(ctx, Path::new("/bin/sh")).arg(program).args(arguments).spawn().map_err(RunError::Io);
    }
    Err(match error.kind() {
        io::ErrorKind::NotFound if program.is_file() => RunError::NoInterpreter(interpreter(program)),
        _ => RunError::Io(error),
    })
}

fn command(ctx: &Context, program: &Path) -> Command {
    #[allow(clippy::disallowed_methods)] // This is where programs are run.
    let mut command = Command::new(program);
    // The context's environment, which may be that of a kubeconfig's entry.
    command.envs(ctx.env.iter()).current_dir(programs::working_folder(&ctx.env));
    if let Some(path) = programs::absolute_path_variable(&ctx.env) {
        command.env("PATH", path);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that all of it can be ended.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// What the first line of a script names.
fn interpreter(program: &Path) -> String {
    let mut start = Vec::new();
    let read = std::fs::File::open(program).and_then(|file| file.take(256).read_to_end(&mut start));
    let text = String::from_utf8_lossy(&start);
    let line = text.strip_prefix("#!").filter(|_| read.is_ok()).and_then(|text| text.split('\n').next());
    line.and_then(|line| line.trim_start().split([' ', '\t']).next()).unwrap_or_default().to_owned()
}

fn collect(
    ctx: &Context,
    name: &str,
    child: &mut Child,
    limit: Duration,
    guard: &SignalGuard,
) -> Result<Output, RunError> {
    let deadline = ctx.clock.monotonic().saturating_add(limit);
    let mut waited = WaitNotice::new(ctx);
    let (closed, pipes) = channel::<()>();
    let stdout = read_in_thread(child.stdout.take(), MAX_OUTPUT, closed.clone()).map_err(RunError::Io)?;
    let stderr = read_in_thread(child.stderr.take(), MAX_ERROR, closed).map_err(RunError::Io)?;
    let (mut are_closed, mut last_polls, mut last_length) = (false, LAST_POLLS, 0);
    let status = loop {
        match are_closed {
            true => ctx.clock.sleep(POLL),
            // Nothing is ever sent: both ends are dropped when both pipes are closed.
            false => are_closed = pipes.recv_timeout(POLL) == Err(RecvTimeoutError::Disconnected),
        }
        if stdout.len() > MAX_OUTPUT {
            return Err(RunError::TooMuch(MAX_OUTPUT));
        }
        if let Some(status) = child.try_wait().map_err(RunError::Io)? {
            // On a busy machine the threads that read may be late: what still comes, or is yet to begin, must not be lost.
            let length = stdout.len() + stderr.len();
            last_polls = if length == last_length { last_polls.saturating_sub(1) } else { LAST_POLLS };
            last_length = length;
            let is_over = ctx.clock.monotonic() >= deadline;
            if are_closed || last_polls == 0 && length > 0 || is_over {
                break status;
            }
        } else if ctx.clock.monotonic() >= deadline {
            return Err(RunError::TimedOut);
        }
        waited.tick(|| format!("{name} to finish"));
        guard.check().map_err(RunError::Io)?;
    };
    Ok(Output { status, stdout: stdout.take(), stderr: String::from_utf8_lossy(&stderr.take()).into_owned() })
}

/// What has come of a pipe so far.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Zeroizing<Vec<u8>>>>);

impl Pipe {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    fn take(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads a pipe to its end, keeping at most one byte more than `limit`; stdout and stderr are read side by
/// side, since a child waits when either is full. `closed` is dropped at the end.
fn read_in_thread(
    pipe: Option<impl Read + Send + 'static>,
    limit: usize,
    closed: Sender<()>,
) -> io::Result<Pipe> {
    let read = Pipe::default();
    let kept = read.clone();
    thread::spawn(move || {
        let _closed = closed;
        let Some(mut pipe) = pipe else { return };
        let mut buffer = Zeroizing::new(vec![0; 16 << 10]);
        loop {
            let length = match pipe.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => length,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            // The rest is read, so that the child can go on, and left out.
            let room = (limit + 1).saturating_sub(kept.len()).min(length);
            kept.push(buffer.get(..room).unwrap_or_default());
        }
    })?;
    Ok(read)
}

/// Ends the child and whatever it has started, at once: one that ignores SIGTERM would hold us up.
#[cfg(unix)]
fn end_tree(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(windows)]
fn end_tree(child: &Child) {
    #[allow(clippy::disallowed_methods)] // This is where programs are run.
    let _ = std::process::Command::new("taskkill")
        .args(["/T", "/F", "/PID", &child.id().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> Result<Output, RunError> {
        output(&Context::real(), Path::new("/bin/sh"), &["-c".to_owned(), script.to_owned()], limit)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn output_errors_and_status_come_back() {
        let output = run("echo out; echo err >&2; exit 3", LONG).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_str()), (&b"out\n"[..], "err\n"));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn what_is_missing_or_prints_too_much_is_told_apart() {
        let missing = output(&Context::real(), Path::new("/nonexistent/az"), &[], LONG);
        assert!(matches!(missing, Err(RunError::Io(e)) if e.kind() == io::ErrorKind::NotFound));
        assert!(matches!(run("head -c 10485760 /dev/zero", LONG), Err(RunError::TooMuch(_))));
        assert_eq!(run("head -c 10485760 /dev/zero >&2", LONG).unwrap().stderr.len(), MAX_ERROR + 1);
    }

    /// A program with this content.
    fn program(name: &str, content: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("kubelogin-child-{name}-{}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_script_without_a_first_line_is_the_shells() {
        let script = program("plain", "echo \"$1\"; pwd\n");
        let said = output(&Context::real(), &script, &["a b; c".to_owned()], LONG);
        std::fs::remove_file(&script).unwrap();
        let said = String::from_utf8(said.unwrap().stdout.to_vec()).unwrap();
        assert!(said.starts_with("a b; c\n/") && said.ends_with("/bin\n"), "{said}");
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        for (first, named) in [
            ("#!/nonexistent/python -x\n", "/nonexistent/python"),
            ("#! /nonexistent/ruby", "/nonexistent/ruby"),
        ] {
            let script = program("gone", first);
            let failed = output(&Context::real(), &script, &[], LONG);
            std::fs::remove_file(&script).unwrap();
            assert!(matches!(failed, Err(RunError::NoInterpreter(name)) if name == named));
        }
    }

    #[test]
    fn what_a_child_of_the_program_holds_open_is_not_waited_for() {
        let script = "echo out; echo err >&2; sleep 60 & echo last";
        let said = run(script, Duration::from_secs(30)).unwrap();
        assert_eq!((said.stdout.as_slice(), said.stderr.as_str()), (&b"out\nlast\n"[..], "err\n"));
        // Only one of the pipes.
        let said = run("echo out; sleep 60 >/dev/null & exit 4", Duration::from_secs(30)).unwrap();
        assert_eq!((said.stdout.as_slice(), said.status.code()), (&b"out\n"[..], Some(4)));
    }

    #[test]
    fn the_whole_tree_ends_with_the_time() {
        use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, mknodat, open};
        let fifo = std::env::temp_dir().join(format!("kubelogin-child-{}", std::process::id()));
        let _ = std::fs::remove_file(&fifo);
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let reader = open(&fifo, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        fcntl_setfl(&reader, OFlags::empty()).unwrap();
        // Parent and child ignore SIGTERM and hold the pipe open for as long as they live.
        let script =
            format!("exec 3>{}; trap '' TERM; (trap '' TERM; while :; do :; done) & wait", fifo.display());
        assert!(matches!(run(&script, Duration::from_millis(300)), Err(RunError::TimedOut)));
        // Comes to its end when the last of them is gone.
        let read = std::fs::File::from(reader).read_to_end(&mut Vec::new());
        std::fs::remove_file(&fifo).unwrap();
        assert_eq!(read.unwrap(), 0);
    }
}
