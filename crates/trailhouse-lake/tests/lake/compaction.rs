//! Small files become large ones, and nothing else changes.

use trailhouse_lake::{Compacted, CompactionOptions, Lake, TableName};
use trailhouse_model::{CommitOutcome, TableVersion};
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, number, object, request, texts};

const OPTIONS: CompactionOptions = CompactionOptions { target_bytes: 1 << 20, files_min: 2 };
const ROWS: &str = "SELECT concat(source_object_id, ' ', source_row, ' ', event_time) AS row \
                    FROM events ORDER BY row";

async fn filled(place: &Place, names: &[&str]) -> Lake {
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for name in names {
        let outcome = writer.commit(request(name, vec![object(name)])).await;
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
    }
    lake
}

async fn active_files(lake: &Lake, table: TableName) -> usize {
    lake.table(table).await.unwrap().snapshot().unwrap().log_data().num_files()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_and_are_not_new() {
    let place = Place::new();
    let lake = filled(&place, &["a", "b", "c", "d"]).await;
    let before = texts(&lake, ROWS).await;
    let groups = lake.compaction_groups(TableName::Events, &OPTIONS).await.unwrap();
    let files: usize = groups.iter().map(|group| group.files.len()).sum();
    assert_eq!(files, active_files(&lake, TableName::Events).await);
    for group in &groups {
        assert!(matches!(lake.compact(group).await.unwrap(), Compacted::Done { .. }));
    }
    assert_eq!(texts(&lake, ROWS).await, before);
    assert_eq!(active_files(&lake, TableName::Events).await, groups.len());
    let now = lake.latest_version(TableName::Events).await.unwrap();
    assert_eq!(now, TableVersion(4 + u64::try_from(groups.len()).unwrap()));
    assert_eq!(lake.files_added(Some(TableVersion(4)), now).await.unwrap(), []);
    assert_eq!(lake.compaction_groups(TableName::Events, &OPTIONS).await.unwrap(), []);
    // Who reads the log anew still knows what is stored.
    let writer = place.plain().await.event_writer().await.unwrap();
    let outcome = writer.commit(request("again", vec![object("b")])).await;
    assert!(matches!(outcome, CommitOutcome::Superseded { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_are_stepped_over_and_whoever_takes_a_file_first_wins() {
    let place = Place::new();
    let lake = filled(&place, &["a", "b"]).await;
    let groups = lake.compaction_groups(TableName::Events, &OPTIONS).await.unwrap();
    let group = groups.first().unwrap();
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("c", vec![object("c")])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(3) });
    let compacted = lake.compact(group).await.unwrap();
    assert!(matches!(compacted, Compacted::Done { version: TableVersion(4), .. }), "{compacted:?}");
    assert_eq!(lake.compact(group).await.unwrap(), Compacted::Overtaken);
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_compact_a_group_once() {
    let place = Place::new();
    let lake = filled(&place, &["a", "b", "c"]).await;
    let before = texts(&lake, ROWS).await;
    let groups = lake.compaction_groups(TableName::Events, &OPTIONS).await.unwrap();
    let group = groups.first().unwrap();
    let other = place.plain().await;
    let (one, two) = tokio::join!(lake.compact(group), other.compact(group));
    let outcomes = [one.unwrap(), two.unwrap()];
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Compacted::Done { .. })).count();
    assert_eq!(done, 1, "{outcomes:?}");
    assert_eq!(texts(&lake, ROWS).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_can_be_compacted() {
    let place = Place::new();
    let lake = filled(&place, &["a", "b", "c"]).await;
    let objects = "SELECT key FROM objects ORDER BY key";
    let before = texts(&lake, objects).await;
    assert_eq!(before.len(), 3);
    for group in lake.compaction_groups(TableName::Objects, &OPTIONS).await.unwrap() {
        assert!(matches!(lake.compact(&group).await.unwrap(), Compacted::Done { .. }));
    }
    assert_eq!(texts(&lake, objects).await, before);
    let writer = place.plain().await.event_writer().await.unwrap();
    let outcome = writer.commit(request("d", vec![object("d")])).await;
    assert_eq!(outcome, CommitOutcome::Committed { version: TableVersion(4) });
    assert_eq!(texts(&place.plain().await, objects).await.len(), 4);
}
