//! Several writers on a store that fails in every way at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use object_store::memory::InMemory;
use trailhouse_lake::{EventWriter, Lake, LakeOptions};
use trailhouse_model::{BatchId, CommitOutcome, Disposition, ObjectId};
use trailhouse_runtime::{CommitObject, LakeWriter};

use crate::{
    faulty_store::{Fault, FaultyStore},
    support::{check_stored, object, object_ref, request, texts},
};

const URI: &str = "s3://bucket/lake";
const SEEDS: u64 = 16;
const WRITERS: usize = 3;
const BATCHES: usize = 5;
const OBJECTS_PER_BATCH: usize = 2;
/// Far more than any seed needs; a writer that gets nowhere ends the test.
const ROUNDS_MAX: u32 = 500;

fn options(store: &FaultyStore) -> LakeOptions {
    LakeOptions {
        bucket: Some(Arc::new(store.clone())),
        backoff: Duration::from_micros(50),
        backoff_max: Duration::from_micros(500),
        ..LakeOptions::default()
    }
}

fn name(number: usize) -> String {
    format!("o{number}")
}

async fn writer(store: &FaultyStore) -> EventWriter {
    for _ in 0..ROUNDS_MAX {
        if let Ok(lake) = Lake::open_with(URI, &options(store)).await
            && let Ok(writer) = lake.event_writer().await
        {
            return writer;
        }
    }
    panic!("the lake cannot be opened");
}

/// Commits as the ingest machine does: what is superseded is dropped, what is unknown is looked
/// for, what failed is sent again.
async fn store_batch(writer: &EventWriter, batch: &str, mut objects: Vec<CommitObject>) {
    for _ in 0..ROUNDS_MAX {
        match writer.commit(request(batch, objects.clone())).await {
            CommitOutcome::Committed { .. } => return,
            CommitOutcome::Superseded { objects: stored, .. } => {
                let stored: BTreeSet<ObjectId> = stored.into_iter().collect();
                objects.retain(|object| !stored.contains(&object.committed.id));
                if objects.is_empty() {
                    return;
                }
            }
            CommitOutcome::Unknown => {
                if let Ok(Some(_)) = writer.probe(&BatchId::new(batch)).await {
                    return;
                }
            }
            CommitOutcome::Failed { disposition, detail } => {
                assert_eq!(disposition, Disposition::RetryLater, "{detail}");
            }
        }
    }
    panic!("{batch} gets nowhere");
}

/// Every object is in the work of every writer, each time in another order and company.
async fn work(store: FaultyStore, worker: usize) {
    let writer = writer(&store).await;
    let count = BATCHES * OBJECTS_PER_BATCH;
    for batch in 0..BATCHES {
        let objects = (0..OBJECTS_PER_BATCH)
            .map(|part| (batch * OBJECTS_PER_BATCH + part) * (worker + 1) + worker)
            .map(|number| object(&name(number % count)))
            .collect();
        store_batch(&writer, &format!("w{worker}-b{batch}"), objects).await;
    }
    // Whatever the orders left out.
    let rest = (0..count).map(|number| object(&name(number))).collect();
    store_batch(&writer, &format!("w{worker}-rest"), rest).await;
}

async fn storm(seed: u64) -> FaultyStore {
    let store = FaultyStore::new(Arc::new(InMemory::new()), seed);
    Lake::create_or_open_with(URI, &options(&store)).await.unwrap();
    store.arm(true);
    let workers: Vec<_> =
        (0..WRITERS).map(|worker| tokio::spawn(work(store.clone(), worker))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    store.arm(false);
    store.land_all().await;
    let lake = Lake::open_with(URI, &options(&store)).await.unwrap();
    // Opening for writing lists what was not listed yet.
    lake.event_writer().await.unwrap();
    let count = BATCHES * OBJECTS_PER_BATCH;
    check_stored(&lake, count).await;
    let mut expected: Vec<String> = (0..count)
        .flat_map(|number| {
            let id = object_ref(&name(number)).id();
            (0..2).map(move |row| format!("{id} {row}"))
        })
        .collect();
    expected.sort_unstable();
    let rows = "SELECT concat(source_object_id, ' ', source_row) AS row FROM events ORDER BY row";
    assert_eq!(texts(&lake, rows).await, expected, "seed {seed}");
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_stored_exactly_once_in_any_storm() {
    let mut struck = BTreeSet::new();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        struck.extend(storm(seed).await.struck().into_keys());
    }
    assert_eq!(struck, BTreeSet::from(Fault::ALL), "every fault was tried");
}
