//! Bodies of queue messages.

use serde_json::{Value, json};
use trailhouse_source::{
    Notification, NotificationError, ledger_partition,
    notification::{BODY_BYTES_MAX, OBJECTS_MAX},
    parse_notification,
};

/// Checks that a body is answered, that what it names can be fetched, and that wrapping it the
/// way SNS and Lambda do changes nothing.
pub fn sqs_body(body: &[u8]) {
    let answer = parse_notification(body);
    match &answer {
        Ok(Notification::Objects(objects)) => {
            assert!((1..=OBJECTS_MAX).contains(&objects.len()), "from one to the limit");
            for object in objects {
                assert!(!object.bucket.is_local(), "no notice orders a local file to be read");
                assert!(!object.bucket.as_str().contains(['/', ':']), "{}", object.bucket);
                assert!(!object.key.as_str().is_empty() && !object.key.as_str().ends_with('/'));
                assert_ne!(object.key_alternative.as_ref(), Some(&object.key));
                assert_ne!(object.size_bytes, Some(0), "empty objects are not read");
                assert!(!ledger_partition(object).is_empty());
            }
        }
        Ok(Notification::Ignored { why }) => assert!(!why.as_str().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(text) = str::from_utf8(body) {
        check_wrapped(&json!({"Type": "Notification", "Message": text}), &answer);
        check_wrapped(&json!({"Records": [{"body": text}]}), &answer);
    }
}

fn check_wrapped(wrapped: &Value, answer: &Result<Notification, NotificationError>) {
    let wrapped = wrapped.to_string();
    if wrapped.len() > BODY_BYTES_MAX {
        return;
    }
    let found = parse_notification(wrapped.as_bytes());
    let is_too_deep = matches!(found, Err(NotificationError::TooManyLayers { .. }));
    assert!(is_too_deep || found == *answer, "{wrapped}: {found:?} instead of {answer:?}");
}
