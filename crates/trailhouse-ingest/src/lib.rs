//! The ingest state machine: decides what to do next, given what happened and what time it is.
//!
//! It performs no IO, reads no clock and holds no payload. A driver feeds it [`Input`]s and carries
//! out its [`Action`]s; payloads stay with the driver, keyed by [`Ticket`]. What it promises: a
//! message is acknowledged only when every object it names is in a confirmed commit, was stored
//! before, is not for the lake, or is durably in quarantine.

mod action;
mod budget;
mod circuit;
pub mod commit;
mod deadline;
mod gauges;
mod input;
pub mod invariants;
mod jitter;
mod limits;
mod machine;
mod message;
mod object;
mod outcome;
pub mod queue;
mod report;
mod ticket;
mod window;

pub use action::{Action, Delivery, MachineStop, QuarantineSubject, Stage};
pub use circuit::CircuitKey;
pub use gauges::{CircuitState, CircuitStatus, IngestGauges};
pub use input::{
    DecodeFailure, DecodedContent, DecodedFacts, Failure, FetchFailure, FetchFailureKind, Input,
};
pub use limits::IngestLimits;
pub use machine::IngestMachine;
pub use outcome::{CommitAttempt, DedupeStage, FetchOutcome};
pub use queue::{MessageBody, QueueMessage, ReceiptHandle};
pub use report::{EXAMPLES_MAX, IngestReport, NAMES_MAX};
pub use ticket::{MessageTicket, Ticket};
