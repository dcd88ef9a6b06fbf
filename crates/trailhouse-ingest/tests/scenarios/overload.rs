//! What the store makes of us when we ask for too much.

use std::collections::VecDeque;

use trailhouse_ingest::{FetchFailureKind, FetchOutcome, IngestLimits, Ticket};

use crate::bench::{Bench, SECOND, object};

/// A machine that has begun to fetch the first of so many objects.
fn with_objects(count: usize) -> (Bench, VecDeque<Ticket>) {
    let limits = IngestLimits { fetches_in_flight_max: 16, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    bench.deliver("m", (0..count).map(|n| object(&format!("{n}"))).collect());
    bench.none_is_stored();
    let fetches = bench.fetches().into();
    (bench, fetches)
}

#[test]
fn downloads_become_more_while_they_succeed_and_stop_at_the_limit() {
    let (mut bench, mut fetches) = with_objects(200);
    assert_eq!(fetches.len(), 8);
    let mut most = 0;
    while let Some(ticket) = fetches.pop_front() {
        bench.fetch_succeeds(ticket);
        fetches.extend(bench.fetches());
        most = most.max(fetches.len());
    }
    assert_eq!(most, 16);
    assert_eq!(bench.machine.report().fetches[&FetchOutcome::Read], 200);
}

#[test]
fn a_throttled_window_is_halved_once_and_nothing_is_given_up() {
    let (mut bench, fetches) = with_objects(100);
    let mut next = Vec::new();
    for ticket in &fetches {
        bench.fetch_fails(*ticket, FetchFailureKind::Throttled);
        next.extend(bench.fetches());
    }
    assert_eq!(next.len(), 4, "half of eight, however many of them were throttled");
    bench.wait(SECOND);
    assert_eq!(bench.fetches(), [], "the window is full");
    let report = bench.machine.report();
    assert_eq!(report.fetches[&FetchOutcome::Throttled], 8);
    assert_eq!((report.fetch_retries, report.failed_objects_count), (8, 0));
}

#[test]
fn throttling_that_does_not_end_leaves_the_object_in_the_queue() {
    let limits = IngestLimits { fetch_throttles_max: 3, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    let tickets = bench.deliver("m", vec![object("a")]);
    bench.none_is_stored();
    for _ in 0..3 {
        assert_eq!(bench.fetches(), tickets);
        bench.fetch_fails(tickets[0], FetchFailureKind::Throttled);
        bench.wait(SECOND);
    }
    assert_eq!(bench.fetches(), []);
    assert_eq!(bench.machine.report().messages_failed, 1);
}
