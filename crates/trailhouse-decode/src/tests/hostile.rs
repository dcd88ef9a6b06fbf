//! Input that is broken or made to hurt, where more is to be seen than the table of
//! `fixtures/hostile` shows.

use trailhouse_model::{Classify, Disposition, QuarantineReason};

use super::{decode, decode_within, gzip, outcome};
use crate::{ContentKind, DecodeLimits, RejectedRecord};

const GOOD: &str = r#"{"eventID":"good"}"#;

fn refuse_within(limits: DecodeLimits, bytes: &[u8], reason: QuarantineReason, words: &str) {
    let error = decode_within(limits, bytes).map(|object| object.kind).unwrap_err();
    assert_eq!(error.reason(), reason, "{error}");
    assert_eq!(error.disposition(), Disposition::Quarantine);
    assert!(error.to_string().contains(words), "{error}");
}

fn refuse(bytes: impl AsRef<[u8]>, reason: QuarantineReason, words: &str) {
    refuse_within(DecodeLimits::default(), bytes.as_ref(), reason, words);
}

fn records(records: &[&str]) -> Vec<u8> {
    format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes()
}

/// Decodes good, bad, good: the bad one is a reject, the others are rows.
fn check_one_bad(bad: &[u8], reason: &'static str) {
    let mut text = format!("{{\"Records\":[{GOOD},").into_bytes();
    text.extend_from_slice(bad);
    text.extend_from_slice(format!(",{GOOD}]}}").as_bytes());
    let ids = vec!["good".to_owned(), "good".to_owned()];
    assert_eq!(outcome(&text), (ContentKind::Events, ids, vec![(1, reason)]));
    let reject = decode(&text).unwrap().rejects.remove(0);
    assert!(bad.starts_with(&reject.raw_prefix), "{reason}");
    assert!(!reject.raw_prefix.is_empty());
}

#[test]
fn one_bad_record_of_three_is_a_reject() {
    check_one_bad(b"{\"eventID\":\"\xff\"}", "invalid_utf8");
    check_one_bad(br#"{"eventID":"\ud800"}"#, "invalid_unicode_escape");
    check_one_bad(br#"{"eventID":tru}"#, "syntax");
    check_one_bad(br#"{"a":1} {"b":2}"#, "syntax");
    check_one_bad(b"null", "not_an_object");
    check_one_bad(nested(257).as_bytes(), "too_deep");
    check_one_bad(format!("{{\"a\":\"{}\"}}", "x".repeat(9 << 20)).as_bytes(), "too_large");
}

/// A record so many levels deep.
fn nested(depth: usize) -> String {
    format!("{{\"requestParameters\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
}

#[test]
fn depth_counts_from_the_record() {
    let ids = vec!["null".to_owned(), "good".to_owned()];
    assert_eq!(outcome(records(&[&nested(256), GOOD])), (ContentKind::Events, ids, vec![]));
    assert_eq!(decode(records(&[GOOD, &nested(200_000)])).unwrap().rejects.len(), 1);
}

#[test]
fn truncated_json_is_corrupt_as_a_whole() {
    let whole = records(&[GOOD; 3]);
    for length in 1..whole.len() {
        refuse(&whole[..length], QuarantineReason::Corrupt, "middle of a value");
    }
    refuse(format!("{GOOD}\n{{\"eventID\":"), QuarantineReason::Corrupt, "middle of a value");
}

#[test]
fn sizes_are_limited() {
    let limits = DecodeLimits {
        compressed_bytes_max: 1_000,
        inflated_bytes_max: 100_000,
        inflate_ratio_max: 50,
        inflate_ratio_grace_bytes: 10_000,
        ..DecodeLimits::default()
    };
    let reason = QuarantineReason::LimitExceeded;
    refuse_within(limits, &[b'x'; 1_001], reason, "1001 bytes exceeds 1000");
    let bomb = |size: usize| gzip(&vec![b' '; size]);
    refuse_within(limits, &bomb(50_000), reason, "50 times");
    assert_eq!(decode_within(limits, &bomb(10_000)).unwrap().kind, ContentKind::Empty);
    let loose = DecodeLimits { inflate_ratio_max: 10_000, ..limits };
    refuse_within(loose, &bomb(100_001), reason, "exceeds 100000 bytes");
    assert_eq!(decode_within(loose, &bomb(100_000)).unwrap().kind, ContentKind::Empty);
    let small = DecodeLimits { inflated_bytes_max: 10, ..limits };
    refuse_within(small, b"                 ", reason, "exceeds 10 bytes");
}

#[test]
fn records_are_limited_in_number() {
    let limits = DecodeLimits { records_max: 3, ..DecodeLimits::default() };
    assert_eq!(decode_within(limits, &records(&[GOOD; 3])).unwrap().events.num_rows(), 3);
    let reason = QuarantineReason::LimitExceeded;
    refuse_within(limits, &records(&[GOOD; 4]), reason, "more than 3 records");
    refuse_within(limits, &records(&[GOOD, "5", GOOD, "x"]), reason, "more than 3 records");
}

#[test]
fn rejects_are_limited_in_number() {
    let limits = DecodeLimits { rejects_max: 2, ..DecodeLimits::default() };
    assert_eq!(decode_within(limits, &records(&[GOOD, "1", "2"])).unwrap().rejects.len(), 2);
    let reason = QuarantineReason::LimitExceeded;
    refuse_within(limits, &records(&[GOOD, "1", "2", "3"]), reason, "more than 2 bad records");
}

#[test]
fn records_are_limited_in_size() {
    let limits = DecodeLimits { record_bytes_max: 40, ..DecodeLimits::default() };
    let of_size = |size: usize| format!("{{\"eventID\":\"{}\"}}", "x".repeat(size - 14));
    let object = decode_within(limits, &records(&[&of_size(40), GOOD, &of_size(41)])).unwrap();
    let rejects: Vec<_> =
        object.rejects.iter().map(|r| (r.record_index, r.reason.to_string())).collect();
    assert_eq!(rejects, [(2, "record is larger than 40 bytes".to_owned())]);
    assert_eq!(object.events.num_rows(), 2);
}

#[test]
fn a_large_foreign_document_is_foreign() {
    let items = vec!["{\"a\":1}"; 1_400_000].join(",");
    let text = format!("{{\"configurationItems\":[{items}]}}");
    assert_eq!(decode(text).unwrap().kind, ContentKind::Foreign);
}

#[test]
fn prefixes_of_rejects_are_bounded() {
    let bad = format!("\"{}\"", "x".repeat(10_000));
    let object = decode(records(&vec![bad.as_str(); 5_000])).unwrap();
    assert_eq!(object.rejects.len(), 5_000);
    assert_eq!(object.rejects[0].raw_prefix.len(), RejectedRecord::PREFIX_BYTES_MAX);
    let held: usize = object.rejects.iter().map(|reject| reject.raw_prefix.len()).sum();
    assert_eq!(held, RejectedRecord::PREFIXES_BYTES_MAX);
}

#[test]
fn one_bad_record_of_a_hundred_thousand_is_a_reject() {
    let one_bad = [vec!["{}"; 99_999], vec!["{\"eventID\":x}"]].concat();
    let object = decode(records(&one_bad)).unwrap();
    assert_eq!((object.events.num_rows(), object.rejects.len()), (99_999, 1));
}

#[test]
fn many_members_of_one_name_take_no_time() {
    let members = vec!["\"x\":1"; 500_000].join(",");
    let object = decode(records(&[&format!("{{\"eventID\":\"a\",{members}}}")])).unwrap();
    assert_eq!(super::texts(&object, "_extra"), [r#"{"x":1,"eventTime":null}"#]);
}

#[test]
fn a_decoder_can_move_to_a_worker() {
    fn assert_send<T: Send + 'static>() {}
    assert_send::<crate::Decoder>();
    assert_send::<crate::DecodeError>();
}

#[test]
fn records_that_are_no_array_are_kept_whole_as_a_reject() {
    let text = format!("{{\"Records\":{GOOD}}}");
    assert_eq!(outcome(&text), (ContentKind::Events, vec![], vec![(0, "records_not_an_array")]));
    assert_eq!(*decode(&text).unwrap().rejects[0].raw_prefix, *GOOD.as_bytes());
    let large = format!("{{\"Records\":{{\"a\":\"{}\"}}}}", "x".repeat(9 << 20));
    assert_eq!(outcome(&large), (ContentKind::Events, vec![], vec![(0, "too_large")]));
}
