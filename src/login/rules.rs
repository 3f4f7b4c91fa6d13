//! The conversion rules of the login modes, as data: which arguments a mode's kubeconfig entry has, in which order,
//! and where each comes from. `commands/convert` applies them.

use crate::cli::flags::Id;

/// Where an argument's value may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgSource {
    /// The flag or the old entry; one of them must have it.
    Required,
    /// The flag or the old entry, if one has it.
    FlagOrOldEntry,
    /// The flag only.
    FlagOnly,
    /// The flag only, and only if this other one was not given.
    FlagOnlyUnless(Id),
}

/// One argument of a mode.
pub type Rule = (Id, ArgSource);
