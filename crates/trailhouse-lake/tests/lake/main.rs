//! The lake through its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of the tests are tests too"
)]

mod commit;
mod compaction;
mod cost;
mod create;
mod data_files;
mod durability;
mod faults;
mod faulty_store;
mod findings;
mod foreign;
mod hazards;
mod put_hook;
mod quarantine;
mod races;
mod repeats;
mod s3;
mod storms;
mod support;
