//! Queries over real lakes in temporary folders.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod baselines;
mod common_parts;
mod context;
mod errors;
mod formats;
mod judge;
mod language;
mod mmdb;
mod neighbours;
mod periods;
mod portable;
mod pruning;
mod scopes;
mod support;
mod unique;
mod views;
