//! The wrappers in which records arrive.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{context, decode, gzip, outcome};
use crate::{ContentKind, DecodeError, DecodeLimits, Decoder};

fn event(id: &str) -> String {
    json!({"eventVersion": "1.08", "eventName": "ListBuckets", "eventID": id}).to_string()
}

fn check(text: impl AsRef<[u8]>, ids: &[&str]) {
    let text = text.as_ref();
    let expected = (ContentKind::Events, ids.iter().map(|id| (*id).to_owned()).collect(), vec![]);
    assert_eq!(outcome(text), expected, "plain: {}", String::from_utf8_lossy(text));
    assert_eq!(outcome(gzip(text)), expected, "gzip: {}", String::from_utf8_lossy(text));
}

fn check_kind(text: &str, kind: ContentKind) {
    let object = decode(text).unwrap();
    assert_eq!(
        (object.kind, object.events.num_rows(), object.rejects.len()),
        (kind, 0, 0),
        "{text}"
    );
    assert_eq!(object.stats.records_seen, 0);
}

fn records(ids: &[&str]) -> String {
    let events: Vec<String> = ids.iter().map(|id| event(id)).collect();
    format!("{{\"Records\":[{}]}}", events.join(","))
}

fn log_events(messages: &[&str]) -> String {
    let events: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(id, message)| json!({"id": id.to_string(), "timestamp": 5, "message": message}))
        .collect();
    json!({"messageType": "DATA_MESSAGE", "owner": "1", "logEvents": events}).to_string()
}

#[test]
fn trail_files() {
    check(records(&["a", "b"]), &["a", "b"]);
    check(format!("\u{feff}{}", records(&["a"])), &["a"]);
    check(format!(" \n{}\n ", records(&["a"])), &["a"]);
    check(format!("{{\"other\":[1],\"Records\" : [ {} ] }}", event("a")), &["a"]);
}

#[test]
fn arrays_and_single_events() {
    check(event("a"), &["a"]);
    check(format!("[{},{}]", event("a"), event("b")), &["a", "b"]);
    check(format!("[{}]", records(&["a", "b"])), &["a", "b"]);
    let pretty = serde_json::from_str::<serde_json::Value>(&event("a")).unwrap();
    check(serde_json::to_string_pretty(&pretty).unwrap(), &["a"]);
}

#[test]
fn lines_and_concatenations() {
    check(format!("{}\n{}\n", event("a"), event("b")), &["a", "b"]);
    check(format!("{}\r\n\r\n{}", event("a"), event("b")), &["a", "b"]);
    check(format!("{}\n{}", records(&["a", "b"]), records(&["c"])), &["a", "b", "c"]);
    check(format!("{}{}", records(&["a"]), records(&["b"])), &["a", "b"]);
    check(format!("{}{}{}", event("a"), event("b"), event("c")), &["a", "b", "c"]);
    let pretty = "{\n \"eventID\": \"a\"\n}\n{\n \"eventID\": \"b\"\n}\n";
    check(pretty, &["a", "b"]);
}

#[test]
fn eventbridge() {
    let wrap = |id: &str| {
        format!(
            "{{\"version\":\"0\",\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":{}}}",
            event(id)
        )
    };
    check(wrap("a"), &["a"]);
    check(format!("{}\n{}", wrap("a"), wrap("b")), &["a", "b"]);
    check(format!("[{},{}]", wrap("a"), wrap("b")), &["a", "b"]);
    check_kind(
        r#"{"detail-type":"EC2 Instance State-change Notification","detail":{"state":"stopped"}}"#,
        ContentKind::Foreign,
    );
}

#[test]
fn cloudwatch_logs() {
    let payload = log_events(&[&event("a"), &event("b")]);
    check(&payload, &["a", "b"]);
    check(format!("{payload}{}", log_events(&[&event("c")])), &["a", "b", "c"]);
    check(STANDARD.encode(gzip(payload.as_bytes())), &["a", "b"]);
    check(format!("{}\n", STANDARD.encode(gzip(payload.as_bytes()))), &["a", "b"]);
    check_kind(
        r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"CWL CONTROL MESSAGE"}]}"#,
        ContentKind::Control,
    );
    check_kind(&log_events(&["2 123 eni-1 10.0.0.1 ACCEPT OK"]), ContentKind::Foreign);
    check_kind(&log_events(&[r#"{"level":"info"}"#]), ContentKind::Foreign);
}

#[test]
fn lookup_events() {
    let wrapped = json!({"EventId": "a", "CloudTrailEvent": event("a")});
    check(json!({"Events": [wrapped, {"CloudTrailEvent": event("b")}]}).to_string(), &["a", "b"]);
    check(wrapped.to_string(), &["a"]);
}

#[test]
fn what_is_no_event_is_told_apart() {
    check_kind("", ContentKind::Empty);
    check_kind(" \n", ContentKind::Empty);
    check_kind(r#"{"Records":[]}"#, ContentKind::Empty);
    check_kind(r#"{"Records":null}"#, ContentKind::Empty);
    check_kind("[]", ContentKind::Empty);
    check_kind(
        r#"{"awsAccountId":"1","digestStartTime":"x","digestS3Object":"k","logFiles":[]}"#,
        ContentKind::Digest,
    );
    let aggregate = r#"{"eventVersion":"1.0","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","accountId":"1"}"#;
    check_kind(aggregate, ContentKind::Aggregated);
    check_kind(&format!("[{aggregate},{aggregate}]"), ContentKind::Aggregated);
    check_kind(&format!("{{\"Records\":[{aggregate}]}}"), ContentKind::Aggregated);
    check_kind(r#"{"fileVersion":"1.0","configurationItems":[{"a":1}]}"#, ContentKind::Foreign);
    check_kind(
        r#"{"Records":[{"s3":{},"eventSource":"aws:s3","eventName":"x"}]}"#,
        ContentKind::Foreign,
    );
    check_kind("[1,2]", ContentKind::Foreign);
    check_kind("\"text\"", ContentKind::Foreign);
    check_kind("{\"a\":1}\n{\"b\":2}\nnot json", ContentKind::Foreign);
}

#[test]
fn an_empty_gzip_stream_is_empty() {
    assert_eq!(decode(gzip(b"")).unwrap().kind, ContentKind::Empty);
}

#[test]
fn insights_have_rows() {
    let insight = r#"{"eventVersion":"1.07","eventType":"AwsCloudTrailInsight","eventCategory":"Insight","insightDetails":{"state":"Start"}}"#;
    let object = decode(format!("{{\"Records\":[{insight}]}}")).unwrap();
    assert_eq!((object.kind, object.events.num_rows()), (ContentKind::Insight, 1));
    let mixed = decode(format!("{{\"Records\":[{insight},{}]}}", event("a"))).unwrap();
    assert_eq!((mixed.kind, mixed.events.num_rows()), (ContentKind::Events, 2));
}

#[test]
fn bad_pieces_in_wrappers_are_rejects() {
    let check = |text: String, ids: &[&str], rejects: &[(u32, &'static str)]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(outcome(&text), (ContentKind::Events, ids, rejects.to_vec()), "{text}");
    };
    check(format!("{}\n{{\"a\":tru}}\n{}", event("a"), event("b")), &["a", "b"], &[(1, "syntax")]);
    check(format!("{}\n{{\"a\":{{\n{}\n", event("a"), event("b")), &["a", "b"], &[(1, "syntax")]);
    check(format!("{} garbage", records(&["a"])), &["a"], &[(1, "syntax")]);
    check(log_events(&[&event("a"), "{\"a\":", "text"]), &["a"], &[(1, "syntax"), (2, "not_json")]);
    check(
        json!({"Events": [{"CloudTrailEvent": event("a")}, {"x": 1}]}).to_string(),
        &["a"],
        &[(1, "no_record")],
    );
    let broken =
        log_events(&[&event("a"), &event("b")]).replacen("\"timestamp\":5", "\"timestamp\":x", 1);
    check(broken, &["b"], &[(0, "syntax")]);
}

#[test]
fn a_gzip_stream_is_read_to_its_end() {
    let (one, other) = (gzip(records(&["a"]).as_bytes()), gzip(records(&["b"]).as_bytes()));
    let ids = |stream: Vec<u8>| outcome(stream).1;
    assert_eq!(ids([one.clone(), other.clone()].concat()), ["a", "b"], "of equal sizes");
    assert_eq!(ids([one.clone(), one.clone()].concat()), ["a", "a"], "twice the same");
    assert_eq!(ids([one.clone(), vec![0; 9]].concat()), ["a"], "padded");
    let trailer = &one[one.len() - 8..];
    for behind in [&b"x"[..], &trailer[4..], trailer, &one[20..], &other[..9]] {
        let error = decode([&one, behind].concat()).unwrap_err();
        let garbage = matches!(error, DecodeError::TrailingGarbage { .. });
        assert!(garbage || matches!(error, DecodeError::Gzip { .. }), "{behind:?}: {error}");
    }
}

#[test]
fn a_damaged_gzip_stream_is_refused() {
    let good = gzip(records(&["a"]).as_bytes());
    for at in 10..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(decode(&bad).is_err(), "byte {at}");
        assert!(decode(&good[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn an_object_knows_nothing_of_the_one_before() {
    let large = gzip(records(&["a", "b", "c"]).as_bytes());
    let (small, plain) = (gzip(records(&["d"]).as_bytes()), records(&["e"]).into_bytes());
    let mut bad = large.clone();
    bad.truncate(large.len() - 5);
    let mut decoder = Decoder::new(DecodeLimits::default());
    let context = context();
    let objects = [&large, &small, &bad, &plain, &b"PK\x03\x04".to_vec(), &small, &large];
    let answers = decoder.decode_all(objects.map(|bytes| (&context, &bytes[..])));
    let rows: Vec<_> =
        answers.iter().map(|it| it.as_ref().ok().map(|it| it.events.num_rows())).collect();
    assert_eq!(rows, [Some(3), Some(1), None, Some(1), None, Some(1), Some(3)]);
}
