//! Every shape in which a queue message can name objects, and the ones that name none.

use serde_json::{Value, json};
use trailhouse_model::{BucketName, ETag, ObjectKey, ObjectRef};
use trailhouse_source::{IgnoredMessage, Notification, NotificationError, parse_notification};

const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/06/01/\
                   111122223333_CloudTrail_eu-west-1_20260601T0005Z_abc.json.gz";

fn parse(body: &Value) -> Result<Notification, NotificationError> {
    parse_notification(body.to_string().as_bytes())
}

fn check_objects(body: &Value, expected: &[ObjectRef]) {
    assert_eq!(parse(body), Ok(Notification::Objects(expected.to_vec())), "{body}");
}

fn check_ignored(body: &Value, why: IgnoredMessage) {
    assert_eq!(parse(body), Ok(Notification::Ignored { why }), "{body}");
}

fn check_refused(body: &Value, expected: NotificationError) {
    assert_eq!(parse(body), Err(expected), "{body}");
}

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key))
}

fn detailed(key: &str) -> ObjectRef {
    ObjectRef {
        e_tag: Some(ETag::new("d41d8cd9")),
        size_bytes: Some(1234),
        region: Some("eu-west-1".to_owned()),
        ..object(key)
    }
}

fn s3_record(event_name: &str, key: &str, size_bytes: u64) -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-06-01T00:05:31.000Z",
        "eventName": event_name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": "trail", "arn": "arn:aws:s3:::trail"},
            "object": {"key": key, "size": size_bytes, "eTag": "d41d8cd9", "sequencer": "0055"},
        },
    })
}

fn s3_notice(records: &[Value]) -> Value {
    json!({ "Records": records })
}

fn put(key: &str) -> Value {
    s3_notice(&[s3_record("ObjectCreated:Put", key, 1234)])
}

fn topic(message: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:trail",
        "Message": message,
        "Timestamp": "2026-06-01T00:05:32.000Z",
        "Signature": "c2lnbmF0dXJl",
    })
}

fn bus(happened: &str, key: &str) -> Value {
    json!({
        "version": "0",
        "source": "aws.s3",
        "detail-type": happened,
        "account": "111122223333",
        "region": "eu-west-1",
        "detail": {
            "bucket": {"name": "trail"},
            "object": {"key": key, "size": 1234, "etag": "d41d8cd9", "sequencer": "0055"},
            "reason": "PutObject",
        },
    })
}

#[test]
fn s3_tells_the_queue_directly() {
    check_objects(&put(KEY), &[detailed(KEY)]);
}

#[test]
fn s3_tells_a_topic_that_tells_the_queue() {
    check_objects(&topic(&put(KEY).to_string()), &[detailed(KEY)]);
}

#[test]
fn cloudtrail_tells_its_topic_of_several_objects() {
    let notice = json!({"s3Bucket": "trail", "s3ObjectKey": ["a/1.json.gz", "a/2.json.gz"]});
    let expected = [object("a/1.json.gz"), object("a/2.json.gz")];
    check_objects(&notice, &expected);
    check_objects(&topic(&notice.to_string()), &expected);
}

#[test]
fn eventbridge_tells_the_queue() {
    check_objects(&bus("Object Created", KEY), &[detailed(KEY)]);
    check_objects(&topic(&bus("Object Created", KEY).to_string()), &[detailed(KEY)]);
}

#[test]
fn a_redriven_list_of_messages_yields_what_each_of_them_names() {
    let list = json!({"Records": [
        {"messageId": "1", "body": put("one").to_string(), "eventSource": "aws:sqs"},
        {"messageId": "2", "body": topic(&put("two").to_string()).to_string()},
        {"messageId": "3", "body": json!({"Event": "s3:TestEvent"}).to_string()},
    ]});
    check_objects(&list, &[detailed("one"), detailed("two")]);
}

#[test]
fn every_record_of_a_message_is_taken() {
    let records: Vec<Value> = ["one", "two", "three"]
        .iter()
        .map(|key| s3_record("ObjectCreated:CompleteMultipartUpload", key, 1234))
        .collect();
    check_objects(&s3_notice(&records), &[detailed("one"), detailed("two"), detailed("three")]);
}

#[test]
fn created_records_are_taken_from_between_removed_ones() {
    let notice = s3_notice(&[
        s3_record("ObjectRemoved:Delete", "gone", 0),
        s3_record("ObjectCreated:Copy", "kept", 1234),
        s3_record("ObjectTagging:Put", "tagged", 1),
    ]);
    check_objects(&notice, &[detailed("kept")]);
}

#[test]
fn form_encoded_keys_are_decoded_and_the_written_ones_kept() {
    let mut expected = detailed("im + age/\u{e9}.gz");
    expected.key_alternative = Some(ObjectKey::new("im+%2B+age/%C3%A9.gz"));
    check_objects(&put("im+%2B+age/%C3%A9.gz"), &[expected]);
}

#[test]
fn plain_keys_are_left_alone_and_the_decoded_ones_kept() {
    let mut expected = detailed("a+b%20c.gz");
    expected.key_alternative = Some(ObjectKey::new("a b c.gz"));
    check_objects(&bus("Object Created", "a+b%20c.gz"), &[expected]);
    let mut expected = object("a+b");
    expected.key_alternative = Some(ObjectKey::new("a b"));
    check_objects(&json!({"s3Bucket": "trail", "s3ObjectKey": ["a+b"]}), &[expected]);
}

#[test]
fn entity_tags_lose_their_quotes() {
    let mut notice = put(KEY);
    notice["Records"][0]["s3"]["object"]["eTag"] = json!("\"d41d8cd9\"");
    check_objects(&notice, &[detailed(KEY)]);
}

#[test]
fn details_of_the_wrong_type_are_dropped_and_the_object_kept() {
    let mut notice = put(KEY);
    notice["Records"][0]["s3"]["object"]["eTag"] = json!(17);
    notice["Records"][0]["s3"]["object"]["size"] = json!("many");
    notice["Records"][0]["awsRegion"] = json!("");
    notice["Records"][0]["eventVersion"] = json!("3.0");
    check_objects(&notice, &[object(KEY)]);
}

#[test]
fn stores_that_imitate_s3_are_understood() {
    let mut record = s3_record("s3:ObjectCreated:Put", KEY, 1234);
    record["eventSource"] = json!("store:s3");
    check_objects(
        &json!({"EventName": "s3:ObjectCreated:Put", "Records": [record]}),
        &[detailed(KEY)],
    );
}

#[test]
fn test_and_validation_messages_are_acknowledged() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "trail"});
    check_ignored(&test, IgnoredMessage::TestEvent);
    check_ignored(&topic(&test.to_string()), IgnoredMessage::TestEvent);
    let validation = "CloudTrail validation message.";
    check_ignored(&topic(validation), IgnoredMessage::ValidationMessage);
    let raw = parse_notification(validation.as_bytes());
    assert_eq!(raw, Ok(Notification::Ignored { why: IgnoredMessage::ValidationMessage }));
}

#[test]
fn changes_of_subscription_are_acknowledged() {
    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        let message = json!({"Type": kind, "SubscribeURL": "https://192.0.2.1/", "Token": "t"});
        check_ignored(&message, IgnoredMessage::SubscriptionChange);
    }
}

#[test]
fn what_creates_nothing_is_acknowledged_by_name() {
    let removed = || IgnoredMessage::NotACreation { event_name: "ObjectRemoved:Delete".into() };
    check_ignored(&s3_notice(&[s3_record("ObjectRemoved:Delete", "k", 0)]), removed());
    check_ignored(
        &bus("Object Deleted", "k"),
        IgnoredMessage::NotACreation { event_name: "Object Deleted".into() },
    );
    let long = s3_notice(&[s3_record(&"\u{e9}".repeat(1000), "k", 0)]);
    check_ignored(&long, IgnoredMessage::NotACreation { event_name: "\u{e9}".repeat(64) });
}

#[test]
fn empty_objects_folder_markers_and_empty_lists_are_acknowledged() {
    let empty = s3_notice(&[s3_record("ObjectCreated:Put", "k", 0)]);
    check_ignored(&empty, IgnoredMessage::EmptyObjects);
    check_ignored(&put("AWSLogs/"), IgnoredMessage::FolderMarkers);
    check_ignored(&put("AWSLogs%2F"), IgnoredMessage::FolderMarkers);
    check_ignored(&s3_notice(&[]), IgnoredMessage::NoRecords);
    check_ignored(&json!({"s3Bucket": "trail", "s3ObjectKey": []}), IgnoredMessage::NoRecords);
}

#[test]
fn one_unusable_record_keeps_the_message_whole() {
    let good = s3_record("ObjectCreated:Put", "good", 1);
    let cases = [
        ("/s3/object/key", "key"),
        ("/s3/bucket/name", "bucket name"),
        ("/eventName", "eventName"),
        ("/s3", "s3"),
    ];
    for (pointer, member) in cases {
        let mut bad = s3_record("ObjectCreated:Put", "bad", 1);
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(last);
        let expected = NotificationError::IncompleteRecord { record_index: 1, member };
        check_refused(&s3_notice(&[good.clone(), bad]), expected);
    }
}

#[test]
fn a_bucket_name_cannot_point_at_the_file_system() {
    for name in ["file:", "stdin:", "", "a/b", "../x"] {
        let mut notice = put("etc/passwd");
        notice["Records"][0]["s3"]["bucket"]["name"] = json!(name);
        let expected =
            NotificationError::IncompleteRecord { record_index: 0, member: "bucket name" };
        check_refused(&notice, expected);
    }
}

#[test]
fn json_of_other_shapes_is_refused() {
    for body in [
        json!(null),
        json!([]),
        json!({}),
        json!("text"),
        json!({"Records": {}}),
        json!({"Type": "Notification"}),
        json!({"Type": "Notification", "Message": 7}),
        json!({"s3Bucket": "trail", "s3ObjectKey": "one"}),
        json!({"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail"}),
        json!({"source": "aws.ec2", "detail-type": "Object Created"}),
    ] {
        check_refused(&body, NotificationError::UnknownShape);
    }
    let refused = parse_notification(b"{\"Records\": [");
    assert!(matches!(refused, Err(NotificationError::NotJson { line: 1, .. })), "{refused:?}");
}

#[test]
fn wrappings_are_undone_up_to_the_limit() {
    let mut body = put(KEY);
    for _ in 0..3 {
        body = topic(&body.to_string());
    }
    check_objects(&body, &[detailed(KEY)]);
    let refused = NotificationError::TooManyLayers { layers_max: 3 };
    check_refused(&topic(&body.to_string()), refused);
}

#[test]
fn bodies_are_read_up_to_the_limit() {
    let mut body = put(KEY).to_string().into_bytes();
    body.resize(1024 * 1024, b' ');
    assert_eq!(parse_notification(&body), Ok(Notification::Objects(vec![detailed(KEY)])));
    body.push(b' ');
    let refused = NotificationError::TooLarge { limit_bytes: 1024 * 1024 };
    assert_eq!(parse_notification(&body), Err(refused));
}

#[test]
fn objects_are_taken_up_to_the_limit() {
    let keys: Vec<String> = (0..10_000).map(|at| format!("k{at}")).collect();
    let expected: Vec<ObjectRef> = keys.iter().map(|key| object(key)).collect();
    check_objects(&json!({"s3Bucket": "trail", "s3ObjectKey": keys}), &expected);
    let keys = vec!["k"; 10_001];
    let refused = NotificationError::TooManyObjects { objects_max: 10_000 };
    check_refused(&json!({"s3Bucket": "trail", "s3ObjectKey": keys}), refused);
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let body = [vec![b'['; 500_000], vec![b']'; 500_000]].concat();
    assert!(matches!(parse_notification(&body), Err(NotificationError::NotJson { .. })));
}
