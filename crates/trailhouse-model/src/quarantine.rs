//! What could not be used, and why.

use std::fmt;

use crate::{
    ids::{BucketName, ObjectKey},
    object::{ObjectId, ObjectRef},
    time::EventTime,
};

/// The identity of a quarantine row: the same trouble with the same input has the same identity,
/// however often the input is delivered.
pub type QuarantineId = ObjectId;

/// Why something is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuarantineReason {
    /// The queue message has no shape that we know.
    UnknownMessage,
    /// The object was named but is not there.
    Missing,
    /// The object lies in an archive tier and must be restored first.
    Archived,
    /// The compressed stream is broken or cut off.
    Corrupt,
    /// Compressed in a way that CloudTrail does not use.
    UnsupportedCompression,
    /// A limit on size, ratio, records or depth was passed.
    LimitExceeded,
    /// Neither JSON nor CloudTrail.
    NotCloudTrail,
    /// One record of an otherwise good object could not become a row.
    BadRecord,
}

impl QuarantineReason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::UnknownMessage,
        Self::Missing,
        Self::Archived,
        Self::Corrupt,
        Self::UnsupportedCompression,
        Self::LimitExceeded,
        Self::NotCloudTrail,
        Self::BadRecord,
    ];

    /// Returns the word that stands for the reason in SQL and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownMessage => "unknown_message",
            Self::Missing => "missing",
            Self::Archived => "archived",
            Self::Corrupt => "corrupt",
            Self::UnsupportedCompression => "unsupported_compression",
            Self::LimitExceeded => "limit_exceeded",
            Self::NotCloudTrail => "not_cloudtrail",
            Self::BadRecord => "bad_record",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for QuarantineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where on its way something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuarantineStage {
    /// A queue message could not be understood.
    Message,
    /// An object could not be read.
    Read,
    /// An object was read but could not be decoded.
    Decode,
    /// One record of a decoded object could not become a row.
    Record,
}

impl QuarantineStage {
    /// All stages.
    pub const ALL: [Self; 4] = [Self::Message, Self::Read, Self::Decode, Self::Record];

    /// Returns the word that stands for the stage in SQL and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Read => "read",
            Self::Decode => "decode",
            Self::Record => "record",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

impl fmt::Display for QuarantineStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One row of the quarantine table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// Why it is here.
    pub reason: QuarantineReason,
    /// What went wrong, in words.
    pub detail: String,
    /// Where the object lies; the queue's name for a message.
    pub bucket: BucketName,
    /// The object's key; the message id for a message.
    pub key: ObjectKey,
    /// The identity of the object, absent for a message.
    pub object_id: Option<ObjectId>,
    /// Which record of the object, counted from 0; absent where all of it is meant.
    pub record_index: Option<u32>,
    /// The first bytes of what was refused, or all of a message.
    pub raw: Vec<u8>,
    /// When it was put here.
    pub quarantined_at: EventTime,
}

impl QuarantineEntry {
    /// Makes the row of an object of which nothing can be used.
    pub fn of_object(
        object: ObjectRef,
        reason: QuarantineReason,
        detail: String,
        raw: Vec<u8>,
        quarantined_at: EventTime,
    ) -> Self {
        let object_id = Some(object.id());
        let ObjectRef { bucket, key, .. } = object;
        Self { reason, detail, bucket, key, object_id, record_index: None, raw, quarantined_at }
    }

    /// Returns where it was refused. An object of which no byte is there was not read.
    pub fn stage(&self) -> QuarantineStage {
        match (self.object_id, self.record_index) {
            (None, _) => QuarantineStage::Message,
            (Some(_), Some(_)) => QuarantineStage::Record,
            (Some(_), None) if self.raw.is_empty() => QuarantineStage::Read,
            (Some(_), None) => QuarantineStage::Decode,
        }
    }

    /// Returns the identity of the row.
    pub fn id(&self) -> QuarantineId {
        let index = self.record_index.map_or(*b"all.", u32::to_be_bytes);
        match self.object_id {
            Some(ObjectId(object)) => ObjectId::from_parts(&[b"quarantine", &object, &index]),
            None => ObjectId::from_parts(&[
                b"message",
                self.bucket.as_str().as_bytes(),
                self.key.as_str().as_bytes(),
            ]),
        }
    }
}
