//! Stores that fail, and processes that die between two writes.

use trailhouse_lake::TableName;
use trailhouse_model::{BatchId, CommitOutcome, Disposition, TableVersion};
use trailhouse_runtime::{LakeWriter, PortErrorKind};

use crate::support::{Place, check_stored, number, object, object_ref, request};

const EVENTS_LOG: &str = "events/_delta_log";

fn committed(version: u64) -> CommitOutcome {
    CommitOutcome::Committed { version: TableVersion(version) }
}

#[tokio::test]
async fn a_lost_answer_is_read_back() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.lose_answers.lock().unwrap() = Some((EVENTS_LOG, 1));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    check_stored(&lake, 1).await;
}

#[tokio::test]
async fn an_unknown_outcome_is_found_by_its_batch() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.deaf_to.lock().unwrap() = Some(EVENTS_LOG);
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    assert_eq!(outcome, CommitOutcome::Unknown);
    assert!(writer.probe(&BatchId::new("b1")).await.is_err(), "still unknown");
    *place.store.deaf_to.lock().unwrap() = None;
    let found = writer.probe(&BatchId::new("b1")).await.unwrap();
    assert_eq!(found, Some(TableVersion(1)));
    assert_eq!(writer.probe(&BatchId::new("b0")).await.unwrap(), None);
    check_stored(&lake, 1).await;
}

#[tokio::test]
async fn a_batch_sent_again_without_a_probe_is_recognised() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.deaf_to.lock().unwrap() = Some(EVENTS_LOG);
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    assert_eq!(outcome, CommitOutcome::Unknown);
    *place.store.deaf_to.lock().unwrap() = None;
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    check_stored(&lake, 1).await;
}

#[tokio::test]
async fn the_name_of_a_batch_alone_proves_nothing() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    assert_eq!(writer.commit(request("b1", vec![object("b")])).await, committed(2));
    check_stored(&lake, 2).await;
}

#[tokio::test]
async fn a_short_outage_is_ridden_out() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.refuse.lock().unwrap() = Some((EVENTS_LOG, 3));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    check_stored(&lake, 1).await;
}

#[tokio::test]
async fn data_that_cannot_be_written_is_no_commit() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.refuse.lock().unwrap() = Some(("events/event_date", 1));
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    let CommitOutcome::Failed { disposition, detail } = outcome else { panic!("{outcome:?}") };
    assert_eq!(disposition, Disposition::RetryLater, "{detail}");
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    check_stored(&lake, 1).await;
}

#[tokio::test]
async fn objects_that_were_not_listed_are_listed_at_the_next_commit() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.refuse.lock().unwrap() = Some(("/objects/", usize::MAX));
    // The ledger of the first batch must be read before the objects table fails.
    let error = writer.look_up(&[object_ref("a")]).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    *place.store.refuse.lock().unwrap() = Some(("/objects/ledger_partition", 2));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    assert_eq!(writer.commit(request("b2", vec![object("b")])).await, committed(2));
    assert_eq!(number(&lake, "SELECT count(*) FROM objects").await, 0);
    assert_eq!(writer.look_up(&[object_ref("a")]).await.unwrap(), [true]);
    assert_eq!(writer.commit(request("b3", vec![object("c")])).await, committed(3));
    check_stored(&lake, 3).await;
    assert_eq!(lake.latest_version(TableName::Objects).await.unwrap(), TableVersion(1));
}

#[tokio::test]
async fn objects_that_were_not_listed_are_listed_at_the_next_opening() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    *place.store.refuse.lock().unwrap() = Some(("/objects/ledger_partition", usize::MAX));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    drop((writer, lake));
    let lake = place.plain().await;
    assert_eq!(number(&lake, "SELECT count(*) FROM objects").await, 0);
    let writer = lake.event_writer().await.unwrap();
    check_stored(&lake, 1).await;
    assert_eq!(writer.look_up(&[object_ref("a")]).await.unwrap(), [true]);
}
