//! Objects on their way to being decoded: look-up, download, decode, and what can go wrong.

use std::{collections::BTreeSet, time::Instant};

use trailhouse_model::{ObjectKey, ObjectRef, QuarantineReason};

use super::{IngestMachine, settling::Settlement};
use crate::{
    action::{Action, Stage},
    circuit::Gate,
    deadline::Wake,
    input::{DecodeFailure, DecodedContent, DecodedFacts, Failure, FetchFailure, FetchFailureKind},
    object::{ObjectStage, Verdict},
    outcome::DedupeStage,
    ticket::Ticket,
    window::FetchNumber,
};

impl IngestMachine {
    pub(super) fn start_look_up(&mut self) {
        if self.look_up_in_flight || self.deadlines.waits_for(Wake::LookUp) {
            return;
        }
        let active_max = usize::try_from(self.limits.objects_in_flight_max).unwrap_or(usize::MAX);
        let per_call = usize::try_from(self.limits.objects_per_look_up_max).unwrap_or(usize::MAX);
        let room = active_max.saturating_sub(self.objects.active()).min(per_call);
        let tickets: Vec<Ticket> = self.objects.at(ObjectStage::Queued).take(room).collect();
        let mut objects = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let Some(work) = self.objects.get(ticket) else { continue };
            objects.push((ticket, work.object.clone()));
            self.objects.advance(ticket, ObjectStage::LookingUp);
        }
        if !objects.is_empty() {
            self.look_up_in_flight = true;
            self.actions.push_back(Action::LookUp { objects });
        }
    }

    pub(super) fn looked_up(&mut self, now: Instant, outcome: Result<BTreeSet<Ticket>, Failure>) {
        self.look_up_in_flight = false;
        let asked: Vec<Ticket> = self.objects.at(ObjectStage::LookingUp).collect();
        match outcome {
            Ok(stored) => {
                self.look_up_failures = 0;
                for ticket in asked {
                    if stored.contains(&ticket) {
                        self.drop_duplicate(ticket, DedupeStage::Ledger);
                    } else {
                        self.objects.advance(ticket, ObjectStage::Ready);
                    }
                }
            }
            Err(failure) => {
                for ticket in asked {
                    self.objects.advance(ticket, ObjectStage::Queued);
                }
                self.look_up_failures = self.look_up_failures.saturating_add(1);
                let failures = self.look_up_failures;
                self.lake_failed(now, Wake::LookUp, failures, Stage::LookUp, failure);
            }
        }
    }

    pub(super) fn start_fetches(&mut self) {
        self.choose_lane();
        let fetches_max = self.window.size();
        while self.fetches_in_flight < fetches_max {
            let Some(ticket) = self.next_in_lane() else { return };
            let Some(work) = self.objects.get(ticket) else { return };
            let gate = self.circuits.gate(&work.object.bucket);
            match gate {
                Gate::Passes | Gate::Probes(_) => {}
                Gate::Waits => {
                    self.objects.advance(ticket, ObjectStage::Held);
                    continue;
                }
                Gate::GivesUp(id) => {
                    let detail = self.circuits.get(id).map(|circuit| circuit.detail.clone());
                    self.give_up(ticket, detail.unwrap_or_default());
                    continue;
                }
            }
            let bytes = self.budget.estimate(&work.object);
            if !self.budget.admits(bytes) {
                return;
            }
            if let Gate::Probes(id) = gate {
                self.begin_probe(id, ticket);
            }
            self.hold(ticket, bytes);
            self.start_fetch(ticket);
        }
    }

    fn start_fetch(&mut self, ticket: Ticket) {
        self.fetches_in_flight += 1;
        let number = self.window.begin();
        let bytes_max = self.limits.compressed_bytes_max;
        self.objects.advance(ticket, ObjectStage::Fetching);
        if let Some(work) = self.objects.get_mut(ticket) {
            work.fetch_number = number;
            let object = work.object.clone();
            self.actions.push_back(Action::Fetch { ticket, object, bytes_max });
        }
    }

    pub(super) fn fetched(
        &mut self,
        now: Instant,
        ticket: Ticket,
        outcome: Result<u64, FetchFailure>,
    ) {
        self.fetches_in_flight = self.fetches_in_flight.saturating_sub(1);
        self.report.count_fetch(outcome.as_ref().err());
        if !self.objects.is_at(ticket, ObjectStage::Fetching) {
            return;
        }
        match outcome {
            Ok(compressed_bytes) => {
                self.window.succeeded(self.fetch_number(ticket));
                self.access_granted(ticket);
                let bytes = self.budget.observe_compressed(compressed_bytes);
                self.hold(ticket, bytes);
                self.objects.advance(ticket, ObjectStage::Decoding);
                if let Some(work) = self.objects.get(ticket) {
                    let object = work.object.clone();
                    self.actions.push_back(Action::Decode { ticket, object });
                }
            }
            Err(failure) => {
                self.hold(ticket, 0);
                self.fetch_failed(now, ticket, failure);
            }
        }
    }

    fn fetch_failed(&mut self, now: Instant, ticket: Ticket, failure: FetchFailure) {
        let FetchFailure { kind, detail } = failure;
        match kind {
            FetchFailureKind::Missing
            | FetchFailureKind::Archived
            | FetchFailureKind::TooLarge
            | FetchFailureKind::Corrupt => self.access_granted(ticket),
            FetchFailureKind::Temporary
            | FetchFailureKind::Throttled
            | FetchFailureKind::Hopeless => self.access_unclear(now, ticket),
            FetchFailureKind::Denied(_) => {}
        }
        match kind {
            FetchFailureKind::Missing => self.not_found(now, ticket, detail),
            FetchFailureKind::Archived => {
                self.condemn(ticket, QuarantineReason::Archived, detail);
            }
            FetchFailureKind::TooLarge => {
                self.condemn(ticket, QuarantineReason::LimitExceeded, detail);
            }
            FetchFailureKind::Corrupt => self.found_corrupt(ticket, detail),
            FetchFailureKind::Throttled => self.fetch_throttled(now, ticket, detail),
            FetchFailureKind::Denied(circuit) => self.access_denied(now, ticket, circuit, detail),
            FetchFailureKind::Temporary => self.fetch_later(now, ticket, detail),
            FetchFailureKind::Hopeless => self.give_up(ticket, detail),
        }
    }

    /// Tries the other reading of the key once, then the first one a few times more, because a
    /// notification may be quicker than its object.
    fn not_found(&mut self, now: Instant, ticket: Ticket, detail: String) {
        let Some(work) = self.objects.get_mut(ticket) else { return };
        if let Some(key) = work.object.key_alternative.take() {
            self.try_other_key(ticket, key);
            return;
        }
        work.missing = work.missing.saturating_add(1);
        let missing = work.missing;
        if missing > self.limits.missing_retries_max {
            self.condemn(ticket, QuarantineReason::Missing, detail);
            return;
        }
        let first_reading = ObjectRef { key_alternative: None, ..work.named.clone() };
        if self.rename(ticket, first_reading) {
            self.wait_to_fetch(now, ticket, missing);
        }
    }

    /// The other key names another object, which may be stored already.
    fn try_other_key(&mut self, ticket: Ticket, key: ObjectKey) {
        let Some(work) = self.objects.get(ticket) else { return };
        let object = ObjectRef { key, key_alternative: None, ..work.object.clone() };
        if self.rename(ticket, object) {
            self.objects.advance(ticket, ObjectStage::Queued);
        }
    }

    /// Gives the object another name and says whether it is still in work: where the new identity
    /// has a ticket of its own, its messages wait for that one from now on.
    fn rename(&mut self, ticket: Ticket, object: ObjectRef) -> bool {
        match self.objects.find(object.id()) {
            Some(other) if other != ticket => {
                self.merge(ticket, other);
                false
            }
            Some(_) | None => {
                self.objects.rename(ticket, object);
                true
            }
        }
    }

    pub(super) fn fetch_later(&mut self, now: Instant, ticket: Ticket, detail: String) {
        let Some(work) = self.objects.get_mut(ticket) else { return };
        work.fetch_failures = work.fetch_failures.saturating_add(1);
        let failures = work.fetch_failures;
        if failures < self.limits.fetch_failures_max {
            self.wait_to_fetch(now, ticket, failures);
        } else {
            self.give_up(ticket, detail);
        }
    }

    fn fetch_throttled(&mut self, now: Instant, ticket: Ticket, detail: String) {
        self.window.throttled(self.fetch_number(ticket));
        let Some(work) = self.objects.get_mut(ticket) else { return };
        work.throttles = work.throttles.saturating_add(1);
        let throttles = work.throttles;
        if throttles < self.limits.fetch_throttles_max {
            self.wait_to_fetch(now, ticket, throttles);
        } else {
            self.give_up(ticket, detail);
        }
    }

    fn fetch_number(&self, ticket: Ticket) -> FetchNumber {
        self.objects.get(ticket).map(|work| work.fetch_number).unwrap_or_default()
    }

    fn wait_to_fetch(&mut self, now: Instant, ticket: Ticket, failures: u32) {
        self.report.fetch_retries += 1;
        self.objects.advance(ticket, ObjectStage::Waiting);
        let delay = self.retry_delay(failures);
        self.deadlines.set(Wake::Object(ticket), now + delay);
    }

    pub(super) fn retry_fetch(&mut self, ticket: Ticket) {
        if self.objects.is_at(ticket, ObjectStage::Waiting) {
            self.objects.advance(ticket, ObjectStage::Ready);
        }
    }

    pub(super) fn decoded(
        &mut self,
        now: Instant,
        ticket: Ticket,
        outcome: Result<Box<DecodedFacts>, DecodeFailure>,
    ) {
        if !self.objects.is_at(ticket, ObjectStage::Decoding) {
            return;
        }
        match outcome {
            Ok(facts) => match facts.content {
                DecodedContent::Records => self.add_to_batch(now, ticket, facts),
                DecodedContent::Skipped(kind) => {
                    self.report.count_skipped(kind);
                    self.settle(ticket, Settlement::Done);
                }
            },
            Err(DecodeFailure { reason: QuarantineReason::Corrupt, detail }) => {
                self.hold(ticket, 0);
                self.found_corrupt(ticket, detail);
            }
            Err(DecodeFailure { reason, detail }) => self.condemn(ticket, reason, detail),
        }
    }

    /// Damage may come from the transport, so the bytes are fetched anew once.
    fn found_corrupt(&mut self, ticket: Ticket, detail: String) {
        let Some(work) = self.objects.get_mut(ticket) else { return };
        if work.fetched_anew {
            self.condemn(ticket, QuarantineReason::Corrupt, detail);
        } else if self.is_draining {
            self.abandon(ticket);
        } else {
            work.fetched_anew = true;
            self.objects.advance(ticket, ObjectStage::Ready);
        }
    }

    fn condemn(&mut self, ticket: Ticket, reason: QuarantineReason, detail: String) {
        self.hold(ticket, 0);
        if let Some(work) = self.objects.get_mut(ticket) {
            work.verdict = Some(Verdict { reason, detail });
            self.objects.advance(ticket, ObjectStage::Condemned);
        }
    }

    /// Leaves the object to a later delivery of its messages.
    pub(super) fn give_up(&mut self, ticket: Ticket, detail: String) {
        if let Some(work) = self.objects.get(ticket) {
            self.report.count_failed(&work.named, detail);
            self.settle(ticket, Settlement::GaveUp);
        }
    }

    /// Replaces the share of the byte budget that the object holds.
    pub(super) fn hold(&mut self, ticket: Ticket, bytes: u64) {
        if let Some(work) = self.objects.get_mut(ticket) {
            self.budget.replace(work.held_bytes, bytes);
            work.held_bytes = bytes;
        }
    }
}
