//! A prompt that a person declined, cancelled or let pass, remembered for a short while: the processes that waited for
//! it end with the same error, and so does the next process of the same parent. A cluster browser that runs
//! `kubelogin` every few seconds must not open a hundred sign-in pages overnight.

use crate::context::Context;
use crate::error::Error;
use crate::sys::process::Process;
use crate::sys::{private, staged};
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The form that this version writes, and the only one that it reads.
const VERSION: u32 = 1;
/// How long the same parent gets no second prompt, in seconds.
const PAUSE: UnixTime = 60;
/// An error's text is cut at 2,000 characters.
const MAX_BYTES: u64 = 16 << 10;

/// A prompt that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    version: u32,
    /// When the sign-in ended.
    at: UnixTime,
    /// The parent of the process that had asked.
    parent: Option<Process>,
    error: Error,
}

/// Who wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Its parent.
    pub parent: Option<Process>,
    /// Since when it has been waiting for the process that prompted, if it had to.
    pub waiting_since: Option<UnixTime>,
}

impl Unanswered {
    /// Records a failure of a sign-in that had asked a person.
    pub fn new(error: Error, parent: Option<Process>, now: UnixTime) -> Self {
        Self { version: VERSION, at: now, parent, error }
    }

    /// The error with which this process ends instead of prompting again; `None` if it prompts.
    pub fn applies_to(&self, asker: Asker, now: UnixTime) -> Option<Error> {
        if asker.waiting_since.is_some_and(|since| (since..=now).contains(&self.at)) {
            return Some(self.error.clone());
        }
        let left =
            self.at.saturating_add(PAUSE).checked_sub(now).filter(|left| (1..=PAUSE).contains(left))?;
        (self.parent.is_some() && self.parent == asker.parent).then(|| {
            let error = self.error.clone();
            error.hint(format!("the program that runs kubelogin got this answer less than a minute ago, so it is not asked again yet: try again in {left} s"))
        })
    }

    /// Keeps it.
    pub fn save(&self, ctx: &Context, path: &Path) {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        staged::make_room(path);
        // Where it cannot be kept, the next process prompts again.
        let _ = staged::tag(ctx).map(|tag| staged::replace(path, &bytes, staged::Keep::Nothing, &tag));
    }

    /// What stands in the file, if it is this user's alone.
    pub fn load(path: &Path) -> Option<Self> {
        let file =
            private::read_unmodified(path, MAX_BYTES).ok().filter(|file| !file.was_readable_by_others)?;
        Self::parse(&file.bytes)
    }

    /// Reads such a file's bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|read: &Self| read.version == VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: Process = Process { id: 7, start: 1234 };

    fn unanswered() -> Unanswered {
        Unanswered::new(Error::unanswered("declined").hint("accept").id("Trace ID", "t"), Some(PARENT), 1000)
    }

    fn applies(parent: Option<Process>, waiting_since: Option<UnixTime>, now: UnixTime) -> Option<Error> {
        unanswered().applies_to(Asker { parent, waiting_since }, now)
    }

    #[test]
    fn who_waited_for_it_ends_with_the_same_error() {
        for since in [900, 1000] {
            assert_eq!(applies(None, Some(since), 1001), Some(unanswered().error));
        }
        assert_eq!(applies(None, Some(1001), 1002), None, "it waited for a later sign-in");
        assert_eq!(applies(None, Some(900), 999), None, "the clock was set back");
    }

    #[test]
    fn for_a_minute_the_same_parent_is_not_asked_again() {
        for (now, applied) in [(999, false), (1000, true), (1059, true), (1060, false), (5000, false)] {
            assert_eq!(applies(Some(PARENT), None, now).is_some(), applied, "{now}");
        }
        assert!(
            applies(Some(PARENT), None, 1030).unwrap().hint_text().unwrap().ends_with("try again in 30 s")
        );
        for other in [None, Some(Process { start: 1235, ..PARENT }), Some(Process { id: 8, ..PARENT })] {
            assert_eq!(applies(other, None, 1001), None, "{other:?}");
        }
        let unknown = Unanswered { parent: None, ..unanswered() };
        assert_eq!(unknown.applies_to(Asker { parent: None, waiting_since: None }, 1001), None);
    }

    #[test]
    fn it_is_read_as_it_was_written_and_damage_is_nothing() {
        let bytes = serde_json::to_vec(&unanswered()).unwrap();
        assert_eq!(Unanswered::parse(&bytes), Some(unanswered()));
        for end in 0..bytes.len() {
            assert_eq!(Unanswered::parse(&bytes[..end]), None);
        }
        let newer = String::from_utf8(bytes).unwrap().replace("\"version\":1", "\"version\":2");
        assert_eq!(Unanswered::parse(newer.as_bytes()), None);
    }
}
