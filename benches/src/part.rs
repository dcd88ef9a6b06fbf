//! Measurements of ours. Each runs in a process of its own and prints one line of JSON.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use clap::Subcommand;
use libdeflater::Decompressor;
use serde_json::{Map, Value, json};
use simd_json::Buffers;
use tokio::runtime::Runtime;
use trailhouse_decode::{DecodeContext, DecodeLimits, Decoder};
use trailhouse_lake::Lake;
use trailhouse_model::{EventTime, ObjectId};
use trailhouse_query::rows_as_json;
use trailhouse_sample::SampleObject;
use trailhouse_service::{
    AwsOptions, CompactionOptions, Drain, Durability, IngestSelection, IngestSettings, LakeAddress,
    OptimizeSettings, TableName, ingest, optimize,
};

use crate::{
    measure::{Failed, events, median, open},
    queue::{Drainer, drain},
};

/// The median of this many runs of a query counts.
const RUNS: usize = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Decode the demo's objects once, for who counts instructions
    Decode,
    /// Empty a queue once
    Drain { drainer: Drainer, queue_url: String, lake: PathBuf },
    /// Inflate all objects and build their tapes, on all processors, and nothing else
    Floor { logs: PathBuf },
    /// Store all objects in a new lake
    Ingest { logs: PathBuf, lake: PathBuf },
    /// Put large files in the place of small ones
    Optimize { lake: PathBuf },
    /// Answer queries by name with the first value of the column `v`
    Needles { lake: PathBuf, queries: PathBuf },
    /// Answer a list of queries
    Query { lake: PathBuf, queries: PathBuf },
}

impl Part {
    /// Measures, and prints what it took.
    #[expect(clippy::print_stdout, reason = "the line is what it is for")]
    pub(crate) fn measure(self) -> Result<(), Failed> {
        let runtime = Runtime::new()?;
        let mut told = match self {
            Self::Decode => decode_once()?,
            Self::Drain { drainer, queue_url, lake } => {
                let draining = drain(drainer, &queue_url, text(&lake));
                json!({ "objects": runtime.block_on(Box::pin(draining))? })
            }
            Self::Floor { logs } => floor(&logs)?,
            Self::Ingest { logs, lake } => runtime.block_on(Box::pin(store(&logs, &lake)))?,
            Self::Optimize { lake } => runtime.block_on(Box::pin(compact(&lake)))?,
            Self::Needles { lake, queries } => {
                runtime.block_on(Box::pin(needles(&lake, &read_json(&queries)?)))?
            }
            Self::Query { lake, queries } => {
                runtime.block_on(Box::pin(answer(&lake, &read_json(&queries)?)))?
            }
        };
        if let Some(told) = told.as_object_mut() {
            told.insert("peak_mib".to_owned(), json!(peak_mib()?));
        }
        println!("{told}");
        Ok(())
    }
}

fn decode_once() -> Result<Value, Failed> {
    let corpus = benches::corpus();
    let rows = decode_core(&corpus.objects)?;
    Ok(json!({ "rows": rows }))
}

/// What `scripts/instructions` counts: nothing but decoding.
#[inline(never)]
fn decode_core(objects: &[SampleObject]) -> Result<usize, Failed> {
    let mut decoder = Decoder::new(DecodeLimits::default());
    // A day after the corpus ends.
    let decoded_at = EventTime::from_micros(1_781_481_600_000_000);
    let context = DecodeContext { object_id: ObjectId([7; 16]), delivered_at: None, decoded_at };
    let mut rows = 0;
    for object in objects {
        rows += decoder.decode(&context, &object.body)?.events.num_rows();
    }
    Ok(rows)
}

fn floor(logs: &Path) -> Result<Value, Failed> {
    let mut files = Vec::new();
    list(logs, &mut files)?;
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let started = Instant::now();
    let outcomes: Vec<Result<u64, String>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| tapes(&files, &next))).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.map(|outcome| outcome.unwrap_or_else(|_| Err("panicked".to_owned()))).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let mut bytes = 0;
    for outcome in outcomes {
        bytes += outcome?;
    }
    Ok(json!({ "seconds": seconds, "bytes": bytes }))
}

/// Takes files until there are none; returns how many bytes they inflate to.
fn tapes(files: &[PathBuf], next: &AtomicUsize) -> Result<u64, String> {
    let (mut inflater, mut text) = (Decompressor::new(), Vec::new());
    let (mut buffers, mut bytes) = (Buffers::default(), 0);
    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        let body = fs::read(file).map_err(|error| error.to_string())?;
        benches::inflate(&mut inflater, &body, &mut text);
        bytes += u64::try_from(text.len()).unwrap_or(0);
        simd_json::to_tape_with_buffers(&mut text, &mut buffers)
            .map_err(|error| error.to_string())?;
    }
    Ok(bytes)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failed> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

async fn store(logs: &Path, lake: &Path) -> Result<Value, Failed> {
    let settings = IngestSettings { lake: text(lake), ..IngestSettings::default() };
    let (selection, drain) = (IngestSelection::default(), Drain::new());
    let started = Instant::now();
    Box::pin(ingest(&settings, &[text(logs)], &selection, &drain, |_| {})).await?;
    let seconds = started.elapsed().as_secs_f64();
    with_size(lake, seconds).await
}

async fn compact(lake: &Path) -> Result<Value, Failed> {
    let settings = OptimizeSettings {
        tables: vec![TableName::Events],
        files: CompactionOptions::default(),
        is_rehearsal: false,
    };
    let address = LakeAddress {
        uri: text(lake),
        aws: AwsOptions::default(),
        durability: Durability::default(),
    };
    let started = Instant::now();
    optimize(&address, &settings, &Drain::new(), &mut |_| {}).await?;
    let seconds = started.elapsed().as_secs_f64();
    with_size(lake, seconds).await
}

async fn with_size(lake: &Path, seconds: f64) -> Result<Value, Failed> {
    let events = events(&Lake::open(&text(lake)).await?).await?;
    Ok(json!({
        "seconds": seconds, "bytes": events.bytes, "files": events.files, "rows": events.rows,
    }))
}

async fn needles(lake: &Path, queries: &Value) -> Result<Value, Failed> {
    let session = open(lake).await?;
    let mut found = Map::new();
    for (name, sql) in queries.as_object().ok_or("queries by name")? {
        let rows = session.run(sql.as_str().ok_or("a statement")?).await?.collect().await?;
        let rows = rows_as_json(&rows)?;
        let value = rows.first().and_then(|row| row.get("v")).ok_or("no row")?;
        found.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(found))
}

async fn answer(lake: &Path, queries: &Value) -> Result<Value, Failed> {
    let started = Instant::now();
    let session = open(lake).await?;
    let open_seconds = started.elapsed().as_secs_f64();
    let mut answers = Vec::new();
    for sql in queries.as_array().ok_or("a list of queries")? {
        let sql = sql.as_str().ok_or("a statement")?;
        let (mut runs, mut rows) = (Vec::new(), 0);
        for _ in 0..RUNS {
            let started = Instant::now();
            let batches = session.run(sql).await?.collect().await?;
            runs.push(started.elapsed().as_secs_f64());
            rows = batches.iter().map(|batch| batch.num_rows()).sum();
        }
        let read_bytes = read_by(lake, sql).await?;
        answers
            .push(json!({ "seconds": median(&mut runs), "rows": rows, "read_bytes": read_bytes }));
    }
    Ok(json!({ "open_seconds": open_seconds, "answers": answers }))
}

/// What a query reads of the files in a session that has read nothing of them before, footers and
/// Bloom filters included.
async fn read_by(lake: &Path, sql: &str) -> Result<u64, Failed> {
    let session = open(lake).await?;
    let before = read_bytes()?;
    session.run(sql).await?.collect().await?;
    Ok(read_bytes()?.saturating_sub(before))
}

/// All that this process ever read, from the page cache too.
fn read_bytes() -> Result<u64, Failed> {
    let told = fs::read_to_string("/proc/self/io")?;
    let read = told.lines().find_map(|line| line.strip_prefix("rchar: "));
    Ok(read.ok_or("no count of what was read")?.trim().parse()?)
}

/// The most memory that this process ever had, the pages of its own file included.
fn peak_mib() -> Result<u64, Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = peak.ok_or("no peak")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024)
}

fn read_json(path: &Path) -> Result<Value, Failed> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
