//! What happened, as the driver tells the machine.

use std::collections::BTreeSet;

use trailhouse_model::{
    BatchId, CommitOutcome, Disposition, EventTime, QuarantineReason, TableVersion,
};

use crate::{
    circuit::CircuitKey,
    queue::QueueMessage,
    ticket::{MessageTicket, Ticket},
};

/// A call to the outside that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to do about it.
    pub disposition: Disposition,
    /// What went wrong, in words.
    pub detail: String,
}

/// Why an object could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FetchFailureKind {
    /// It is not there under this key.
    Missing,
    /// It must be restored from an archive tier first.
    Archived,
    /// It is larger than the limit.
    TooLarge,
    /// What came is damaged.
    Corrupt,
    /// The store is out of order; later it may work.
    Temporary,
    /// The store, or the service that keeps its keys, asks to slow down.
    Throttled,
    /// We may not read it, and nor may we read others, until this is put right.
    Denied(CircuitKey),
    /// Asking again cannot help, and the object is not to blame.
    Hopeless,
}

/// An object could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFailure {
    /// Why.
    pub kind: FetchFailureKind,
    /// What went wrong, in words.
    pub detail: String,
}

/// An object could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeFailure {
    /// Why.
    pub reason: QuarantineReason,
    /// What went wrong, in words.
    pub detail: String,
}

/// What an object turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecodedContent {
    /// Events, or nothing: it belongs into a commit.
    Records,
    /// Something of this kind that is not for the lake.
    Skipped(&'static str),
}

/// What the machine must know of a decoded object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedFacts {
    /// What it holds.
    pub content: DecodedContent,
    /// Rows.
    pub events: u64,
    /// Records that could not become rows.
    pub rejects: u64,
    /// Size as delivered.
    pub compressed_bytes: u64,
    /// Size after inflation.
    pub inflated_bytes: u64,
    /// What its rows occupy until they are committed.
    pub memory_bytes: u64,
    /// Earliest event time.
    pub first_event_time: Option<EventTime>,
    /// Latest event time.
    pub last_event_time: Option<EventTime>,
    /// Accounts of its events.
    pub accounts: BTreeSet<String>,
    /// Regions of its events.
    pub regions: BTreeSet<String>,
}

/// Something that happened. Each answers one action, except [`Input::Drain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A receive ended; no message means that none came in its time.
    Received {
        /// What came.
        messages: Vec<QueueMessage>,
    },
    /// A receive failed.
    ReceiveFailed {
        /// How.
        failure: Failure,
    },
    /// A look-up ended.
    LookedUp {
        /// Those of the objects asked about that are stored already.
        outcome: Result<BTreeSet<Ticket>, Failure>,
    },
    /// A download ended; the driver keeps the bytes.
    Fetched {
        /// Which object.
        ticket: Ticket,
        /// Its compressed size.
        outcome: Result<u64, FetchFailure>,
    },
    /// Decoding ended; the driver keeps the rows.
    Decoded {
        /// Which object.
        ticket: Ticket,
        /// What it holds.
        outcome: Result<Box<DecodedFacts>, DecodeFailure>,
    },
    /// A write to quarantine ended.
    Quarantined {
        /// Whether all entries are durable.
        outcome: Result<(), Failure>,
    },
    /// A commit ended.
    Committed {
        /// Which batch.
        batch: BatchId,
        /// How.
        outcome: CommitOutcome,
    },
    /// A probe ended.
    Probed {
        /// Which batch.
        batch: BatchId,
        /// The version that holds it.
        outcome: Result<Option<TableVersion>, Failure>,
    },
    /// A deletion of messages ended. Together the lists name all that were asked for.
    Acknowledged {
        /// Deleted.
        done: Vec<MessageTicket>,
        /// Not deleted.
        failed: Vec<MessageTicket>,
    },
    /// An extension of a lease ended.
    VisibilityExtended {
        /// Which message.
        message: MessageTicket,
        /// Whether the lease runs on.
        outcome: Result<(), Failure>,
    },
    /// A message was given back, or could not be.
    Released {
        /// Which message.
        message: MessageTicket,
    },
    /// No more work is to begin.
    Drain,
}
