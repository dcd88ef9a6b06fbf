//! The detection engine over lakes: nothing skipped, nothing judged twice.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::large_futures,
    reason = "a test may fail loudly, and says what it has done"
)]

mod rounds;
mod soak;
mod support;
