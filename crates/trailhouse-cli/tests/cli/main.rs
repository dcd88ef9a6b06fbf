//! The program as its users run it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod author;
mod backfill;
mod corpora;
mod demo;
mod exceptions;
mod fixtures;
mod hostile;
mod ingest;
mod intel;
#[cfg(unix)]
mod kill;
#[cfg(target_os = "linux")]
mod memory;
mod metrics;
mod quarantine;
mod query;
mod s3_lake;
mod service;
mod shutdown;
mod support;
mod watch;
