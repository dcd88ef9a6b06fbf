//! What it costs to read each event once where objects repeat each other's.
//!
//! `cargo bench --bench unique`: the same queries over `events` and over `events_unique`, in a lake
//! without repeats and in one where a fifth of the objects came twice.

#![expect(clippy::expect_used, reason = "a benchmark may fail loudly")]

use benches::filled_lake;
use criterion::{Criterion, criterion_group, criterion_main};
use trailhouse_query::{QuerySession, SessionOptions};

const QUERIES: [(&str, &str); 3] = [
    ("count", "SELECT count(*) FROM"),
    ("top calls", "SELECT event_name, count(*) AS n FROM"),
    ("one call", "SELECT event_id, request_parameters FROM"),
];
const ENDINGS: [&str; 3] =
    ["", "GROUP BY 1 ORDER BY 2 DESC LIMIT 10", "WHERE event_name = 'DeleteTrail'"];
const REPEATS_PER_MILLE: usize = 210;

fn benchmarks(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut filled = runtime.block_on(filled_lake());
    for repeats in [0, REPEATS_PER_MILLE] {
        if repeats > 0 {
            runtime.block_on(filled.repeat(repeats));
        }
        let options = SessionOptions::default();
        let opening = QuerySession::open(&filled.lake, &options);
        let session = runtime.block_on(opening).expect("a session");
        let mut group = criterion.benchmark_group(format!("repeats {repeats} of 1000"));
        group.sample_size(10);
        for ((name, start), ending) in QUERIES.iter().zip(ENDINGS) {
            for table in ["events", "events_unique"] {
                let sql = format!("{start} {table} {ending}");
                group.bench_function(format!("{name}, {table}"), |bencher| {
                    bencher.iter(|| {
                        runtime.block_on(async {
                            let rows = session.run(&sql).await.expect("a plan");
                            rows.collect().await.expect("rows")
                        })
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(group, benchmarks);
criterion_main!(group);
