//! What a listing has cost so far.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Numbers of one listing, shared with whoever wants to know.
#[derive(Debug, Clone, Default)]
pub struct ListingCounts(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    requests: AtomicU64,
    passed: AtomicU64,
}

impl ListingCounts {
    /// Returns how many pages were asked for, repetitions by the SDK not counted.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Returns how many objects were listed that the filter does not pick.
    pub fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::Relaxed)
    }

    pub(crate) fn add_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_passed(&self) {
        self.0.passed.fetch_add(1, Ordering::Relaxed);
    }
}
