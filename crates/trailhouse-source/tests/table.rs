//! The hostile messages and keys of `fixtures/hostile`, each compared with the table.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use serde_json::{Value, json};
use trailhouse_model::{BucketName, ObjectKey, ObjectRef};
use trailhouse_source::{Notification, classify_key, ledger_partition, parse_notification};
use trailhouse_testkit::hostile::{Cases, MessageCase, kept};

fn outcome(body: &[u8]) -> String {
    match parse_notification(body) {
        Ok(Notification::Objects(objects)) => format!("{} objects", objects.len()),
        Ok(Notification::Ignored { why }) => format!("ignored {}", why.as_str()),
        Err(error) => format!("unreadable: {error}"),
    }
}

fn expected(case: &MessageCase) -> String {
    match (&case.objects, &case.ignored, &case.unreadable) {
        (Some(objects), ..) => format!("{objects} objects"),
        (_, Some(why), _) => format!("ignored {why}"),
        (.., words) => format!("unreadable: {}", words.as_deref().unwrap_or_default()),
    }
}

#[test]
fn messages_come_out_as_the_table_says() {
    let cases = Cases::read().unwrap().message;
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for case in cases {
        let body = kept("messages", &case.name).unwrap();
        assert_eq!(outcome(&body), expected(&case), "{}", case.name);
    }
}

#[test]
fn keys_come_out_as_the_table_says() {
    for case in Cases::read().unwrap().key {
        let key = String::from_utf8(kept("keys", &case.name).unwrap()).unwrap();
        let object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key.clone()));
        let found = (classify_key(&key).as_str().to_owned(), ledger_partition(&object));
        assert_eq!(found, (case.kind, case.partition), "{}", case.name);
        check_read_back(&case.name, &key);
    }
}

/// However a message writes the key, it is read as it is.
fn check_read_back(name: &str, key: &str) {
    let form: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let place = |key: &str| json!({"bucket": {"name": "trail"}, "object": {"key": key, "size": 1}});
    let record = json!({"eventName": "ObjectCreated:Put", "s3": place(&form)});
    for notice in [
        json!({"Records": [record]}),
        json!({"s3Bucket": "trail", "s3ObjectKey": [key]}),
        json!({"source": "aws.s3", "detail-type": "Object Created", "detail": place(key)}),
    ] {
        assert_eq!(keys_of(&notice), expected_keys(key), "{name}");
    }
}

fn keys_of(notice: &Value) -> Vec<String> {
    match parse_notification(notice.to_string().as_bytes()).unwrap() {
        Notification::Objects(objects) => {
            objects.iter().map(|object| object.key.as_str().to_owned()).collect()
        }
        Notification::Ignored { why } => vec![why.as_str().to_owned()],
    }
}

fn expected_keys(key: &str) -> Vec<String> {
    vec![if key.ends_with('/') { "folder_markers".to_owned() } else { key.to_owned() }]
}
