//! Several writers on one lake.

use std::collections::BTreeSet;

use trailhouse_lake::{EventWriter, Lake};
use trailhouse_model::{CommitOutcome, ObjectId};
use trailhouse_runtime::{CommitObject, LakeWriter};

use crate::support::{Place, check_stored, object, request};

/// Commits all objects as the ingest machine does: what is superseded is dropped.
pub(crate) async fn store(writer: &EventWriter, batch: &str, mut objects: Vec<CommitObject>) {
    while !objects.is_empty() {
        match writer.commit(request(batch, objects.clone())).await {
            CommitOutcome::Committed { .. } => return,
            CommitOutcome::Superseded { objects: stored, .. } => {
                let stored: BTreeSet<ObjectId> = stored.into_iter().collect();
                assert!(!stored.is_empty());
                objects.retain(|object| !stored.contains(&object.committed.id));
            }
            outcome @ (CommitOutcome::Unknown | CommitOutcome::Failed { .. }) => {
                panic!("{outcome:?}")
            }
        }
    }
}

pub(crate) async fn ingest(lake: Lake, worker: usize, batches: usize) {
    let writer = lake.event_writer().await.unwrap();
    for batch in 0..batches {
        // Every object is in the work of both workers, in another order.
        let number = if worker == 0 { batch } else { batches - 1 - batch };
        let objects = (0..3).map(|part| object(&format!("o{number}-{part}"))).collect();
        store(&writer, &format!("w{worker}-b{batch}"), objects).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_store_every_object_once() {
    let place = Place::new();
    let (a, b) = (place.lake().await, place.lake().await);
    let both = tokio::join!(tokio::spawn(ingest(a, 0, 12)), tokio::spawn(ingest(b, 1, 12)));
    both.0.unwrap();
    both.1.unwrap();
    let lake = place.plain().await;
    check_stored(&lake, 36).await;
    let runs = place.uri();
    let parquet = std::process::Command::new("find")
        .args([&format!("{runs}/events"), "-name", "*.parquet"])
        .output()
        .unwrap();
    let on_disk = String::from_utf8(parquet.stdout).unwrap().lines().count();
    let named = lake.table(trailhouse_lake::TableName::Events).await.unwrap();
    let named = named.snapshot().unwrap().log_data().num_files();
    assert_eq!(on_disk, named, "losers leave no files");
}

#[tokio::test]
async fn a_writer_that_fell_behind_catches_up() {
    let place = Place::new();
    let (first, second) = (place.lake().await, place.lake().await);
    let (first, second) =
        (first.event_writer().await.unwrap(), second.event_writer().await.unwrap());
    for number in 0..5 {
        store(&first, &format!("a{number}"), vec![object(&format!("o{number}"))]).await;
    }
    store(&second, "b", vec![object("o2"), object("o9")]).await;
    check_stored(&place.plain().await, 6).await;
}
