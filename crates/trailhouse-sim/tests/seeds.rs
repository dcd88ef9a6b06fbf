//! Ten thousand worlds, and what can be said about all of them together.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{collections::BTreeSet, env, ops::Range};

use trailhouse_sim::{Fault, Outcome, Plan, run, run_all, run_traced};

/// Other seeds, as in `TRAILHOUSE_SIM_SEEDS=20000..30000`.
const SEEDS_VARIABLE: &str = "TRAILHOUSE_SIM_SEEDS";

fn seeds() -> Range<u64> {
    let Ok(text) = env::var(SEEDS_VARIABLE) else { return 0..10_000 };
    let (start, end) = text.split_once("..").unwrap();
    start.parse().unwrap()..end.parse().unwrap()
}

fn describe(outcome: &Outcome) -> String {
    let violation = outcome.violation.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("seed {}: {violation}\n  {}", outcome.seed, outcome.replay_command())
}

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_is_stored_twice() {
    let seeds = seeds();
    let runs = seeds.end - seeds.start;
    let (totals, failures) = run_all(seeds, &Plan::default());
    let failures: Vec<String> = failures.iter().map(describe).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(totals.runs, runs);
}

#[test]
fn the_same_seed_gives_the_same_action_log() {
    let mut hashes = BTreeSet::new();
    for seed in 0..200 {
        let (one, other) = (run(seed, &Plan::default()), run_traced(seed, &Plan::default()));
        assert_eq!(one.log_hash, other.log_hash, "{}", one.replay_command());
        assert_eq!(one.totals, other.totals, "{}", one.replay_command());
        hashes.insert(one.log_hash);
    }
    assert_eq!(hashes.len(), 200, "different seeds are different worlds");
}

#[test]
fn every_kind_of_trouble_happens() {
    let (totals, _) = run_all(0..500, &Plan::default());
    let met: BTreeSet<Fault> = totals.faults.keys().copied().collect();
    let all: BTreeSet<Fault> = Fault::ALL.iter().copied().collect();
    assert_eq!(met, all);
    let ends = [totals.commits_unknown, totals.commits_superseded, totals.commits_failed];
    assert!(ends.into_iter().all(|count| count > 50), "every end of a commit happens: {ends:?}");
    assert!(totals.zombies_landed > 50 && totals.conflicts > 1_000 && totals.dead_letters > 0);
}

#[test]
fn without_trouble_every_message_is_delivered_once() {
    let (totals, failures) = run_all(0..500, &Plan::default().with_only(&[]));
    assert!(failures.is_empty(), "{}", describe(failures.first().unwrap()));
    assert_eq!(totals.messages, totals.deliveries);
    assert_eq!(totals.processes, totals.ingesters);
    assert_eq!((totals.dead_letters, totals.commits_unknown), (0, 0));
    assert!(totals.faults.is_empty());
}

#[test]
fn slow_work_is_delivered_once() {
    let slow = [Fault::StoreSlow, Fault::LakeSlow, Fault::LogUnreadable, Fault::PutTimeoutLost];
    let (totals, failures) = run_all(0..500, &Plan::default().with_only(&slow));
    assert!(failures.is_empty(), "{}", describe(failures.first().unwrap()));
    assert!(totals.faults.values().sum::<u64>() > 1_000);
    assert_eq!(totals.messages, totals.deliveries, "leases last as long as the work");
}

/// A download whose object was dropped with a lost lease was taken for ended, so that more ran at
/// the same time than may.
#[test]
fn a_dropped_download_counts_until_it_ends() {
    for seed in [61, 147, 167] {
        let outcome = run(seed, &Plan::default());
        assert_eq!(outcome.violation, None, "{}", outcome.replay_command());
    }
}
