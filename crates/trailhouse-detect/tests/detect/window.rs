//! Windows: which keys go together, and what the carets point at.

use std::time::Duration;

use serde_json::json;
use trailhouse_detect::{
    EventPeriods, FindingSet, Fingerprint, JudgeWhen, Row, WindowOn, parse_detection,
};
use trailhouse_model::EventTime;

use crate::sample::{KEY_BURST, detection};

fn with_window(lines: &str) -> String {
    KEY_BURST.replace("-- +++\nSELECT", &format!("-- [window]\n{lines}\n-- +++\nSELECT"))
}

fn check_good(lines: &str) {
    let window = detection(&with_window(lines)).window;
    assert_eq!(window.event_periods().is_some(), window.on == WindowOn::Event, "{lines}");
}

fn check_bad(lines: &str, message: &str) {
    let error = parse_detection("x.sql", &with_window(lines)).unwrap_err();
    assert_eq!(error.message, message, "{lines}");
}

#[test]
fn keys_of_event_time_stand_with_it() {
    check_good("-- every = \"5m\"");
    check_good("-- cron = \"0 3 * * mon-fri\"");
    check_good("-- on = \"event\"\n-- every = \"1h\"");
    check_good("-- on = \"event\"\n-- every = \"5m\"\n-- span = \"5m\"");
    check_good("-- on = \"event\"\n-- every = \"5m\"\n-- span = \"1h\"\n-- judge = \"closed\"");
    check_bad("-- span = \"1h\"", "`window.span` is only for `on = \"event\"`");
    check_bad("-- judge = \"closed\"", "`window.judge` is only for `on = \"event\"`");
    check_bad("-- judge = \"open\"", "`open` is not a value of `window.judge`");
    check_bad(
        "-- every = \"5m\"\n-- cron = \"0 3 * * *\"",
        "`window.every` and `window.cron` are both given",
    );
    check_bad("-- on = \"event\"", "`window.every` is missing");
    check_bad("-- on = \"evnt\"\n-- span = \"1h\"", "`evnt` is not a value of `window.on`");
    let event = |rest: &str| format!("-- on = \"event\"\n{rest}");
    check_bad(
        &event("-- every = \"5m\"\n-- cron = \"0 3 * * *\""),
        "`window.cron` is only for `on = \"arrival\"`",
    );
    check_bad(
        &event("-- every = \"1h\"\n-- span = \"5m\""),
        "`window.span` is shorter than `every`",
    );
    check_bad(
        &event("-- every = \"1m\"\n-- span = \"1d\""),
        "`window.span` is more than 1000 times `every`",
    );
    check_bad(&event("-- every = \"1d\"\n-- span = \"100d\""), "`window.span` is too long");
    check_bad(&event("-- every = \"59s\""), "`window.every` is too short or too long");
    check_bad(&event("-- every = \"32d\""), "`window.every` is too short or too long");
    check_bad(&event("-- every = \"1d\"\n-- lateness = \"5w\""), "`window.lateness` is too long");
}

#[test]
fn a_period_reaches_as_far_as_it_steps_where_the_file_is_silent() {
    let window = detection(&with_window("-- on = \"event\"\n-- every = \"1h\"")).window;
    let hour = Duration::from_secs(3600);
    let expected = EventPeriods { every: hour, span: hour, lateness: None, judge: JudgeWhen::Rows };
    assert_eq!(window.event_periods(), Some(expected));
}

#[test]
fn the_wrong_part_of_a_condition_is_shown() {
    let text = KEY_BURST.replace(
        "-- +++\nSELECT",
        "-- alert.realert = { when = \"events >= 10 * last.evnts\" }\n-- +++\nSELECT",
    );
    let error = parse_detection("key_burst.sql", &text).unwrap_err();
    let expected = r#"error[E-DET-009]: `alert.realert.when` does not know `last.evnts`
 --> key_burst.sql:8:45
  |
8 | -- alert.realert = { when = "events >= 10 * last.evnts" }
  |                                             ^^^^^^^^^^ compare events, accounts, regions or severity, with `last.` before the value at the last alert"#;
    assert_eq!(error.rendered, expected);
    let escaped = text.replace("events >= 10 * last.evnts", "events\\u0020>= x");
    let error = parse_detection("key_burst.sql", &escaped).unwrap_err();
    assert_eq!((error.line, error.column), (8, 29), "the whole text: {}", error.rendered);
}

fn burst(first: &str, last: &str, ids: &[&str]) -> Row {
    let row = json!({
        "user_identity_arn": "arn:aws:iam::111122223333:user/eve",
        "event_ids": ids,
        "events": ids.len(),
        "first_event_time": first,
        "last_event_time": last,
    });
    row.as_object().unwrap().clone().into_iter().collect()
}

fn of_period(start: &str, row: &Row) -> Vec<(Fingerprint, u64)> {
    let detection = detection(KEY_BURST);
    let mut set = FindingSet::for_period(&detection, EventTime::parse_rfc3339(start).unwrap());
    set.add(std::slice::from_ref(row)).unwrap();
    set.finish().into_iter().map(|finding| (finding.fingerprint, finding.events)).collect()
}

#[test]
fn a_late_event_does_not_move_the_finding_of_its_period() {
    let punctual = burst("2026-01-02T00:10:00Z", "2026-01-02T00:20:00Z", &["b", "c"]);
    let with_late = burst("2026-01-01T23:50:00Z", "2026-01-02T00:20:00Z", &["a", "b", "c"]);
    let start = "2026-01-02T00:00:00Z";
    let (before, after) = (of_period(start, &punctual), of_period(start, &with_late));
    assert_eq!(before[0].0, after[0].0);
    assert_ne!(after[0].0, of_period("2026-01-01T23:00:00Z", &with_late)[0].0);
}

#[test]
fn findings_of_several_periods_become_one() {
    let detection = detection(KEY_BURST);
    let start = |text: &str| EventTime::parse_rfc3339(text).unwrap();
    let mut set = FindingSet::for_period(&detection, start("2026-01-02T00:00:00Z"));
    set.add(&[burst("2026-01-02T00:10:00Z", "2026-01-02T00:20:00Z", &["b", "c"])]).unwrap();
    let mut other = FindingSet::for_period(&detection, start("2026-01-02T01:00:00Z"));
    other.add(&[burst("2026-01-02T00:20:00Z", "2026-01-02T01:20:00Z", &["c", "d"])]).unwrap();
    set.absorb(other);
    let findings = set.finish();
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].events, &findings[0].event_ids[..]),
        (3, &["b", "c", "d"].map(str::to_owned)[..])
    );
}

#[test]
fn a_period_without_events_can_be_a_finding() {
    let quiet = json!({
        "user_identity_arn": null,
        "event_ids": null,
        "events": 0,
        "first_event_time": null,
        "last_event_time": null,
    });
    let quiet: Row = quiet.as_object().unwrap().clone().into_iter().collect();
    let (day, next) = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
    let findings = of_period(day, &quiet);
    assert_eq!((findings.len(), findings[0].1), (1, 0));
    assert_eq!(findings, of_period(day, &quiet));
    assert_ne!(findings, of_period(next, &quiet));
}
