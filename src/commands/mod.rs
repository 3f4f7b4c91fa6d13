//! The commands, one file each.

pub mod clean;
pub mod completion;
pub mod convert;
pub mod doctor;
pub mod forget;
pub mod get_token;
pub mod remove;
pub mod setup;
mod target;
pub mod version;
pub mod whoami;
