//! How a drain ends, and what it waits for.

use trailhouse_ingest::{Action, IngestLimits, Input, QueueMessage};
use trailhouse_model::EventTime;

use crate::bench::{Bench, SECOND, message, object, with_one_decoded};

#[test]
fn a_drain_waits_for_receives_in_flight_and_gives_back_what_they_bring() {
    let limits = IngestLimits { receives_in_flight_max: 1, ..IngestLimits::default() };
    let mut bench = Bench::new(limits);
    bench.tell(Input::Drain);
    assert!(!bench.machine.is_finished(), "messages may still come");
    bench.tell(Input::Received { messages: vec![message("late", vec![object("a")])] });
    let [Action::Release { delivery, delay: _ }] = &bench.actions[..] else {
        panic!("{:?}", bench.actions)
    };
    let message = delivery.message;
    assert!(!bench.machine.is_finished());
    bench.tell(Input::Released { message });
    assert!(bench.machine.is_finished());
}

#[test]
fn a_drain_does_not_wait_for_ever_for_a_receive() {
    let mut bench = Bench::new(IngestLimits::default());
    bench.tell(Input::Drain);
    bench.wait(IngestLimits::default().receive_drain_max - SECOND);
    assert!(!bench.machine.is_finished());
    bench.wait(SECOND);
    assert!(bench.machine.is_finished());
}

#[test]
fn a_drain_without_leases_waits_for_no_receive() {
    let mut bench = Bench::new(IngestLimits::finite());
    bench.tell(Input::Drain);
    assert!(bench.machine.is_finished());
}

#[test]
fn the_oldest_message_in_work_is_known_until_it_leaves() {
    let mut bench = Bench::new(IngestLimits::default());
    let sent = |id: &str, seconds: i64| QueueMessage {
        sent_at: Some(EventTime::from_micros(seconds * 1_000_000)),
        ..message(id, vec![object(id)])
    };
    assert_eq!(bench.machine.oldest_sent_at(), None);
    bench.tell(Input::Received { messages: vec![sent("a", 20), sent("b", 10)] });
    assert_eq!(bench.machine.oldest_sent_at(), Some(EventTime::from_micros(10_000_000)));
    bench.tell(Input::Drain);
    assert_eq!(bench.machine.oldest_sent_at(), None);
}

#[test]
fn a_drain_that_takes_too_long_gives_back_what_is_being_committed() {
    let mut bench = with_one_decoded();
    bench.tell(Input::Drain);
    assert!(bench.batch().is_some(), "what is decoded is committed first");
    bench.wait(IngestLimits::default().drain_max - SECOND * 2);
    let [Action::Release { delivery, delay: _ }] = &bench.actions[..] else {
        panic!("{:?}", bench.actions)
    };
    let message = delivery.message;
    assert!(!bench.machine.is_finished());
    bench.tell(Input::Released { message });
    assert!(bench.machine.is_finished());
    assert_eq!(bench.machine.report().messages_released, 1);
}

#[test]
fn a_drain_whose_messages_cannot_be_given_back_ends_all_the_same() {
    let mut bench = with_one_decoded();
    bench.tell(Input::Drain);
    bench.wait(IngestLimits::default().drain_max - SECOND);
    assert!(!bench.machine.is_finished());
    bench.wait(SECOND);
    assert!(bench.machine.is_finished());
}
