//! The quarantine table.

use trailhouse_lake::{Lake, TableName, quarantine::RAW_BYTES_MAX};
use trailhouse_model::{
    BucketName, CommitOutcome, ObjectKey, ObjectOutcome, QuarantineEntry, QuarantineReason,
    TableVersion,
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
