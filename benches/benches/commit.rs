//! What a commit costs on a local disk: with everything synced, and with that left to the system.
//!
//! `cargo bench --bench commit`. The disk decides; compare within one run.

#![expect(clippy::expect_used, reason = "a benchmark may fail loudly")]

use benches::corpus;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use trailhouse_decode::{DecodeLimits, Decoder, EventRows};
use trailhouse_lake::{Durability, Lake, LakeOptions};
use trailhouse_model::{BatchId, BucketName, CommitOutcome, EventTime, ObjectKey, ObjectRef};
use trailhouse_runtime::{CommitRequest, LakeWriter, committed_object, decode_context};

/// One object of the corpus under a name that was not used before.
fn request(body: &[u8], number: u32) -> CommitRequest {
    let key = ObjectKey::new(format!("{number}.json.gz"));
    let object = ObjectRef::new(BucketName::new("trail"), key);
    let context = decode_context(&object, EventTime::from_micros(1_780_000_000_000_000));
    let decoded =
        Decoder::new(DecodeLimits::default()).decode(&context, body).expect("a log object");
    let decoded = decoded.map(EventRows::from);
    let objects = vec![committed_object(object, decoded, &context)];
    CommitRequest { batch: BatchId::new(format!("batch-{number}")), objects }
}

fn benchmarks(criterion: &mut Criterion) {
    let corpus = corpus();
    let body = &corpus.objects.first().expect("the corpus has objects").body;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("commit");
    group.throughput(Throughput::Elements(1));
    for (name, durability) in [("fsync", Durability::Fsync), ("os", Durability::Os)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let uri = folder.path().join("lake").to_string_lossy().into_owned();
        let options = LakeOptions { durability, ..LakeOptions::default() };
        let writer = runtime.block_on(async {
            let lake = Lake::create_or_open_with(&uri, &options).await.expect("a lake");
            lake.event_writer().await.expect("a writer")
        });
        let mut number = 0;
        let mut next = || {
            number += 1;
            request(body, number)
        };
        let commit = |request| {
            let outcome = runtime.block_on(writer.commit(request));
            assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
        };
        group.bench_function(name, |bencher| {
            bencher.iter_batched(&mut next, commit, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(group, benchmarks);
criterion_main!(group);
