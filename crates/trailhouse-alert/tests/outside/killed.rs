//! A process that enqueues and sends is killed again and again; every alert arrives.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::Value;
use trailhouse_alert::{
    Alert, Pump, PumpOptions, Route, Spool, SpoolOptions, Surroundings, build_routes, parse_alerts,
};
use trailhouse_model::EventTime;

use crate::support::alert;

const SINK: &str = "log";
const ALERTS: u32 = 60;
const CHILD_VARIABLE: &str = "TRAILHOUSE_TEST_SPOOL";

/// Is the process that is killed, where the variable is set; else does nothing.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(CHILD_VARIABLE) else { return };
    work(Path::new(&folder)).await;
}

async fn work(folder: &Path) {
    let spool = Arc::new(Spool::open(folder.join("spool"), SpoolOptions::default()).unwrap());
    let text = "schema = 1\n[[sink]]\nname = \"log\"\ntype = \"file\"\npath = \"alerts.ndjson\"\n";
    let config = parse_alerts("alerts.toml", text).unwrap();
    let around = Surroundings { folder: folder.to_owned(), stdout: None, topics: None };
    let routes: Vec<Arc<Route>> =
        build_routes(&config, &around).unwrap().into_iter().map(Arc::new).collect();
    let now = EventTime::from_micros(1_700_000_000_000_000);
    let clock = Arc::new(move || now);
    let pump = Pump::new(Arc::clone(&spool), routes, PumpOptions::default(), clock).unwrap();
    let start = spool.cursor(SINK).unwrap().map_or(0, |cursor| cursor.parse().unwrap());
    for number in start..ALERTS {
        let alert = Alert { fingerprint: format!("f{number}"), ..alert() };
        let _settled = spool.enqueue(SINK, &alert, now).unwrap();
        say("enqueued");
        spool.set_cursor(SINK, &(number + 1).to_string()).unwrap();
        say("moved");
        if number % 3 == 0 {
            pump.drain().await.unwrap();
            say("sent");
        }
    }
    pump.drain().await.unwrap();
    say("finished");
}

/// The parent counts lines to choose when to kill.
fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "step {what}").unwrap();
    out.flush().unwrap();
}

/// Runs a child and kills it after so many steps; says whether it finished before.
fn run_and_kill(folder: &Path, steps: usize) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--nocapture"])
        .env(CHILD_VARIABLE, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map_while(Result::ok).filter(|line| line.contains("step "));
    let mut finished = false;
    for (index, line) in said.enumerate() {
        finished |= line.contains("finished");
        if index >= steps {
            child.kill().unwrap();
            break;
        }
    }
    child.wait().unwrap();
    finished
}

#[test]
fn every_alert_arrives_in_order_whenever_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut kills = 0;
    while !run_and_kill(folder.path(), 3 + kills * 7 % 23) {
        kills += 1;
        assert!(kills < 200, "it gets on between kills");
    }
    assert!(kills > 3, "it was killed {kills} times");
    let text = fs::read_to_string(folder.path().join("alerts.ndjson")).unwrap();
    let mut first_seen: BTreeMap<String, usize> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        // A line that a kill cut off is ended and written again.
        let Ok(alert) = serde_json::from_str::<Value>(line) else { continue };
        first_seen.entry(alert["id"].as_str().unwrap().to_owned()).or_insert(index);
    }
    let places: Vec<Option<&usize>> =
        (0..ALERTS).map(|number| first_seen.get(&format!("f{number}-new"))).collect();
    assert!(places.iter().all(Option::is_some), "{places:?}");
    assert!(places.is_sorted(), "{places:?}");
}
