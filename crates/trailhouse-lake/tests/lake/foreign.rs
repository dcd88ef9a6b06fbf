//! Other programs that commit to the same tables.

use std::{collections::HashMap, sync::Arc};

use deltalake_core::protocol::SaveMode;
use trailhouse_lake::{Lake, TableName};
use trailhouse_model::{CommitOutcome, Disposition, TableVersion};
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, check_stored, number, object, object_ref, request};

const EVENTS_LOG: &str = "events/_delta_log";

fn committed(version: u64) -> CommitOutcome {
    CommitOutcome::Committed { version: TableVersion(version) }
}

async fn set_property(uri: &str, key: &str, value: &str) {
    let table = Lake::open(uri).await.unwrap().table(TableName::Events).await.unwrap();
    let properties = HashMap::from([(key.to_owned(), value.to_owned())]);
    table.set_tbl_properties().with_properties(properties).await.unwrap();
}

async fn append(uri: &str, name: &str) {
    let table = Lake::open(uri).await.unwrap().table(TableName::Events).await.unwrap();
    table.write([object(name).events]).with_save_mode(SaveMode::Append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_set_between_are_stepped_over() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let uri = place.uri();
    let hook = async move {
        set_property(&uri, "delta.deletedFileRetentionDuration", "interval 9 days").await
    };
    *place.store.before_put.lock().unwrap() = Some((EVENTS_LOG, Box::new(|| Box::pin(hook))));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(2));
    check_stored(&lake, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_append_between_is_stepped_over() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let uri = place.uri();
    let hook = async move { append(&uri, "theirs").await };
    *place.store.before_put.lock().unwrap() = Some((EVENTS_LOG, Box::new(|| Box::pin(hook))));
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(2));
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 4);
    assert_eq!(number(&lake, "SELECT count(*) FROM objects").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_second_process_between_supersedes() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let uri = place.uri();
    let hook = async move {
        let other = Lake::open(&uri).await.unwrap().event_writer().await.unwrap();
        assert_eq!(other.commit(request("theirs", vec![object("a")])).await, committed(1));
    };
    *place.store.before_put.lock().unwrap() = Some((EVENTS_LOG, Box::new(|| Box::pin(hook))));
    let outcome = writer.commit(request("b1", vec![object("a"), object("b")])).await;
    let stored = vec![object_ref("a").id()];
    assert_eq!(outcome, CommitOutcome::Superseded { objects: stored, version: TableVersion(1) });
    assert_eq!(writer.commit(request("b1", vec![object("b")])).await, committed(2));
    check_stored(&lake, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_beyond_us_stops_the_writer() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    set_property(&place.uri(), "delta.enableChangeDataFeed", "true").await;
    let outcome = writer.commit(request("b1", vec![object("a")])).await;
    assert_eq!(outcome, CommitOutcome::Failed { disposition: Disposition::Stop });
    assert!(place.plain().await.event_writer().await.is_err());
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_table_forgets_what_is_gone() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for (version, name) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(writer.commit(request(name, vec![object(name)])).await, committed(version));
    }
    let table = lake.table(TableName::Events).await.unwrap();
    table.restore().with_version_to_restore(1).await.unwrap();
    let asked = [object_ref("a"), object_ref("b"), object_ref("c")];
    assert_eq!(writer.commit(request("d", vec![object("d")])).await, committed(5));
    assert_eq!(writer.look_up(&asked).await.unwrap(), [true, false, false]);
    assert_eq!(writer.commit(request("b again", vec![object("b")])).await, committed(6));
    check_stored(&lake, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_restored_while_nobody_ran_forgets_what_is_gone() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for (version, name) in [(1, "a"), (2, "b")] {
        assert_eq!(writer.commit(request(name, vec![object(name)])).await, committed(version));
    }
    drop(writer);
    let table = lake.table(TableName::Events).await.unwrap();
    table.restore().with_version_to_restore(1).await.unwrap();
    let writer = place.plain().await.event_writer().await.unwrap();
    check_stored(&lake, 1).await;
    assert_eq!(writer.commit(request("b again", vec![object("b")])).await, committed(4));
    check_stored(&lake, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_brings_no_new_files() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for (version, name) in [(1, "a"), (2, "b")] {
        assert_eq!(writer.commit(request(name, vec![object(name)])).await, committed(version));
    }
    let table = lake.table(TableName::Events).await.unwrap();
    let session = Arc::new(deltalake_core::datafusion::prelude::SessionContext::new().state());
    let (_, metrics) = table.optimize().with_session_state(session).await.unwrap();
    assert_eq!((metrics.num_files_added, metrics.num_files_removed), (1, 2));
    assert_eq!(lake.files_added(Some(TableVersion(2)), TableVersion(3)).await.unwrap().len(), 0);
    assert_eq!(writer.commit(request("c", vec![object("c")])).await, committed(4));
    check_stored(&lake, 3).await;
}
