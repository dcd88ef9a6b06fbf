//! What a driver tells of its work while it does it.

use std::time::Duration;

use trailhouse_ingest::{IngestMachine, QueueMessage};
use trailhouse_model::{
    BucketName, CommitOutcome, CommittedObject, EventTime, ObjectKey, QuarantineEntry,
    QuarantineReason, TableVersion,
};

use crate::{
    decode_pool::PoolDecodeError,
    ports::{AcknowledgeReport, PortError},
};

/// A call to a port that succeeds or fails as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortCall {
    /// Asking the queue for messages.
    Receive,
    /// Asking the lake what is stored.
    LookUp,
    /// Reading an object.
    Fetch,
    /// Writing to quarantine.
    Quarantine,
    /// Looking for a batch in the lake.
    Probe,
    /// Extending the lease of a message.
    Extend,
    /// Giving a message back.
    Release,
}

/// One turn of the driver's loop.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'driver> {
    /// The machine as it stands: what was done so far, and what is in work.
    pub machine: &'driver IngestMachine,
    /// Whether no more work begins.
    pub is_draining: bool,
}

/// An object of a commit that is in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredObject {
    /// The minute of delivery, from the key.
    pub delivered_at: Option<EventTime>,
    /// Earliest event time.
    pub first_event_time: Option<EventTime>,
    /// Latest event time.
    pub last_event_time: Option<EventTime>,
    /// Rows.
    pub events: u64,
}

impl From<&CommittedObject> for StoredObject {
    fn from(object: &CommittedObject) -> Self {
        Self {
            delivered_at: object.delivered_at,
            first_event_time: object.first_event_time,
            last_event_time: object.last_event_time,
            events: object.events,
        }
    }
}

/// An object or a message whose row in quarantine is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Where the object lies; the queue's name for a message.
    pub bucket: BucketName,
    /// The object's key; the message id for a message.
    pub key: ObjectKey,
    /// Why.
    pub reason: QuarantineReason,
    /// What was wrong, in words.
    pub detail: String,
}

impl From<&QuarantineEntry> for Quarantined {
    fn from(entry: &QuarantineEntry) -> Self {
        Self {
            bucket: entry.bucket.clone(),
            key: entry.key.clone(),
            reason: entry.reason,
            detail: entry.detail.clone(),
        }
    }
}

/// Hears what a driver does, as it happens. Called on the driver's loop, so each method must be
/// quick and must not block. What is not overridden is passed over.
pub trait IngestObserver {
    /// A call to a port ended.
    fn called(&self, _call: PortCall, _took: Duration, _outcome: Result<(), &PortError>) {}

    /// A receive brought these messages; none where the queue was empty.
    fn received(&self, _messages: &[QueueMessage]) {}

    /// A look-up found so many of the objects it asked about.
    fn found_stored(&self, _objects: usize) {}

    /// An object was decoded, or was refused.
    fn decoded(&self, _took: Duration, _outcome: Result<(), &PoolDecodeError>) {}

    /// An attempt to commit ended.
    fn commit_ended(&self, _took: Duration, _outcome: &CommitOutcome) {}

    /// A batch is in the table, as its commit said or as a probe found.
    fn stored(&self, _version: TableVersion, _objects: &[StoredObject]) {}

    /// These are durably in quarantine.
    fn quarantined(&self, _entries: &[Quarantined]) {}

    /// A deletion of messages ended.
    fn acknowledged(&self, _took: Duration, _report: &AcknowledgeReport) {}

    /// The loop has turned: soon after every input, and every few seconds while none comes.
    fn turned(&self, _turn: Turn<'_>) {}
}

/// An observer that passes over everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl IngestObserver for Unobserved {}
