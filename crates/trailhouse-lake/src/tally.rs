//! What the commits of a writer added together.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// What commits added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// The size of the files together.
    pub bytes: u64,
    /// Events that were left out, because they repeat another of the same commit.
    pub repeats: u64,
}

impl Added {
    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            repeats: self.repeats.saturating_add(other.repeats),
        }
    }
}

/// The sum over all batches that are known to be in the table, each counted once.
#[derive(Default)]
pub(crate) struct Tally(Mutex<Sums>);

#[derive(Default)]
struct Sums {
    total: Added,
    /// What batches added that may or may not be in the table.
    unknown: HashMap<String, Added>,
}

impl Tally {
    pub(crate) fn total(&self) -> Added {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Counts a batch that is in the table now.
    pub(crate) fn committed(&self, batch: &str, added: Added) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.unknown.remove(batch);
        sums.total = sums.total.plus(added);
    }

    /// Remembers what a batch adds that may be in the table, or come to be.
    pub(crate) fn unknown(&self, batch: &str, added: Added) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.unknown.insert(batch.to_owned(), added);
    }

    /// Counts a batch that was found in the table, where this writer had put it there.
    pub(crate) fn found(&self, batch: &str) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(added) = sums.unknown.remove(batch) {
            sums.total = sums.total.plus(added);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_batch_is_counted_once_when_it_is_known_to_be_there() {
        let tally = Tally::default();
        let added = |bytes| Added { bytes, repeats: 1 };
        tally.committed("a", added(1));
        tally.unknown("b", added(2));
        assert_eq!(tally.total(), added(1));
        tally.found("a");
        tally.found("b");
        tally.found("b");
        assert_eq!(tally.total(), Added { bytes: 3, repeats: 2 });
        tally.unknown("c", added(3));
        tally.committed("c", added(4));
        tally.found("c");
        assert_eq!(tally.total(), Added { bytes: 7, repeats: 3 });
    }
}
