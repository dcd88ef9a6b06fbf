//! What every consumer of the sample relies on.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::LazyLock,
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use trailhouse_model::{ContentHash, EventTime};
use trailhouse_source::{KeyKind, classify_key};

use crate::{Sample, Theme, generate, organization::INTRUDER_IP};

const SEED: u64 = 7;
static SAMPLE: LazyLock<Sample> = LazyLock::new(|| generate(SEED));
/// Key and text of every log and insight object.
static TEXTS: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let with_events = SAMPLE.objects.iter().filter(|object| !object.key.contains("-Digest"));
    with_events.map(|object| (object.key.as_str(), inflated(&object.body))).collect()
});
/// Their records, under the same keys.
static RECORDS: LazyLock<Vec<(&str, Vec<Record<'static>>)>> = LazyLock::new(|| {
    let read = |text: &'static str| serde_json::from_str::<Document<'_>>(text).unwrap().records;
    TEXTS.iter().map(|(key, text)| (*key, read(text))).collect()
});

/// What the tests look at. Trees of all records would take most of their time.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Record<'a> {
    #[serde(rename = "eventID")]
    event_id: &'a str,
    event_time: &'a str,
    event_name: &'a str,
    aws_region: &'a str,
    recipient_account_id: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip: &'a str,
    error_code: Option<&'a str>,
    #[serde(borrow)]
    user_identity: Identity<'a>,
    #[serde(borrow)]
    response_elements: Option<Response<'a>>,
    #[serde(borrow)]
    additional_event_data: Option<Additional<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity<'a> {
    r#type: &'a str,
    arn: &'a str,
    access_key_id: &'a str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    credentials: Option<Credentials<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    access_key_id: &'a str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Additional<'a> {
    #[serde(rename = "MFAUsed")]
    mfa_used: &'a str,
}

impl Record<'_> {
    fn time(&self) -> EventTime {
        EventTime::parse_rfc3339(self.event_time).unwrap()
    }
}

fn inflated(body: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

fn records() -> impl Iterator<Item = &'static Record<'static>> {
    RECORDS.iter().flat_map(|(_, records)| records)
}

fn ordinary_records() -> impl Iterator<Item = &'static Record<'static>> {
    let attack: BTreeSet<&str> =
        SAMPLE.labels.iter().map(|label| label.event_id.as_str()).collect();
    records().filter(move |record| !attack.contains(record.event_id))
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    assert!(*SAMPLE == generate(SEED));
}

/// Pins what is said, not how gzip says it: a newer compressor may find a shorter way.
#[test]
fn the_sample_is_the_one_that_the_documentation_talks_about() {
    let mut all = String::new();
    for object in &SAMPLE.objects {
        all.push_str(&object.key);
        all.push_str(&inflated(&object.body));
    }
    let pinned = "feacee4b4e0140650e49f1ea5311d7acb9180ebe0568bdede00a8732aecce906";
    assert_eq!(ContentHash::of(all.as_bytes()).to_string(), pinned);
}

#[test]
fn there_are_enough_events_and_every_one_has_its_own_id() {
    assert!(SAMPLE.events >= 42_000, "{}", SAMPLE.events);
    assert_eq!(records().count().to_string(), SAMPLE.events.to_string());
    let ids: BTreeSet<&str> = records().map(|record| record.event_id).collect();
    assert_eq!(ids.len().to_string(), SAMPLE.events.to_string());
}

#[test]
fn events_lie_in_the_fourteen_days() {
    let first = records().map(Record::time).min().unwrap();
    let last = records().map(Record::time).max().unwrap();
    assert_eq!((first, last), (SAMPLE.first_event_time, SAMPLE.last_event_time));
    assert!(first.to_string().starts_with("2026-06-01T00:"), "{first}");
    assert!(last.to_string().starts_with("2026-06-14T23:"), "{last}");
}

#[test]
fn every_label_names_an_event() {
    let ids: BTreeSet<&str> = records().map(|record| record.event_id).collect();
    for label in &SAMPLE.labels {
        assert!(ids.contains(label.event_id.as_str()), "{label:?}");
    }
    for theme in [
        Theme::Discovery,
        Theme::Credentials,
        Theme::LateralMovement,
        Theme::Policy,
        Theme::Exfiltration,
        Theme::Destruction,
        Theme::Logging,
    ] {
        assert!(SAMPLE.labels.iter().any(|label| label.theme == theme), "{theme:?}");
    }
}

#[test]
fn the_whole_attack_and_nothing_else_is_labelled() {
    let intruders = records().filter(|record| record.source_ip == INTRUDER_IP);
    assert_eq!(intruders.count(), SAMPLE.labels.len());
}

#[test]
fn the_story_can_be_followed_from_key_to_key() {
    let issued = |caller: &str| {
        let mut taken = records().filter(|record| {
            record.event_name == "AssumeRole" && record.user_identity.access_key_id == caller
        });
        let credentials =
            taken.find_map(|record| record.response_elements.as_ref()?.credentials.as_ref());
        credentials.map(|credentials| credentials.access_key_id).unwrap_or_default()
    };
    let first = issued("AKIADEMOLEAKEDKEY001");
    let second = issued(first);
    assert_eq!((first, second), ("ASIADEMOCHAIN0000001", "ASIADEMOCHAIN0000002"));
    let does = |key: &str, name: &str| {
        records()
            .any(|record| record.user_identity.access_key_id == key && record.event_name == name)
    };
    assert!(does(first, "StopLogging") && does(first, "DeleteTrail"));
    assert!(does(second, "ModifyDBSnapshotAttribute") && does(second, "AttachUserPolicy"));
}

#[test]
fn keys_say_what_their_objects_hold() {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for object in &SAMPLE.objects {
        let kind = classify_key(&object.key);
        *kinds.entry(kind.as_str()).or_default() += 1;
        let facts = kind.facts().unwrap();
        assert!(facts.organization.is_some() && facts.region.is_some(), "{}", object.key);
        assert!(facts.delivered_at.is_some(), "{}", object.key);
        let account = facts.account.as_deref();
        assert!(SAMPLE.accounts.iter().any(|known| Some(known.id) == account), "{}", object.key);
    }
    assert_eq!((kinds["digest"], kinds["insight"], kinds.len()), (2, 1, 3));
    let keys: BTreeSet<&str> = SAMPLE.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys.len(), SAMPLE.objects.len());
}

#[test]
fn records_lie_under_the_account_and_region_of_their_key() {
    for (key, records) in RECORDS.iter() {
        let kind = classify_key(key);
        let facts = kind.facts().unwrap();
        let delivered = facts.delivered_at.unwrap();
        for record in records {
            assert_eq!(facts.account.as_deref(), Some(record.recipient_account_id));
            assert_eq!(facts.region.as_deref(), Some(record.aws_region));
            let happened = record.time();
            assert!(happened <= delivered, "{key}");
        }
        assert!((1..=200).contains(&records.len()), "{key}");
        assert_eq!(matches!(kind, KeyKind::Insight(_)), key.contains("-Insight"));
    }
}

#[test]
fn digests_list_objects_that_are_there() {
    let digests = SAMPLE.objects.iter().filter(|object| object.key.contains("-Digest"));
    for digest in digests {
        let document: Value = serde_json::from_str(&inflated(&digest.body)).unwrap();
        assert_eq!(document["digestS3Object"], digest.key);
        let files = document["logFiles"].as_array().unwrap();
        assert!(!files.is_empty(), "{}", digest.key);
        for file in files {
            let (_, text) = TEXTS.iter().find(|(key, _)| file["s3Object"] == *key).unwrap();
            assert_eq!(file["hashValue"], ContentHash::of(text.as_bytes()).to_string());
        }
    }
}

/// The demo shows the attack and nothing else, so ordinary days hold nothing to be afraid of.
#[test]
fn ordinary_days_are_dull() {
    const ALARMING: [&str; 16] = [
        "Delete",
        "Terminate",
        "StopLogging",
        "UpdateTrail",
        "PutEventSelectors",
        "Detach",
        "Disable",
        "Deactivate",
        "CreateAccessKey",
        "CreateUser",
        "CreateLoginProfile",
        "Attach",
        "PutUserPolicy",
        "PutRolePolicy",
        "PutBucket",
        "ModifySnapshot",
    ];
    let mut refusals: BTreeMap<&str, u32> = BTreeMap::new();
    let mut instances: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in ordinary_records() {
        let name = record.event_name;
        assert!(!ALARMING.iter().any(|start| name.starts_with(start)), "{record:?}");
        assert_ne!(record.user_identity.r#type, "Root", "{record:?}");
        if name == "ConsoleLogin" {
            let mfa_used = record.additional_event_data.as_ref().map(|data| data.mfa_used);
            assert_eq!(mfa_used, Some("Yes"), "{record:?}");
        }
        if record.user_identity.arn.contains("/i-0") {
            let addresses = instances.entry(record.user_identity.arn).or_default();
            addresses.insert(record.source_ip);
        }
        if name == "AssumeRole" {
            assert_eq!(record.user_identity.r#type, "AWSService", "{record:?}");
        }
        if record.error_code.is_some() {
            *refusals.entry(record.user_identity.arn).or_default() += 1;
        }
    }
    assert!(TEXTS.iter().all(|(_, text)| !text.contains("0.0.0.0/0")), "open to the world");
    assert!(instances.values().all(|addresses| addresses.len() == 1), "{instances:?}");
    assert!(!refusals.is_empty() && !instances.is_empty());
    assert!(refusals.values().all(|count| *count < 10), "{refusals:?}");
}

#[test]
fn nights_and_weekends_are_quieter() {
    let on = |start: &str| records().filter(|record| record.event_time.starts_with(start)).count();
    assert!(on("2026-06-10T09") > 2 * on("2026-06-10T02"));
    assert!(on("2026-06-10") * 2 > on("2026-06-13") * 3);
}

#[test]
fn every_address_is_reserved_for_documentation() {
    let reserved = ["192.0.2.", "198.51.100.", "203.0.113."];
    for record in records() {
        let source = record.source_ip;
        let known = source.is_empty()
            || source.ends_with(".amazonaws.com")
            || reserved.iter().any(|network| source.starts_with(network));
        assert!(known, "{source}");
    }
}
