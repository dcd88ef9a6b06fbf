//! What a run found wrong.

use std::time::Duration;

pub use trailhouse_ingest::invariants::Invariant;

/// An invariant did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}; at {at:?}: {detail}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When, in virtual time.
    pub at: Duration,
    /// What was seen.
    pub detail: String,
}
