//! A system without `/dev/tty`: there is no input.

use super::{Context, Input, NoInput, io};

/// Cannot be made here.
#[derive(Debug)]
pub enum HiddenInput {}

impl HiddenInput {
    /// Not available here.
    ///
    /// # Errors
    /// Always [`NoInput::NoTerminal`].
    pub fn open() -> Result<Self, NoInput> {
        Err(NoInput::NoTerminal)
    }

    /// Not available here.
    ///
    /// # Errors
    /// None: there is no value to call it with.
    pub fn poll(&mut self) -> io::Result<Option<Input>> {
        match *self {}
    }

    /// Not available here.
    pub fn write(&self, _: &str) {
        match *self {}
    }
}

/// Not available here.
///
/// # Errors
/// Always [`NoInput::NoTerminal`].
pub fn ask_line(_: &Context, _: &str) -> Result<String, NoInput> {
    Err(NoInput::NoTerminal)
}
