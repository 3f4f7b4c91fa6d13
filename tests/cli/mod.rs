//! The command line itself.

mod remove;
mod surface;
