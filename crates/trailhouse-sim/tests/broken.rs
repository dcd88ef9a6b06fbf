//! The simulation bites: machines and drivers that are wrong in one thing are caught, each by the
//! invariant that speaks of it, within a few hundred seeds.

use std::{collections::hash_map::RandomState, hash::BuildHasher};

use trailhouse_ingest::{
    Action, DecodedContent, FetchFailureKind, IngestLimits, Input, MessageBody,
    commit::{ClaimEnd, LedgerAnswer},
    invariants::Invariant,
};
use trailhouse_model::{CommitOutcome, Disposition, TableVersion};
use trailhouse_sim::{Meddler, Plan, run_with};

/// Runs seeds until one is caught, and checks by what.
fn check<M: Meddler + Default + 'static>(seeds: u64, expected: &[Invariant]) {
    let caught = (0..seeds)
        .find_map(|seed| run_with(seed, &Plan::default(), &|| Box::<M>::default()).violation);
    let is_expected =
        caught.as_ref().is_some_and(|violation| expected.contains(&violation.invariant));
    assert!(is_expected, "{seeds} seeds catch {caught:?}, not {expected:?}");
}

/// Takes a commit as done when it is sent off.
#[derive(Default)]
struct AcknowledgesBeforeCommit;

impl Meddler for AcknowledgesBeforeCommit {
    fn action(&mut self, action: Action, answers: &mut Vec<Input>) -> Option<Action> {
        if let Action::Commit { batch, .. } = &action {
            let outcome = CommitOutcome::Committed { version: TableVersion(1) };
            answers.push(Input::Committed { batch: batch.clone(), outcome });
        }
        Some(action)
    }
}

#[test]
fn acknowledging_before_the_commit_is_caught() {
    check::<AcknowledgesBeforeCommit>(20, &[Invariant::DurableBeforeDelete]);
}

/// Takes a failed write to quarantine for a good one.
#[derive(Default)]
struct IgnoresQuarantineFailure;

impl Meddler for IgnoresQuarantineFailure {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Quarantined { outcome } = &mut input {
            *outcome = Ok(());
        }
        Some(input)
    }
}

#[test]
fn ignoring_a_failed_quarantine_is_caught() {
    check::<IgnoresQuarantineFailure>(300, &[Invariant::DurableBeforeDelete]);
}

/// Leaves an object out of what it commits, though the machine counts on it.
#[derive(Default)]
struct LeavesOneOut;

impl Meddler for LeavesOneOut {
    fn action(&mut self, mut action: Action, _answers: &mut Vec<Input>) -> Option<Action> {
        if let Action::Commit { tickets, .. } = &mut action
            && tickets.len() > 1
        {
            tickets.pop();
        }
        Some(action)
    }
}

#[test]
fn an_object_left_out_of_its_commit_is_caught() {
    check::<LeavesOneOut>(50, &[Invariant::DurableBeforeDelete]);
}

/// Takes a version that may yet be filled for one that will not, and so discards the files.
#[derive(Default)]
struct DiscardsFilesOfUnknown;

impl Meddler for DiscardsFilesOfUnknown {
    fn claim_end(&mut self, end: ClaimEnd) -> ClaimEnd {
        if end == ClaimEnd::Unknown { ClaimEnd::Refused } else { end }
    }
}

#[test]
fn discarding_the_files_of_an_unknown_commit_is_caught() {
    check::<DiscardsFilesOfUnknown>(500, &[Invariant::AcknowledgedIsKept]);
}

/// Takes its messages along when it crashes.
#[derive(Default)]
struct DropsWorkOnCrash;

impl Meddler for DropsWorkOnCrash {
    fn deletes_on_crash(&mut self) -> bool {
        true
    }
}

#[test]
fn dropping_work_on_a_crash_is_caught() {
    check::<DropsWorkOnCrash>(100, &[Invariant::AcknowledgedIsKept]);
}

/// Commits without asking what is stored.
#[derive(Default)]
struct SkipsLedger;

impl Meddler for SkipsLedger {
    fn ledger_answer(&mut self, answer: LedgerAnswer) -> LedgerAnswer {
        LedgerAnswer { stored: Vec::new(), ..answer }
    }
}

#[test]
fn committing_without_the_ledger_is_caught() {
    check::<SkipsLedger>(100, &[Invariant::StoredOnce]);
}

/// Asks at one version and commits after another, as a blind append with retries does.
#[derive(Default)]
struct ChecksStaleVersion;

impl Meddler for ChecksStaleVersion {
    fn put_version(&mut self, _version: TableVersion, newest: TableVersion) -> TableVersion {
        newest.next()
    }
}

#[test]
fn checking_against_a_stale_version_is_caught() {
    check::<ChecksStaleVersion>(300, &[Invariant::StoredOnce]);
}

/// Takes an unknown commit for a lost one: another batch, the next version, nothing looked at.
#[derive(Default)]
struct TakesUnknownForLost {
    skipped: u64,
}

impl Meddler for TakesUnknownForLost {
    fn input(&mut self, input: Input) -> Option<Input> {
        let Input::Committed { batch, outcome: CommitOutcome::Unknown } = input else {
            return Some(input);
        };
        self.skipped += 1;
        let outcome = CommitOutcome::Superseded { objects: Vec::new(), version: TableVersion(0) };
        Some(Input::Committed { batch, outcome })
    }

    fn ledger_answer(&mut self, answer: LedgerAnswer) -> LedgerAnswer {
        LedgerAnswer { version: TableVersion(answer.version.0 + self.skipped), ..answer }
    }
}

#[test]
fn taking_an_unknown_commit_for_a_lost_one_is_caught() {
    let expected = [Invariant::StoredOnce, Invariant::AcknowledgedIsKept];
    check::<TakesUnknownForLost>(500, &expected);
}

/// Forgets how much may be in flight.
#[derive(Default)]
struct ForgetsLimit<const WHICH: u8>;

impl<const WHICH: u8> Meddler for ForgetsLimit<WHICH> {
    fn limits(&mut self, limits: &mut IngestLimits) {
        match WHICH {
            0 => limits.fetches_in_flight_max = u32::MAX,
            1 => limits.messages_in_flight_max = u32::MAX,
            2 => limits.objects_in_flight_max = u32::MAX,
            3 => limits.bytes_in_flight_max = u64::MAX,
            4 => limits.receives_in_flight_max += 1,
            _ => limits.acknowledges_in_flight_max += 1,
        }
    }
}

#[test]
fn forgetting_a_limit_is_caught() {
    let expected = [Invariant::WithinLimits];
    check::<ForgetsLimit<0>>(100, &expected);
    check::<ForgetsLimit<1>>(100, &expected);
    check::<ForgetsLimit<2>>(100, &expected);
    check::<ForgetsLimit<3>>(100, &expected);
    check::<ForgetsLimit<4>>(100, &expected);
    check::<ForgetsLimit<5>>(1_000, &expected);
}

/// Never hears that a read failed.
#[derive(Default)]
struct WaitsForEver;

impl Meddler for WaitsForEver {
    fn input(&mut self, input: Input) -> Option<Input> {
        let is_failure = matches!(&input, Input::Fetched { outcome: Err(_), .. });
        (!is_failure).then_some(input)
    }
}

#[test]
fn an_object_that_is_never_tried_again_is_caught() {
    check::<WaitsForEver>(50, &[Invariant::Drains]);
}

/// Lets its leases run out.
#[derive(Default)]
struct NeverExtends;

impl Meddler for NeverExtends {
    fn action(&mut self, action: Action, answers: &mut Vec<Input>) -> Option<Action> {
        let Action::ExtendVisibility { delivery, by: _ } = action else { return Some(action) };
        answers.push(Input::VisibilityExtended { message: delivery.message, outcome: Ok(()) });
        None
    }
}

#[test]
fn a_lease_that_is_never_extended_makes_dead_letters_without_cause() {
    check::<NeverExtends>(1_000, &[Invariant::Drains]);
}

/// Works in an order that is another in every run.
#[derive(Default)]
struct WorksInAnyOrder;

impl Meddler for WorksInAnyOrder {
    fn action(&mut self, mut action: Action, _answers: &mut Vec<Input>) -> Option<Action> {
        if let Action::Commit { tickets, .. } = &mut action {
            let state = RandomState::new();
            tickets.sort_by_key(|ticket| state.hash_one(ticket));
        }
        Some(action)
    }
}

#[test]
fn an_order_that_nothing_decides_is_caught() {
    let hash = |seed| run_with(seed, &Plan::default(), &|| Box::new(WorksInAnyOrder)).log_hash;
    let differs = (0..50).find(|seed| hash(*seed) != hash(*seed));
    assert!(differs.is_some(), "{}", Invariant::SameSeedSameLog);
}

/// Puts what it could not read now into quarantine as if it could never be read.
#[derive(Default)]
struct GivesUpTooSoon;

impl Meddler for GivesUpTooSoon {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Fetched { outcome: Err(failure), .. } = &mut input
            && failure.kind == FetchFailureKind::Temporary
        {
            failure.kind = FetchFailureKind::Archived;
        }
        Some(input)
    }
}

#[test]
fn a_good_object_in_quarantine_is_caught() {
    check::<GivesUpTooSoon>(50, &[Invariant::Accounted]);
}

/// Stores what is not for the lake.
#[derive(Default)]
struct StoresEverything;

impl Meddler for StoresEverything {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Decoded { outcome: Ok(facts), .. } = &mut input {
            facts.content = DecodedContent::Records;
        }
        Some(input)
    }
}

#[test]
fn an_object_in_the_table_that_is_not_for_it_is_caught() {
    check::<StoresEverything>(50, &[Invariant::Accounted]);
}

/// Loses one object of a message that names several.
#[derive(Default)]
struct OverlooksObject;

impl Meddler for OverlooksObject {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Received { messages } = &mut input {
            for message in messages {
                if let MessageBody::Objects(objects) = &mut message.body
                    && objects.len() > 1
                {
                    objects.pop();
                }
            }
        }
        Some(input)
    }
}

#[test]
fn an_overlooked_object_is_caught() {
    check::<OverlooksObject>(50, &[Invariant::DurableBeforeDelete]);
}

/// Takes "try again later" for "never".
#[derive(Default)]
struct StopsAtOnce;

impl Meddler for StopsAtOnce {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Committed { outcome: CommitOutcome::Failed { disposition, .. }, .. } =
            &mut input
        {
            *disposition = Disposition::Stop;
        }
        Some(input)
    }
}

#[test]
fn stopping_too_often_loses_nothing() {
    let violation = (0..300).find_map(|seed| {
        run_with(seed, &Plan::default(), &|| Box::<StopsAtOnce>::default()).violation
    });
    assert_eq!(violation, None, "a stopped process is only a restarted one");
}

/// Takes no notice of groups.
#[derive(Default)]
struct ForgetsGroups;

impl Meddler for ForgetsGroups {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Received { messages } = &mut input {
            messages.iter_mut().for_each(|message| message.group = None);
        }
        Some(input)
    }
}

#[test]
fn a_group_out_of_order_is_caught() {
    check::<ForgetsGroups>(300, &[Invariant::KeepsOrder]);
}

/// Takes a bucket that lets nobody in for one that is out of order.
#[derive(Default)]
struct OpensNoCircuit;

impl Meddler for OpensNoCircuit {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Fetched { outcome: Err(failure), .. } = &mut input
            && matches!(failure.kind, FetchFailureKind::Denied(_))
        {
            failure.kind = FetchFailureKind::Temporary;
        }
        Some(input)
    }
}

#[test]
fn a_denied_bucket_that_makes_dead_letters_is_caught() {
    check::<OpensNoCircuit>(2_000, &[Invariant::Drains]);
}
