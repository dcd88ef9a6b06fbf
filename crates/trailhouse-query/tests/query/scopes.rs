//! What a detection sees.

use trailhouse_decode::event_schema;
use trailhouse_lake::TableName;
use trailhouse_model::TableVersion;
use trailhouse_query::{EventsScope, QuerySession};

use crate::support::{Place, batches, ndjson, one_thread, record};

async fn names(session: &QuerySession, table: &str) -> Vec<String> {
    let sql = format!("SELECT event_name FROM {table} ORDER BY event_name");
    let lines = ndjson(session, &sql).await;
    let name = |line: &str| line.split('"').nth(3).unwrap().to_owned();
    lines.lines().map(name).collect()
}

async fn check(
    place: &Place,
    after: Option<TableVersion>,
    up_to: TableVersion,
    events: &[&str],
    before: &[&str],
) {
    let scope = EventsScope::Arrived { after, up_to, lookback: None };
    let session = QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap();
    assert_eq!(names(&session, "events").await, events, "{after:?} to {up_to}");
    assert_eq!(names(&session, "events_before").await, before, "{after:?} to {up_to}");
}

#[tokio::test]
async fn an_arrived_scope_sees_exactly_the_files_of_its_versions() {
    let mut place = Place::empty().await;
    let start = place.lake.latest_version(TableName::Events).await.unwrap();
    let first = place.commit(&[record("A", "2026-05-01T08:00:00Z")]).await;
    // An event that arrives late is new all the same.
    let second = place.commit(&[record("B", "2026-04-01T08:00:00Z")]).await;
    let third = place
        .commit(&[record("C", "2026-05-01T08:00:00Z"), record("D", "2026-05-02T08:00:00Z")])
        .await;
    check(&place, None, first, &["A"], &[]).await;
    check(&place, None, third, &["A", "B", "C", "D"], &[]).await;
    check(&place, Some(start), first, &["A"], &[]).await;
    check(&place, Some(first), second, &["B"], &["A"]).await;
    check(&place, Some(first), third, &["B", "C", "D"], &["A"]).await;
    check(&place, Some(second), third, &["C", "D"], &["A", "B"]).await;
    check(&place, Some(third), third, &[], &["A", "B", "C", "D"]).await;
}

#[tokio::test]
async fn compaction_makes_nothing_new_and_hides_nothing() {
    let mut place = Place::empty().await;
    let first = place.commit(&[record("A", "2026-05-01T08:00:00Z")]).await;
    let second = place.commit(&[record("B", "2026-05-01T09:00:00Z")]).await;
    let third = place.commit(&[record("C", "2026-05-01T10:00:00Z")]).await;
    let delta = place.lake.table(TableName::Events).await.unwrap();
    let (delta, metrics) = delta.optimize().await.unwrap();
    assert_eq!(metrics.num_files_removed, 3);
    let compacted = TableVersion(delta.version().unwrap());
    assert!(compacted > third);
    check(&place, Some(third), compacted, &[], &["A", "B", "C"]).await;
    check(&place, Some(first), compacted, &["B", "C"], &["A"]).await;
    check(&place, Some(second), compacted, &["C"], &["A", "B"]).await;
    check(&place, None, compacted, &["A", "B", "C"], &[]).await;
    let fourth = place.commit(&[record("D", "2026-05-01T11:00:00Z")]).await;
    check(&place, Some(second), fourth, &["C", "D"], &["A", "B"]).await;
    let session = place.session().await;
    assert_eq!(names(&session, "events").await, ["A", "B", "C", "D"]);
}

#[tokio::test]
async fn predicates_prune_within_a_scope() {
    let mut place = Place::empty().await;
    let first = place.commit(&[record("A", "2026-05-01T08:00:00Z")]).await;
    place.commit(&[record("B", "2026-05-02T08:00:00Z")]).await;
    let third = place.commit(&[record("C", "2026-05-03T08:00:00Z")]).await;
    let scope = EventsScope::Arrived { after: Some(first), up_to: third, lookback: None };
    let session = QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap();
    let files = async |sql: &str| session.explain(sql).await.unwrap().matches(".parquet").count();
    assert_eq!(files("SELECT event_id FROM events").await, 2);
    assert_eq!(files("SELECT event_id FROM events WHERE event_name = 'C'").await, 1);
    assert_eq!(files("SELECT event_id FROM events WHERE event_date = '2026-05-01'").await, 0);
}

#[tokio::test]
async fn the_whole_lake_has_nothing_before_it() {
    let place = Place::of(&[vec![record("A", "2026-05-01T08:00:00Z")]]).await;
    let session = place.session().await;
    assert_eq!(names(&session, "events").await, ["A"]);
    assert_eq!(names(&session, "events_before").await, [""; 0]);
}

#[tokio::test]
async fn rows_in_memory_are_events_of_the_same_types() {
    let place = Place::of(&[vec![record("A", "2026-05-01T08:00:00Z")]]).await;
    let stored = place.session().await;
    let rows = batches(&stored, "SELECT * FROM stored.events").await;
    let schema = event_schema();
    let session = QuerySession::over_batches(&one_thread(), &schema, &rows, &[]).await.unwrap();
    assert_eq!(names(&session, "events").await, ["A"]);
    assert_eq!(names(&session, "events_before").await, [""; 0]);
    let types = "SELECT column_name, data_type FROM information_schema.columns \
                 WHERE table_name = 'events' AND table_schema = 'lake' ORDER BY column_name";
    assert_eq!(ndjson(&session, types).await, ndjson(&stored, types).await);
    let scope = EventsScope::Batches { schema, events: Vec::new(), history: rows };
    let session = QuerySession::open_scoped(&place.lake, &one_thread(), scope).await.unwrap();
    assert_eq!(names(&session, "events").await, [""; 0]);
    assert_eq!(names(&session, "events_before").await, ["A"]);
    let identity =
        "SELECT user_identity.arn FROM events_before WHERE user_identity.type = 'AssumedRole'";
    assert_eq!(ndjson(&session, identity).await.lines().count(), 1);
}
