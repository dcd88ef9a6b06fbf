//! The views over quarantine and findings.

use trailhouse_lake::{FindingRow, RunCounts, RunKind, RunRecord, RunStatus, TableName};
use trailhouse_model::{
    BucketName, EventTime, ObjectKey, ObjectRef, QuarantineEntry, QuarantineReason, Severity,
    TableVersion,
};

use crate::support::{Place, ndjson, record};

fn time(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).unwrap()
}

fn finding(fingerprint: &str, found_at: &str, event_ids: &[&str], region: &str) -> FindingRow {
    FindingRow {
        fingerprint: fingerprint.to_owned(),
        detection_id: "aws.test".to_owned(),
        detection_version: "1".to_owned(),
        title: format!("found at {found_at}"),
        severity: Severity::High,
        entity: "alice".to_owned(),
        key: "{}".to_owned(),
        first_event_time: Some(time(found_at).plus_seconds(-60)),
        last_event_time: Some(time(found_at)),
        events: u64::try_from(event_ids.len()).unwrap(),
        event_ids: event_ids.iter().map(|id| (*id).to_owned()).collect(),
        recipient_account_id: vec!["111122223333".to_owned()],
        aws_region: vec![region.to_owned()],
        techniques: vec!["T1078".to_owned()],
        row: "{}".to_owned(),
        suppressed_by: None,
        alert: None,
        tags: vec![],
        run_id: format!("run-{found_at}"),
        from_version: None,
        to_version: TableVersion(1),
        found_at: time(found_at),
    }
}

fn run(row: &FindingRow) -> RunRecord {
    RunRecord {
        run_id: row.run_id.clone(),
        detection_id: row.detection_id.clone(),
        detection_version: row.detection_version.clone(),
        kind: RunKind::Schedule,
        from_version: row.from_version,
        to_version: row.to_version,
        from_time: None,
        to_time: None,
        started_at: row.found_at,
        finished_at: row.found_at,
        status: RunStatus::Ok,
        counts: RunCounts::default(),
        error: None,
    }
}

#[tokio::test]
async fn findings_of_one_fingerprint_are_one_row() {
    let place = Place::empty().await;
    for row in [
        finding("f1", "2026-05-01T08:00:00Z", &["a", "b"], "eu-west-1"),
        finding("f2", "2026-05-01T08:00:00Z", &["x"], "eu-west-1"),
        finding("f1", "2026-05-02T08:00:00Z", &["b", "c"], "us-east-1"),
    ] {
        let since = place.lake.latest_version(TableName::Findings).await.unwrap();
        place.lake.append_findings(since, vec![run(&row)], &[row]).await.unwrap();
    }
    let session = place.session().await;
    let sql = "SELECT fingerprint, title, events, array_sort(event_ids) AS event_ids, \
               array_sort(aws_region) AS aws_region, techniques, first_event_time, last_event_time, \
               found_at, last_found_at FROM findings ORDER BY fingerprint";
    insta::assert_snapshot!(ndjson(&session, sql).await);
    assert_eq!(
        ndjson(&session, "SELECT fingerprint FROM stored.findings").await.lines().count(),
        3
    );
    assert_eq!(ndjson(&session, "SELECT run_id FROM runs").await.lines().count(), 3);
}

fn entry(object: &ObjectRef, record_index: Option<u32>) -> QuarantineEntry {
    QuarantineEntry {
        reason: QuarantineReason::Corrupt,
        detail: "cut off".to_owned(),
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        object_id: Some(object.id()),
        record_index,
        raw: b"\x1f\x8b".to_vec(),
        quarantined_at: time("2026-05-01T08:00:00Z"),
    }
}

#[tokio::test]
async fn quarantine_says_what_is_open() {
    let mut place = Place::empty().await;
    let object = |key: &str| ObjectRef::new(BucketName::new("trail"), ObjectKey::new(key));
    // The first object that is committed has this key.
    let stored = object("AWSLogs/111122223333/CloudTrail/1.json");
    let entries = [entry(&stored, None), entry(&stored, Some(7)), entry(&object("other"), None)];
    place.lake.put_quarantine(&entries).await.unwrap();
    let sql =
        "SELECT key, record_index, is_open FROM quarantine ORDER BY key, record_index NULLS FIRST";
    let session = place.session().await;
    assert_eq!(ndjson(&session, sql).await.matches("\"is_open\":true").count(), 3);
    place.commit(&[record("A", "2026-05-01T08:00:00Z")]).await;
    let session = place.session().await;
    insta::assert_snapshot!(ndjson(&session, sql).await);
}
