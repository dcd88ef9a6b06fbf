//! The machine step by step: what it asks for after each thing that happens.

// Only code that is marked as test code may unwrap.
#[cfg(test)]
mod bench;
#[cfg(test)]
mod circuits;
#[cfg(test)]
mod drains;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod overload;

use std::{collections::BTreeMap, time::Duration};

use trailhouse_ingest::{
    Action, CommitAttempt, DedupeStage, FetchFailure, FetchFailureKind, IngestLimits, Input,
    MessageBody, MessageTicket, QueueMessage,
};
use trailhouse_model::{CommitOutcome, Disposition, ObjectKey, TableVersion};

use crate::bench::{
    Bench, SECOND, committed, failure, is_fetch, is_receive, message, object, with_one_decoded,
};

#[test]
fn a_decoded_object_waits_for_company_and_then_goes_alone() {
    let mut bench = with_one_decoded();
    assert_eq!(bench.batch(), None);
    bench.wait(SECOND * 9);
    assert_eq!(bench.batch(), None);
    bench.wait(SECOND);
    let (batch, tickets) = bench.batch().unwrap();
    assert_eq!(tickets.len(), 1);
    assert_eq!(bench.receipts(), Vec::<String>::new(), "not before the commit is confirmed");
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), ["m"]);
}

#[test]
fn a_full_batch_goes_at_once_and_the_rest_follows_after_it() {
    let mut bench = Bench::new(IngestLimits { batch_objects_max: 2, ..IngestLimits::default() });
    let keys = ["a", "b", "c"];
    let tickets = bench.deliver("m", keys.map(object).to_vec());
    bench.none_is_stored();
    let mut first = None;
    for ticket in tickets {
        bench.fetch_and_decode(ticket);
        first = first.or(bench.batch());
    }
    let (batch, tickets) = first.unwrap();
    assert_eq!(tickets.len(), 2);
    bench.wait(SECOND * 10);
    assert_eq!(bench.batch(), None, "one commit at a time");
    bench.tell(committed(batch.clone()));
    assert_eq!(bench.receipts(), Vec::<String>::new(), "one object of the message is open");
    let (next, tickets) = bench.batch().unwrap();
    assert_ne!(next, batch);
    assert_eq!(tickets.len(), 1);
    bench.tell(committed(next));
    assert_eq!(bench.receipts(), ["m"]);
}

#[test]
fn a_batch_of_many_bytes_goes_at_once() {
    let limits = IngestLimits { batch_inflated_bytes_max: 1_000, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    let tickets = bench.deliver("m", vec![object("a")]);
    bench.none_is_stored();
    bench.fetch_and_decode(tickets[0]);
    assert!(bench.batch().is_some());
}

#[test]
fn the_end_of_the_source_ends_the_wait() {
    let mut bench = Bench::new(IngestLimits::finite());
    let tickets = bench.deliver("m", vec![object("a")]);
    bench.none_is_stored();
    bench.fetch_and_decode(tickets[0]);
    assert_eq!(bench.batch(), None);
    bench.tell(Input::Received { messages: Vec::new() });
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
    let done = bench.acknowledged().into_iter().map(|(message, _)| message).collect();
    assert!(!bench.machine.is_finished());
    bench.tell(Input::Acknowledged { done, failed: Vec::new() });
    assert!(bench.machine.is_finished());
    assert_eq!(bench.machine.report().events, 5);
}

#[test]
fn what_another_writer_stored_is_dropped_and_the_rest_sent_anew() {
    let mut bench = Bench::new(IngestLimits { batch_objects_max: 2, ..IngestLimits::default() });
    let tickets = bench.deliver("m", vec![object("a"), object("b")]);
    bench.none_is_stored();
    for ticket in &tickets {
        bench.fetch_and_decode(*ticket);
    }
    let (batch, _) = bench.batch().unwrap();
    let outcome =
        CommitOutcome::Superseded { objects: vec![object("a").id()], version: TableVersion(4) };
    bench.tell(Input::Committed { batch: batch.clone(), outcome });
    let (next, rest) = bench.batch().unwrap();
    assert_ne!(next, batch);
    assert_eq!(rest, [tickets[1]]);
    bench.tell(committed(next));
    let report = bench.machine.report();
    assert_eq!((report.objects_stored, report.objects_duplicate), (1, 1));
    assert_eq!(report.dedupe_hits, BTreeMap::from([(DedupeStage::Race, 1)]));
    let attempts = [(CommitAttempt::Ok, 1), (CommitAttempt::LostRace, 1)];
    assert_eq!(report.commit_attempts, BTreeMap::from(attempts));
    assert_eq!(bench.receipts(), ["m"]);
}

#[test]
fn an_unknown_commit_is_probed_and_repeated_under_its_name() {
    let mut bench = with_one_decoded();
    bench.wait(SECOND * 10);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(Input::Committed { batch: batch.clone(), outcome: CommitOutcome::Unknown });
    assert_eq!(bench.actions, [Action::Probe { batch: batch.clone() }]);
    let outcome = Err(failure(Disposition::RetryLater));
    bench.tell(Input::Probed { batch: batch.clone(), outcome });
    bench.wait(SECOND);
    assert_eq!(bench.actions, [Action::Probe { batch: batch.clone() }]);
    bench.tell(Input::Probed { batch: batch.clone(), outcome: Ok(None) });
    bench.wait(SECOND);
    assert_eq!(bench.batch().map(|(name, _)| name), Some(batch.clone()));
    bench.tell(Input::Committed { batch: batch.clone(), outcome: CommitOutcome::Unknown });
    bench.tell(Input::Probed { batch, outcome: Ok(Some(TableVersion(7))) });
    assert_eq!(bench.receipts(), ["m"]);
    let report = bench.machine.report();
    assert_eq!(report.commits, 1);
    let attempts = [(CommitAttempt::UnknownOk, 1), (CommitAttempt::UnknownRetry, 1)];
    assert_eq!(report.commit_attempts, BTreeMap::from(attempts));
}

#[test]
fn a_commit_that_cannot_succeed_stops_the_machine() {
    for disposition in [Disposition::Stop, Disposition::Quarantine] {
        let mut bench = with_one_decoded();
        bench.wait(SECOND * 10);
        let (batch, _) = bench.batch().unwrap();
        let detail = "disk full".to_owned();
        let outcome = CommitOutcome::Failed { disposition, detail };
        bench.tell(Input::Committed { batch, outcome });
        assert_eq!(bench.actions, []);
        assert!(bench.machine.is_finished());
        let stop = bench.machine.stop().unwrap();
        assert_eq!(stop.disposition, disposition);
        assert_eq!(stop.to_string(), "failed to commit a batch: disk full");
    }
}

#[test]
fn partial_delete_keeps_failed_receipts() {
    let mut bench = Bench::new(IngestLimits::default());
    let messages = (0..12).map(|n| message(&format!("m{n:02}"), Vec::new())).collect();
    bench.tell(Input::Received { messages });
    let asked = bench.acknowledged();
    assert_eq!(asked.len(), 12);
    assert_eq!(bench.count(|action| matches!(action, Action::Acknowledge { .. })), 2);
    let tickets: Vec<MessageTicket> = asked.iter().map(|(message, _)| *message).collect();
    bench.tell(Input::Acknowledged { done: tickets[1..10].to_vec(), failed: vec![tickets[0]] });
    bench.wait(SECOND);
    assert_eq!(bench.receipts(), ["m00"]);
}

#[test]
fn a_redelivery_waits_for_the_object_in_work() {
    let mut bench = with_one_decoded();
    let tickets = bench.deliver("again", vec![object("a"), object("a")]);
    assert_eq!(tickets, []);
    bench.wait(SECOND * 10);
    let (batch, tickets) = bench.batch().unwrap();
    assert_eq!(tickets.len(), 1);
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), ["m", "again"]);
    assert_eq!(bench.machine.report().objects_duplicate, 2);
}

#[test]
fn digests_are_never_asked_for() {
    let mut bench = Bench::new(IngestLimits::default());
    let key = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/01/02/x.json.gz";
    assert_eq!(bench.deliver("m", vec![object(key)]), []);
    assert_eq!(bench.receipts(), ["m"]);
    assert_eq!(bench.machine.report().skipped["digest"], 1);
}

#[test]
fn an_unreadable_message_is_acknowledged_after_quarantine_only() {
    let mut bench = Bench::new(IngestLimits::default());
    let body = MessageBody::Notification(b"garbage".to_vec());
    bench.tell(Input::Received { messages: vec![QueueMessage { body, ..message("m", vec![]) }] });
    let is_quarantine = |action: &Action| matches!(action, Action::Quarantine { .. });
    assert_eq!(bench.count(is_quarantine), 1);
    bench.tell(Input::Quarantined { outcome: Err(failure(Disposition::RetryLater)) });
    assert_eq!(bench.receipts(), Vec::<String>::new());
    bench.wait(SECOND);
    assert_eq!(bench.count(is_quarantine), 1);
    bench.tell(Input::Quarantined { outcome: Ok(()) });
    assert_eq!(bench.receipts(), ["m"]);
}

#[test]
fn the_other_reading_of_a_key_joins_the_object_it_names() {
    let mut bench = Bench::new(IngestLimits::default());
    let mut plus = object("a+b");
    plus.key_alternative = Some(ObjectKey::new("a b"));
    let tickets = bench.deliver("m", vec![plus, object("a b")]);
    bench.none_is_stored();
    let missing = FetchFailure { kind: FetchFailureKind::Missing, detail: "404".to_owned() };
    bench.tell(Input::Fetched { ticket: tickets[0], outcome: Err(missing) });
    assert_eq!(bench.actions, [Action::Forget { tickets: vec![tickets[0]] }]);
    bench.fetch_and_decode(tickets[1]);
    bench.wait(SECOND * 10);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), ["m"]);
}

#[test]
fn an_object_that_two_messages_name_differently_is_looked_for_under_the_key_of_both() {
    let mut bench = Bench::new(IngestLimits { missing_retries_max: 0, ..IngestLimits::default() });
    let mut plus = object("a+b");
    plus.key_alternative = Some(ObjectKey::new("a b"));
    let tickets = bench.deliver("m", vec![plus]);
    bench.none_is_stored();
    // This one is told of "a+b" and nothing else, so "a b" must not settle it.
    bench.tell(Input::Received { messages: vec![message("n", vec![object("a+b")])] });
    let missing = FetchFailure { kind: FetchFailureKind::Missing, detail: "404".to_owned() };
    bench.tell(Input::Fetched { ticket: tickets[0], outcome: Err(missing) });
    let is_quarantine = |action: &Action| matches!(action, Action::Quarantine { .. });
    assert_eq!((bench.count(is_fetch), bench.count(is_quarantine)), (0, 1));
    bench.tell(Input::Quarantined { outcome: Ok(()) });
    assert_eq!(bench.receipts(), ["m", "n"]);
}

#[test]
fn an_object_that_cannot_be_read_is_left_in_the_queue() {
    let limits = IngestLimits { fetch_failures_max: 2, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    let tickets = bench.deliver("m", vec![object("a"), object("b")]);
    bench.none_is_stored();
    let failed = || {
        let detail = "access denied".to_owned();
        let outcome = Err(FetchFailure { kind: FetchFailureKind::Temporary, detail });
        Input::Fetched { ticket: tickets[0], outcome }
    };
    bench.tell(failed());
    bench.wait(SECOND);
    assert_eq!(bench.count(is_fetch), 1);
    bench.tell(failed());
    assert_eq!(bench.count(|action| matches!(action, Action::Release { .. })), 0);
    bench.fetch_and_decode(tickets[1]);
    bench.wait(SECOND * 10);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), Vec::<String>::new());
    let is_put_off =
        |action: &Action| matches!(action, Action::Release { delay, .. } if *delay == SECOND * 30);
    assert_eq!(bench.count(is_put_off), 1);
    let report = bench.machine.report();
    assert_eq!((report.messages_failed, report.failed_objects_count), (1, 1));
    assert_eq!(report.objects_stored, 1);
}

#[test]
fn receiving_pauses_while_enough_is_held() {
    let limits = IngestLimits {
        messages_in_flight_max: 15,
        receives_in_flight_max: 1,
        ..IngestLimits::default()
    };
    let mut bench = Bench::new(limits);
    assert_eq!(bench.count(is_receive), 1);
    let named = |n: usize| message(&format!("m{n}"), vec![object(&format!("o{n}"))]);
    bench.tell(Input::Received { messages: (0..10).map(named).collect() });
    let asked = bench.actions.iter().find_map(|action| {
        if let Action::Receive { messages_max, .. } = action { Some(*messages_max) } else { None }
    });
    assert_eq!(asked, Some(5), "as many as there is room for");
    bench.tell(Input::Received { messages: (10..15).map(named).collect() });
    assert_eq!(bench.count(is_receive), 0);
}

#[test]
fn a_batch_does_not_wait_where_it_leaves_no_room_for_company() {
    let limits = IngestLimits { bytes_in_flight_max: 1_000, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    let tickets = bench.deliver("m", vec![object("a"), object("b")]);
    bench.none_is_stored();
    assert_eq!(bench.count(is_fetch), 1);
    bench.fetch_and_decode(tickets[0]);
    let (batch, tickets) = bench.batch().unwrap();
    assert_eq!((tickets.len(), bench.count(is_fetch)), (1, 0));
    bench.tell(committed(batch));
    assert_eq!(bench.count(is_fetch), 1);
}

#[test]
fn failed_receives_are_repeated_less_and_less_often() {
    let delays_of = |run_id| {
        let limits = IngestLimits { receives_in_flight_max: 1, ..IngestLimits::default() };
        let mut bench = Bench::named(run_id, limits);
        let mut delays = Vec::new();
        for millis in [250, 500, 1_000, 2_000] {
            bench.tell(Input::ReceiveFailed { failure: failure(Disposition::RetryLater) });
            assert_eq!(bench.count(is_receive), 0);
            let delay = bench.wait_for_deadline();
            assert!(!delay.is_zero() && delay <= Duration::from_millis(millis), "{delay:?}");
            assert_eq!(bench.count(is_receive), 1);
            delays.push(delay);
        }
        delays
    };
    assert_eq!(delays_of("one"), delays_of("one"), "the run id decides");
    assert_ne!(delays_of("one"), delays_of("other"), "two that failed together part");
}

#[test]
fn a_drain_commits_what_is_decoded_and_gives_back_the_rest() {
    let mut bench = with_one_decoded();
    bench.deliver("late", vec![object("b")]);
    bench.tell(Input::Drain);
    assert!(bench.batch().is_some());
    let is_release = |action: &Action| matches!(action, Action::Release { delivery, delay: Duration::ZERO } if delivery.receipt.as_str() == "late");
    assert_eq!(bench.count(is_release), 1);
    bench.tell(Input::Received { messages: vec![message("late", vec![object("c")])] });
    assert_eq!(bench.count(is_release), 1, "what a receive brings now is given back");
    assert!(!bench.machine.is_finished());
    bench.wait(SECOND * 25);
    assert!(bench.machine.is_finished(), "a drain does not last for ever");
}
