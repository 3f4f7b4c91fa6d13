//! What a sign-in asks a person to do, as data: other processes that wait for the same sign-in show it too.

use std::cell::RefCell;

/// What a person is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// To open a page in a browser on any device, and enter a code there.
    DeviceCode {
        /// The page.
        address: String,
        /// The code.
        user_code: String,
    },
    /// To open a page in a browser on this machine.
    Browser {
        /// The page.
        address: String,
    },
}

/// What tells other processes.
pub type Publisher = Box<dyn Fn(&Prompt)>;

/// Where a sign-in publishes what it asks: its login mode does not know who else waits.
#[derive(Default)]
pub struct PromptBoard(RefCell<Option<Publisher>>);

impl PromptBoard {
    /// Tells the processes that wait, if any can, what this one has asked of the person.
    pub fn publish(&self, prompt: &Prompt) {
        if let Some(publisher) = self.0.borrow().as_ref() {
            publisher(prompt);
        }
    }

    /// From now on `publisher` gets the prompts; `None`: they go nowhere.
    pub fn set_publisher(&self, publisher: Option<Publisher>) {
        self.0.replace(publisher);
    }
}
