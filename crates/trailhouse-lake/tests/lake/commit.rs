//! Committing and reading back.

use trailhouse_lake::TableName;
use trailhouse_model::{CommitOutcome, TableVersion};
use trailhouse_runtime::LakeWriter;

use crate::support::{Place, check_stored, number, object, object_on, object_ref, request, texts};

fn committed(version: u64) -> CommitOutcome {
    CommitOutcome::Committed { version: TableVersion(version) }
}

#[tokio::test]
async fn what_is_committed_is_read_back() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("b1", vec![object("a"), object("b")])).await;
    assert_eq!(outcome, committed(1));
    check_stored(&lake, 2).await;
    let known = writer.look_up(&[object_ref("a"), object_ref("c")]).await.unwrap();
    assert_eq!(known, [true, false]);
}

#[tokio::test]
async fn a_commit_has_one_file_for_each_day_in_order_of_time() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let objects = vec![object_on("a", &[1, 0, 1]), object_on("b", &[0, 2])];
    assert_eq!(writer.commit(request("b1", objects)).await, committed(1));
    let files = lake.files_added(None, TableVersion(1)).await.unwrap();
    let mut days: Vec<_> =
        files.iter().map(|file| file.add.partition_values["event_date"].clone().unwrap()).collect();
    days.sort();
    assert_eq!(days, ["2023-07-10", "2023-07-11", "2023-07-12"]);
    assert!(files.iter().all(|file| file.add.path.starts_with("event_date=2023-07-1")));
    let times =
        texts(&lake, "SELECT CAST(event_time AS TEXT) FROM events WHERE event_date = '2023-07-10'")
            .await;
    assert_eq!(times, ["2023-07-10T00:00:02Z", "2023-07-10T00:00:02Z"]);
}

#[tokio::test]
async fn stats_stand_in_the_log_and_are_read_by_the_library() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    let add = lake.files_added(None, TableVersion(1)).await.unwrap().remove(0).add;
    let stats = add.stats.clone().unwrap();
    assert!(stats.contains(r#""numRecords":2"#), "{stats}");
    assert!(stats.contains(r#""event_time":"2023-07-10T00:00:02Z""#), "{stats}");
    let parsed = add.get_stats().unwrap().unwrap();
    assert_eq!(parsed.num_records, 2);
    assert_eq!(parsed.null_count["event_time"].as_value(), Some(0));
    let status = lake.status().await.unwrap();
    let events = status.iter().find(|status| status.table == TableName::Events).unwrap();
    assert_eq!((events.version, events.files, events.rows), (TableVersion(1), 1, Some(2)));
    assert!(events.bytes > 0 && events.committed_at.is_some());
}

#[tokio::test]
async fn objects_twice_in_a_request_are_stored_once() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    let outcome = writer.commit(request("b1", vec![object("a"), object("a")])).await;
    assert_eq!(outcome, committed(1));
    check_stored(&lake, 1).await;
}

#[tokio::test]
async fn stored_objects_supersede_the_batch() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.commit(request("b1", vec![object("a")])).await, committed(1));
    // A new process knows it from the table alone.
    let writer = place.lake().await.event_writer().await.unwrap();
    let outcome = writer.commit(request("b2", vec![object("a"), object("b")])).await;
    let CommitOutcome::Superseded { objects, version } = outcome else { panic!("{outcome:?}") };
    assert_eq!((objects, version), (vec![object_ref("a").id()], TableVersion(1)));
    assert_eq!(writer.commit(request("b2", vec![object("b")])).await, committed(2));
    check_stored(&lake, 2).await;
}

#[tokio::test]
async fn an_object_without_events_is_remembered() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.commit(request("b1", vec![object_on("empty", &[])])).await, committed(1));
    assert_eq!(writer.look_up(&[object_ref("empty")]).await.unwrap(), [true]);
    assert_eq!(number(&lake, "SELECT count(*) FROM objects WHERE outcome = 'empty'").await, 1);
}

#[tokio::test]
async fn new_files_are_told_version_by_version() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for (version, name) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(writer.commit(request(name, vec![object(name)])).await, committed(version));
    }
    let count = async |after, up_to| {
        lake.files_added(after, TableVersion(up_to)).await.map(|files| files.len()).ok()
    };
    assert_eq!(count(None, 3).await, Some(3));
    assert_eq!(count(Some(TableVersion(1)), 3).await, Some(2));
    assert_eq!(count(Some(TableVersion(3)), 3).await, Some(0));
    assert_eq!(count(Some(TableVersion(3)), 4).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_written_when_it_is_due() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    for number in 1..=100 {
        let name = format!("o{number}");
        assert_eq!(writer.commit(request(&name, vec![object(&name)])).await, committed(number));
        if number == 99 {
            assert_eq!(lake.checkpoint_if_due().await.unwrap(), []);
        }
    }
    let written = lake.checkpoint_if_due().await.unwrap();
    assert_eq!(written, [TableName::Events, TableName::Objects]);
    assert_eq!(lake.checkpoint_if_due().await.unwrap(), []);
    // Opened from the checkpoint, without the entries that it replaces.
    for version in 0..100 {
        for table in ["events", "objects"] {
            let entry = format!("{}/{table}/_delta_log/{version:020}.json", place.uri());
            std::fs::remove_file(entry).unwrap();
        }
    }
    let lake = place.plain().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.look_up(&[object_ref("o1"), object_ref("o100")]).await.unwrap(), [true; 2]);
    assert_eq!(writer.commit(request("next", vec![object("next")])).await, committed(101));
    check_stored(&lake, 101).await;
    assert!(lake.files_added(None, TableVersion(101)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_entries_make_a_checkpoint_due_early() {
    let place = Place::new();
    let lake = place.lake().await;
    let writer = lake.event_writer().await.unwrap();
    assert_eq!(writer.commit(request("few", vec![object("few")])).await, committed(1));
    assert_eq!(lake.checkpoint_if_due().await.unwrap(), []);
    // Each object is named in the entry with its key, its hashes and its sizes.
    let many = (0..10_000).map(|number| object_on(&format!("many-{number}"), &[])).collect();
    assert_eq!(writer.commit(request("many", many)).await, committed(2));
    assert_eq!(lake.checkpoint_if_due().await.unwrap(), [TableName::Events]);
    assert_eq!(lake.checkpoint_if_due().await.unwrap(), []);
}
