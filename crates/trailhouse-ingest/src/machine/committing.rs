//! Decoded objects become batches, and batches become commits, one at a time.

use std::{collections::BTreeSet, time::Instant};

use trailhouse_model::{BatchId, CommitOutcome, Disposition, ObjectId, TableVersion};

use super::{IngestMachine, settling::Settlement};
use crate::{
    action::{Action, Stage},
    deadline::Wake,
    input::{DecodedFacts, Failure},
    object::{ObjectStage, ObjectWork},
    outcome::{CommitAttempt, DedupeStage},
    ticket::Ticket,
};

/// What the commit in flight waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitStep {
    /// The answer to the commit.
    Sent,
    /// The answer to the probe.
    Probing,
    /// Its delay, to be sent again.
    ToSend,
    /// Its delay, to be probed again.
    ToProbe,
}

/// The commit in flight.
#[derive(Debug)]
pub(crate) struct CommitFlight {
    batch: BatchId,
    pub(crate) tickets: Vec<Ticket>,
    step: CommitStep,
    failures: u32,
}

impl IngestMachine {
    pub(super) fn add_to_batch(&mut self, now: Instant, ticket: Ticket, facts: Box<DecodedFacts>) {
        self.hold(ticket, facts.memory_bytes);
        self.batch_bytes = self.batch_bytes.saturating_add(facts.inflated_bytes);
        if let Some(work) = self.objects.get_mut(ticket) {
            work.facts = Some(facts);
        }
        self.objects.advance(ticket, ObjectStage::Batched);
        if self.objects.count(ObjectStage::Batched) == 1 {
            self.deadlines.set(Wake::Linger, now + self.limits.batch_linger_max);
        }
    }

    /// Forgets an object that is taken out before its commit.
    pub(super) fn leave_batch(&mut self, work: &ObjectWork) {
        let bytes = work.facts.as_ref().map_or(0, |facts| facts.inflated_bytes);
        self.batch_bytes = self.batch_bytes.saturating_sub(bytes);
        if self.objects.count(ObjectStage::Batched) == 0 {
            self.deadlines.clear(Wake::Linger);
        }
    }

    pub(super) fn start_commit(&mut self, now: Instant) {
        if self.commit.is_some() || !self.commit_is_due() {
            return;
        }
        let tickets = self.take_batch();
        if self.objects.count(ObjectStage::Batched) == 0 {
            self.deadlines.clear(Wake::Linger);
        } else {
            self.deadlines.set(Wake::Linger, now + self.limits.batch_linger_max);
        }
        self.send_new_batch(tickets);
    }

    fn commit_is_due(&self) -> bool {
        let waiting = self.objects.count(ObjectStage::Batched);
        let objects_max = usize::try_from(self.limits.batch_objects_max).unwrap_or(usize::MAX);
        let is_full =
            waiting >= objects_max || self.batch_bytes >= self.limits.batch_inflated_bytes_max;
        let has_lingered = !self.deadlines.waits_for(Wake::Linger);
        waiting > 0 && (is_full || has_lingered || !self.expects_company())
    }

    /// Says whether more decoded objects may come while this batch waits. They cannot where the
    /// source has ended, and they cannot where what is held leaves no room to begin another.
    fn expects_company(&self) -> bool {
        let count = |stage| self.objects.count(stage);
        let is_moving = count(ObjectStage::LookingUp) > 0
            || count(ObjectStage::Fetching) > 0
            || count(ObjectStage::Decoding) > 0;
        if is_moving {
            return true;
        }
        if self.is_isolating() {
            return false;
        }
        let has_next = count(ObjectStage::Queued) > 0 || count(ObjectStage::Ready) > 0;
        if has_next {
            // The steps before this one had the chance to begin them.
            return false;
        }
        if self.is_closing() {
            return count(ObjectStage::Waiting) > 0;
        }
        self.receives_in_flight > 0 || self.receive_room().is_some()
    }

    /// Takes the oldest objects, as many as a batch may hold and at least one.
    fn take_batch(&mut self) -> Vec<Ticket> {
        let objects_max = usize::try_from(self.limits.batch_objects_max).unwrap_or(usize::MAX);
        let mut tickets = Vec::new();
        let mut bytes = 0_u64;
        while tickets.len() < objects_max.max(1) && bytes < self.limits.batch_inflated_bytes_max {
            let Some(ticket) = self.objects.first(ObjectStage::Batched) else { break };
            let facts = self.objects.get(ticket).and_then(|work| work.facts.as_ref());
            bytes = bytes.saturating_add(facts.map_or(0, |facts| facts.inflated_bytes));
            self.objects.advance(ticket, ObjectStage::Committing);
            tickets.push(ticket);
        }
        self.batch_bytes = self.batch_bytes.saturating_sub(bytes);
        tickets
    }

    fn send_new_batch(&mut self, tickets: Vec<Ticket>) {
        debug_assert!(!tickets.is_empty(), "a batch holds something");
        let batch = self.name_batch();
        self.actions.push_back(Action::Commit { batch: batch.clone(), tickets: tickets.clone() });
        self.commit = Some(CommitFlight { batch, tickets, step: CommitStep::Sent, failures: 0 });
    }

    fn name_batch(&mut self) -> BatchId {
        self.batches = self.batches.saturating_add(1);
        BatchId::new(format!("{}-{:06}", self.run_id, self.batches))
    }

    pub(super) fn committed(&mut self, now: Instant, batch: &BatchId, outcome: CommitOutcome) {
        if !self.commit_awaits(batch, CommitStep::Sent) {
            return;
        }
        match outcome {
            CommitOutcome::Committed { version: _ } => {
                self.report.count_commit(CommitAttempt::Ok);
                self.finish_commit();
            }
            CommitOutcome::Superseded { objects, version: _ } => {
                self.report.count_commit(CommitAttempt::LostRace);
                self.drop_stored(now, objects);
            }
            CommitOutcome::Unknown => self.probe(),
            CommitOutcome::Failed { disposition, detail } => {
                self.report.count_commit(CommitAttempt::Failed);
                let failure = Failure { disposition, detail };
                self.commit_failed(now, CommitStep::ToSend, Stage::Commit, failure);
            }
        }
    }

    pub(super) fn probed(
        &mut self,
        now: Instant,
        batch: &BatchId,
        outcome: Result<Option<TableVersion>, Failure>,
    ) {
        if !self.commit_awaits(batch, CommitStep::Probing) {
            return;
        }
        match outcome {
            Ok(Some(_)) => {
                self.report.count_commit(CommitAttempt::UnknownOk);
                self.finish_commit();
            }
            Ok(None) => {
                self.report.count_commit(CommitAttempt::UnknownRetry);
                let detail = "the commit did not arrive".to_owned();
                let failure = Failure { disposition: Disposition::RetryLater, detail };
                self.commit_failed(now, CommitStep::ToSend, Stage::Commit, failure);
            }
            Err(failure) => self.commit_failed(now, CommitStep::ToProbe, Stage::Probe, failure),
        }
    }

    pub(super) fn resume_commit(&mut self) {
        let Some(flight) = self.commit.as_mut() else { return };
        match flight.step {
            CommitStep::ToSend => {
                flight.step = CommitStep::Sent;
                let (batch, tickets) = (flight.batch.clone(), flight.tickets.clone());
                self.actions.push_back(Action::Commit { batch, tickets });
            }
            CommitStep::ToProbe => self.probe(),
            CommitStep::Sent | CommitStep::Probing => {}
        }
    }

    fn commit_awaits(&self, batch: &BatchId, step: CommitStep) -> bool {
        self.commit.as_ref().is_some_and(|flight| flight.batch == *batch && flight.step == step)
    }

    fn probe(&mut self) {
        if let Some(flight) = self.commit.as_mut() {
            flight.step = CommitStep::Probing;
            self.actions.push_back(Action::Probe { batch: flight.batch.clone() });
        }
    }

    fn commit_failed(&mut self, now: Instant, next: CommitStep, stage: Stage, failure: Failure) {
        let Some(flight) = self.commit.as_mut() else { return };
        flight.step = next;
        flight.failures = flight.failures.saturating_add(1);
        let failures = flight.failures;
        self.lake_failed(now, Wake::Commit, failures, stage, failure);
    }

    fn finish_commit(&mut self) {
        let Some(flight) = self.commit.take() else { return };
        self.report.commits += 1;
        for ticket in flight.tickets {
            let work = self.objects.get_mut(ticket);
            if let Some(facts) = work.and_then(|work| work.facts.take()) {
                self.report.count_stored(&facts);
            }
            self.settle(ticket, Settlement::Done);
        }
    }

    /// Drops what another commit has stored and sends the rest as a new batch.
    fn drop_stored(&mut self, now: Instant, stored: Vec<ObjectId>) {
        let Some(flight) = self.commit.take() else { return };
        let stored: BTreeSet<ObjectId> = stored.into_iter().collect();
        let is_stored = |ticket: &Ticket| {
            self.objects.get(*ticket).is_some_and(|work| stored.contains(&work.id))
        };
        let (dropped, rest): (Vec<_>, Vec<_>) = flight.tickets.into_iter().partition(is_stored);
        for ticket in &dropped {
            self.drop_duplicate(*ticket, DedupeStage::Race);
        }
        if rest.is_empty() {
            return;
        }
        if !dropped.is_empty() {
            self.send_new_batch(rest);
            return;
        }
        // Nothing to drop is an answer that would come again for ever.
        let batch = self.name_batch();
        let step = CommitStep::ToSend;
        self.commit = Some(CommitFlight { batch, tickets: rest, step, failures: flight.failures });
        let detail = "the lake names stored objects that are not in the batch".to_owned();
        let failure = Failure { disposition: Disposition::RetryLater, detail };
        self.commit_failed(now, step, Stage::Commit, failure);
    }
}
