//! Findings and the runs that made them.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_lake::{FindingRow, RunRecord, RunStatus, TableName};
use trailhouse_model::{EventTime, Severity, TableVersion};

use crate::support::{Place, day_zero, number};

fn finding(fingerprint: &str, events: &[&str]) -> FindingRow {
    FindingRow {
        fingerprint: fingerprint.to_owned(),
        detection_id: "trail-stopped".to_owned(),
        detection_version: "abc".to_owned(),
        title: "CloudTrail was stopped".to_owned(),
        severity: Severity::High,
        entity: "arn:aws:iam::111122223333:user/eve".to_owned(),
        key: r#"{"user":"eve"}"#.to_owned(),
        first_event_time: Some(day_zero()),
        last_event_time: Some(EventTime::from_micros(day_zero().micros() + 1)),
        events: u64::try_from(events.len()).unwrap(),
        event_ids: events.iter().map(|id| (*id).to_owned()).collect(),
        recipient_account_id: vec!["111122223333".to_owned()],
        aws_region: vec![],
        techniques: vec!["T1685".to_owned()],
        row: "{}".to_owned(),
        suppressed_by: None,
        run_id: "r1".to_owned(),
        from_version: None,
        to_version: TableVersion(4),
        found_at: day_zero(),
    }
}

fn run(id: &str, to: u64, status: RunStatus) -> RunRecord {
    RunRecord {
        run_id: id.to_owned(),
        detection_id: "trail-stopped".to_owned(),
        detection_version: "abc".to_owned(),
        from_version: to.checked_sub(2).map(TableVersion),
        to_version: TableVersion(to),
        started_at: day_zero(),
        finished_at: day_zero(),
        status,
        findings: 1,
        error: (status == RunStatus::Failed).then(|| "no such column".to_owned()),
    }
}

#[tokio::test]
async fn a_finding_is_stored_once_for_its_evidence() {
    let place = Place::new();
    let lake = place.lake().await;
    let first = [finding("f1", &["e1", "e2"])];
    let version = lake.append_findings(vec![run("r1", 4, RunStatus::Ok)], &first).await.unwrap();
    assert_eq!(version, Some(TableVersion(1)));
    // Another process judges the same range again; then there is more evidence.
    let other = place.plain().await;
    let again = [finding("f1", &["e2", "e1"]), finding("f1", &["e3"]), finding("f2", &[])];
    other.append_findings(vec![run("r2", 5, RunStatus::Ok)], &again).await.unwrap();
    lake.append_findings(vec![run("r3", 6, RunStatus::Ok)], &again).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM findings").await, 3);
    assert_eq!(number(&lake, "SELECT count(*) FROM runs").await, 3);
    let evidence =
        lake.recorded_evidence(&["f1".to_owned(), "f2".to_owned(), "f3".to_owned()]).await.unwrap();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let expected =
        BTreeMap::from([("f1".to_owned(), ids(&["e1", "e2", "e3"])), ("f2".to_owned(), ids(&[]))]);
    assert_eq!(evidence, expected);
    assert_eq!(lake.append_findings(Vec::new(), &again).await.unwrap(), None);
}

#[tokio::test]
async fn a_failed_run_leaves_its_range_open() {
    let place = Place::new();
    let lake = place.lake().await;
    assert_eq!(lake.covered_versions().await.unwrap(), BTreeMap::new());
    lake.append_findings(vec![run("r1", 4, RunStatus::Ok)], &[]).await.unwrap();
    lake.append_findings(vec![run("r2", 9, RunStatus::Failed)], &[]).await.unwrap();
    let expected = BTreeMap::from([("trail-stopped".to_owned(), TableVersion(4))]);
    assert_eq!(lake.covered_versions().await.unwrap(), expected);
    assert_eq!(number(&lake, "SELECT count(*) FROM runs WHERE status = 'failed'").await, 1);
}

#[tokio::test]
async fn runs_that_were_not_listed_count_and_are_listed_later() {
    let place = Place::new();
    let lake = place.lake().await;
    *place.store.refuse.lock().unwrap() = Some(("/runs/part-", usize::MAX));
    lake.append_findings(vec![run("r1", 4, RunStatus::Ok)], &[]).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM runs").await, 0);
    let expected = BTreeMap::from([("trail-stopped".to_owned(), TableVersion(4))]);
    assert_eq!(lake.covered_versions().await.unwrap(), expected);
    *place.store.refuse.lock().unwrap() = None;
    lake.append_findings(vec![run("r2", 6, RunStatus::Ok)], &[]).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM runs").await, 2);
    assert_eq!(lake.latest_version(TableName::Runs).await.unwrap(), TableVersion(1));
}
