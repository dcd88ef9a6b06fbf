//! Input that is broken or made to hurt.

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
    check_one_bad(br#"{"eventID":"\udc00x"}"#, "invalid_unicode_escape");
    check_one_bad(br#"{"eventID":"\ud800\u0041"}"#, "invalid_unicode_escape");
    check_one_bad(br#"{"eventID":tru}"#, "syntax");
    check_one_bad(br#"{"eventID":01}"#, "syntax");
    check_one_bad(br#"{"eventID" "x"}"#, "syntax");
    check_one_bad(b"{\"eventID\":\"a\tb\"}", "syntax");
    check_one_bad(br#"{"a":1} {"b":2}"#, "syntax");
    check_one_bad(b"null", "not_an_object");
    check_one_bad(b"[1]", "not_an_object");
    check_one_bad(b"\"text\"", "not_an_object");
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
fn trailing_comma_and_empty_element_are_rejects() {
    let ids = || vec!["good".to_owned()];
    let rejects = vec![(1, "syntax")];
    assert_eq!(outcome(format!("[{GOOD},]")), (ContentKind::Events, ids(), rejects.clone()));
    assert_eq!(
        outcome(format!("{{\"Records\":[{GOOD},]}}")),
        (ContentKind::Events, ids(), rejects)
    );
}

#[test]
fn damaged_gzip_is_corrupt() {
    let whole = gzip(&records(&[GOOD; 100]));
    for length in [2, 9, 10, 12, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        refuse(&whole[..length], QuarantineReason::Corrupt, "inflate");
    }
    let mut wrong_checksum = whole.clone();
    let at = whole.len() - 6;
    wrong_checksum[at] ^= 1;
    refuse(&wrong_checksum, QuarantineReason::Corrupt, "inflate");
    refuse([whole.as_slice(), b"garbage"].concat(), QuarantineReason::Corrupt, "7 bytes");
    refuse([whole.as_slice(), b"\0\0x"].concat(), QuarantineReason::Corrupt, "3 bytes");
    refuse([whole.as_slice(), &whole[..20]].concat(), QuarantineReason::Corrupt, "inflate");
}

#[test]
fn members_and_padding_are_read_through() {
    let (first, second) = (gzip(b"{\"Records\":["), gzip(format!("{GOOD}]}}").as_bytes()));
    let padded = [first, second, vec![0; 512]].concat();
    assert_eq!(outcome(&padded), (ContentKind::Events, vec!["good".to_owned()], vec![]));
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
fn other_formats_are_refused_by_name() {
    refuse(b"BZh91AY&SY", QuarantineReason::UnsupportedCompression, "bzip2");
    refuse([0x28, 0xB5, 0x2F, 0xFD, 0], QuarantineReason::UnsupportedCompression, "zstd");
    refuse(b"\xff\xfe{\0", QuarantineReason::NotCloudTrail, "UTF-16");
    refuse(b"{\0\"\0", QuarantineReason::NotCloudTrail, "UTF-16");
    refuse(b"\0{\0\"", QuarantineReason::NotCloudTrail, "UTF-16");
    refuse(b"version account-id interface-id", QuarantineReason::NotCloudTrail, "not JSON");
    refuse(b"{\"a\":tru}", QuarantineReason::NotCloudTrail, "not JSON");
    refuse(b"{hello}\n{world}", QuarantineReason::NotCloudTrail, "not JSON");
    refuse(b"H4sI!!!!", QuarantineReason::NotCloudTrail, "not JSON");
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
fn many_tiny_records_are_rows() {
    let object = decode(gzip(&records(&vec![r#"{"eventID":""}"#; 100_000]))).unwrap();
    assert_eq!(object.events.num_rows(), 100_000);
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
