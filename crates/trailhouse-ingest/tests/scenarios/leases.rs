//! Leases kept, refused and lost.

use trailhouse_ingest::{Action, FetchFailureKind, IngestLimits, Input, MessageTicket};
use trailhouse_model::Disposition;

use crate::bench::{Bench, SECOND, committed, failure, object, with_one_decoded};

fn extended(bench: &Bench) -> Vec<MessageTicket> {
    let message_of = |action: &Action| {
        if let Action::ExtendVisibility { delivery, by } = action {
            assert_eq!(*by, SECOND * 300);
            Some(delivery.message)
        } else {
            None
        }
    };
    bench.actions.iter().filter_map(message_of).collect()
}

/// Answers all extensions that are asked for after 100 seconds.
fn refuse_extensions(bench: &mut Bench, disposition: Disposition) {
    bench.wait(SECOND * 100);
    for message in extended(bench) {
        let outcome = Err(failure(disposition));
        bench.tell(Input::VisibilityExtended { message, outcome });
    }
}

#[test]
fn the_lease_is_extended_until_the_message_is_deleted() {
    let mut bench = with_one_decoded();
    bench.wait(SECOND * 10);
    let (batch, _) = bench.batch().unwrap();
    bench.wait(SECOND * 89);
    assert_eq!(extended(&bench), []);
    bench.wait(SECOND);
    assert_eq!(extended(&bench).len(), 1);
    bench.tell(committed(batch));
    let done: Vec<MessageTicket> = bench.acknowledged().into_iter().map(|(m, _)| m).collect();
    bench.wait(SECOND * 100);
    assert_eq!(extended(&bench).len(), 1, "the deletion is not confirmed");
    bench.tell(Input::Acknowledged { done, failed: Vec::new() });
    bench.wait(SECOND * 100);
    assert_eq!(extended(&bench), []);
}

#[test]
fn a_lease_that_we_may_not_extend_is_not_asked_for_again_and_the_work_goes_on() {
    let mut bench = Bench::new(IngestLimits::default());
    let tickets = bench.deliver("m", vec![object("a")]);
    bench.none_is_stored();
    refuse_extensions(&mut bench, Disposition::Stop);
    bench.wait(SECOND * 1_000);
    assert_eq!(bench.actions, []);
    bench.fetch_and_decode(tickets[0]);
    bench.wait(SECOND * 10);
    let (batch, _) = bench.batch().unwrap();
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), ["m"]);
    assert_eq!(bench.machine.report().leases_lost, 0);
}

#[test]
fn a_lost_lease_drops_what_nobody_else_needs() {
    let mut bench = Bench::new(IngestLimits::default());
    let tickets = bench.deliver("lost", ["shared", "fetching", "batched"].map(object).to_vec());
    bench.none_is_stored();
    bench.fetch_and_decode(tickets[2]);
    bench.wait(SECOND * 5);
    bench.deliver("other", vec![object("shared")]);
    // The commit that is due is that of the batched object alone.
    bench.wait(SECOND * 5);
    let (batch, _) = bench.batch().unwrap();
    refuse_extensions(&mut bench, Disposition::RetryLater);
    assert_eq!(bench.machine.report().leases_lost, 0, "it is tried again");
    bench.wait(SECOND * 50);
    let lost = extended(&bench)[0];
    let outcome = Err(failure(Disposition::Quarantine));
    bench.tell(Input::VisibilityExtended { message: lost, outcome });
    assert_eq!(bench.actions, [Action::Forget { tickets: vec![tickets[1]] }]);
    bench.tell(committed(batch));
    bench.fetch_and_decode(tickets[0]);
    bench.wait(SECOND * 10);
    let (batch, committing) = bench.batch().unwrap();
    assert_eq!(committing, [tickets[0]]);
    bench.tell(committed(batch));
    assert_eq!(bench.receipts(), ["other"]);
    let report = bench.machine.report();
    assert_eq!((report.leases_lost, report.messages_lost), (1, 1));
    assert_eq!((report.objects_stored, report.objects_released), (2, 1));
}

#[test]
fn a_write_to_quarantine_is_not_repeated_for_a_message_that_is_lost() {
    let mut bench = Bench::new(IngestLimits::default());
    let tickets = bench.deliver("m", ["a", "b"].map(object).to_vec());
    bench.none_is_stored();
    bench.fetch_fails(tickets[0], FetchFailureKind::Archived);
    refuse_extensions(&mut bench, Disposition::Quarantine);
    assert_eq!(bench.machine.gauges().objects, 1, "the write is under way");
    bench.tell(Input::Quarantined { outcome: Err(failure(Disposition::RetryLater)) });
    bench.wait(SECOND);
    assert_eq!((bench.actions.len(), bench.machine.gauges().objects), (0, 0));
}

#[test]
fn what_is_decoded_goes_with_a_lost_lease_unless_its_commit_is_sent() {
    for (is_sent, receipts) in [(false, vec![]), (true, vec!["m".to_owned()])] {
        let mut bench = Bench::new(IngestLimits {
            batch_linger_max: SECOND * if is_sent { 10 } else { 1_000 },
            ..IngestLimits::default()
        });
        let tickets = bench.deliver("m", vec![object("a")]);
        bench.none_is_stored();
        bench.fetch_and_decode(tickets[0]);
        bench.wait(SECOND * 10);
        let batch = bench.batch();
        refuse_extensions(&mut bench, Disposition::Quarantine);
        if let Some((batch, _)) = batch {
            bench.tell(committed(batch));
        }
        assert_eq!(bench.receipts(), receipts);
        bench.wait(SECOND * 2_000);
        assert_eq!((bench.batch(), extended(&bench)), (None, Vec::new()));
        assert_eq!(bench.machine.gauges().bytes, 0);
        assert_eq!(bench.machine.report().leases_lost, 1);
    }
}
