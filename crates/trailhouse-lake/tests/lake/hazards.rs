//! What the Delta library does and must go on doing: an upgrade that changes it fails here.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use deltalake_core::{
    DeltaTable, DeltaTableError,
    datafusion::prelude::{SessionContext, col, lit},
    kernel::{
        Action, Transaction,
        transaction::{
            CommitBuilder, CommitConflictError, CommitProperties, TableReference, TransactionError,
        },
    },
    protocol::{DeltaOperation, SaveMode},
};
use futures::TryStreamExt;
use object_store::Error;
use trailhouse_lake::{Lake, LakeOptions, TableName};
use trailhouse_model::CommitOutcome;
use trailhouse_runtime::LakeWriter;

use crate::{
    put_hook::HookedStore,
    support::{Place, number, object, request},
};

fn append() -> DeltaOperation {
    DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None }
}

async fn commit(table: &DeltaTable, retries: usize, app: &str) -> Result<u64, TransactionError> {
    let transaction = Action::Txn(Transaction::new(app, 1));
    let metadata =
        HashMap::from([("trailhouse".to_owned(), serde_json::json!({ "batchId": app }))]);
    let properties = CommitProperties::default()
        .with_max_retries(retries)
        .with_metadata(metadata)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false));
    let snapshot: &dyn TableReference = table.snapshot().unwrap();
    let finalized = CommitBuilder::from(properties)
        .with_actions(vec![transaction])
        .build(Some(snapshot), table.log_store(), append())
        .await;
    match finalized {
        Ok(commit) => Ok(commit.version()),
        Err(DeltaTableError::Transaction { source }) => Err(source),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_retries_is_a_compare_and_swap() {
    let place = Place::new();
    let lake = place.lake().await;
    let (a, b) = (
        lake.table(TableName::Events).await.unwrap(),
        lake.table(TableName::Events).await.unwrap(),
    );
    assert_eq!(commit(&a, 0, "a").await.unwrap(), 1);
    let lost = commit(&b, 0, "b").await.unwrap_err();
    assert!(matches!(lost, TransactionError::MaxCommitAttempts(0)), "{lost}");
    // With retries another application passes, which is why ours never has any.
    assert_eq!(commit(&b, 15, "b").await.unwrap(), 2);
    let same = commit(&a, 15, "a").await.unwrap_err();
    assert!(matches!(same, TransactionError::CommitConflict(_)) || same.to_string().contains("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_reads_our_commit_info() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    let table = lake.table(TableName::Events).await.unwrap();
    let infos: Vec<_> = table.history(Some(1)).try_collect().await.unwrap();
    assert_eq!(infos[0].is_blind_append, Some(true));
    let ours = &infos[0].info["trailhouse"];
    assert_eq!(ours["batchId"], "b1");
    assert_eq!(ours["objects"][0]["events"].as_u64(), Some(2));
    let state = table.snapshot().unwrap();
    let version = state.transaction_version(table.log_store().as_ref(), "trailhouse/ingest").await;
    assert_eq!(version.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_given_to_the_library_stand_in_commit_info() {
    let place = Place::new();
    let lake = place.lake().await;
    let table = lake.table(TableName::Events).await.unwrap();
    commit(&table, 0, "a").await.unwrap();
    let entry = std::fs::read_to_string(format!(
        "{}/events/_delta_log/00000000000000000001.json",
        place.uri()
    ))
    .unwrap();
    assert!(entry.contains(r#""trailhouse":{"batchId":"a"}"#), "{entry}");
}

/// A lake with so many objects of two rows on one day, and its events table as it was then.
async fn stored(place: &Place, objects: usize) -> (Lake, DeltaTable) {
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for index in 0..objects {
        let name = format!("o{index}");
        let outcome = writer.commit(request(&name, vec![object(&name)])).await;
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    }
    let table = lake.table(TableName::Events).await.unwrap();
    (lake, table)
}

async fn compact(table: DeltaTable) -> Result<(), DeltaTableError> {
    let session = Arc::new(SessionContext::new().state());
    table.optimize().with_session_state(session).await.map(drop)
}

async fn delete_day(table: DeltaTable) -> Result<(), DeltaTableError> {
    table.delete().with_predicate(col("event_date").eq(lit("2023-07-10"))).await.map(drop)
}

async fn append_object(table: DeltaTable, name: &str) -> Result<(), DeltaTableError> {
    table.write([object(name).events.to_batch()]).with_save_mode(SaveMode::Append).await.map(drop)
}

fn conflict(result: Result<(), DeltaTableError>) -> CommitConflictError {
    match result {
        Err(DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(conflict),
        }) => conflict,
        other => panic!("{other:?}"),
    }
}

/// So "is it newer than what is there" is our duty, on the version that is built on.
#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_an_application_transaction_is_not_looked_at() {
    let place = Place::new();
    let lake = place.lake().await;
    let first = lake.table(TableName::Events).await.unwrap();
    assert_eq!(commit(&first, 15, "app").await.unwrap(), 1);
    let renewed = lake.table(TableName::Events).await.unwrap();
    assert_eq!(commit(&renewed, 15, "app").await.unwrap(), 2, "the same number again");
    let stale = commit(&first, 15, "app").await.unwrap_err();
    let TransactionError::CommitConflict(conflict) = stale else { panic!("{stale}") };
    assert!(matches!(conflict, CommitConflictError::ConcurrentTransaction), "{conflict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_predicate_conflicts_with_a_delete() {
    let place = Place::new();
    let (lake, stale) = stored(&place, 1).await;
    delete_day(lake.table(TableName::Events).await.unwrap()).await.unwrap();
    let lost = commit(&stale, 15, "other").await.unwrap_err();
    let TransactionError::CommitConflict(conflict) = lost else { panic!("{lost}") };
    assert!(matches!(conflict, CommitConflictError::ConcurrentDeleteRead), "{conflict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_conflicts_with_an_append_that_it_would_have_read() {
    let place = Place::new();
    let (lake, stale) = stored(&place, 1).await;
    append_object(lake.table(TableName::Events).await.unwrap(), "other").await.unwrap();
    let lost = conflict(delete_day(stale).await);
    assert!(matches!(lost, CommitConflictError::ConcurrentAppend), "{lost}");
}

/// Deletes, on a table of an isolation level, what our writer appended to in the meantime.
async fn delete_beside_blind_append(level: &str) -> Result<(), DeltaTableError> {
    let place = Place::new();
    let (lake, table) = stored(&place, 1).await;
    let level = ("delta.isolationLevel".to_owned(), level.to_owned());
    table.set_tbl_properties().with_properties(HashMap::from([level])).await.unwrap();
    let stale = lake.table(TableName::Events).await.unwrap();
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("blind", vec![object("blind")])).await;
    assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    delete_day(stale).await
}

/// The library understands the level in its own spelling only, not in that of Delta's documentation.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_passes_a_blind_append_where_the_table_allows_it() {
    delete_beside_blind_append("writeSerializable").await.unwrap();
    let lost = conflict(delete_beside_blind_append("WriteSerializable").await);
    assert!(matches!(lost, CommitConflictError::ConcurrentAppend), "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_and_an_append_pass_each_other() {
    let place = Place::new();
    let (lake, stale) = stored(&place, 2).await;
    append_object(stale.clone(), "other").await.unwrap();
    compact(stale.clone()).await.unwrap();
    append_object(stale, "third").await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 8);
}

/// Why there is one maintainer only: both commit, and every row is there twice.
#[tokio::test(flavor = "multi_thread")]
async fn two_compactions_of_the_same_files_double_the_rows() {
    let place = Place::new();
    let (lake, stale) = stored(&place, 2).await;
    compact(stale.clone()).await.unwrap();
    compact(stale).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 8);
}

/// And why a delete always has a predicate: without one it misses what was compacted meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn rows_deleted_without_a_predicate_come_back_after_a_compaction() {
    let place = Place::new();
    let (lake, stale) = stored(&place, 2).await;
    compact(lake.table(TableName::Events).await.unwrap()).await.unwrap();
    stale.clone().delete().await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 4);
    let lost = conflict(delete_day(stale).await);
    assert!(matches!(lost, CommitConflictError::ConcurrentAppend), "{lost}");
}

/// Opens the place with puts of which those whose path contains the text are answered so.
async fn opened_with(
    place: &Place,
    text: &'static str,
    answer: fn(&str) -> Error,
) -> (Lake, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let options = LakeOptions {
        wrap_store: Some(Arc::new(move |inner| {
            let counter = Arc::clone(&counter);
            Arc::new(HookedStore::new(inner, move |put| {
                let counter = Arc::clone(&counter);
                async move {
                    if !put.path.as_ref().contains(text) {
                        return put.land().await;
                    }
                    counter.fetch_add(1, Ordering::SeqCst);
                    Err(answer(put.path.as_ref()))
                }
            }))
        })),
        ..LakeOptions::default()
    };
    (Lake::open_with(&place.uri(), &options).await.unwrap(), count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_taken_is_tried_sixteen_times_without_a_pause() {
    let place = Place::new();
    place.lake().await;
    let taken = |path: &str| Error::AlreadyExists { path: path.to_owned(), source: "no".into() };
    let (lake, puts) = opened_with(&place, "events/_delta_log", taken).await;
    let table = lake.table(TableName::Events).await.unwrap();
    let lost = commit(&table, 15, "app").await.unwrap_err();
    assert!(matches!(lost, TransactionError::MaxCommitAttempts(15)), "{lost}");
    assert_eq!(puts.load(Ordering::SeqCst), 16);
}

/// Why an error of the library never means that nothing was committed.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_the_log_entry_is_told_as_the_failure_of_the_commit() {
    let place = Place::new();
    let (_, table) = stored(&place, 1).await;
    let interval = ("delta.checkpointInterval".to_owned(), "1".to_owned());
    table.set_tbl_properties().with_properties(HashMap::from([interval])).await.unwrap();
    let full = |_: &str| Error::Generic { store: "test", source: "no space left".into() };
    let (lake, _) = opened_with(&place, "_last_checkpoint", full).await;
    let table = lake.table(TableName::Events).await.unwrap();
    let before = lake.latest_version(TableName::Events).await.unwrap();
    let failed = append_object(table, "other").await;
    assert!(failed.is_err());
    assert_eq!(lake.latest_version(TableName::Events).await.unwrap(), before.next());
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 4);
}
