//! Signing in.

mod authorities;
mod device_code;
mod hostile;
mod interactive;
mod kubectl;
mod machines;
mod proxies;
mod refresh;
mod ropc;
mod service_principal;

pub use kubectl::kubectls;
