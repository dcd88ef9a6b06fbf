//! Messages that were delivered so often that they may be what ends the process.

use trailhouse_ingest::{FetchFailureKind, IngestLimits, Input, QueueMessage, Ticket};

use crate::bench::{Bench, SECOND, committed, is_receive, message, object};

fn limits() -> IngestLimits {
    IngestLimits {
        isolate_receive_count: Some(4),
        receives_in_flight_max: 1,
        ..IngestLimits::default()
    }
}

fn delivered(id: &str, keys: &[&str], receive_count: u32) -> QueueMessage {
    let objects = keys.iter().map(|key| object(key)).collect();
    QueueMessage { receive_count, ..message(id, objects) }
}

/// Takes in the messages; returns the tickets of their objects in order.
fn receive(bench: &mut Bench, messages: Vec<QueueMessage>) -> Vec<Ticket> {
    bench.tell(Input::Received { messages });
    let tickets = bench.looked_up();
    bench.none_is_stored();
    tickets
}

#[test]
fn a_message_near_its_last_delivery_is_worked_on_alone() {
    let mut bench = Bench::new(limits());
    let messages = vec![delivered("often", &["a", "b"], 4), delivered("new", &["c"], 3)];
    let tickets = receive(&mut bench, messages);
    assert_eq!(bench.fetches(), tickets[..2]);
    assert_eq!(bench.count(is_receive), 0, "no other message is put at risk");
    bench.fetch_and_decode(tickets[0]);
    assert_eq!((bench.fetches(), bench.batch()), (vec![], None));
    bench.fetch_and_decode(tickets[1]);
    let (batch, alone) = bench.batch().unwrap();
    assert_eq!(alone, tickets[..2], "its commit waits for no company");
    assert_eq!(bench.fetches(), []);
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), ["often"]);
    assert_eq!((bench.fetches(), bench.count(is_receive)), (vec![tickets[2]], 1));
}

#[test]
fn what_is_under_way_is_committed_first() {
    let mut bench = Bench::new(limits());
    let first = receive(&mut bench, vec![delivered("new", &["a", "b"], 1)]);
    bench.fetch_and_decode(first[0]);
    let suspect = receive(&mut bench, vec![delivered("often", &["c"], 9)]);
    assert_eq!((bench.fetches(), bench.batch()), (vec![], None), "one is being fetched");
    bench.fetch_and_decode(first[1]);
    let (batch, shared) = bench.batch().unwrap();
    assert_eq!((shared, bench.fetches()), (first, vec![]));
    bench.tell(committed(batch));
    assert_eq!(bench.fetches(), suspect);
}

#[test]
fn two_of_them_follow_one_another() {
    let mut bench = Bench::new(limits());
    let messages = vec![delivered("one", &["a"], 5), delivered("two", &["b"], 5)];
    let tickets = receive(&mut bench, messages);
    for ticket in tickets {
        assert_eq!(bench.fetches(), [ticket]);
        bench.fetch_and_decode(ticket);
        let (batch, alone) = bench.batch().unwrap();
        assert_eq!(alone, [ticket]);
        bench.tell(committed(batch));
    }
}

#[test]
fn others_go_on_while_it_waits() {
    let mut bench = Bench::new(limits());
    let messages = vec![delivered("often", &["a"], 4), delivered("new", &["b"], 1)];
    let tickets = receive(&mut bench, messages);
    bench.fetch_fails(tickets[0], FetchFailureKind::Temporary);
    assert_eq!((bench.fetches(), bench.count(is_receive)), (vec![tickets[1]], 1));
    bench.wait(SECOND);
    assert_eq!(bench.fetches(), []);
    bench.fetch_and_decode(tickets[1]);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
    assert_eq!(bench.fetches(), [tickets[0]]);
}
