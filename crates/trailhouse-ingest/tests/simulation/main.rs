//! Drives the machine through random worlds: duplicates, reorder, failures, unknown commits,
//! other writers, lost leases, drains and crashes. Whatever happens, nothing is lost, nothing is
//! stored twice, and when the faults stop everything drains.

// Only code that is marked as test code may unwrap.
#[cfg(test)]
mod run;
#[cfg(test)]
mod world;

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use trailhouse_ingest::{IngestLimits, Input};

use crate::{
    run::{Op, Run, VISIBILITY},
    world::{Fate, NATURES},
};

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Success),
        3 => Just(Fate::Temporary),
        1 => Just(Fate::Throttled),
        2 => Just(Fate::Denied),
        2 => Just(Fate::AppliedUnknown),
        2 => Just(Fate::LostUnknown),
        1 => Just(Fate::Refused),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        40 => (0..64_usize, fate()).prop_map(|(pick, fate)| Op::Complete { pick, fate }),
        8 => (0..20_000_u64).prop_map(|millis| Op::Tick { millis }),
        2 => (0..NATURES.len()).prop_map(|index| Op::StoreElsewhere { index }),
        1 => Just(Op::ExpireLeases),
        1 => Just(Op::Drain),
        1 => any::<bool>().prop_map(|commit_lands| Op::Crash { commit_lands }),
    ]
}

fn messages() -> impl Strategy<Value = Vec<Vec<usize>>> {
    vec(vec(0..NATURES.len(), 0..4), 1..25)
}

fn limits() -> impl Strategy<Value = IngestLimits> {
    (1..12_u32, 1..8_u32, 1..4_u32, 1..6_u32, 1..20_000_u64).prop_map(
        |(messages, objects, fetches, batch, bytes)| IngestLimits {
            receives_in_flight_max: 2,
            messages_in_flight_max: messages,
            objects_in_flight_max: objects,
            objects_per_look_up_max: 3,
            fetches_in_flight_max: fetches,
            bytes_in_flight_max: bytes,
            batch_objects_max: batch,
            batch_inflated_bytes_max: bytes,
            visibility: Some(VISIBILITY),
            isolate_receive_count: Some(2),
            circuit_denials_max: 2,
            circuit_messages_max: 3,
            lake_failures_max: 4,
            receive_failures_max: 4,
            acknowledges_in_flight_max: 2,
            quarantine_entries_max: 2,
            ..IngestLimits::once()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_stored_twice(
        messages in messages(),
        limits in limits(),
        ops in vec(op(), 0..300),
    ) {
        let mut run = Run::new(&messages, limits);
        for op in ops {
            run.apply(op);
        }
        run.finish();
        run.world.expire_leases();
        run.restart(true);
        run.finish();
        prop_assert_eq!(run.machine.stop(), None);
        prop_assert!(run.world.queue_is_empty());
        prop_assert!(run.world.every_object_is_stored_once());
        for index in messages.iter().flatten() {
            prop_assert!(run.world.is_settled(*index), "object {} is lost", index);
        }
    }

    #[test]
    fn without_faults_every_message_is_handled_once(messages in messages(), limits in limits()) {
        let mut run = Run::new(&messages, limits);
        run.finish();
        let report = run.machine.report();
        let count = u64::try_from(messages.len()).unwrap();
        prop_assert_eq!(report.messages, count);
        prop_assert_eq!(report.messages_acknowledged, count);
        prop_assert!(run.world.queue_is_empty());
        prop_assert_eq!(report.failed_objects_count, 0);
    }

    #[test]
    fn a_drain_leaves_nothing_half_done(
        messages in messages(),
        limits in limits(),
        steps in 0..120_usize,
    ) {
        let mut run = Run::new(&messages, limits);
        for pick in 0..steps {
            run.complete(pick * 7, Fate::Success);
        }
        run.machine.handle(run.world.now, Input::Drain);
        run.settle();
        let started = run.world.now;
        run.finish();
        prop_assert!(run.world.now - started <= Duration::from_secs(25));
        let report = run.machine.report();
        prop_assert_eq!(
            report.messages,
            report.messages_acknowledged
                + report.messages_released
                + report.messages_unacknowledged
                + report.messages_lost
        );
    }
}
