//! The action log of a run: a hash of everything, and on request the text.

use std::{
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use crate::ingester::ProcessId;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    World,
    Process(ProcessId),
}

/// Everything that happened, in order.
#[derive(Debug)]
pub(crate) struct Trace {
    hasher: DefaultHasher,
    text: Option<String>,
}

impl Trace {
    pub(crate) fn new(keeps_text: bool) -> Self {
        Self { hasher: DefaultHasher::new(), text: keeps_text.then(String::new) }
    }

    /// Notes what happened: its name, what tells it from others of that name, and its words.
    pub(crate) fn note(
        &mut self,
        at: Duration,
        who: Who,
        what: &'static str,
        key: impl Hash,
        words: impl FnOnce() -> String,
    ) {
        (at, who, what, key).hash(&mut self.hasher);
        let Some(text) = &mut self.text else { return };
        let seconds = at.as_secs_f64();
        let written = match who {
            Who::World => writeln!(text, "{seconds:12.6}  world    {what} {}", words()),
            Who::Process(ProcessId { ingester, incarnation }) => {
                writeln!(text, "{seconds:12.6}  {ingester}.{incarnation:<6} {what} {}", words())
            }
        };
        debug_assert!(written.is_ok(), "a text takes everything");
    }

    pub(crate) fn end(self) -> (u64, Option<String>) {
        (self.hasher.finish(), self.text)
    }
}
