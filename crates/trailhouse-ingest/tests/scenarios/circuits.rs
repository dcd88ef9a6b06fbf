//! Buckets and keys that are closed to us.

use trailhouse_ingest::{
    Action, CircuitKey, CircuitState, FetchFailureKind, IngestLimits, Input, Ticket,
};
use trailhouse_model::BucketName;

use crate::bench::{Bench, SECOND, is_receive, message, object_in};

fn denied() -> FetchFailureKind {
    FetchFailureKind::Denied(CircuitKey::Bucket(BucketName::new("shut")))
}

fn deliver(bench: &mut Bench, bucket: &str, key: &str) -> Ticket {
    let tickets = bench.deliver(key, vec![object_in(bucket, key)]);
    bench.none_is_stored();
    tickets[0]
}

/// A machine to which a bucket is closed, with the objects of it that wait.
fn shut_out(limits: IngestLimits) -> (Bench, Vec<Ticket>) {
    let mut bench = Bench::new(limits);
    let tickets: Vec<Ticket> =
        ["a", "b", "c"].into_iter().map(|key| deliver(&mut bench, "shut", key)).collect();
    for ticket in &tickets {
        bench.fetch_fails(*ticket, denied());
    }
    assert_eq!(bench.machine.circuits().len(), 1);
    (bench, tickets)
}

/// Waits for the next probe.
fn next_probe(bench: &mut Bench) -> Ticket {
    for _ in 0..10 {
        bench.wait_for_deadline();
        if let [probe] = bench.fetches()[..] {
            return probe;
        }
        assert_eq!(bench.fetches(), [], "one probe at a time");
    }
    panic!("there is no probe");
}

#[test]
fn a_closed_bucket_is_asked_by_probes_only_and_others_go_on() {
    let (mut bench, held) = shut_out(IngestLimits::default());
    let later = deliver(&mut bench, "shut", "d");
    assert_eq!(bench.fetches(), []);
    let other = deliver(&mut bench, "open", "e");
    assert_eq!(bench.fetches(), [other]);
    let mut probes = Vec::new();
    for _ in 0..4 {
        let probe = next_probe(&mut bench);
        assert_eq!(bench.machine.circuits()[0].state, CircuitState::Probing);
        bench.fetch_fails(probe, denied());
        probes.push(probe);
    }
    probes.sort();
    assert_eq!(probes, [held[0], held[1], held[2], later], "each has its turn");
    let gauges = bench.machine.gauges();
    assert_eq!((gauges.objects_held, gauges.messages_held, gauges.messages), (4, 4, 5));
    let probe = next_probe(&mut bench);
    bench.fetch_succeeds(probe);
    assert_eq!(bench.machine.circuits(), []);
    assert_eq!(bench.fetches().len(), 3, "the others follow");
    assert_eq!(bench.machine.report().circuits_closed, 1);
}

#[test]
fn probes_become_rare_and_leases_are_kept() {
    let (mut bench, _) = shut_out(IngestLimits::default());
    let (mut probes, mut extensions, mut failed) = (0, 0, 0);
    for _ in 0..3_600 {
        bench.wait(SECOND);
        extensions += bench.count(|action| matches!(action, Action::ExtendVisibility { .. }));
        failed += bench.count(|action| matches!(action, Action::Release { .. }));
        if let [probe] = bench.fetches()[..] {
            probes += 1;
            bench.fetch_fails(probe, denied());
        }
    }
    assert!((60..200).contains(&probes), "{probes} probes in an hour");
    assert_eq!((extensions, failed), (3 * 36, 0));
}

#[test]
fn receiving_pauses_while_many_messages_wait() {
    let limits = IngestLimits {
        circuit_messages_max: 2,
        circuit_denials_max: 1,
        receives_in_flight_max: 1,
        ..IngestLimits::default()
    };
    let mut bench = Bench::new(limits);
    let first = deliver(&mut bench, "shut", "a");
    bench.fetch_fails(first, denied());
    bench.tell(Input::Received { messages: vec![message("b", vec![object_in("shut", "b")])] });
    assert_eq!(bench.count(is_receive), 1, "one message waits");
    bench.none_is_stored();
    bench.tell(Input::Received { messages: Vec::new() });
    assert_eq!(bench.count(is_receive), 0);
    let probe = next_probe(&mut bench);
    assert_eq!(bench.count(is_receive), 0, "the probe waits as well");
    bench.fetch_succeeds(probe);
    assert_eq!(bench.count(is_receive), 1);
}

#[test]
fn one_pass_gives_up_and_says_why() {
    let limits = IngestLimits { circuit_probes_max: 2, ..IngestLimits::once() };
    let (mut bench, _) = shut_out(limits);
    for _ in 0..2 {
        let probe = next_probe(&mut bench);
        bench.fetch_fails(probe, denied());
    }
    deliver(&mut bench, "shut", "late");
    assert_eq!(bench.fetches(), [], "what comes now is not asked for");
    assert_eq!(bench.machine.circuits()[0].state, CircuitState::GivenUp);
    let report = bench.machine.report();
    assert_eq!((report.failed_objects_count, report.messages_failed), (4, 4));
    assert_eq!(report.failed_objects[3], ("s3://shut/late".to_owned(), "no".to_owned()));
}

#[test]
fn a_download_that_is_refused_after_its_circuit_was_given_up_is_given_up_too() {
    let limits = IngestLimits { circuit_probes_max: 1, ..IngestLimits::once() };
    let mut bench = Bench::new(limits);
    let tickets: Vec<Ticket> =
        ["a", "b", "c", "d"].into_iter().map(|key| deliver(&mut bench, "shut", key)).collect();
    for ticket in &tickets[..3] {
        bench.fetch_fails(*ticket, denied());
    }
    bench.fetches();
    let probe = next_probe(&mut bench);
    bench.fetch_fails(probe, denied());
    assert_eq!(bench.machine.circuits()[0].state, CircuitState::GivenUp);
    bench.fetch_fails(tickets[3], denied());
    assert_eq!(bench.machine.report().failed_objects_count, 4);
}

#[test]
fn a_key_is_closed_in_every_bucket_where_it_is_seen() {
    let key = || FetchFailureKind::Denied(CircuitKey::KmsKey("arn:aws:kms:r:a:key/k".to_owned()));
    let mut bench = Bench::new(IngestLimits::default());
    for (bucket, name) in [("one", "a"), ("two", "b"), ("one", "c")] {
        let ticket = deliver(&mut bench, bucket, name);
        bench.fetch_fails(ticket, key());
    }
    for bucket in ["one", "two"] {
        deliver(&mut bench, bucket, &format!("{bucket}-late"));
        assert_eq!(bench.fetches(), []);
    }
    let probe = next_probe(&mut bench);
    bench.fetch_succeeds(probe);
    assert_eq!(bench.fetches().len(), 4);
}

#[test]
fn a_lost_probe_is_replaced() {
    let (mut bench, held) = shut_out(IngestLimits::default());
    assert_eq!(next_probe(&mut bench), held[0]);
    bench.tell(Input::Received { messages: vec![message("x", Vec::new())] });
    bench.fetch_fails(held[0], FetchFailureKind::Hopeless);
    assert_eq!(next_probe(&mut bench), held[1]);
}
