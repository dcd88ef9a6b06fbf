//! The byte budget: how much may be held for objects between fetch and commit.
//!
//! What an object will occupy is not known before it is decoded, so it is admitted on an estimate
//! and the estimate is replaced by what is known at each step. Admission is strict; a wrong
//! estimate can overshoot by what is being decoded at that moment, and nothing more is admitted
//! until it has gone down.

use trailhouse_model::ObjectRef;

/// CloudTrail objects inflate about ninefold.
const INFLATE_RATIO: u64 = 10;
/// What an object is taken to measure before any was seen.
const COMPRESSED_BYTES_FIRST: u64 = 64 * 1024;

/// Bytes held and the limit on them.
#[derive(Debug)]
pub(crate) struct Budget {
    held_bytes: u64,
    bytes_max: u64,
    compressed_bytes_max: u64,
    compressed_bytes_mean: u64,
}

impl Budget {
    pub(crate) fn new(bytes_max: u64, compressed_bytes_max: u64) -> Self {
        Self {
            held_bytes: 0,
            bytes_max,
            compressed_bytes_max,
            compressed_bytes_mean: COMPRESSED_BYTES_FIRST,
        }
    }

    /// Estimates what the object will occupy. The size in its notification is a hint from outside
    /// and is held within the limits.
    pub(crate) fn estimate(&self, object: &ObjectRef) -> u64 {
        let compressed = object.size_bytes.unwrap_or(self.compressed_bytes_mean);
        expected_bytes(compressed.min(self.compressed_bytes_max)).min(self.bytes_max)
    }

    /// Says whether so much more may be held. An object alone is always admitted.
    pub(crate) fn admits(&self, bytes: u64) -> bool {
        self.held_bytes == 0 || self.held_bytes.saturating_add(bytes) <= self.bytes_max
    }

    /// Says whether nothing more may be held.
    pub(crate) fn is_full(&self) -> bool {
        self.held_bytes >= self.bytes_max
    }

    /// Replaces what is held for one object.
    pub(crate) fn replace(&mut self, old_bytes: u64, new_bytes: u64) {
        debug_assert!(old_bytes <= self.held_bytes, "gives back what was taken");
        self.held_bytes = self.held_bytes.saturating_sub(old_bytes).saturating_add(new_bytes);
    }

    /// Learns from a size and returns what the object will occupy.
    pub(crate) fn observe_compressed(&mut self, compressed_bytes: u64) -> u64 {
        let mean = self.compressed_bytes_mean;
        self.compressed_bytes_mean = mean - mean / 8 + compressed_bytes / 8;
        expected_bytes(compressed_bytes)
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }
}

fn expected_bytes(compressed_bytes: u64) -> u64 {
    compressed_bytes.saturating_mul(INFLATE_RATIO + 1)
}

#[cfg(test)]
mod tests {
    use trailhouse_model::{BucketName, ObjectKey};

    use super::*;

    #[test]
    fn a_hostile_size_hint_neither_overflows_nor_blocks() {
        let mut object = ObjectRef::new(BucketName::new("b"), ObjectKey::new("k"));
        object.size_bytes = Some(u64::MAX);
        let budget = Budget::new(1_000, 500);
        assert_eq!(budget.estimate(&object), 1_000);
        assert!(budget.admits(budget.estimate(&object)));
    }

    #[test]
    fn nothing_is_admitted_past_the_limit() {
        let mut budget = Budget::new(1_000, 500);
        assert!(budget.admits(5_000), "one alone");
        budget.replace(0, 600);
        assert!(budget.admits(400));
        assert!(!budget.admits(401));
        budget.replace(600, 1_000);
        assert!(budget.is_full());
        budget.replace(1_000, 0);
        assert_eq!(budget.held_bytes(), 0);
    }
}
