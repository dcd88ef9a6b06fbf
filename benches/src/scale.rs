//! `benches scale`: a lake of many small commits, and a year of ten times the events of a lake.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use serde_json::{Value, json};
use trailhouse_decode::{DecodeLimits, Decoder, EventRows};
use trailhouse_lake::{Durability, Lake, LakeOptions};
use trailhouse_model::{BatchId, BucketName, CommitOutcome, ObjectKey, ObjectRef};
use trailhouse_runtime::{
    Clock, CommitRequest, LakeWriter, SystemClock, committed_object, decode_context,
};

use crate::measure::{Failed, events, median, open};

/// Commits whose times are told together.
const TOLD: usize = 1_000;
/// How often checkpoints are looked after, as a service does every minute.
const COMMITS_PER_CHECKPOINT: u32 = 200;
/// How often each file of a lake stands in its year.
const COPIES: u32 = 10;
/// Sessions that ask each question; the median counts.
const SESSIONS: usize = 5;

#[derive(Debug, Args)]
pub(crate) struct CommitsArgs {
    /// How many commits of one object each
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    commits: u32,
}

#[derive(Debug, Args)]
pub(crate) struct YearArgs {
    /// A lake that `compare` has left; it stays as it is
    lake: PathBuf,
    /// Where the year is made, on the same file system: its files are links
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
}

/// Commits one object after the other, and tells how long a commit and then opening the lake takes.
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
pub(crate) async fn commits(arguments: &CommitsArgs) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let uri = folder.path().join("lake").to_string_lossy().into_owned();
    let options = LakeOptions { durability: Durability::Os, ..LakeOptions::default() };
    let lake = Lake::create_or_open_with(&uri, &options).await?;
    let writer = lake.event_writer().await?;
    let corpus = benches::corpus();
    println!("| files | commit, median ms | longest |\n| ---: | ---: | ---: |");
    let mut seconds = Vec::new();
    for (number, object) in (1..=arguments.commits).zip(corpus.objects.iter().cycle()) {
        let request = request(&object.body, number)?;
        let started = Instant::now();
        let outcome = writer.commit(request).await;
        seconds.push(started.elapsed().as_secs_f64());
        if !matches!(outcome, CommitOutcome::Committed { .. }) {
            return Err(format!("{outcome:?}").into());
        }
        if number % COMMITS_PER_CHECKPOINT == 0 {
            lake.checkpoint_if_due().await?;
        }
        if seconds.len() == TOLD {
            let longest = seconds.iter().copied().fold(0.0, f64::max) * 1_000.0;
            let median = median(&mut seconds) * 1_000.0;
            let files = events(&lake).await?.files;
            println!("| {files} | {median:.1} | {longest:.1} |");
            seconds.clear();
        }
    }
    let opened = opening(Path::new(&uri)).await?;
    println!("\nopening the lake: {:.0} ms", opened * 1_000.0);
    Ok(())
}

fn request(body: &[u8], number: u32) -> Result<CommitRequest, Failed> {
    let key = ObjectKey::new(format!("{number}.json.gz"));
    let object = ObjectRef::new(BucketName::new("trail"), key);
    let context = decode_context(&object, SystemClock.now());
    let decoded = Decoder::new(DecodeLimits::default()).decode(&context, body)?;
    let objects = vec![committed_object(object, decoded.map(EventRows::from), &context)];
    Ok(CommitRequest { batch: BatchId::new(format!("batch-{number}")), objects })
}

async fn opening(lake: &Path) -> Result<f64, Failed> {
    let mut seconds = Vec::new();
    for _ in 0..SESSIONS {
        let started = Instant::now();
        open(lake).await?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    Ok(median(&mut seconds))
}

/// Makes the year and tells how long its first rows take, in sessions that have read none of its
/// files before.
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
pub(crate) async fn year(arguments: &YearArgs) -> Result<(), Failed> {
    let lake = make_year(&arguments.lake, &arguments.work)?;
    let events = events(&Lake::open(&lake.to_string_lossy()).await?).await?;
    let rows = events.rows.ok_or("files say how many rows they have")?;
    println!("{rows} events in {} files, {} bytes", events.files, events.bytes);
    println!("opening the lake: {:.0} ms\n", opening(&lake).await? * 1_000.0);
    println!("| question | first rows after, ms |\n| --- | ---: |");
    for (name, sql) in questions(&lake).await? {
        let mut seconds = Vec::new();
        for _ in 0..SESSIONS {
            let session = open(&lake).await?;
            let started = Instant::now();
            let mut rows = session.run(&sql).await?;
            rows.next_batch().await?.ok_or("no row")?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        println!("| {name} | {:.0} |", median(&mut seconds) * 1_000.0);
    }
    Ok(())
}

/// What somebody asks first, of the corpus's own values.
async fn questions(lake: &Path) -> Result<Vec<(&'static str, String)>, Failed> {
    let session = open(lake).await?;
    let sql = "SELECT CAST(event_date AS VARCHAR) AS day, max(event_id) AS id, \
               max(user_identity_arn) AS arn FROM events \
               WHERE event_date = (SELECT max(event_date) FROM events) GROUP BY 1";
    let rows = session.run(sql).await?.collect().await?;
    let rows = trailhouse_query::rows_as_json(&rows)?;
    let value = |name: &str| rows.first().and_then(|row| row.get(name)?.as_str());
    let (Some(day), Some(id), Some(arn)) = (value("day"), value("id"), value("arn")) else {
        return Err("the year has no events".into());
    };
    Ok(vec![
        ("any ten events", "SELECT * FROM events LIMIT 10".to_owned()),
        ("the newest ten", "SELECT event_time, event_name, user_identity_arn FROM events ORDER BY event_time DESC LIMIT 10".to_owned()),
        ("how many", "SELECT count(*) FROM events".to_owned()),
        ("calls of the last day", format!("SELECT event_name, count(*) FROM events WHERE event_date = DATE '{day}' GROUP BY 1")),
        ("a principal on the last day", format!("SELECT event_time, event_name FROM events WHERE event_date = DATE '{day}' AND user_identity_arn = '{arn}'")),
        ("an event id on the last day", format!("SELECT * FROM events WHERE event_date = DATE '{day}' AND event_id = '{id}'")),
        ("an event id of the year", format!("SELECT * FROM events WHERE event_id = '{id}'")),
    ])
}

/// Puts every file of the lake into another one so often, with its statistics, as links.
fn make_year(lake: &Path, work: &Path) -> Result<PathBuf, Failed> {
    let year = work.join("year");
    if year.exists() {
        fs::remove_dir_all(&year)?;
    }
    for name in ["objects", "quarantine", "findings", "runs"] {
        if lake.join(name).exists() {
            copy_folder(&lake.join(name), &year.join(name))?;
        }
    }
    let (from, to) = (lake.join("events"), year.join("events"));
    copy_folder(&from.join("_delta_log"), &to.join("_delta_log"))?;
    let (active, newest) = active_files(&to.join("_delta_log"))?;
    let mut entry = String::new();
    for (path, add) in &active {
        let (folder, file) = path.rsplit_once('/').ok_or("files lie in partitions")?;
        fs::create_dir_all(to.join(folder))?;
        fs::hard_link(from.join(path), to.join(path))?;
        for copy in 1..COPIES {
            let other = format!("{folder}/copy-{copy}-{file}");
            fs::hard_link(from.join(path), to.join(&other))?;
            let mut add = add.clone();
            add["path"] = json!(other);
            entry.push_str(&json!({ "add": add }).to_string());
            entry.push('\n');
        }
    }
    fs::write(to.join(format!("_delta_log/{:020}.json", newest + 1)), entry)?;
    Ok(year)
}

/// Reads the log from its first entry and returns what is active, and the newest version.
fn active_files(log: &Path) -> Result<(BTreeMap<String, Value>, u64), Failed> {
    let mut active = BTreeMap::new();
    let mut version = 0;
    while let Ok(text) = fs::read_to_string(log.join(format!("{version:020}.json"))) {
        for line in text.lines() {
            let action: Value = serde_json::from_str(line)?;
            let path = |kind: &str| action.get(kind)?.get("path")?.as_str().map(str::to_owned);
            if let (Some(path), Some(add)) = (path("add"), action.get("add")) {
                active.insert(path, add.clone());
            }
            if let Some(path) = path("remove") {
                active.remove(&path);
            }
        }
        version += 1;
    }
    Ok((active, u64::checked_sub(version, 1).ok_or("the log has no first entry")?))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(path, target)?;
        }
    }
    Ok(())
}
