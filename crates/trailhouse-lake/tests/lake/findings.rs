//! Findings and the runs that made them.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_lake::{
    AlertKind, Appended, Covered, FindingRow, Lake, RunCounts, RunKind, RunRecord, RunStatus,
    TableName,
};
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
        alert: Some(AlertKind::New),
        tags: vec!["known".to_owned()],
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
        kind: RunKind::Schedule,
        from_version: to.checked_sub(2).map(TableVersion),
        to_version: TableVersion(to),
        from_time: None,
        to_time: None,
        started_at: day_zero(),
        finished_at: day_zero(),
        status,
        counts: RunCounts {
            findings: 1,
            exception_hits: BTreeMap::from([("vendor".to_owned(), 2)]),
            ..RunCounts::default()
        },
        error: (status == RunStatus::Failed).then(|| "no such column".to_owned()),
    }
}

async fn append(lake: &Lake, run: RunRecord, findings: &[FindingRow]) -> Appended {
    let since = lake.latest_version(TableName::Findings).await.unwrap();
    lake.append_findings(since, vec![run], findings).await.unwrap()
}

fn covered(to: u64) -> BTreeMap<String, Covered> {
    let covered = Covered { version: TableVersion(to), closed_to: None };
    BTreeMap::from([("trail-stopped".to_owned(), covered)])
}

#[tokio::test]
async fn a_finding_is_stored_once_for_its_evidence() {
    let place = Place::new();
    let lake = place.lake().await;
    let first = [finding("f1", &["e1", "e2"])];
    let stored = append(&lake, run("r1", 4, RunStatus::Ok), &first).await;
    assert_eq!(stored, Appended::Stored(TableVersion(1)));
    // Another process judges the same range again; then there is more evidence.
    let other = place.plain().await;
    let again = [finding("f1", &["e2", "e1"]), finding("f1", &["e3"]), finding("f2", &[])];
    append(&other, run("r2", 5, RunStatus::Ok), &again).await;
    append(&lake, run("r3", 6, RunStatus::Ok), &again).await;
    assert_eq!(number(&lake, "SELECT count(*) FROM findings").await, 3);
    assert_eq!(number(&lake, "SELECT count(*) FROM runs").await, 3);
    let asked = ["f1", "f2", "f3"].map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
    let stored = lake.findings_of(&asked).await.unwrap();
    let ids = |name: &str| -> BTreeSet<&str> {
        stored[name].iter().flat_map(|row| &row.event_ids).map(String::as_str).collect()
    };
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["f1", "f2"]);
    assert_eq!((ids("f1"), ids("f2")), (BTreeSet::from(["e1", "e2", "e3"]), BTreeSet::new()));
    assert_eq!(
        lake.append_findings(TableVersion(3), Vec::new(), &again).await.unwrap(),
        Appended::Nothing
    );
}

#[tokio::test]
async fn findings_are_read_back_as_they_were_stored_and_by_the_commit_that_brought_them() {
    let place = Place::new();
    let lake = place.lake().await;
    let (first, second) = (finding("f1", &["e1"]), finding("f2", &["e2"]));
    append(&lake, run("r1", 4, RunStatus::Ok), std::slice::from_ref(&first)).await;
    append(&lake, run("r2", 5, RunStatus::Ok), std::slice::from_ref(&second)).await;
    let (rows, latest) = lake.findings_after(TableVersion(1)).await.unwrap();
    assert_eq!((rows, latest), (vec![second.clone()], TableVersion(2)));
    assert_eq!(lake.findings_after(TableVersion(0)).await.unwrap().0, [first, second]);
    assert_eq!(lake.findings_after(latest).await.unwrap(), (vec![], latest));
}

#[tokio::test]
async fn any_number_of_findings_is_read_back() {
    let place = Place::new();
    let lake = place.lake().await;
    let findings: Vec<FindingRow> =
        (0..30_000).map(|number| finding(&format!("f{number}"), &["e"])).collect();
    append(&lake, run("r1", 4, RunStatus::Ok), &findings).await;
    assert_eq!(lake.findings_after(TableVersion(0)).await.unwrap().0.len(), findings.len());
    let asked: BTreeSet<String> = findings.iter().map(|row| row.fingerprint.clone()).collect();
    assert_eq!(lake.findings_of(&asked).await.unwrap().len(), findings.len());
    let some: BTreeSet<String> = asked.iter().take(300).cloned().collect();
    assert_eq!(
        lake.findings_of(&some).await.unwrap().keys().cloned().collect::<BTreeSet<_>>(),
        some
    );
}

#[tokio::test]
async fn a_range_that_somebody_else_has_judged_meanwhile_is_not_stored_again() {
    let place = Place::new();
    let lake = place.lake().await;
    let since = lake.latest_version(TableName::Findings).await.unwrap();
    let other = place.plain().await;
    append(&other, run("r1", 4, RunStatus::Ok), &[finding("f1", &["e1"])]).await;
    let ours = || vec![run("r2", 4, RunStatus::Ok)];
    let overtaken = lake.append_findings(since, ours(), &[finding("f2", &["e2"])]).await.unwrap();
    let expected = BTreeSet::from(["trail-stopped".to_owned()]);
    assert_eq!(overtaken, Appended::Overtaken(expected));
    assert_eq!(number(&lake, "SELECT count(*) FROM findings").await, 1);
    // Neither a run that failed nor a backfill says that anything is covered.
    let since = lake.latest_version(TableName::Findings).await.unwrap();
    append(&other, run("r3", 6, RunStatus::Failed), &[]).await;
    let backfill = RunRecord { kind: RunKind::Backfill, ..run("r4", 9, RunStatus::Ok) };
    append(&other, backfill, &[]).await;
    let stored = lake.append_findings(since, ours(), &[finding("f2", &["e2"])]).await.unwrap();
    assert_eq!(stored, Appended::Stored(TableVersion(4)));
}

#[tokio::test]
async fn a_failed_run_leaves_its_range_open() {
    let place = Place::new();
    let lake = place.lake().await;
    assert_eq!(lake.coverage().await.unwrap().detections, BTreeMap::new());
    append(&lake, run("r1", 4, RunStatus::Ok), &[]).await;
    append(&lake, run("r2", 9, RunStatus::Failed), &[]).await;
    let backfill = RunRecord { kind: RunKind::Backfill, ..run("r3", 9, RunStatus::Ok) };
    append(&lake, backfill, &[]).await;
    assert_eq!(lake.coverage().await.unwrap().detections, covered(4));
    assert_eq!(number(&lake, "SELECT count(*) FROM runs WHERE status = 'failed'").await, 1);
}

#[tokio::test]
async fn runs_that_were_not_listed_count_and_are_listed_later() {
    let place = Place::new();
    let lake = place.lake().await;
    *place.store.refuse.lock().unwrap() = Some(("/runs/part-", usize::MAX));
    append(&lake, run("r1", 4, RunStatus::Ok), &[]).await;
    assert_eq!(number(&lake, "SELECT count(*) FROM runs").await, 0);
    let mut coverage = lake.coverage().await.unwrap();
    assert_eq!(coverage.detections, covered(4));
    *place.store.refuse.lock().unwrap() = None;
    append(&lake, run("r2", 6, RunStatus::Ok), &[]).await;
    assert_eq!(number(&lake, "SELECT count(*) FROM runs").await, 2);
    assert_eq!(lake.latest_version(TableName::Runs).await.unwrap(), TableVersion(1));
    lake.update_coverage(&mut coverage).await.unwrap();
    assert_eq!(coverage, lake.coverage().await.unwrap());
    assert_eq!(coverage.detections, covered(6));
}
