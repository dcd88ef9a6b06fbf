//! Many detections in one scan against a scan for each.
//!
//! `cargo bench --bench judge` prints a table. Compare within one run: the machine decides the rest.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "the table is what it is for")]

use std::time::{Duration, Instant};

use benches::filled_lake;
use trailhouse_lake::TableName;
use trailhouse_query::{
    EventsScope, JudgeLimits, QuerySession, Question, SessionOptions, rows_as_json,
};
use trailhouse_service::load_pack;

const RULES: [usize; 5] = [10, 50, 100, 250, 500];
/// The shortest of these counts: what else the machine does only adds.
const ROUNDS: usize = 3;

fn main() {
    let asked = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    // A test runner asks for the list of tests first. There are none.
    if asked("--list") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // In test mode it is enough that everything runs.
    let (sizes, rounds) = if asked("--bench") { (&RULES[..], ROUNDS) } else { (&RULES[..1], 1) };
    runtime.block_on(Box::pin(table(sizes, rounds)));
}

/// Prints the times by number of rules.
async fn table(sizes: &[usize], rounds: usize) {
    let filled = filled_lake().await;
    let up_to = filled.lake.latest_version(TableName::Events).await.expect("a version");
    let scope = EventsScope::Arrived { after: None, up_to, lookback: None };
    let options = SessionOptions::default();
    let session =
        QuerySession::open_scoped(&filled.lake, &options, scope).await.expect("a session");
    let rules = rules(&session, sizes.iter().copied().max().unwrap_or(0)).await;
    println!("{} events", filled.events);
    println!("| rules | one scan | a scan each | ratio | rows read | bytes read |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for size in sizes {
        let rules = rules.get(..*size).unwrap_or(&rules);
        let questions: Vec<Question<'_>> =
            rules.iter().map(|rule| Question::new("rule", rule)).collect();
        let (mut shared, mut each) = (Duration::MAX, Duration::MAX);
        let mut cost = None;
        for _ in 0..rounds {
            let started = Instant::now();
            let judged = session.judge(&questions, &JudgeLimits::default()).await.expect("answers");
            shared = shared.min(started.elapsed());
            assert!(judged.answers.iter().all(|answer| answer.outcome.is_ok()));
            cost = Some(judged.scan);
            let started = Instant::now();
            for rule in rules {
                let rows = session.run(rule).await.expect("a plan");
                rows.collect().await.expect("rows");
            }
            each = each.min(started.elapsed());
        }
        let cost = cost.expect("at least one round");
        println!(
            "| {size} | {} ms | {} ms | {:.1} | {} | {} |",
            shared.as_millis(),
            each.as_millis(),
            each.as_secs_f64() / shared.as_secs_f64(),
            cost.rows,
            cost.bytes
        );
    }
}

/// The built-in rules, and then generated ones: each about a call that is in the corpus.
async fn rules(session: &QuerySession, count: usize) -> Vec<String> {
    let pack = load_pack(None).expect("the built-in pack");
    let mut rules: Vec<String> =
        pack.entries.iter().map(|entry| entry.detection.sql.clone()).collect();
    let sql = "SELECT DISTINCT event_source, event_name FROM events ORDER BY 1, 2";
    let batches = session.run(sql).await.expect("a plan").collect().await.expect("rows");
    let calls = rows_as_json(&batches).expect("calls");
    let text = |call: &std::collections::BTreeMap<String, _>, column: &str| {
        let value: &serde_json::Value = call.get(column).expect("a column");
        value.as_str().unwrap_or_default().to_owned()
    };
    for (number, call) in calls.iter().cycle().enumerate().take(count) {
        rules.push(format!(
            "SELECT event_id, event_time, event_name, recipient_account_id, aws_region, \
             user_identity_arn, source_ip_address, (request_parameters ->> 'name{number}') AS name \
             FROM events WHERE event_source = '{}' AND event_name = '{}' \
             AND user_agent LIKE '%agent {number}%'",
            text(call, "event_source"),
            text(call, "event_name"),
        ));
    }
    rules.truncate(count);
    rules
}
