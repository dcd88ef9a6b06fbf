//! What it costs to read each event once where objects repeat each other's.
//!
//! `cargo bench --bench unique` prints a table: the same queries over `events` and over
//! `events_unique`, in a lake without repeats and in one where a fifth of the objects came twice.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "the table is what it is for")]

use std::time::{Duration, Instant};

use benches::filled_lake;
use trailhouse_query::{QuerySession, SessionOptions};

/// Name, beginning and end of each query.
const QUERIES: [(&str, &str, &str); 3] = [
    ("count", "SELECT count(*) FROM", ""),
    (
        "ten most frequent calls",
        "SELECT event_name, count(*) AS n FROM",
        "GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    ),
    ("one call", "SELECT event_id, request_parameters FROM", "WHERE event_name = 'DeleteTrail'"),
];
const REPEATS_PER_MILLE: usize = 210;
const ROUNDS: usize = 15;

fn main() {
    let asked = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    // A test runner asks for the list of tests first. There are none.
    if asked("--list") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // In test mode it is enough that everything runs.
    let rounds = if asked("--bench") { ROUNDS } else { 1 };
    runtime.block_on(Box::pin(table(rounds)));
}

async fn table(rounds: usize) {
    let mut filled = filled_lake().await;
    println!("{} events, medians of {rounds} rounds", filled.events);
    println!("| repeats | query | events | events_unique |");
    println!("| ---: | --- | ---: | ---: |");
    for repeats in [0, REPEATS_PER_MILLE] {
        if repeats > 0 {
            filled.repeat(repeats).await;
        }
        let options = SessionOptions::default();
        let session = QuerySession::open(&filled.lake, &options).await.expect("a session");
        for (name, start, end) in QUERIES {
            let all = median(&session, &format!("{start} events {end}"), rounds).await;
            let unique = median(&session, &format!("{start} events_unique {end}"), rounds).await;
            println!(
                "| {repeats} of 1000 | {name} | {} ms | {} ms |",
                all.as_millis(),
                unique.as_millis()
            );
        }
    }
}

async fn median(session: &QuerySession, sql: &str, rounds: usize) -> Duration {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = Instant::now();
        let rows = session.run(sql).await.expect("a plan");
        rows.collect().await.expect("rows");
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times.get(rounds / 2).copied().unwrap_or_default()
}
