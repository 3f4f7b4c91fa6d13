//! Ctrl-C, and the other signals that end the process.
//!
//! The system's own reaction would end the process too, but not as process 1 of a container, and its caller
//! would see a signal instead of an exit code. It would also leave behind what only this process cleans up:
//! kubectl's locks, which are files, programs that were started in a process group of their own, and a
//! terminal's settings. While one of those is there ([`SignalGuard`]), a signal is only remembered. All else can end at once: the other locks
//! are the kernel's, and files are renamed into place.

use std::io;

#[cfg(unix)]
use std::sync::{
    Once,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

/// Whether nothing has to be cleaned up.
#[cfg(unix)]
static EXIT_IMMEDIATELY: AtomicBool = AtomicBool::new(true);
/// The exit code that the last signal asked for; 0 before there was one.
#[cfg(unix)]
static PENDING_EXIT_CODE: AtomicUsize = AtomicUsize::new(0);

/// From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the process with what a shell makes of them: 128 and the
/// signal's number. One that was ignored when the process started stays so: scripts shield their background
/// jobs from Ctrl-C, and `nohup` from the terminal's end.
pub fn exit_on_interrupt() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        use signal_hook::flag::{register_conditional_shutdown, register_usize};
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let ignored = ignored();
            for (signal, code) in [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129), (SIGQUIT, 131)] {
                if ignored & 1 << (signal - 1) == 0 {
                    // Without them the signal still ends the process, in the system's way.
                    let _ = register_usize(signal, &PENDING_EXIT_CODE, code);
                    let _ = register_conditional_shutdown(signal, 128 + signal, &EXIT_IMMEDIATELY);
                }
            }
        });
    }
}

/// The signals that are ignored, the lowest bit being signal 1; none where the system does not say it in a
/// file.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// There is something to clean up: a signal ends the process only when this is dropped. There is never more
/// than one.
#[derive(Debug)]
pub struct SignalGuard(());

/// Holds signals back.
pub fn defer_signals() -> SignalGuard {
    exit_on_interrupt();
    #[cfg(unix)]
    EXIT_IMMEDIATELY.store(false, SeqCst);
    SignalGuard(())
}

impl SignalGuard {
    /// Says when to stop and clean up.
    ///
    /// # Errors
    /// `Interrupted` once a signal has come.
    pub fn check(&self) -> io::Result<()> {
        #[cfg(unix)]
        if PENDING_EXIT_CODE.load(SeqCst) != 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            EXIT_IMMEDIATELY.store(true, SeqCst);
            if let Some(code) = i32::try_from(PENDING_EXIT_CODE.load(SeqCst)).ok().filter(|code| *code != 0) {
                signal_hook::low_level::exit(code);
            }
        }
    }
}
