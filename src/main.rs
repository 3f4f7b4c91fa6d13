//! The `kubelogin` program: the real world goes in, an exit code comes out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(kubelogin::run(&kubelogin::context::Context::real()))
}
