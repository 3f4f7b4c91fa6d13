//! Threads, of which a full pids cgroup or `ulimit -u` may leave none: `std::thread::spawn` would panic there.

use std::io;
use std::thread::{Builder, JoinHandle};

/// What the threads here need: they wait, read a pipe or write a line.
const STACK: usize = 64 << 10;
/// The system's resolver keeps its packets on the stack.
const RESOLVER_STACK: usize = 256 << 10;

/// Starts a thread with a small stack.
///
/// # Errors
/// The system allows no more threads.
pub fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    start(STACK, run)
}

/// Starts a thread that resolves a name.
///
/// # Errors
/// The system allows no more threads.
pub fn spawn_resolver<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    start(RESOLVER_STACK, run)
}

#[allow(clippy::disallowed_methods)] // This is where threads are started.
fn start<T: Send + 'static>(
    stack: usize,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().stack_size(stack).spawn(run)
}
