//! An event that stands in several objects is stored once, as soon as its rows meet.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use trailhouse_decode::EventRows;
use trailhouse_lake::{Compacted, CompactionOptions, Lake, TableName};
use trailhouse_model::CommitOutcome;
use trailhouse_runtime::{CommitObject, LakeWriter};

use crate::support::{Place, number, object, object_on, request, texts};

const OPTIONS: CompactionOptions = CompactionOptions { target_bytes: 1 << 20, files_min: 2 };
const EVENTS: &str = "SELECT count(*) FROM events";

/// An object with the events of another.
fn copy(original: &CommitObject, name: &str) -> CommitObject {
    let mut copy = object_on(name, &[]);
    let id = copy.committed.id.to_string();
    copy.committed.events = original.committed.events;
    copy.committed.outcome = original.committed.outcome;
    copy.events = with_text(&original.events, "source_object_id", Some(&id));
    copy
}

/// The same rows with one value in a whole column.
fn with_text(events: &EventRows, column: &str, value: Option<&str>) -> EventRows {
    let events = events.to_batch();
    let mut columns = events.columns().to_vec();
    let values: StringArray = (0..events.num_rows()).map(|_| value).collect();
    let array: ArrayRef = Arc::new(values);
    columns[events.schema().index_of(column).unwrap()] = array;
    RecordBatch::try_new(events.schema(), columns).unwrap().into()
}

async fn commit(lake: &Lake, batch: &str, objects: Vec<CommitObject>) -> u64 {
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request(batch, objects)).await;
    assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    writer.added().repeats
}

/// What the newest version of the events says it left out.
async fn left_out(lake: &Lake) -> u64 {
    lake.history(TableName::Events, 1).await.unwrap()[0].repeats
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_events_in_one_commit_one_is_stored() {
    let place = Place::new();
    let lake = place.lake().await;
    let a = object_on("a", &[0, 1, 1]);
    let same = copy(&a, "b");
    let mut other = copy(&a, "c");
    other.events = with_text(&other.events, "error_code", Some("AccessDenied"));
    let mut theirs = copy(&a, "d");
    theirs.events = with_text(&theirs.events, "recipient_account_id", Some("444455556666"));
    assert_eq!(commit(&lake, "1", vec![a, same, other, theirs]).await, 3);
    assert_eq!(left_out(&lake).await, 3);
    assert_eq!(number(&lake, EVENTS).await, 9, "three of the first, the third and the fourth");
    let from = "SELECT o.key FROM events e JOIN objects o ON o.object_id = e.source_object_id \
                GROUP BY o.key ORDER BY o.key";
    let keys = texts(&lake, from).await;
    let stored: Vec<&str> = keys.iter().map(|key| &key[key.len() - 9..key.len() - 8]).collect();
    assert_eq!(stored, ["a", "c", "d"], "the first stays");
    assert_eq!(number(&lake, "SELECT sum(events) FROM objects").await, 12, "as delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_an_id_are_never_the_same() {
    let place = Place::new();
    let lake = place.lake().await;
    let mut a = object("a");
    a.events = with_text(&a.events, "event_id", None);
    let same = copy(&a, "b");
    assert_eq!(commit(&lake, "1", vec![a, same]).await, 0);
    assert_eq!(number(&lake, EVENTS).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_events_in_several_commits_a_compaction_leaves_one() {
    let place = Place::new();
    let lake = place.lake().await;
    let a = object_on("a", &[0, 0, 1]);
    let mut other = copy(&a, "c");
    other.events = with_text(&other.events, "error_code", Some("AccessDenied"));
    for (name, object) in
        [("1", a.clone()), ("2", copy(&a, "b")), ("3", other), ("4", copy(&a, "d"))]
    {
        assert_eq!(commit(&lake, name, vec![object]).await, 0);
    }
    assert_eq!(number(&lake, EVENTS).await, 12);
    let mut repeats = Vec::new();
    for group in lake.compaction_groups(TableName::Events, &OPTIONS).await.unwrap() {
        let Compacted::Done { repeats: left, .. } = lake.compact(&group).await.unwrap() else {
            panic!("nobody else writes");
        };
        assert_eq!(left_out(&lake).await, left);
        repeats.push(left);
    }
    assert_eq!(repeats, [4, 2], "of each day");
    let rows =
        "SELECT concat(event_id, ' ', coalesce(error_code, '-')) AS row FROM events ORDER BY row";
    let rows = texts(&lake, rows).await;
    assert_eq!(rows.len(), 6);
    assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{rows:?}");
    // Objects stay known, also those of which no row is left.
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("again", vec![copy(&a, "d")])).await;
    assert!(matches!(outcome, CommitOutcome::Superseded { .. }), "{outcome:?}");
}
