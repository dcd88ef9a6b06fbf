//! From a decoded object to what a commit lists of it.

use trailhouse_decode::{DecodeContext, DecodedObject, EventRows, RejectedRecord};
use trailhouse_model::{
    CommittedObject, EventTime, ObjectOutcome, ObjectRef, QuarantineEntry, QuarantineReason,
};
use trailhouse_source::classify_key;

use crate::ports::CommitObject;

/// The most bytes of a refused object that are kept.
const REFUSED_PREFIX_BYTES_MAX: usize = 4 * 1024;

/// Returns what the decoder must know about the object.
pub fn decode_context(object: &ObjectRef, decoded_at: EventTime) -> DecodeContext {
    let kind = classify_key(object.key.as_str());
    let delivered_at = kind.facts().and_then(|facts| facts.delivered_at);
    DecodeContext { object_id: object.id(), delivered_at, decoded_at }
}

/// Returns the object as a commit takes it: its line in the object list, its rows, its rejects.
pub fn committed_object(
    object: ObjectRef,
    decoded: DecodedObject<EventRows>,
    context: &DecodeContext,
) -> CommitObject {
    let DecodedObject { kind: _, events, rejects, stats } = decoded;
    let outcome =
        if stats.records_seen == 0 { ObjectOutcome::Empty } else { ObjectOutcome::Stored };
    let rejects: Vec<QuarantineEntry> =
        rejects.into_iter().map(|reject| reject_entry(&object, reject, context)).collect();
    let committed = CommittedObject {
        id: context.object_id,
        object,
        inflated_sha256: stats.inflated_sha256,
        compressed_bytes: stats.compressed_bytes,
        inflated_bytes: stats.inflated_bytes,
        events: count(events.num_rows()),
        rejects: count(rejects.len()),
        first_event_time: stats.first_event_time,
        last_event_time: stats.last_event_time,
        delivered_at: context.delivered_at,
        ingested_at: context.decoded_at,
        outcome,
    };
    CommitObject { committed, events, rejects }
}

/// Returns what of a refused object is kept for quarantine.
pub fn refused_prefix(bytes: &[u8]) -> Vec<u8> {
    bytes.get(..REFUSED_PREFIX_BYTES_MAX).unwrap_or(bytes).to_vec()
}

fn reject_entry(
    object: &ObjectRef,
    reject: RejectedRecord,
    context: &DecodeContext,
) -> QuarantineEntry {
    QuarantineEntry {
        reason: QuarantineReason::BadRecord,
        detail: reject.reason.to_string(),
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        object_id: Some(context.object_id),
        record_index: Some(reject.record_index),
        raw: reject.raw_prefix.into_vec(),
        quarantined_at: context.decoded_at,
    }
}

/// A length in memory fits into 64 bits.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
