//! Signing in.

mod authorities;
mod hostile;
mod kubectl;
mod machines;
mod proxies;
mod service_principal;

pub use kubectl::kubectls;
