//! How one batch gets into the log of a table, once: pure decisions about one version
//! ([`ClaimMachine`]) and about the way from version to version ([`CommitMachine`]).
//!
//! The lake and the simulation carry out the steps; neither decides anything by itself.

mod claim;
mod machine;

pub use claim::{ClaimEnd, ClaimMachine, ClaimStep, PutAnswer, SlotContent};
pub use machine::{CommitEnd, CommitMachine, CommitStep, LedgerAnswer};
