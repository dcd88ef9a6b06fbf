//! What rows become.

use proptest::prelude::*;
use serde_json::{Value, json};
use trailhouse_detect::{Detection, FindingError, FindingSet, Row, findings_from};
use trailhouse_model::{EventTime, Severity};

use crate::sample::{KEY_BURST, TRAIL_STOPPED, detection};

fn row(columns: Value) -> Row {
    columns.as_object().unwrap().clone().into_iter().collect()
}

fn stop(event: &str, time: &str, trail: &str) -> Row {
    row(json!({
        "event_id": event,
        "event_time": time,
        "recipient_account_id": "111122223333",
        "aws_region": "eu-west-1",
        "user_identity_arn": "arn:aws:iam::111122223333:user/eve",
        "trail": trail,
    }))
}

fn time(text: &str) -> Option<EventTime> {
    Some(EventTime::parse_rfc3339(text).unwrap())
}

#[test]
fn rows_of_one_key_and_period_are_one_finding() {
    let detection = detection(TRAIL_STOPPED);
    let rows = [
        stop("e2", "2026-01-01T11:59:59Z", "main"),
        stop("e1", "2026-01-01T00:00:00Z", "main"),
        stop("e1", "2026-01-01T00:00:00Z", "main"),
        stop("e3", "2026-01-01T12:00:00Z", "main"),
        stop("e4", "2026-01-01T00:00:00Z", "other"),
    ];
    let findings = findings_from(&detection, &rows).unwrap();
    assert_eq!(findings.len(), 3);
    let main = findings.iter().find(|finding| finding.events == 2).unwrap();
    assert_eq!(main.event_ids, ["e1", "e2"]);
    assert_eq!(main.title, "arn:aws:iam::111122223333:user/eve stopped main");
    assert_eq!(main.severity, Severity::High);
    assert_eq!(main.entity.as_deref(), Some("arn:aws:iam::111122223333:user/eve"));
    assert_eq!(main.key.get("trail"), Some(&json!("main")));
    assert_eq!(main.first_event_time, time("2026-01-01T00:00:00Z"));
    assert_eq!(main.last_event_time, time("2026-01-01T11:59:59Z"));
    assert_eq!(main.row, rows[1]);
    assert_eq!(main.detection_version, detection.sql_hash);
    assert_eq!(main.techniques, detection.techniques);
    assert!(main.accounts.contains("111122223333") && main.regions.contains("eu-west-1"));
    assert_eq!(main.fingerprint.to_string().len(), 32);
    let last = findings.last().unwrap();
    assert_eq!((last.event_ids.as_slice(), last.events), (&["e3".to_owned()][..], 1));
}

/// The fingerprint is written into tables and alerts: it must not move from release to release.
#[test]
fn a_fingerprint_is_the_same_for_ever() {
    let findings =
        findings_from(&detection(TRAIL_STOPPED), &[stop("e", "2026-01-01T00:00:00Z", "main")]);
    let fingerprint = findings.unwrap()[0].fingerprint.to_string();
    assert_eq!(fingerprint, "684e2bc1e96ca09b8602ae6fe67d04cd");
}

/// Overlapping trails deliver an event in two objects, which are two rows.
#[test]
fn an_event_that_was_delivered_twice_is_counted_once() {
    let detection = detection(KEY_BURST);
    let check = |ids: Value, events: u32, expected: u64| {
        let burst = row(json!({
            "user_identity_arn": "arn:eve",
            "event_ids": ids,
            "events": events,
            "first_event_time": "2026-01-01T01:00:00Z",
            "last_event_time": "2026-01-01T05:00:00Z",
        }));
        let findings = findings_from(&detection, &[burst]).unwrap();
        assert_eq!(findings[0].events, expected, "{ids} {events}");
    };
    check(json!(["a", "a", "b", "b"]), 4, 2);
    check(json!(["a", "a", "b", "b"]), 2, 2);
    check(json!(["a", "a", null]), 3, 2);
    check(json!(["a", null]), 1, 1);
    // A list that was cut: only the count tells.
    check(json!(["a", "b"]), 7, 7);
}

#[test]
fn rows_of_many_events_are_counted_once_each() {
    let detection = detection(KEY_BURST);
    let burst = |ids: &[&str], events: u32, first: &str| {
        row(json!({
            "user_identity_arn": "arn:eve",
            "event_ids": ids,
            "events": events,
            "first_event_time": first,
            "last_event_time": "2026-01-01T05:00:00Z",
            "accounts": ["1", "2"],
        }))
    };
    let rows = [
        burst(&["b", "c"], 2, "2026-01-01T01:00:00Z"),
        burst(&["a", "b"], 7, "2026-01-01T02:00:00Z"),
    ];
    let findings = findings_from(&detection, &rows).unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].event_ids, ["b", "c", "a"]);
    assert_eq!(findings[0].events, 8);
    assert_eq!(findings[0].accounts.len(), 2);
    assert_eq!(findings[0].title, detection.title);
    assert_eq!(findings[0].entity.as_deref(), Some("arn:eve"));
}

#[test]
fn only_the_first_thousand_ids_are_kept_and_all_are_counted() {
    let rows: Vec<Row> =
        (0..1500).map(|n| stop(&format!("e{n:04}"), "2026-01-01T00:00:00Z", "main")).collect();
    let findings = findings_from(&detection(TRAIL_STOPPED), &rows).unwrap();
    assert_eq!((findings[0].events, findings[0].event_ids.len()), (1500, 1000));
    assert_eq!(findings[0].event_ids.last().map(String::as_str), Some("e0999"));
}

#[test]
fn a_row_may_name_its_severity_and_the_highest_wins() {
    let with = |event: &str, severity: Value| {
        let mut row = stop(event, "2026-01-01T00:00:00Z", "main");
        row.insert("severity".to_owned(), severity);
        row
    };
    let rows = [with("a", json!("low")), with("b", json!("critical")), with("c", json!(null))];
    let severity_of =
        |rows: &[Row]| findings_from(&detection(TRAIL_STOPPED), rows).unwrap()[0].severity;
    assert_eq!(severity_of(&rows), Severity::Critical);
    assert_eq!(severity_of(&rows[..1]), Severity::Low);
    assert_eq!(severity_of(&rows[2..]), Severity::High);
}

#[test]
fn events_without_time_or_id_are_not_lost() {
    let mut lost = stop("e", "2026-01-01T00:00:00Z", "main");
    lost.insert("event_id".to_owned(), json!(null));
    lost.insert("event_time".to_owned(), json!(null));
    let findings = findings_from(&detection(TRAIL_STOPPED), &[lost]).unwrap();
    assert_eq!((findings[0].events, findings[0].event_ids.len()), (1, 0));
    assert_eq!(findings[0].first_event_time, None);
}

fn check_refused(detection: &Detection, change: impl Fn(&mut Row), message: &str) {
    let mut row = stop("e", "2026-01-01T00:00:00Z", "main");
    change(&mut row);
    let error: FindingError = findings_from(detection, &[row]).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn output_that_breaks_the_contract_is_named() {
    let detection = detection(TRAIL_STOPPED);
    let set = |column: &'static str, value: Value| {
        move |row: &mut Row| {
            row.insert(column.to_owned(), value.clone());
        }
    };
    check_refused(
        &detection,
        set("severity", json!("HIGH")),
        "column `severity` must hold info, low, medium, high or critical",
    );
    check_refused(
        &detection,
        set("event_time", json!("yesterday")),
        "column `event_time` must hold an RFC 3339 time",
    );
    check_refused(&detection, set("event_id", json!(1)), "column `event_id` must hold a text");
    check_refused(
        &detection,
        set("event_ids", json!("a")),
        "column `event_ids` must hold a list of event ids",
    );
    check_refused(
        &detection,
        set("event_ids", json!(["a"])),
        "column `events` is not in the output",
    );
    let remove = |column: &'static str| {
        move |row: &mut Row| {
            row.remove(column);
        }
    };
    check_refused(&detection, remove("trail"), "column `trail` is not in the output");
    check_refused(
        &detection,
        remove("event_id"),
        "no evidence in the output: it needs `event_id` and `event_time`, or `event_ids`, \
         `first_event_time`, `last_event_time` and `events`",
    );
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let single =
        (0..8_u8, 0..5_u8, 0..3_u8, 0..3_usize).prop_map(|(event, half_day, trail, level)| {
            let hour = u32::from(half_day % 2) * 12;
            let day = u32::from(half_day / 2) + 1;
            let time = format!("2026-01-{day:02}T{hour:02}:00:{event:02}Z");
            let mut row = stop(&format!("e{event}"), &time, &format!("t{trail}"));
            let level = [json!(null), json!("low"), json!("critical")][level].clone();
            row.insert("severity".to_owned(), level);
            row
        });
    let many = (prop::collection::vec(0..12_u8, 0..5), 0..9_u8, 0..3_u8, any::<bool>()).prop_map(
        |(events, count, trail, timed)| {
            let ids: Vec<String> = events.iter().map(|event| format!("e{event}")).collect();
            let first = if timed { json!("2026-01-01T01:00:00Z") } else { json!(null) };
            let mut row = stop("unused", "2026-01-01T00:00:00Z", &format!("t{trail}"));
            row.insert("event_ids".to_owned(), json!(ids));
            row.insert("events".to_owned(), json!(count));
            row.insert("first_event_time".to_owned(), first);
            row.insert("last_event_time".to_owned(), json!("2026-01-01T09:00:00Z"));
            row
        },
    );
    prop::collection::vec(prop_oneof![single, many], 0..40)
}

proptest! {
    #[test]
    fn findings_ignore_the_order_and_the_cutting_of_rows(
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        cuts in prop::collection::vec(1..7_usize, 1..8),
    ) {
        let detection = detection(TRAIL_STOPPED);
        let whole = findings_from(&detection, &rows).unwrap();
        prop_assert_eq!(&findings_from(&detection, &shuffled).unwrap(), &whole);

        let mut one_after_another = FindingSet::new(&detection);
        let mut merged = FindingSet::new(&detection);
        let mut rest = shuffled.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, after) = rest.split_at((*cut).min(rest.len()));
            rest = after;
            one_after_another.add(batch).unwrap();
            let mut apart = FindingSet::new(&detection);
            apart.add(batch).unwrap();
            apart.absorb(merged);
            merged = apart;
        }
        prop_assert_eq!(&one_after_another.finish(), &whole);
        prop_assert_eq!(&merged.finish(), &whole);
    }

    #[test]
    fn fingerprints_differ_where_key_or_period_does(
        trails in prop::collection::btree_set("[a-z\"\\\\]{0,6}", 1..6),
        days in prop::collection::btree_set(1..28_u8, 1..6),
    ) {
        let mut rows = Vec::new();
        for trail in &trails {
            for day in &days {
                rows.push(stop("e", &format!("2026-01-{day:02}T06:00:00Z"), trail));
            }
        }
        let findings = findings_from(&detection(TRAIL_STOPPED), &rows).unwrap();
        prop_assert_eq!(findings.len(), rows.len());
    }
}
