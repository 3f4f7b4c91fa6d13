//! The command line itself.

mod completion;
mod doctor;
mod doctor_cache;
mod doctor_entry;
#[cfg(unix)]
mod errors;
mod golden;
mod readme;
mod remove;
mod surface;
mod terminal;
