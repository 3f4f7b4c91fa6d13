//! The operating system's side: the only modules, `context` apart, that touch it.

pub mod browser;
pub mod child;
pub mod config_lock;
pub mod files;
pub mod http;
pub mod interrupt;
pub mod lock;
pub mod loopback;
pub mod notice;
pub mod paths;
pub mod private;
pub mod process;
pub mod programs;
pub mod special;
pub mod stable_read;
pub mod staged;
pub mod terminal;
pub mod thread;
