//! Ctrl-C while something is waited for.
//!
//! The system's own reaction would end the process too, but not as process 1 of a container, and its
//! caller would see a signal instead of an exit code. Locks are the kernel's and files are renamed into
//! place, so there is nothing to clean up.

/// What a shell makes of a process that SIGINT ended: 128 + 2.
#[cfg(unix)]
const EXIT_CODE: i32 = 130;

/// From now on SIGINT ends the process with exit code 130.
pub fn exit_on_interrupt() {
    #[cfg(unix)]
    {
        use std::sync::{Arc, Once, atomic::AtomicBool};
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let always = Arc::new(AtomicBool::new(true));
            // Without it Ctrl-C still ends the process, as a signal.
            let _ = signal_hook::flag::register_conditional_shutdown(
                signal_hook::consts::SIGINT,
                EXIT_CODE,
                always,
            );
        });
    }
}
