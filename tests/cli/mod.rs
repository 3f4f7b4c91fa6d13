//! The command line itself.

mod surface;
