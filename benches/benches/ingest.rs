//! The whole way from objects in a folder to a committed lake.
//!
//! `cargo bench --bench ingest`. The floor in the same run is the bench `decode`.

#![expect(clippy::expect_used, reason = "a benchmark may fail loudly")]

use std::hint::black_box;

use benches::write_corpus;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use trailhouse_service::{Drain, IngestSelection, IngestSettings, ingest};

fn benchmarks(criterion: &mut Criterion) {
    let logs = tempfile::tempdir().expect("a temporary folder");
    let events = write_corpus(logs.path()).expect("a temporary folder");
    let sources = [logs.path().to_string_lossy().into_owned()];
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10).throughput(Throughput::Elements(events));
    group.bench_function("folder to committed lake", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("a temporary folder"),
            |lake| {
                let settings = IngestSettings {
                    lake: lake.path().join("lake").to_string_lossy().into_owned(),
                    ..IngestSettings::default()
                };
                let drain = Drain::new();
                let done = runtime.block_on(ingest(
                    &settings,
                    &sources,
                    &IngestSelection::default(),
                    &drain,
                    |_| {},
                ));
                let summary = done.expect("the corpus is ingested");
                assert_eq!(summary.report.events, events);
                black_box(lake)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(group, benchmarks);
criterion_main!(group);
