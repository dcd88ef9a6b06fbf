//! Queues that keep order: messages of one group leave in the order in which they came.

use trailhouse_ingest::{
    Action, FetchFailureKind, IngestLimits, Input, MessageTicket, QueueMessage, Ticket,
};
use trailhouse_model::Disposition;

use crate::bench::{Bench, SECOND, committed, failure, message, object};

fn in_group(group: &str, id: &str) -> QueueMessage {
    QueueMessage { group: Some(group.to_owned()), ..message(id, vec![object(id)]) }
}

/// A machine with two messages of one group and one of another, one object each.
fn with_groups(limits: IngestLimits) -> (Bench, Vec<Ticket>) {
    let mut bench = Bench::new(limits);
    let messages = vec![in_group("g", "g1"), in_group("g", "g2"), in_group("h", "h1")];
    bench.tell(Input::Received { messages });
    let tickets = bench.looked_up();
    bench.none_is_stored();
    (bench, tickets)
}

fn commit_at_once() -> IngestLimits {
    IngestLimits { batch_objects_max: 1, ..IngestLimits::default() }
}

fn store(bench: &mut Bench, ticket: Ticket) {
    bench.fetch_and_decode(ticket);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
}

fn confirm(bench: &mut Bench) {
    let done: Vec<MessageTicket> = bench.acknowledged().into_iter().map(|(m, _)| m).collect();
    bench.tell(Input::Acknowledged { done, failed: Vec::new() });
}

/// Returns the receipts of the messages given back, with the seconds for which nobody is to have
/// them.
fn released(bench: &Bench) -> Vec<(String, u64)> {
    let released = |action: &Action| {
        if let Action::Release { delivery, delay } = action {
            Some((delivery.receipt.to_string(), delay.as_secs()))
        } else {
            None
        }
    };
    bench.actions.iter().filter_map(released).collect()
}

#[test]
fn a_group_is_acknowledged_in_the_order_received() {
    let (mut bench, tickets) = with_groups(commit_at_once());
    store(&mut bench, tickets[1]);
    assert_eq!(bench.receipts(), Vec::<String>::new(), "an earlier one is not done");
    store(&mut bench, tickets[2]);
    assert_eq!(bench.receipts(), ["h1"], "another group does not wait");
    store(&mut bench, tickets[0]);
    assert_eq!(bench.receipts(), ["g1"]);
    confirm(&mut bench);
    assert_eq!(bench.receipts(), ["g2"], "not before the deletion is confirmed");
}

#[test]
fn the_rest_of_a_group_goes_back_with_one_that_fails() {
    let (mut bench, tickets) = with_groups(commit_at_once());
    store(&mut bench, tickets[1]);
    bench.fetch_fails(tickets[0], FetchFailureKind::Hopeless);
    assert_eq!(released(&bench), [("g1".to_owned(), 30), ("g2".to_owned(), 0)]);
    let report = bench.machine.report();
    assert_eq!((report.messages_failed, report.messages_released), (1, 1));
    assert_eq!(bench.machine.gauges().messages, 1);
}

#[test]
fn the_rest_of_a_group_goes_back_with_one_that_cannot_be_deleted() {
    let limits = IngestLimits { acknowledge_failures_max: 1, ..commit_at_once() };
    let (mut bench, tickets) = with_groups(limits);
    store(&mut bench, tickets[0]);
    let failed: Vec<MessageTicket> = bench.acknowledged().into_iter().map(|(m, _)| m).collect();
    bench.tell(Input::Acknowledged { done: Vec::new(), failed });
    assert_eq!(released(&bench), [("g2".to_owned(), 0)]);
}

#[test]
fn the_rest_of_a_group_goes_back_with_one_whose_lease_is_lost() {
    let (mut bench, _) = with_groups(commit_at_once());
    bench.wait(SECOND * 100);
    let first = bench.actions.iter().find_map(|action| {
        if let Action::ExtendVisibility { delivery, .. } = action {
            (delivery.receipt.as_str() == "g1").then_some(delivery.message)
        } else {
            None
        }
    });
    let outcome = Err(failure(Disposition::Quarantine));
    bench.tell(Input::VisibilityExtended { message: first.unwrap(), outcome });
    assert_eq!(released(&bench), [("g2".to_owned(), 0)]);
    assert_eq!(bench.machine.gauges().objects, 1, "only the other group is in work");
}

#[test]
fn what_goes_back_with_its_group_is_counted_once() {
    let limits = IngestLimits { objects_per_look_up_max: 2, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    let first = QueueMessage {
        group: Some("g".to_owned()),
        ..message("g1", ["a", "b", "c"].map(object).to_vec())
    };
    bench.tell(Input::Received { messages: vec![first, in_group("g", "g2")] });
    bench.none_is_stored();
    let (fetches, asked) = (bench.fetches(), bench.looked_up());
    bench.fetch_and_decode(fetches[1]);
    bench.fetch_fails(fetches[0], FetchFailureKind::Hopeless);
    bench.wait(SECOND * 10);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
    bench.tell(Input::LookedUp { outcome: Ok(asked.into_iter().collect()) });
    assert_eq!(released(&bench), [("g1".to_owned(), 30), ("g2".to_owned(), 0)]);
    let report = bench.machine.report();
    assert_eq!((report.objects_duplicate, report.objects_released), (1, 1));
}

#[test]
fn one_pass_does_not_end_while_the_queue_keeps_a_group_back() {
    let limits = IngestLimits { batch_objects_max: 1, ..IngestLimits::once() };
    let (mut bench, tickets) = with_groups(limits);
    for _ in 0..5 {
        bench.tell(Input::Received { messages: Vec::new() });
        assert_eq!(bench.actions.len(), 1, "it asks again");
    }
    for ticket in tickets {
        store(&mut bench, ticket);
        confirm(&mut bench);
    }
    bench.tell(Input::Received { messages: Vec::new() });
    bench.tell(Input::Received { messages: Vec::new() });
    assert!(bench.machine.is_finished());
}
