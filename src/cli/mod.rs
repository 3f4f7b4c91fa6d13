//! The command line: the flag table and what derives from it.

pub mod flags;
pub mod help;
pub mod man;
pub mod mode_help;
pub mod options;
pub mod parse;
pub mod paths;
pub mod variables;
