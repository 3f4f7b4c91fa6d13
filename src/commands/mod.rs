//! The commands, one file each.

pub mod convert;
pub mod get_token;
pub mod remove;
pub mod version;
