//! Signing in.

#[cfg(unix)]
mod adfs;
mod authorities;
#[cfg(unix)]
mod az_store;
mod cache_damage;
#[cfg(unix)]
mod certificates;
mod chromium;
mod clock;
#[cfg(unix)]
mod developer_tools;
mod device_code;
#[cfg(target_os = "linux")]
pub mod egress;
#[cfg(target_os = "linux")]
mod faults;
pub mod hostile;
mod interactive;
mod kubectl;
#[cfg(unix)]
mod kubectl_people;
mod legacy;
mod load;
mod machines;
mod oidc;
mod oidc_entries;
mod oidc_hostile;
mod oidc_mode;
#[cfg(unix)]
mod oidc_peers;
mod oidc_refresh;
#[cfg(target_os = "linux")]
mod oidc_terminal;
#[cfg(target_os = "linux")]
mod pasting;
#[cfg(unix)]
mod pop;
#[cfg(unix)]
mod prompts;
pub mod proxies;
#[cfg(unix)]
mod python;
mod refresh;
mod remedies;
mod retries;
mod ropc;
#[cfg(unix)]
mod secrets;
mod service_principal;
#[cfg(target_os = "linux")]
mod shared_sign_in;
mod signals;
mod single_flight;
#[cfg(unix)]
mod socks;
#[cfg(unix)]
mod stack;
#[cfg(target_os = "linux")]
mod threads;
mod token_cache;

pub use kubectl::kubectls;
