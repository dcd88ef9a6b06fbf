//! `benches pack`: all detections of the built-in pack in one pass, beside reading their columns once.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use trailhouse_lake::{Lake, TableName};
use trailhouse_query::{EventsScope, JudgeLimits, QuerySession, Question, SessionOptions};
use trailhouse_service::load_pack;

use crate::measure::Failed;

/// How many detections are named.
const SLOWEST: usize = 12;

#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// A lake with events
    lake: PathBuf,
    /// How often each has its turn
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// The most MiB of rows that are held for all detections; the engine's own limit where it is
    /// left out
    #[arg(long, value_name = "MIB")]
    buffer_mib: Option<u32>,
}

/// Lets both have their turns and prints the seconds.
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
pub(crate) async fn run(arguments: &PackArgs) -> Result<(), Failed> {
    let lake = Lake::open(&arguments.lake.to_string_lossy()).await?;
    let up_to = lake.latest_version(TableName::Events).await?;
    let pack = load_pack(None)?;
    let questions: Vec<Question<'_>> =
        pack.entries.iter().map(|it| Question::new("rule", &it.detection.sql)).collect();
    let mut limits = JudgeLimits::default();
    if let Some(mib) = arguments.buffer_mib {
        limits.buffer_bytes_max = u64::from(mib) * 1024 * 1024;
    }
    let mut columns = String::new();
    let mut slowest: Vec<(u64, bool, &str)> = Vec::new();
    println!(
        "| round | columns, s | pack, s | ratio | of it the scan, s | rows read | bytes read |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for round in 1..=arguments.rounds {
        let scope = || EventsScope::Arrived { after: None, up_to, lookback: None };
        let session = open(&lake, scope()).await?;
        columns = columns_of(&session, &questions);
        let sql = format!("SELECT {columns} FROM events");
        let started = Instant::now();
        let mut rows = session.run(&sql).await?;
        while rows.next_batch().await?.is_some() {}
        let once = started.elapsed().as_secs_f64();
        let session = open(&lake, scope()).await?;
        let started = Instant::now();
        let judged = session.judge(&questions, &limits).await?;
        let seconds = started.elapsed().as_secs_f64();
        let failed = judged.answers.iter().filter(|answer| answer.outcome.is_err()).count();
        if failed > 0 {
            return Err(format!("{failed} detections failed").into());
        }
        slowest = judged
            .answers
            .iter()
            .zip(&pack.entries)
            .map(|(answer, entry)| (answer.millis, answer.shared, entry.detection.id.as_str()))
            .collect();
        let (ratio, scan) = (seconds / once, judged.scan);
        let (rows, bytes) = (scan.rows, scan.bytes);
        let reading = Duration::from_millis(scan.millis).as_secs_f64();
        println!(
            "| {round} | {once:.2} | {seconds:.2} | {ratio:.2} | {reading:.2} | {rows} | {bytes} |"
        );
    }
    println!("\n{} detections, columns: {columns}", questions.len());
    slowest.sort_unstable_by(|one, other| other.cmp(one));
    println!("\n| slowest of the last round | ms | reads the table itself |\n| --- | ---: | --- |");
    for (millis, is_shared, detection) in slowest.iter().take(SLOWEST) {
        println!("| {detection} | {millis} | {} |", if *is_shared { "" } else { "yes" });
    }
    Ok(())
}

async fn open(lake: &Lake, scope: EventsScope) -> Result<QuerySession, Failed> {
    Ok(QuerySession::open_scoped(lake, &SessionOptions::default(), scope).await?)
}

/// The columns of the events that the questions name.
fn columns_of(session: &QuerySession, questions: &[Question<'_>]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = |column: &str| {
        questions.iter().any(|question| question.sql.split(|c| !is_word(c)).any(|it| it == column))
    };
    let events = session.columns().find(|(table, _)| *table == "events");
    let columns = events.map(|(_, columns)| columns).unwrap_or_default();
    let named: Vec<&str> = columns
        .iter()
        .map(String::as_str)
        .filter(|it| *it != "user_identity" && named(it))
        .collect();
    named.join(", ")
}
