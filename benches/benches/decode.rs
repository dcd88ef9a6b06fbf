//! Decoding beside its floor: what inflating and building the simd-json tape cost on their own.
//!
//! `cargo bench --bench decode`. Each function runs over the same corpus on one thread, so
//! the ratio of two of them in one run is what counts.

#![expect(clippy::expect_used, reason = "a benchmark may fail loudly")]

use std::hint::black_box;

use benches::{Corpus, corpus, inflate};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use libdeflater::Decompressor;
use simd_json::Buffers;
use trailhouse_decode::{DecodeContext, DecodeLimits, Decoder};
use trailhouse_model::{EventTime, ObjectId};

/// 2026-06-15: the day after the corpus ends.
const DECODED_AT: EventTime = EventTime::from_micros(1_781_481_600_000_000);

fn floor(corpus: &Corpus, inflater: &mut Decompressor, buffers: &mut Buffers) -> usize {
    let (mut nodes, mut buffer) = (0, Vec::new());
    for object in &corpus.objects {
        inflate(inflater, &object.body, &mut buffer);
        let tape = simd_json::to_tape_with_buffers(&mut buffer, buffers);
        let tape = tape.expect("the corpus is good JSON");
        nodes += tape.0.len();
    }
    nodes
}

fn decode(corpus: &Corpus, decoder: &mut Decoder) -> usize {
    let context =
        DecodeContext { object_id: ObjectId([7; 16]), delivered_at: None, decoded_at: DECODED_AT };
    let mut rows = 0;
    for object in &corpus.objects {
        let decoded = decoder.decode(&context, &object.body).expect("the corpus decodes");
        rows += decoded.events.num_rows();
    }
    rows
}

fn benchmarks(criterion: &mut Criterion) {
    let corpus = corpus();
    let (mut inflater, mut buffer) = (Decompressor::new(), Vec::new());
    let mut inflated_bytes = 0;
    for object in &corpus.objects {
        inflate(&mut inflater, &object.body, &mut buffer);
        inflated_bytes += u64::try_from(buffer.len()).expect("a length fits");
    }
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10);
    for (unit, throughput) in [
        ("bytes", Throughput::Bytes(inflated_bytes)),
        ("events", Throughput::Elements(corpus.events)),
    ] {
        group.throughput(throughput);
        group.bench_function(format!("floor: inflate and tape, by {unit}"), |bencher| {
            let mut buffers = Buffers::default();
            bencher.iter(|| black_box(floor(&corpus, &mut inflater, &mut buffers)));
        });
        group.bench_function(format!("rows: inflate, tape and columns, by {unit}"), |bencher| {
            let mut decoder = Decoder::new(DecodeLimits::default());
            bencher.iter(|| black_box(decode(&corpus, &mut decoder)));
        });
    }
    group.finish();
}

criterion_group!(group, benchmarks);
criterion_main!(group);
