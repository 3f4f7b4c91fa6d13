//! What becomes of this process.

/// Leaves no core dump behind: it would hold tokens and secrets.
pub fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // A limit can always be lowered; where it cannot, nothing is lost but this precaution.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}
