//! Many runs on all cores. A run itself uses one thread and shares nothing.

use std::{
    num::NonZero,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    outcome::{Outcome, Totals},
    plan::Plan,
    simulation,
};

/// Runs every seed of a range and returns the totals and the runs that failed.
pub fn run_all(seeds: Range<u64>, plan: &Plan) -> (Totals, Vec<Outcome>) {
    let next = AtomicU64::new(seeds.start);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    thread::scope(|scope| {
        let work = || run_some(&next, seeds.end, plan);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok((some, failed)) => {
                    totals.absorb(some);
                    failures.extend(failed);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    failures.sort_by_key(|outcome: &Outcome| outcome.seed);
    (totals, failures)
}

fn run_some(next: &AtomicU64, end: u64, plan: &Plan) -> (Totals, Vec<Outcome>) {
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return (totals, failures);
        }
        let outcome = simulation::run(seed, plan);
        totals.absorb(outcome.totals.clone());
        if outcome.violation.is_some() {
            failures.push(outcome);
        }
    }
}
