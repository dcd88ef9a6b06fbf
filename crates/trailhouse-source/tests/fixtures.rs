//! Every message shape as the fixtures show it.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{fs, path::Path};

use trailhouse_source::{Notification, parse_notification};

#[track_caller]
fn check(name: &str, expected: &[&str]) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/notifications").join(name);
    let parsed = parse_notification(&fs::read(path).unwrap()).unwrap();
    let found: Vec<String> = match parsed {
        Notification::Objects(objects) => {
            objects.iter().map(|object| object.key.as_str().replace(LOG, "LOG")).collect()
        }
        Notification::Ignored { why } => vec![why.as_str().to_owned()],
    };
    assert_eq!(found, expected, "{name}");
}

const LOG: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/06/01/\
                   111122223333_CloudTrail_eu-west-1_20260601T1005Z_AbCdEfGhIjKlMnOp.json.gz";

#[test]
fn every_shape_names_its_objects() {
    for name in ["s3.json", "sns.json", "lambda-replay.json"] {
        check(name, &["prefix with+plus/LOG"]);
    }
    for name in ["cloudtrail.json", "cloudtrail-in-sns.json"] {
        check(name, &["a+b/LOG", "c/LOG"]);
    }
    check("eventbridge.json", &["a+b/LOG"]);
}

#[test]
fn messages_without_objects_say_why() {
    for (name, words) in [
        ("test-event.json", "test"),
        ("validation.json", "validation"),
        ("subscription.json", "subscription"),
    ] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/notifications").join(name);
        let parsed = parse_notification(&fs::read(path).unwrap()).unwrap();
        let Notification::Ignored { why } = parsed else { panic!("{name}: {parsed:?}") };
        assert!(why.as_str().contains(words), "{name}: {}", why.as_str());
    }
}
