//! Queries over real lakes in temporary folders.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod errors;
mod formats;
mod language;
mod pruning;
mod scopes;
mod support;
mod unique;
mod views;
