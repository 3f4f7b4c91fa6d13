//! What becomes of this process, and which one has started it.

use serde::{Deserialize, Serialize};

/// A process: ids are used again, so its start belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// When it started, in the system's own count; 0 where that is not known.
    pub start: u64,
}

/// The process that has started this one; `None` where the system does not say it.
pub fn parent() -> Option<Process> {
    #[cfg(unix)]
    {
        let id = std::os::unix::process::parent_id();
        let start = std::fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|stat| start_of(&stat));
        Some(Process { id, start: start.unwrap_or(0) })
    }
    #[cfg(not(unix))]
    None
}

/// The 22nd field of a process's `stat` file; the second, its name in brackets, may hold blanks (proc_pid_stat(5)).
#[cfg(unix)]
fn start_of(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Leaves no core dump behind: it would hold tokens and secrets.
pub fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // A limit can always be lowered; where it cannot, nothing is lost but this precaution.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_known_and_stays_the_same() {
        assert_eq!(parent(), parent());
        let stat = "1 (a) b) c) S 0 1 1 0 -1 4194560 7 8 9 10 11 12 13 14 20 0 1 0 4711 22 23";
        assert_eq!(start_of(stat), Some(4711));
        assert_eq!(start_of("1 (a) S 0"), None);
        assert_eq!(start_of(""), None);
    }
}
