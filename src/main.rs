//! The `kubelogin` program: the real world goes in, an exit code comes out.

use kubelogin::context::Context;
use std::mem::ManuallyDrop;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The process ends here: giving its memory back piece by piece would only take time.
    let ctx = ManuallyDrop::new(Context::real());
    ExitCode::from(kubelogin::run(&ctx))
}
