//! What the Delta library does and must go on doing: an upgrade that changes it fails here.

use std::collections::HashMap;

use deltalake_core::{
    DeltaTable,
    kernel::{
        Action, Transaction,
        transaction::{CommitBuilder, CommitProperties, TableReference, TransactionError},
    },
    protocol::{DeltaOperation, SaveMode},
};
use futures::TryStreamExt;
use trailhouse_lake::TableName;
use trailhouse_model::CommitOutcome;
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, object, request};

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
        Err(deltalake_core::DeltaTableError::Transaction { source }) => Err(source),
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
