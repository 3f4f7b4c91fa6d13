//! Secrets that cannot print.
//!
//! A `Secret` has no `Display` and no `Serialize`, its `Debug` says nothing, and its memory is wiped
//! when it is dropped. Every place where one leaves the program says `expose(`: grepping for that
//! audits them all.

use std::fmt;
use zeroize::Zeroize;

/// A value that must not reach a log, an error, a child's arguments or a file by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that has to send it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "[secret]");
    }
}
