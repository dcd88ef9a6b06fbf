//! What goes into decoding an object and what comes out.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use trailhouse_model::{ContentHash, EventTime, ObjectId};

use crate::reject::RejectedRecord;

/// What the decoder must know about an object beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeContext {
    /// The identity that stands in `source_object_id`.
    pub object_id: ObjectId,
    /// The minute of delivery from the key; the time of records that have none.
    pub delivered_at: Option<EventTime>,
    /// The time of decoding; days far from it get no partition of their own.
    pub decoded_at: EventTime,
}

/// One object, decoded; its rows alone or, as [`crate::EventRows`], beside those of others.
///
/// There are as many rows and rejects together as `stats.records_seen` says.
#[derive(Debug, Clone)]
pub struct DecodedObject<R = RecordBatch> {
    /// What the object is, judged by its content.
    pub kind: ContentKind,
    /// One row a record, in the order of the object, with [`crate::event_schema`].
    pub events: R,
    /// The records that could not become rows.
    pub rejects: Vec<RejectedRecord>,
    /// Counts and ranges.
    pub stats: DecodeStats,
}

impl<R> DecodedObject<R> {
    /// Gives the rows another form.
    pub fn map<T>(self, form: impl FnOnce(R) -> T) -> DecodedObject<T> {
        let Self { kind, events, rejects, stats } = self;
        DecodedObject { kind, events: form(events), rejects, stats }
    }
}

/// What an object is, judged by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKind {
    /// Events, in rows.
    Events,
    /// Insight events and nothing else, in rows.
    Insight,
    /// A digest of log files.
    Digest,
    /// Five-minute aggregates; they are no events and have no rows.
    Aggregated,
    /// A probe of CloudWatch Logs.
    Control,
    /// No bytes, or no records.
    Empty,
    /// JSON that is not CloudTrail's.
    Foreign,
}

impl ContentKind {
    /// Returns the word that stands for the kind in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Insight => "insight",
            Self::Digest => "digest",
            Self::Aggregated => "aggregated",
            Self::Control => "control",
            Self::Empty => "empty",
            Self::Foreign => "foreign",
        }
    }
}

/// Counts and ranges of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeStats {
    /// Records met: rows and rejects.
    pub records_seen: u32,
    /// Size as read.
    pub compressed_bytes: u64,
    /// Size after inflation.
    pub inflated_bytes: u64,
    /// SHA-256 of the inflated bytes, as digests list it.
    pub inflated_sha256: ContentHash,
    /// Earliest event time of the rows.
    pub first_event_time: Option<EventTime>,
    /// Latest event time of the rows.
    pub last_event_time: Option<EventTime>,
    /// Accounts that the rows are of, the first [`DecodeStats::NAMES_MAX`] met.
    pub accounts: BTreeSet<String>,
    /// Regions that the rows are of, the first [`DecodeStats::NAMES_MAX`] met.
    pub regions: BTreeSet<String>,
}

impl DecodeStats {
    /// How many accounts and how many regions are kept.
    pub const NAMES_MAX: usize = 1_000;
}
