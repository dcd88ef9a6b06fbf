//! Keys of objects.

use serde_json::{Value, json};
use trailhouse_model::{BucketName, ObjectKey, ObjectRef};
use trailhouse_source::{Notification, classify_key, ledger_partition, parse_notification};

/// Checks that a key is classified, that a prefix before it changes nothing, that it falls into a
/// partition of the ledger that exists, and that every encoding of it is undone exactly.
pub fn s3_key(bytes: &[u8]) {
    let Ok(key) = str::from_utf8(bytes) else { return };
    let kind = classify_key(key);
    if let Some(facts) = kind.facts() {
        let account = facts.account.as_deref().expect("what is told is told of an account");
        assert!(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
        assert_ne!(facts.region.as_deref(), Some(""));
    }
    assert_eq!(classify_key(&format!("a/prefix/{key}")), kind, "{key:?} below a prefix");
    check_partition(&ledger_partition(&object(key)));
    let is_folder = key.is_empty() || key.ends_with('/');
    if !is_folder {
        check_read_back(&json!({"s3Bucket": "trail", "s3ObjectKey": [key]}), key);
        check_read_back(&s3_notice(&form_encoded(key)), key);
    }
}

fn object(key: &str) -> ObjectRef {
    ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key))
}

/// A ledger has one partition a day of a century, and two more.
fn check_partition(partition: &str) {
    let is_day = partition.len() == 10
        && partition.starts_with("20")
        && partition.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    assert!(is_day || partition == "other", "{partition:?}");
}

fn form_encoded(key: &str) -> String {
    let encode = |byte| match byte {
        b' ' => "+".to_owned(),
        b'a'..=b'z' | b'0'..=b'9' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    key.bytes().map(encode).collect()
}

fn s3_notice(written: &str) -> Value {
    json!({"Records": [{
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "trail"}, "object": {"key": written}},
    }]})
}

fn check_read_back(notice: &Value, key: &str) {
    let found = parse_notification(notice.to_string().as_bytes());
    let Ok(Notification::Objects(objects)) = found else { panic!("{key:?} gives {found:?}") };
    let keys: Vec<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, [key]);
}
