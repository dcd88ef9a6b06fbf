//! What a round judges, and what it leaves open.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::timeout;
use trailhouse_lake::{Lake, RunStatus};
use trailhouse_service::detect::{FindingRow, RowChoice, RuleChoice};

use crate::support::{Place, call, compact, findings, minute};

const BY_ARRIVAL: &str = "";
const HOURLY: &str = "[window]\non = \"event\"\nevery = \"1h\"";
const KEY: &str = "key = [\"user_identity_arn\"]\ndedupe = \"1h\"";

const CREATED: &str = "SELECT event_id, event_time, user_identity_arn FROM events \
     WHERE event_name = 'CreateUser'";
const MANY: &str = "SELECT user_identity_arn, array_agg(event_id) AS event_ids, \
     count(*) AS events, min(event_time) AS first_event_time, max(event_time) AS last_event_time \
     FROM events WHERE event_name = 'DeleteUser' GROUP BY user_identity_arn HAVING count(*) >= 3";

/// The events of each finding, which lists each of them once.
fn evidence(rows: &[FindingRow]) -> Vec<Vec<&str>> {
    let mut evidence = Vec::new();
    for row in rows {
        let ids: BTreeSet<&str> = row.event_ids.iter().map(String::as_str).collect();
        assert_eq!(ids.len(), row.event_ids.len(), "{:?}", row.event_ids);
        evidence.push(ids.into_iter().collect());
    }
    evidence
}

async fn stored(lake: &Lake) -> Vec<FindingRow> {
    let mut rows = findings(lake).await;
    rows.sort_by(|one, other| one.event_ids.cmp(&other.event_ids));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_judged_once_whatever_is_committed_between() {
    let mut place = Place::new().await;
    place.write("site.created", BY_ARRIVAL, KEY, CREATED);
    place.commit(&[call("a", "CreateUser", "ann", 1)]).await;
    assert_eq!(place.round().await.findings.len(), 1);
    assert_eq!(place.round().await.detections, 0, "nothing has come since");

    place.commit(&[call("b", "CreateUser", "bob", 2)]).await;
    compact(&place.lake).await;
    let second = place.round().await;
    assert_eq!(evidence(&second.findings), [["b"]], "what was compacted is not new");
    compact(&place.lake).await;
    let third = place.round().await;
    assert_eq!((third.findings.len(), third.known), (0, 0));
    assert_eq!(evidence(&stored(&place.lake).await), [["a"], ["b"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_made_anew_when_late_rows_come() {
    let mut place = Place::new().await;
    place.write("site.many", HOURLY, KEY, MANY);
    let delete = |id: &str, minutes| call(id, "DeleteUser", "ann", minutes);
    place.commit(&[delete("a", 10), delete("b", 20), delete("x", 70)]).await;
    assert_eq!(place.round().await.findings.len(), 0, "two of an hour are too few");

    // The third of the first hour comes days later; the second hour is not judged again.
    place.clock.set(minute(5_000));
    place.commit(&[delete("c", 30)]).await;
    let report = place.round().await;
    assert_eq!(evidence(&report.findings), [["a", "b", "c"]]);
    let first = report.findings[0].fingerprint.clone();

    place.commit(&[delete("d", 59), delete("y", 71)]).await;
    let report = place.round().await;
    assert_eq!(evidence(&report.findings), [["d"]], "the same finding, with what is new of it");
    assert_eq!(report.findings[0].fingerprint, first);

    place.commit(&[delete("z", 119)]).await;
    let report = place.round().await;
    assert_eq!(evidence(&report.findings), [["x", "y", "z"]]);
    assert_ne!(report.findings[0].fingerprint, first, "another hour is another finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_fails_leaves_its_rows_open_and_others_alone() {
    let mut place = Place::new().await;
    place.write("site.created", BY_ARRIVAL, KEY, CREATED);
    let fails =
        CREATED.replace("event_name =", "1 / (length(event_name) - 10) = 0 AND event_name =");
    place.write("site.fails", BY_ARRIVAL, KEY, &fails);
    place.commit(&[call("a", "CreateUser", "ann", 1)]).await;
    let report = place.round().await;
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].detection_id, "site.fails");
    assert_eq!(evidence(&report.findings), [["a"]], "the other rule has judged");
    let status = |id: &str| report.ended.iter().find(|(ended, _)| ended == id).unwrap().1;
    assert_eq!(status("site.fails"), RunStatus::Failed);
    assert_eq!(status("site.created"), RunStatus::Ok);

    place.commit(&[call("b", "CreateUser", "bob", 2)]).await;
    place.write("site.fails", BY_ARRIVAL, KEY, CREATED);
    let report = place.round().await;
    let mut found = evidence(&report.findings);
    found.sort_unstable();
    assert_eq!(found, [["a"], ["b"], ["b"]], "the open range is made up for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_is_killed_is_made_up_for_by_the_next() {
    let mut place = Place::new().await;
    place.write("site.created", BY_ARRIVAL, KEY, CREATED);
    place.write("site.many", HOURLY, KEY, MANY);
    let mut expected = Vec::new();
    for (index, millis) in [0_u64, 5, 20, 40, 80, 120, 200, 400].into_iter().enumerate() {
        let id = format!("call-{index}");
        place.commit(&[call(&id, "CreateUser", &id, i64::try_from(index).unwrap())]).await;
        expected.push(vec![id]);
        let mut engine = place.engine().await;
        let choice = RuleChoice::default();
        let round = engine.round(&choice, RowChoice::New);
        // Whether it had come to its commit does not matter.
        drop(timeout(Duration::from_millis(millis), round).await);
    }
    place.round().await;
    assert_eq!(evidence(&stored(&place.lake).await), expected);
    assert_eq!(place.round().await.detections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_at_once_store_each_finding_once() {
    let mut place = Place::new().await;
    place.write("site.created", BY_ARRIVAL, KEY, CREATED);
    let mut expected = Vec::new();
    for index in 0..4 {
        let id = format!("call-{index}");
        place.commit(&[call(&id, "CreateUser", &id, index)]).await;
        expected.push(vec![id]);
        let (mut one, mut other) = (place.engine().await, place.engine().await);
        let choice = RuleChoice::default();
        let (one, other) =
            tokio::join!(one.round(&choice, RowChoice::New), other.round(&choice, RowChoice::New));
        assert_eq!(one.unwrap().findings.len() + other.unwrap().findings.len(), 1);
    }
    assert_eq!(evidence(&stored(&place.lake).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_rule_begins_where_the_lake_is_and_a_backfill_goes_back_without_alerts() {
    let mut place = Place::new().await;
    place.write("site.created", BY_ARRIVAL, KEY, CREATED);
    place.commit(&[call("a", "CreateUser", "ann", 1)]).await;
    let choice = RuleChoice::default();
    let report = place.engine().await.round(&choice, RowChoice::NewFromNow).await.unwrap();
    assert_eq!(report.findings.len(), 1, "on a lake where nothing ran yet, all is judged");

    let named = CREATED.replace("CreateUser", "DeleteUser");
    place.write("site.named", BY_ARRIVAL, KEY, &named);
    place.commit(&[call("b", "DeleteUser", "ann", 2)]).await;
    let report = place.engine().await.round(&choice, RowChoice::NewFromNow).await.unwrap();
    assert_eq!(report.findings.len(), 0, "it begins here");
    place.commit(&[call("c", "DeleteUser", "bob", 3)]).await;
    let report = place.engine().await.round(&choice, RowChoice::NewFromNow).await.unwrap();
    assert_eq!(evidence(&report.findings), [["c"]]);
    assert!(report.findings[0].alert.is_some());

    let only = RuleChoice { matching: Some("named".to_owned()), ids: None };
    let stretch = RowChoice::Backfill { from: minute(0), to: minute(60) };
    let report = place.engine().await.round(&only, stretch).await.unwrap();
    assert_eq!(evidence(&report.findings), [["b"]], "and `c` is known");
    assert_eq!((report.known, report.findings[0].alert), (1, None));
    assert_eq!(place.round().await.detections, 0, "what has arrived stays covered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_judges_what_comes_next_and_history_only_by_a_backfill() {
    let mut place = Place::new().await;
    place.write("site.created", BY_ARRIVAL, KEY, CREATED);
    place.write("site.many", HOURLY, KEY, MANY);
    let delete = |id: &str, minutes| call(id, "DeleteUser", "ann", minutes);
    place.commit(&[call("a", "CreateUser", "ann", 1), delete("p", 2), delete("q", 3)]).await;
    assert_eq!(evidence(&place.round().await.findings), [["a"]]);

    let changed = CREATED.replace("= 'CreateUser'", "IN ('CreateUser', 'DeleteUser')");
    place.write("site.created", BY_ARRIVAL, KEY, &changed);
    place.write("site.many", HOURLY, KEY, &MANY.replace(">= 3", ">= 2"));
    assert_eq!(place.round().await.detections, 0, "a change alone is no reason to judge again");

    place.commit(&[call("b", "DeleteUser", "bob", 61)]).await;
    let report = place.round().await;
    assert_eq!(evidence(&report.findings), [["b"]], "what was covered stays so");
    assert!(report.findings[0].alert.is_some());

    let stretch = RowChoice::Backfill { from: minute(0), to: minute(60) };
    let report = place.engine().await.round(&RuleChoice::default(), stretch).await.unwrap();
    let mut found = evidence(&report.findings);
    found.sort_unstable();
    // The two calls of one principal and period are one finding of the first rule.
    assert_eq!(found, [["p", "q"], ["p", "q"]]);
    assert!(report.findings.iter().all(|finding| finding.alert.is_none()));
}

const CLOSED: &str =
    "[window]\non = \"event\"\nevery = \"1h\"\nlateness = \"30m\"\njudge = \"closed\"";
const QUIET: &str = "SELECT 'beat' AS user_identity_arn, \
     CAST([] AS VARCHAR[]) AS event_ids, CAST(NULL AS TIMESTAMP) AS first_event_time, \
     CAST(NULL AS TIMESTAMP) AS last_event_time, count(*) AS events \
     FROM events WHERE event_name = 'Beat' HAVING count(*) = 0";

#[tokio::test(flavor = "multi_thread")]
async fn what_went_quiet_is_found_when_its_time_is_over() {
    let mut place = Place::new().await;
    place.write("site.quiet", CLOSED, KEY, QUIET);
    place.commit(&[call("a", "Beat", "ann", 5)]).await;
    place.clock.set(minute(65));
    assert_eq!(place.round().await.findings.len(), 0);
    place.clock.set(minute(149));
    assert_eq!(place.round().await.findings.len(), 0, "the second hour may still bring rows");
    place.clock.set(minute(151));
    assert_eq!(place.round().await.findings.len(), 1, "now it may not");
    assert_eq!(place.round().await.findings.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_quiet_is_found_in_a_lake_whose_old_log_entries_are_gone() {
    let mut place = Place::new().await;
    place.write("site.quiet", CLOSED, KEY, QUIET);
    place.commit(&[call("a", "Beat", "ann", 5)]).await;
    // Enough for a checkpoint.
    for number in 0..100 {
        place.commit(&[call(&format!("b{number}"), "ListUsers", "ann", 6)]).await;
    }
    place.clock.set(minute(65));
    assert_eq!(place.round().await.findings.len(), 0);
    place.lake.checkpoint_if_due().await.unwrap();
    // As other programs do after a while.
    assert!(place.clean_up_log() >= 100);
    place.clock.set(minute(151));
    let report = place.round().await;
    assert_eq!(report.failures.len(), 0, "{:?}", report.failures);
    assert_eq!(report.findings.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_entry_that_is_gone_holds_up_only_who_needs_it() {
    let mut place = Place::new().await;
    place.write("site.old", BY_ARRIVAL, KEY, CREATED);
    place.commit(&[call("a", "CreateUser", "ann", 5)]).await;
    assert_eq!(place.round().await.findings.len(), 1);
    for number in 0..100 {
        place.commit(&[call(&format!("b{number}"), "CreateUser", "ann", 6)]).await;
    }
    place.lake.checkpoint_if_due().await.unwrap();
    place.clean_up_log();
    // It has never run, and takes what is there.
    place.write("site.new", BY_ARRIVAL, KEY, MANY);
    place.commit(&[call("c", "DeleteUser", "ann", 7)]).await;
    let report = place.round().await;
    assert_eq!(report.detections, 2);
    let failed: Vec<&str> = report.failures.iter().map(|failed| failed.path.as_str()).collect();
    assert_eq!(failed.len(), 1, "{:?}", report.failures);
    assert!(failed[0].contains("site.old"), "{failed:?}");
    let error = &report.failures[0].error;
    assert!(error.message.contains("log entry") && error.hint.is_some(), "{error:?}");
}
