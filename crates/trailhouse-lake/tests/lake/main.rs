//! The lake on a local disk, through its public interface.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of the tests are tests too")]

mod commit;
mod cost;
mod create;
mod faults;
mod findings;
mod foreign;
mod hazards;
mod quarantine;
mod races;
mod support;
