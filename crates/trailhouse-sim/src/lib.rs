//! Simulates ingestion: the machines of `trailhouse-ingest` in a world of chance and trouble.
//!
//! Queue, objects and lake are small models; up to eight ingesters work on them at once, carrying
//! out the real machines step by step, each step an event in virtual time. Nothing reads a clock
//! or starts a thread inside a run: one number decides everything, so a run that fails is run again
//! by its number. Where to begin reading: [`run`], then `world.rs`, `ingester.rs` and `calls.rs`.

mod bucket;
mod calls;
mod catalog;
mod commit;
mod fault;
mod gauges;
mod ingester;
pub mod invariants;
mod lake_work;
mod ledger;
mod many;
mod meddler;
mod outcome;
mod plan;
mod queue;
mod random;
mod service;
mod simulation;
mod table;
mod trace;
mod words;
mod world;

pub use fault::Fault;
pub use many::run_all;
pub use meddler::{Honest, Meddler};
pub use outcome::{Outcome, Totals};
pub use plan::Plan;
pub use simulation::{MakeMeddler, run, run_traced, run_with};
