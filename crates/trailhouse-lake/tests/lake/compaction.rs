//! Small files become large ones, and nothing else changes.

use std::time::Duration;

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

#[tokio::test(flavor = "multi_thread")]
async fn old_days_go_as_a_whole_and_their_files_after_a_while() {
    let place = Place::new();
    let lake = filled(&place, &["a", "b"]).await;
    let rehearsed = lake.expire("2023-07-11", true).await.unwrap();
    assert_eq!((rehearsed.days.len(), rehearsed.version), (1, None));
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 4);
    let all = number(&lake, "SELECT count(*) FROM events WHERE event_date >= '2023-07-11'").await;
    let expired = lake.expire("2023-07-11", false).await.unwrap();
    assert_eq!(expired, trailhouse_lake::Expired { version: Some(TableVersion(3)), ..rehearsed });
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, all);
    assert_eq!(lake.expire("2023-07-11", false).await.unwrap().files, 0);
    // What is gone stays known: it is not stored again.
    let writer = place.plain().await.event_writer().await.unwrap();
    let outcome = writer.commit(request("again", vec![object("a")])).await;
    assert!(matches!(outcome, CommitOutcome::Superseded { .. }), "{outcome:?}");
    let kept = lake.vacuum(TableName::Events, Duration::from_secs(3_600), false).await.unwrap();
    assert_eq!(kept.files.len(), 0, "older versions need them still");
    let gone = lake.vacuum(TableName::Events, Duration::ZERO, true).await.unwrap();
    assert_eq!(u64::try_from(gone.files.len()).unwrap(), expired.files);
    let gone = lake.vacuum(TableName::Events, Duration::ZERO, false).await.unwrap();
    assert_eq!(u64::try_from(gone.files.len()).unwrap(), expired.files);
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_what_was_done() {
    let place = Place::new();
    let lake = filled(&place, &["a", "b"]).await;
    for group in lake.compaction_groups(TableName::Events, &OPTIONS).await.unwrap() {
        lake.compact(&group).await.unwrap();
    }
    let history = lake.history(TableName::Events, 100).await.unwrap();
    let done: Vec<_> = history.iter().map(|it| it.operation.as_deref().unwrap()).collect();
    assert_eq!(done.last(), Some(&"CREATE TABLE"));
    assert_eq!(done.first(), Some(&"OPTIMIZE"));
    assert_eq!(history[0].files_removed, 2 * history[0].files_added);
    assert_eq!(
        history.iter().find(|it| it.version == TableVersion(1)).unwrap().rows_added,
        Some(2)
    );
    assert_eq!(lake.history(TableName::Events, 2).await.unwrap().len(), 2);
}
