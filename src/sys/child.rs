//! Programs that are run for what they print: with a time limit that ends the whole process tree, and a
//! bound on what is read.

use crate::context::Context;
use crate::sys::interrupt::{SignalGuard, defer_signals};
use crate::sys::thread;
use crate::waiting::WaitNotice;
use std::io::{self, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use zeroize::Zeroizing;

/// More than any token and its JSON.
const MAX_OUTPUT: u64 = 1 << 20;
/// Enough for what a person reads.
const MAX_ERROR: u64 = 64 << 10;
/// How often a long wait for output looks up; a signal waits that long.
const WAKE_INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks at a child that has closed its output but not ended.
const POLL: Duration = Duration::from_millis(5);

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
    /// There is no such program on `PATH`.
    NotFound,
    /// It did not end in time and has been ended, with all that it had started.
    TimedOut,
    /// It printed more than this many bytes.
    TooMuch(u64),
    /// The system's reason.
    Io(io::Error),
}

/// Runs `program`, directly and never through a shell, with nothing on its stdin. A signal that ends this
/// process ends it too, with all that it had started.
///
/// # Errors
/// [`RunError`]; a program that ends with a failure of its own is not one.
pub fn output(
    ctx: &Context,
    program: &str,
    arguments: &[String],
    limit: Duration,
) -> Result<Output, RunError> {
    #[allow(clippy::disallowed_methods)] // This is where programs are run.
    let mut command = std::process::Command::new(program);
    // The context's environment, which may be that of a kubeconfig's entry.
    command.envs(ctx.env.iter());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that all of it can be ended.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let guard = defer_signals();
    let mut child = command.spawn().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => RunError::NotFound,
        _ => RunError::Io(e),
    })?;
    let result = collect(ctx, program, &mut child, limit, &guard);
    if result.is_err() {
        end_tree(&child);
        let _ = child.wait();
    }
    result
}

fn collect(
    ctx: &Context,
    program: &str,
    child: &mut Child,
    limit: Duration,
    guard: &SignalGuard,
) -> Result<Output, RunError> {
    let deadline = ctx.clock.monotonic().saturating_add(limit);
    let mut waited = WaitNotice::new(ctx);
    let mut waiting = || {
        waited.tick(|| format!("{program} to finish"));
        guard.check().map_err(RunError::Io)
    };
    let stdout = read_in_thread(child.stdout.take(), MAX_OUTPUT).map_err(RunError::Io)?;
    let stderr = read_in_thread(child.stderr.take(), MAX_ERROR).map_err(RunError::Io)?;
    let stdout = finished(ctx, &stdout, deadline, &mut waiting)?;
    if u64::try_from(stdout.len()).unwrap_or(u64::MAX) > MAX_OUTPUT {
        return Err(RunError::TooMuch(MAX_OUTPUT));
    }
    let stderr = finished(ctx, &stderr, deadline, &mut waiting)?;
    loop {
        if let Some(status) = child.try_wait().map_err(RunError::Io)? {
            let stderr = String::from_utf8_lossy(&stderr).into_owned();
            return Ok(Output { status, stdout, stderr });
        }
        if ctx.clock.monotonic() >= deadline {
            return Err(RunError::TimedOut);
        }
        waiting()?;
        ctx.clock.sleep(POLL);
    }
}

/// Reads a pipe to its end, keeping at most one byte more than `limit`; stdout and stderr are read side by
/// side, since a child waits when either is full.
fn read_in_thread(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
) -> io::Result<Receiver<io::Result<Zeroizing<Vec<u8>>>>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        let Some(mut pipe) = pipe else {
            let _ = sender.send(Ok(bytes));
            return;
        };
        let kept = (&mut pipe).take(limit.saturating_add(1)).read_to_end(&mut bytes);
        // Over-long errors are cut; over-long output is refused by the reader's size.
        let _ = sender.send(kept.map(|_| bytes));
        let _ = io::copy(&mut pipe, &mut io::sink());
    })?;
    Ok(receiver)
}

fn finished(
    ctx: &Context,
    receiver: &Receiver<io::Result<Zeroizing<Vec<u8>>>>,
    deadline: Duration,
    waiting: &mut impl FnMut() -> Result<(), RunError>,
) -> Result<Zeroizing<Vec<u8>>, RunError> {
    loop {
        let left = deadline.saturating_sub(ctx.clock.monotonic());
        match receiver.recv_timeout(left.min(WAKE_INTERVAL)) {
            Ok(read) => return read.map_err(RunError::Io),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => waiting()?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(RunError::TimedOut);
            }
        }
    }
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
        output(&Context::real(), "/bin/sh", &["-c".to_owned(), script.to_owned()], limit)
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
        let missing = output(&Context::real(), "/nonexistent/az", &[], LONG);
        assert!(matches!(missing, Err(RunError::NotFound)));
        assert!(matches!(run("head -c 10485760 /dev/zero", LONG), Err(RunError::TooMuch(_))));
        assert_eq!(run("head -c 10485760 /dev/zero >&2", LONG).unwrap().stderr.len() as u64, MAX_ERROR + 1);
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
