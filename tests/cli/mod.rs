//! The command line itself.

mod completion;
mod doctor;
mod doctor_cache;
mod doctor_entry;
mod golden;
mod readme;
mod remove;
mod surface;
mod terminal;
