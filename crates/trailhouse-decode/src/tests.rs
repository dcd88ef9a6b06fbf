//! Tests of the decoder as its callers use it.

mod containers;
mod exactness;
mod hostile;
mod shapes;
mod table;

use std::io::Write;

use arrow_array::{StringArray, cast::AsArray};
use flate2::{Compression, write::GzEncoder};
use trailhouse_model::{EventTime, ObjectId};

use crate::{ContentKind, DecodeContext, DecodeError, DecodeLimits, DecodedObject, Decoder};

fn context() -> DecodeContext {
    DecodeContext {
        object_id: ObjectId([7; 16]),
        delivered_at: EventTime::parse_rfc3339("2024-05-06T07:05:00Z").ok(),
        decoded_at: EventTime::parse_rfc3339("2024-05-06T08:00:00Z").unwrap(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn decode_within(limits: DecodeLimits, bytes: &[u8]) -> Result<DecodedObject, DecodeError> {
    let object = Decoder::new(limits).decode(&context(), bytes)?;
    let rows = u32::try_from(object.events.num_rows() + object.rejects.len()).unwrap();
    assert_eq!(rows, object.stats.records_seen);
    assert_eq!(object.events.schema(), crate::event_schema());
    Ok(object)
}

fn decode(bytes: impl AsRef<[u8]>) -> Result<DecodedObject, DecodeError> {
    decode_within(DecodeLimits::default(), bytes.as_ref())
}

/// Decodes and gives the kind, the event ids of the rows, and index and reason of the rejects.
fn outcome(bytes: impl AsRef<[u8]>) -> (ContentKind, Vec<String>, Vec<(u32, &'static str)>) {
    let object = decode(bytes).unwrap();
    let rejects = object.rejects.iter().map(|r| (r.record_index, r.reason.as_str())).collect();
    (object.kind, texts(&object, "event_id"), rejects)
}

/// Returns the text column by name; null is the word null.
fn texts(object: &DecodedObject, name: &str) -> Vec<String> {
    let column: &StringArray = object.events.column_by_name(name).unwrap().as_string();
    column.iter().map(|text| text.unwrap_or("null").to_owned()).collect()
}
