//! From one record of a notice to one object, or to the reason why there is none.

use serde_json::Value;
use trailhouse_model::{BucketName, ETag, ObjectRef};

use crate::{
    key_encoding::{KeyEncoding, read_key},
    notification::{IgnoredMessage, NotificationError},
};

/// What one record amounts to.
pub(crate) enum RecordOutcome {
    /// An object to read.
    Object(ObjectRef),
    /// Nothing to read.
    Ignored(IgnoredMessage),
}

/// Event names are copied into counters, so their length is bounded.
const EVENT_NAME_CHARS_MAX: usize = 64;

/// Reads one record of S3's own notice. Its `eventSource` is not looked at: stores that imitate
/// S3 write their own.
pub(crate) fn read_s3_record(
    record: &Value,
    record_index: usize,
) -> Result<RecordOutcome, NotificationError> {
    let event_name = record.get("eventName").and_then(Value::as_str);
    let event_name = event_name
        .ok_or(NotificationError::IncompleteRecord { record_index, member: "eventName" })?;
    let event_name = event_name.strip_prefix("s3:").unwrap_or(event_name);
    if !event_name.starts_with("ObjectCreated:") {
        return Ok(not_a_creation(event_name));
    }
    let place = Place {
        bucket: text_at(record, "/s3/bucket/name"),
        key: text_at(record, "/s3/object/key"),
        encoding: KeyEncoding::Form,
        record_index,
    };
    place.read(Details {
        e_tag: text_at(record, "/s3/object/eTag"),
        size_bytes: record.pointer("/s3/object/size").and_then(Value::as_u64),
        region: text_at(record, "/awsRegion"),
    })
}

/// Reads one S3 event of EventBridge.
pub(crate) fn read_bus_event(event: &Value) -> Result<RecordOutcome, NotificationError> {
    let happened = text_at(event, "/detail-type").unwrap_or_default();
    if !happened.starts_with("Object ") {
        return Err(NotificationError::UnknownShape);
    }
    if happened != "Object Created" {
        return Ok(not_a_creation(happened));
    }
    let place = Place {
        bucket: text_at(event, "/detail/bucket/name"),
        key: text_at(event, "/detail/object/key"),
        encoding: KeyEncoding::Plain,
        record_index: 0,
    };
    place.read(Details {
        e_tag: text_at(event, "/detail/object/etag"),
        size_bytes: event.pointer("/detail/object/size").and_then(Value::as_u64),
        region: text_at(event, "/region"),
    })
}

/// Where a record says that its object lies.
pub(crate) struct Place<'a> {
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) encoding: KeyEncoding,
    pub(crate) record_index: usize,
}

/// What a record may say about its object.
#[derive(Default)]
pub(crate) struct Details<'a> {
    pub(crate) e_tag: Option<&'a str>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) region: Option<&'a str>,
}

impl Place<'_> {
    /// Makes the object. A wrong detail is dropped, a wrong place is an error.
    pub(crate) fn read(self, details: Details<'_>) -> Result<RecordOutcome, NotificationError> {
        let record_index = self.record_index;
        let incomplete = |member| NotificationError::IncompleteRecord { record_index, member };
        let bucket = self.bucket.filter(|bucket| is_bucket_name(bucket));
        let bucket = bucket.ok_or_else(|| incomplete("bucket name"))?;
        let written = self.key.filter(|key| !key.is_empty()).ok_or_else(|| incomplete("key"))?;
        let readings = read_key(written, self.encoding);
        if readings.key.as_str().ends_with('/') {
            return Ok(RecordOutcome::Ignored(IgnoredMessage::FolderMarkers));
        }
        if details.size_bytes == Some(0) {
            return Ok(RecordOutcome::Ignored(IgnoredMessage::EmptyObjects));
        }
        let e_tag = details.e_tag.map(|e_tag| e_tag.trim_matches('"'));
        Ok(RecordOutcome::Object(ObjectRef {
            key_alternative: readings.alternative,
            e_tag: e_tag.filter(|e_tag| !e_tag.is_empty()).map(ETag::new),
            size_bytes: details.size_bytes,
            region: details.region.filter(|region| !region.is_empty()).map(str::to_owned),
            ..ObjectRef::new(BucketName::new(bucket), readings.key)
        }))
    }
}

/// Refuses names that no bucket can have: a colon would turn the notice into an order to read a
/// local file, a slash into another path.
fn is_bucket_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 255 && name.bytes().all(legal)
}

fn not_a_creation(event_name: &str) -> RecordOutcome {
    let event_name = event_name.chars().take(EVENT_NAME_CHARS_MAX).collect();
    RecordOutcome::Ignored(IgnoredMessage::NotACreation { event_name })
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}
