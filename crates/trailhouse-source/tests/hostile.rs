//! Arbitrary input: nothing panics, nothing of a good message is lost.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use trailhouse_model::{BucketName, ObjectKey, ObjectRef};
use trailhouse_source::{Notification, classify_key, ledger_partition, parse_notification};

/// Text that a form-encoding reader must undo exactly.
fn form_encoded(key: &str) -> String {
    key.bytes().map(|byte| if byte == b' ' { "+".into() } else { format!("%{byte:02X}") }).collect()
}

fn wrapped(body: String, layers: usize) -> String {
    (0..layers).fold(body, |inner, layer| {
        if layer % 2 == 0 {
            json!({"Type": "Notification", "Message": inner}).to_string()
        } else {
            json!({"Records": [{"body": inner}]}).to_string()
        }
    })
}

fn s3_body(keys: &[String]) -> String {
    let record = |key: &String| {
        json!({
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "trail"}, "object": {"key": form_encoded(key), "size": 9}},
        })
    };
    json!({"Records": keys.iter().map(record).collect::<Vec<Value>>()}).to_string()
}

fn trail_body(keys: &[String]) -> String {
    json!({"s3Bucket": "trail", "s3ObjectKey": keys}).to_string()
}

fn read_keys(body: &str) -> Vec<String> {
    match parse_notification(body.as_bytes()) {
        Ok(Notification::Objects(objects)) => {
            objects.iter().map(|object| object.key.as_str().to_owned()).collect()
        }
        Ok(Notification::Ignored { .. }) | Err(_) => Vec::new(),
    }
}

/// Keys of any characters that name no folder.
fn any_key() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| format!("{text}k"))
}

/// JSON built from the words that the reader looks for, so that it gets past the first branch.
fn confusing_json() -> impl Strategy<Value = Value> {
    let words = [
        "Records",
        "s3",
        "bucket",
        "object",
        "key",
        "name",
        "Type",
        "Message",
        "Notification",
        "s3Bucket",
        "s3ObjectKey",
        "source",
        "aws.s3",
        "detail-type",
        "Object Created",
        "detail",
        "Event",
        "s3:TestEvent",
        "body",
        "eventName",
        "ObjectCreated:Put",
        "eTag",
        "size",
        "{\"Records\":[]}",
        "%",
        "+",
        "",
    ];
    let word = prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((word.clone(), inner), 0..6).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_answered(body in vec(any::<u8>(), 0..2000)) {
        let answered = parse_notification(&body).is_ok();
        prop_assert!(!answered || body.is_ascii() || std::str::from_utf8(&body).is_ok());
    }

    #[test]
    fn any_json_is_answered(body in confusing_json()) {
        if let Ok(Notification::Objects(objects)) = parse_notification(body.to_string().as_bytes()) {
            prop_assert!(!objects.is_empty());
            prop_assert!(objects.iter().all(|object| !object.bucket.is_local()));
        }
    }

    #[test]
    fn cut_messages_are_never_half_read(keys in vec(any_key(), 1..5), cut in any::<prop::sample::Index>()) {
        let body = s3_body(&keys);
        let cut = cut.index(body.len());
        prop_assert!(parse_notification(&body.as_bytes()[..cut]).is_err());
    }

    #[test]
    fn every_record_is_kept_in_order(keys in vec(any_key(), 1..20), layers in 0_usize..=3) {
        prop_assert_eq!(read_keys(&wrapped(s3_body(&keys), layers)), keys.clone());
        prop_assert_eq!(read_keys(&wrapped(trail_body(&keys), layers)), keys);
    }

    #[test]
    fn the_other_reading_is_there_exactly_where_it_differs(keys in vec(any_key(), 1..5)) {
        let Ok(Notification::Objects(objects)) = parse_notification(trail_body(&keys).as_bytes())
        else {
            return Err(TestCaseError::fail("not read"));
        };
        for object in objects {
            prop_assert_ne!(object.key_alternative, Some(object.key));
        }
    }

    #[test]
    fn any_key_is_classified(key in "(AWSLogs|o-a|111122223333|CloudTrail(-Digest|-Lake)?|Query|[/_.TZ0-9]|\\PC){0,12}") {
        let kind = classify_key(&key);
        let object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key));
        let partition = ledger_partition(&object);
        let dated = kind.facts().is_some_and(|facts| facts.delivered_at.is_some());
        prop_assert!(dated || partition == "other");
    }

    #[test]
    fn what_cloudtrail_writes_is_read_back(
        account in 0_u64..1_000_000_000_000,
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        (month, day, hour, minute) in (1_u8..=12, 1_u8..=28, 0_u8..24, 0_u8..60),
        random in "[A-Za-z0-9]{16}",
    ) {
        let day = format!("2026/{month:02}/{day:02}");
        let key = format!(
            "AWSLogs/{account:012}/CloudTrail/{region}/{day}/{account:012}_CloudTrail_{region}_\
             {}T{hour:02}{minute:02}Z_{random}.json.gz",
            day.replace('/', "")
        );
        let kind = classify_key(&key);
        prop_assert_eq!(kind.as_str(), "log");
        let facts = kind.facts().cloned().unwrap_or_default();
        let expected = format!("{}T{hour:02}:{minute:02}:00Z", day.replace('/', "-"));
        prop_assert_eq!(facts.account, Some(format!("{account:012}")));
        prop_assert_eq!(facts.region, Some(region));
        prop_assert_eq!(facts.delivered_at.map(|time| time.to_string()), Some(expected));
    }
}
