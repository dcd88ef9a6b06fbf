//! Objects: inflation, the search for records, decoding.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use trailhouse_decode::{
    ContentKind, DecodeContext, DecodeError, DecodeLimits, DecodedObject, Decoder, RejectReason,
    event_schema,
    rebuild::{normal, rebuild},
};
use trailhouse_model::{EventTime, ObjectId};

/// Small, so that inputs reach every one of them.
const LIMITS: DecodeLimits = DecodeLimits {
    compressed_bytes_max: 64 * 1024,
    inflated_bytes_max: 256 * 1024,
    inflate_ratio_max: 50,
    inflate_ratio_grace_bytes: 16 * 1024,
    records_max: 300,
    rejects_max: 100,
    record_bytes_max: RECORD_BYTES_MAX,
    depth_max: 64,
};
const RECORD_BYTES_MAX: u32 = 4_096;
const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
const UTF8_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Checks that an object decodes to the same within all limits however it is delivered, and that
/// its rows give its records back.
pub fn object(bytes: &[u8]) {
    let answer = decode(bytes);
    check_answer(bytes, &answer);
    if bytes.starts_with(GZIP_MAGIC) {
        return;
    }
    // A gzip stream of stored blocks; what was compressed inside stays so and is no JSON.
    if !is_refused_by_format(&answer) && bytes.len() < 32 * 1024 {
        check_same(&answer, &decode(&gzip(bytes)), "inside gzip");
    }
    check_neighbours(bytes, &answer);
    if bytes.len() < 4_000 {
        check_same(&answer, &decode(&[bytes, b"  "].concat()), "before spaces");
    }
    if let Ok(object) = &answer {
        check_records(bytes, object);
        check_split(bytes, object);
    }
}

fn decode(bytes: &[u8]) -> Result<DecodedObject, DecodeError> {
    Decoder::new(LIMITS).decode(&context(7), bytes)
}

fn context(id: u8) -> DecodeContext {
    let decoded_at = EventTime::parse_rfc3339("2024-05-06T08:00:00Z").unwrap();
    DecodeContext { object_id: ObjectId([id; 16]), delivered_at: None, decoded_at }
}

/// Checks that an object means the same between others, and that they do beside it.
fn check_neighbours(bytes: &[u8], answer: &Result<DecodedObject, DecodeError>) {
    const OTHER: &[u8] = br#"{"Records":[{"eventName":"A","resources":[{"ARN":"a"}]},{}]}"#;
    let contexts = [context(1), context(7), context(2)];
    let objects = contexts.iter().zip([OTHER, bytes, OTHER]);
    let together = Decoder::new(LIMITS).decode_all(objects);
    let together = together.into_iter().map(|it| it.map(|it| it.map(|rows| rows.to_batch())));
    for ((context, body), found) in contexts.iter().zip([OTHER, bytes, OTHER]).zip(together) {
        let alone = match context.object_id {
            ObjectId([7, ..]) => answer,
            _ => &Decoder::new(LIMITS).decode(context, body),
        };
        check_same(alone, &found, "beside others");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn is_refused_by_format(answer: &Result<DecodedObject, DecodeError>) -> bool {
    matches!(
        answer,
        Err(DecodeError::UnsupportedCompression { .. } | DecodeError::CompressedTooLarge { .. })
    )
}

fn check_answer(bytes: &[u8], answer: &Result<DecodedObject, DecodeError>) {
    let object = match answer {
        Ok(object) => object,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.reason().as_str().is_empty());
            return;
        }
    };
    let stats = &object.stats;
    assert_eq!(object.events.schema(), event_schema());
    assert_eq!(stats.compressed_bytes, u64::try_from(bytes.len()).unwrap());
    assert!(stats.inflated_bytes <= LIMITS.inflated_bytes_max);
    assert!(stats.records_seen <= LIMITS.records_max);
    assert!(object.rejects.len() <= usize::try_from(LIMITS.rejects_max).unwrap());
    assert!(stats.first_event_time <= stats.last_event_time);
    let records = object.events.num_rows() + object.rejects.len();
    match object.kind {
        ContentKind::Events | ContentKind::Insight => {
            assert_eq!(u32::try_from(records), Ok(stats.records_seen));
        }
        ContentKind::Digest
        | ContentKind::Aggregated
        | ContentKind::Control
        | ContentKind::Empty
        | ContentKind::Foreign => assert_eq!(records, 0, "nothing of {:?}", object.kind),
    }
    let indexes: Vec<u32> = object.rejects.iter().map(|reject| reject.record_index).collect();
    assert!(indexes.is_sorted_by(|before, after| before < after), "{indexes:?}");
    assert!(indexes.last().is_none_or(|last| *last < stats.records_seen));
}

/// Compares what the bytes mean; sizes may differ.
fn check_same(
    one: &Result<DecodedObject, DecodeError>,
    other: &Result<DecodedObject, DecodeError>,
    how: &str,
) {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.kind, other.kind, "{how}");
            assert_eq!(one.events, other.events, "{how}");
            assert_eq!(reasons(one), reasons(other), "{how}");
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string(), "{how}"),
        (one, other) => panic!("{one:?} is {other:?} {how}"),
    }
}

fn reasons(object: &DecodedObject) -> Vec<(u32, RejectReason)> {
    object.rejects.iter().map(|reject| (reject.record_index, reject.reason)).collect()
}

/// Compares the rows with the records as another parser reads them, where the object is the plain
/// wrapper of CloudTrail and each of its records became a row.
fn check_records(bytes: &[u8], object: &DecodedObject) {
    let is_events = matches!(object.kind, ContentKind::Events | ContentKind::Insight);
    let Ok(Value::Object(wrapper)) = serde_json::from_slice(bytes) else { return };
    let Some(Value::Array(records)) = wrapper.get("Records") else { return };
    if !is_events || wrapper.len() > 1 || !object.rejects.is_empty() {
        return;
    }
    assert_eq!(records.len(), object.events.num_rows());
    for (row, record) in records.iter().enumerate() {
        assert_eq!(normal(&rebuild(&object.events, row)), normal(record), "{record}");
    }
}

/// A document that is too large for one go is split at its brackets first. White space makes any
/// document too large, so both ways can be compared.
fn check_split(bytes: &[u8], object: &DecodedObject) {
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes).trim_ascii_start();
    let is_one_document = matches!(bytes.first(), Some(b'{' | b'['))
        && serde_json::from_slice::<Value>(bytes).is_ok();
    let Some((head, tail)) = bytes.split_at_checked(1).filter(|_| is_one_document) else {
        return;
    };
    let padding = vec![b' '; usize::try_from(RECORD_BYTES_MAX).unwrap()];
    let split = decode(&[head, &padding, tail].concat());
    let has_too_large = |object: &DecodedObject| {
        object.rejects.iter().any(|reject| matches!(reject.reason, RejectReason::TooLarge { .. }))
    };
    match &split {
        // The document itself is the record, or it is nobody's.
        Ok(split) if has_too_large(split) || split.kind == ContentKind::Foreign => {}
        Ok(split) => {
            assert_eq!(split.kind, object.kind, "split");
            assert_eq!(split.events, object.events, "split");
        }
        Err(error) => panic!("{:?} is refused when it is split: {error}", object.kind),
    }
}
