//! The ports: what a driver asks of the outside, and how the outside says no.
//!
//! The traits are used with static dispatch only. Every future is `Send` and may be dropped at any
//! await point: a dropped call either happened or did not, and the machines treat it as unknown.

use std::{error::Error, fmt, future::Future, time::Duration};

use bytes::Bytes;
use trailhouse_decode::EventRows;
use trailhouse_model::{
    BatchId, Classify, CommitOutcome, CommittedObject, Disposition, ObjectRef, QuarantineEntry,
    TableVersion,
};

pub use trailhouse_ingest::{CircuitKey, MessageBody, QueueMessage, ReceiptHandle};

/// Any error, as the cause of a [`PortError`].
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What kind of trouble a port had; decides what the caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortErrorKind {
    /// What was asked for is not there.
    NotFound,
    /// The object must be restored from an archive tier first.
    Archived,
    /// The credentials do not allow it.
    Denied,
    /// The other side asks to slow down.
    Throttled,
    /// The other side does not answer, or says that it is out of order.
    Unavailable,
    /// The answer passes a limit of the caller.
    TooLarge,
    /// The answer is damaged.
    Corrupt,
    /// The call can never work with this configuration.
    Misconfigured,
    /// A state that should not exist.
    Bug,
}

impl PortErrorKind {
    /// Returns the words for the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Archived => "archived",
            Self::Denied => "access denied",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::TooLarge => "too large",
            Self::Corrupt => "corrupt",
            Self::Misconfigured => "misconfigured",
            Self::Bug => "unexpected state",
        }
    }
}

impl fmt::Display for PortErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Classify for PortErrorKind {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Throttled | Self::Unavailable => Disposition::RetryLater,
            Self::NotFound | Self::Archived | Self::TooLarge | Self::Corrupt => {
                Disposition::Quarantine
            }
            Self::Denied | Self::Misconfigured | Self::Bug => Disposition::Stop,
        }
    }
}

/// A call to a port did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}: {kind}")]
pub struct PortError {
    /// What kind of trouble.
    pub kind: PortErrorKind,
    /// What was being done, as in `read object`.
    pub action: &'static str,
    /// What must be put right before this object, and others like it, can be read.
    pub circuit: Option<Box<CircuitKey>>,
    /// What the other side said.
    #[source]
    pub source: Option<BoxError>,
}

const _: () = assert!(size_of::<PortError>() <= 64, "errors travel by value");

impl PortError {
    /// Makes an error without a cause.
    pub fn new(kind: PortErrorKind, action: &'static str) -> Self {
        Self { kind, action, circuit: None, source: None }
    }

    /// Makes an error with its cause.
    pub fn with_source(
        kind: PortErrorKind,
        action: &'static str,
        source: impl Into<BoxError>,
    ) -> Self {
        Self { kind, action, circuit: None, source: Some(source.into()) }
    }

    /// Says what must be put right before this object, and others like it, can be read.
    #[must_use]
    pub fn concerning(self, circuit: CircuitKey) -> Self {
        Self { circuit: Some(Box::new(circuit)), ..self }
    }

    /// Returns the message and those of all causes, joined by colons.
    pub fn chain(&self) -> String {
        error_chain(self)
    }
}

impl Classify for PortError {
    fn disposition(&self) -> Disposition {
        self.kind.disposition()
    }
}

/// Returns the message of an error and those of all its causes, joined by colons.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// How a batch of acknowledgements ended, message by message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct AcknowledgeReport {
    /// The queue will not deliver these again.
    pub done: Vec<ReceiptHandle>,
    /// These may come again.
    pub failed: Vec<(ReceiptHandle, PortErrorKind)>,
}

/// Hands out messages that name objects.
///
/// Delivery is at least once. A queue without leases (a listing, a folder) ignores visibility and
/// answers `extend_visibility` and `release` with `Ok`. A queue that has an end answers an empty
/// list once it is reached.
pub trait NotificationQueue: Send + Sync + 'static {
    /// Waits for messages, at most `messages_max` and no longer than one long poll.
    fn receive(
        &self,
        messages_max: u8,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<QueueMessage>, PortError>> + Send;

    /// Deletes at most ten messages for good. A receipt that is in neither list counts as failed.
    fn acknowledge(
        &self,
        receipts: &[ReceiptHandle],
    ) -> impl Future<Output = AcknowledgeReport> + Send;

    /// Keeps the message from others for `by` from now on.
    fn extend_visibility(
        &self,
        receipt: &ReceiptHandle,
        by: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Gives the message back for others to have at once.
    fn release(
        &self,
        receipt: &ReceiptHandle,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Returns the name by which people know the queue.
    fn name(&self) -> String;
}

/// Reads whole objects.
pub trait ObjectReader: Send + Sync + 'static {
    /// Reads all bytes of the object; [`PortErrorKind::TooLarge`] where there are more than
    /// `bytes_max`.
    fn read(
        &self,
        object: &ObjectRef,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Bytes, PortError>> + Send;
}

/// One object of a batch with its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitObject {
    /// The line for the object list of the commit.
    pub committed: CommittedObject,
    /// Its rows, in the order of its records; may be empty.
    pub events: EventRows,
    /// Its records that could not become rows.
    pub rejects: Vec<QuarantineEntry>,
}

/// What one commit is to hold. Cheap to clone: rows are shared.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// Names the batch; the commit carries it, so that it can be found again.
    pub batch: BatchId,
    /// The objects, no two with the same identity.
    pub objects: Vec<CommitObject>,
}

/// Writes to the lake.
pub trait LakeWriter: Send + Sync + 'static {
    /// Says for each object, in order, whether it is already stored.
    fn look_up(
        &self,
        objects: &[ObjectRef],
    ) -> impl Future<Output = Result<Vec<bool>, PortError>> + Send;

    /// Commits all objects in one table version or none of them. Quarantine rows of the rejects are
    /// written first; they are idempotent by [`QuarantineEntry::id`].
    fn commit(&self, request: CommitRequest) -> impl Future<Output = CommitOutcome> + Send;

    /// Looks for the version that holds the batch.
    fn probe(
        &self,
        batch: &BatchId,
    ) -> impl Future<Output = Result<Option<TableVersion>, PortError>> + Send;

    /// Writes quarantine rows durably; a row that is there already is not written twice.
    fn quarantine(
        &self,
        entries: Vec<QuarantineEntry>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}
