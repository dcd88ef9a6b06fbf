//! Other programs that commit to the same tables.

use std::{collections::HashMap, sync::Arc};

use deltalake_core::{
    datafusion::prelude::{SessionContext, col, lit},
    kernel::{DataType, StructField},
    protocol::SaveMode,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use trailhouse_lake::{Lake, TableName};
use trailhouse_model::{CommitOutcome, Disposition, TableVersion};
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, check_stored, number, object, object_ref, request, texts};

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
    table.write([object(name).events.to_batch()]).with_save_mode(SaveMode::Append).await.unwrap();
}

async fn add_column(uri: &str) {
    let table = Lake::open(uri).await.unwrap().table(TableName::Events).await.unwrap();
    let column = StructField::new("ticket", DataType::STRING, true);
    table.add_columns().with_fields([column]).await.unwrap();
}

async fn delete(uri: &str, name: &str) {
    let table = Lake::open(uri).await.unwrap().table(TableName::Events).await.unwrap();
    let id = object_ref(name).id().to_string();
    let (_, metrics) =
        table.delete().with_predicate(col("source_object_id").eq(lit(id))).await.unwrap();
    assert_eq!(metrics.num_deleted_rows, Some(2));
}

async fn optimize(uri: &str) {
    let table = Lake::open(uri).await.unwrap().table(TableName::Events).await.unwrap();
    let session = Arc::new(SessionContext::new().state());
    let (_, metrics) = table.optimize().with_session_state(session).await.unwrap();
    assert_eq!((metrics.num_files_added, metrics.num_files_removed), (1, 2));
}

/// Stores two objects; then another program commits between the snapshot of the third commit and
/// its log entry, which steps over it. What the other did stands, and no object is stored again.
async fn check_between<F>(
    act: impl FnOnce(String) -> F + Send + 'static,
    expected: &[&str],
) -> Place
where
    F: Future<Output = ()> + Send + 'static,
{
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for (version, name) in [(1, "a"), (2, "b")] {
        assert_eq!(writer.commit(request(name, vec![object(name)])).await, committed(version));
    }
    let uri = place.uri();
    let hook = move || -> BoxFuture<'static, ()> { Box::pin(act(uri)) };
    *place.store.before_put.lock().unwrap() = Some((EVENTS_LOG, Box::new(hook)));
    assert_eq!(writer.commit(request("c", vec![object("c")])).await, committed(4));
    let mut rows: Vec<String> =
        expected.iter().map(|name| object_ref(name).id().to_string()).collect();
    rows = rows.iter().flat_map(|id| [format!("{id} 0"), format!("{id} 1")]).collect();
    rows.sort_unstable();
    let query = "SELECT concat(source_object_id, ' ', source_row) AS row FROM events ORDER BY row";
    assert_eq!(texts(&lake, query).await, rows);
    // For a writer that was there, and for one that reads it all from the log.
    for lake in [lake, place.plain().await] {
        let writer = lake.event_writer().await.unwrap();
        for name in ["a", "b", "c"] {
            let outcome = writer.commit(request("again", vec![object(name)])).await;
            let stored = vec![object_ref(name).id()];
            let version = TableVersion(4);
            assert_eq!(outcome, CommitOutcome::Superseded { objects: stored, version });
        }
    }
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_set_between_are_stepped_over() {
    let key = "delta.deletedFileRetentionDuration";
    let set = move |uri: String| async move { set_property(&uri, key, "interval 9 days").await };
    check_between(set, &["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_append_between_is_stepped_over() {
    let act = |uri: String| async move { append(&uri, "theirs").await };
    let place = check_between(act, &["a", "b", "c", "theirs"]).await;
    assert_eq!(number(&place.plain().await, "SELECT count(*) FROM objects").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_deleted_between_stay_deleted() {
    check_between(|uri| async move { delete(&uri, "a").await }, &["b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_compacted_between_stay_compacted() {
    check_between(|uri| async move { optimize(&uri).await }, &["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_added_between_is_null_in_our_rows() {
    let act = |uri: String| async move { add_column(&uri).await };
    let place = check_between(act, &["a", "b", "c"]).await;
    let filled = "SELECT count(ticket) FROM events";
    assert_eq!(number(&place.plain().await, filled).await, 0);
}

/// A change of the table that rows of ours would break stops the writer, at the commit and at the
/// next opening; what is stored can be read.
async fn check_stopped(place: &Place, change: impl Future<Output = ()>, column: &str) {
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.commit(request("a", vec![object("a")])).await, committed(1));
    change.await;
    let outcome = writer.commit(request("b", vec![object("b")])).await;
    let CommitOutcome::Failed { disposition, detail } = outcome else { panic!("{outcome:?}") };
    assert_eq!(disposition, Disposition::Stop);
    assert!(detail.contains(column), "{detail}");
    let Err(error) = place.plain().await.event_writer().await else { panic!("it was opened") };
    assert!(error.to_string().contains(column), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_must_not_be_null_stops_the_writer() {
    let place = Place::new();
    let change = async { raw_metadata(&place, |fields| fields.push(required("ticket"))) };
    check_stopped(&place, change, "ticket").await;
    assert_eq!(number(&place.plain().await, "SELECT count(*) FROM events").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_ours_that_is_gone_stops_the_writer() {
    let place = Place::new();
    let change = async {
        raw_metadata(&place, |fields| fields.retain(|field| field["name"] != "user_agent"));
    };
    check_stopped(&place, change, "user_agent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_ours_with_another_type_stops_the_writer() {
    let place = Place::new();
    let change = async {
        raw_metadata(&place, |fields| {
            let field = fields.iter_mut().find(|field| field["name"] == "source_row").unwrap();
            field["type"] = json!("long");
        });
    };
    check_stopped(&place, change, "source_row").await;
}

fn required(name: &str) -> Value {
    json!({ "name": name, "type": "string", "nullable": false, "metadata": {} })
}

/// Writes a log entry with changed columns, as a program does that has other rules than this one.
fn raw_metadata(place: &Place, change: impl FnOnce(&mut Vec<Value>)) {
    let log = format!("{}/events/_delta_log", place.uri());
    let first = std::fs::read_to_string(format!("{log}/{:020}.json", 0)).unwrap();
    let actions = first.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut action = actions.into_iter().find(|action| !action["metaData"].is_null()).unwrap();
    let text = action["metaData"]["schemaString"].as_str().unwrap();
    let mut schema: Value = serde_json::from_str(text).unwrap();
    change(schema["fields"].as_array_mut().unwrap());
    action["metaData"]["schemaString"] = json!(schema.to_string());
    std::fs::write(format!("{log}/{:020}.json", 2), action.to_string()).unwrap();
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
    let CommitOutcome::Failed { disposition, detail } = outcome else { panic!("{outcome:?}") };
    assert_eq!(disposition, Disposition::Stop, "{detail}");
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
    let session = Arc::new(SessionContext::new().state());
    let (_, metrics) = table.optimize().with_session_state(session).await.unwrap();
    assert_eq!((metrics.num_files_added, metrics.num_files_removed), (1, 2));
    assert_eq!(lake.files_added(Some(TableVersion(2)), TableVersion(3)).await.unwrap().len(), 0);
    assert_eq!(writer.commit(request("c", vec![object("c")])).await, committed(4));
    check_stored(&lake, 3).await;
}
