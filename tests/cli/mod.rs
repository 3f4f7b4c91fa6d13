//! The command line itself.

mod completion;
mod doctor;
mod golden;
mod readme;
mod remove;
mod surface;
mod terminal;
