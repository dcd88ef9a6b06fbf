//! The quarantine table.

use std::collections::BTreeMap;

use trailhouse_lake::{
    FailedAttempt, Lake, Refusal, StoredQuarantine, TableName, quarantine::RAW_BYTES_MAX,
};
use trailhouse_model::{
    BucketName, CommitOutcome, ObjectKey, ObjectOutcome, QuarantineEntry, QuarantineReason,
    QuarantineStage, TableVersion,
};
use trailhouse_runtime::{CommitObject, LakeWriter};

use crate::support::{Place, day_zero, number, object, object_ref, request};

fn entry(name: &str, record_index: Option<u32>) -> QuarantineEntry {
    let object = object_ref(name);
    QuarantineEntry {
        reason: QuarantineReason::Corrupt,
        detail: "cut off".to_owned(),
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        object_id: Some(object.id()),
        record_index,
        raw: vec![0xff; 10],
        quarantined_at: day_zero(),
    }
}

fn message(id: &str) -> QuarantineEntry {
    QuarantineEntry {
        reason: QuarantineReason::UnknownMessage,
        bucket: BucketName::new("queue"),
        key: ObjectKey::new(id),
        object_id: None,
        ..entry("-", None)
    }
}

async fn open_keys(lake: &Lake) -> Vec<String> {
    let open = lake.open_quarantine().await.unwrap();
    let mut ids: Vec<_> = open.iter().map(|row| row.id.to_string()).collect();
    ids.sort();
    ids
}

fn ids(entries: &[QuarantineEntry]) -> Vec<String> {
    let mut ids: Vec<_> = entries.iter().map(|entry| entry.id().to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_row_is_written_once_however_often_it_comes() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let rows = vec![entry("a", None), message("m1"), entry("a", None)];
    writer.quarantine(rows.clone()).await.unwrap();
    writer.quarantine(rows.clone()).await.unwrap();
    let other = place.plain().await;
    other.put_quarantine(&rows).await.unwrap();
    other.put_quarantine(&[message("m2")]).await.unwrap();
    // The first lake does not know of m2 yet.
    writer.quarantine(vec![message("m2"), message("m3")]).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 4);
    assert_eq!(lake.latest_version(TableName::Quarantine).await.unwrap(), TableVersion(3));
}

#[tokio::test]
async fn a_row_is_read_back_as_it_was() {
    let place = Place::new();
    let lake = place.lake().await;
    let mut wanted = entry("a", Some(7));
    wanted.raw = vec![1; RAW_BYTES_MAX + 1];
    lake.put_quarantine(&[wanted.clone(), message("m")]).await.unwrap();
    let prefix = wanted.id().to_string()[..8].to_owned();
    let found = lake.find_quarantine(&prefix).await.unwrap();
    wanted.raw.truncate(RAW_BYTES_MAX);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, &found[0].entry), (wanted.id(), &wanted));
    assert_eq!(lake.find_quarantine("zz").await.unwrap(), []);
}

#[tokio::test]
async fn a_row_is_open_until_what_it_holds_is_stored() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let (whole, record, message) = (entry("a", None), entry("b", Some(3)), message("m"));
    let all = [whole.clone(), record.clone(), message.clone()];
    lake.put_quarantine(&all).await.unwrap();
    assert_eq!(open_keys(&lake).await, ids(&all));
    // The objects around a record being stored does not release the record.
    let stored = writer.commit(request("b1", vec![object("a"), object("b")])).await;
    assert!(matches!(stored, CommitOutcome::Committed { .. }), "{stored:?}");
    assert_eq!(open_keys(&lake).await, ids(&[record.clone(), message.clone()]));
    let mut retried: CommitObject = object("b");
    retried.committed.id = record.id();
    retried.committed.outcome = ObjectOutcome::Retried;
    // The objects table lags behind: the log still tells.
    *place.store.refuse.lock().unwrap() = Some(("/objects/ledger_partition", usize::MAX));
    let stored = writer.commit(request("b2", vec![retried])).await;
    assert!(matches!(stored, CommitOutcome::Committed { .. }), "{stored:?}");
    assert_eq!(open_keys(&lake).await, ids(&[message]));
}

#[tokio::test]
async fn rejects_of_a_commit_are_in_quarantine() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let mut with_reject = object("a");
    with_reject.rejects = vec![entry("a", Some(1))];
    let outcome = writer.commit(request("b1", vec![with_reject])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(1) });
    assert_eq!(open_keys(&lake).await, ids(&[entry("a", Some(1))]));
}

#[tokio::test]
async fn a_dropped_row_can_come_again_whoever_remembers_it() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let rows = [entry("a", None), entry("b", None), message("m")];
    writer.quarantine(rows.to_vec()).await.unwrap();
    writer.quarantine(vec![entry("c", None)]).await.unwrap();
    let other = place.plain().await;
    let wanted = [rows[0].id(), rows[2].id(), message("never there").id()];
    assert_eq!(other.drop_quarantine(&wanted.into()).await.unwrap(), 2);
    assert_eq!(open_keys(&lake).await, ids(&[entry("b", None), entry("c", None)]));
    assert_eq!(other.drop_quarantine(&wanted.into()).await.unwrap(), 0);

    // The writer of the first process has seen both; only what is in the log counts.
    writer.quarantine(vec![rows[0].clone(), rows[1].clone()]).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 3);
    other.put_quarantine(&rows).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 4);
    // Dropped are whole files too.
    let all = [rows[0].id(), rows[1].id(), rows[2].id(), entry("c", None).id()];
    assert_eq!(lake.drop_quarantine(&all.into()).await.unwrap(), 4);
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 0);
    lake.put_quarantine(&rows).await.unwrap();
    assert_eq!(open_keys(&lake).await, ids(&rows));
}

#[tokio::test]
async fn an_attempt_that_failed_is_counted_on_its_row_only() {
    let place = Place::new();
    let lake = place.lake().await;
    let rows = [entry("a", None), entry("b", Some(1)), message("m")];
    lake.put_quarantine(&rows).await.unwrap();
    let later = day_zero().plus_seconds(60);
    let refusal = Refusal { reason: QuarantineReason::Missing, raw: Vec::new() };
    let failed = BTreeMap::from([
        (rows[0].id(), FailedAttempt { detail: "gone".to_owned(), refusal: Some(refusal) }),
        (rows[1].id(), FailedAttempt { detail: "still bad".to_owned(), refusal: None }),
    ]);
    for _ in 0..2 {
        lake.note_attempts(&failed, later).await.unwrap();
    }
    let mut told: Vec<_> = Vec::new();
    for row in &rows {
        let found = lake.find_quarantine(&row.id().to_string()).await.unwrap().remove(0);
        assert!(found.is_open);
        assert_eq!(found.entry.quarantined_at, day_zero());
        let StoredQuarantine { entry, stage, attempts, last_tried_at, .. } = found;
        let waited = (last_tried_at.micros() - day_zero().micros()) / 1_000_000;
        told.push((entry.reason, entry.detail, entry.raw.len(), stage, attempts, waited));
    }
    assert_eq!(
        told,
        [
            (QuarantineReason::Missing, "gone".into(), 0, QuarantineStage::Read, 3, 60),
            (QuarantineReason::Corrupt, "still bad".into(), 10, QuarantineStage::Record, 3, 60),
            (
                QuarantineReason::UnknownMessage,
                "cut off".into(),
                10,
                QuarantineStage::Message,
                1,
                0
            ),
        ]
    );
}

#[tokio::test]
async fn a_drop_that_comes_second_reads_what_came_first() {
    let place = Place::new();
    let lake = place.lake().await;
    let rows = [entry("a", None), entry("b", None)];
    lake.put_quarantine(&rows[..1]).await.unwrap();
    let uri = place.uri();
    let second = rows[1].clone();
    let hook = async move {
        Lake::open(&uri).await.unwrap().put_quarantine(&[second]).await.unwrap();
    };
    let log = "quarantine/_delta_log";
    *place.store.before_put.lock().unwrap() = Some((log, Box::new(|| Box::pin(hook))));
    assert_eq!(lake.drop_quarantine(&[rows[0].id(), rows[1].id()].into()).await.unwrap(), 2);
    assert_eq!(open_keys(&lake).await, [""; 0]);
}
