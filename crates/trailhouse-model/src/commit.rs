//! What one commit carries and how it can end.

use crate::{
    ids::TableVersion,
    object::{ContentHash, ObjectId, ObjectRef},
    time::EventTime,
};

/// What became of an object that is in a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectOutcome {
    /// Its events are rows.
    Stored,
    /// It holds no event.
    Empty,
    /// It is a part of an earlier object that was in quarantine and is now stored.
    Retried,
}

impl ObjectOutcome {
    /// Returns the word that stands for the outcome in the objects table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Empty => "empty",
            Self::Retried => "retried",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stored, Self::Empty, Self::Retried]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// One object as the commit that stored it lists it; a row of the objects table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedObject {
    /// The identity under which it is never stored again.
    pub id: ObjectId,
    /// What was read.
    pub object: ObjectRef,
    /// The SHA-256 of the inflated bytes, as CloudTrail digests list it.
    pub inflated_sha256: ContentHash,
    /// Compressed size as read.
    pub compressed_bytes: u64,
    /// Size after inflation.
    pub inflated_bytes: u64,
    /// Rows in the events table.
    pub events: u64,
    /// Records that went to quarantine.
    pub rejects: u64,
    /// Earliest event time.
    pub first_event_time: Option<EventTime>,
    /// Latest event time.
    pub last_event_time: Option<EventTime>,
    /// The minute of delivery, from the key.
    pub delivered_at: Option<EventTime>,
    /// When it was decoded here.
    pub ingested_at: EventTime,
    /// What became of it.
    pub outcome: ObjectOutcome,
}

/// How an attempt to commit a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum CommitOutcome {
    /// The batch is in the table at this version.
    Committed {
        /// The version that holds it.
        version: TableVersion,
    },
    /// These objects were already in the table at this version; the rest of the batch is not
    /// committed and must be asked for again without them.
    Superseded {
        /// The objects to drop.
        objects: Vec<ObjectId>,
        /// The version that was looked at.
        version: TableVersion,
    },
    /// The request may or may not have landed. Probe before retrying.
    Unknown,
    /// Nothing was written.
    Failed {
        /// What to do about it.
        disposition: crate::Disposition,
        /// What went wrong, in words.
        detail: String,
    },
}
