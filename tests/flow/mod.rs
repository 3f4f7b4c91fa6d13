//! Signing in.

mod authorities;
mod cache_damage;
mod chromium;
mod clock;
mod device_code;
mod hostile;
mod interactive;
mod kubectl;
#[cfg(unix)]
mod kubectl_people;
mod legacy;
mod machines;
mod proxies;
mod refresh;
mod ropc;
mod service_principal;
mod single_flight;
mod token_cache;

pub use kubectl::kubectls;
