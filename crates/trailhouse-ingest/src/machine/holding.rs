//! Objects behind an open circuit wait, all but one probe.

use std::{collections::BTreeSet, time::Instant};

use trailhouse_model::BucketName;

use super::IngestMachine;
use crate::{
    circuit::{CircuitId, CircuitKey, CircuitStep, Refusal},
    deadline::Wake,
    object::ObjectStage,
    ticket::{MessageTicket, Ticket},
};

impl IngestMachine {
    /// Counts a refusal: the object is tried again like any other, or waits with its circuit.
    pub(super) fn access_denied(
        &mut self,
        now: Instant,
        ticket: Ticket,
        key: CircuitKey,
        detail: String,
    ) {
        let Some(bucket) = self.bucket_of(ticket) else { return };
        let (denials_max, next_fetch) = (self.limits.circuit_denials_max, self.window.next());
        match self.circuits.refuse(key, &bucket, denials_max, next_fetch) {
            Refusal::Counted => self.fetch_later(now, ticket, detail),
            Refusal::Opened(id) => {
                self.report.circuits_opened += 1;
                self.keep_detail(id, detail);
                self.objects.advance(ticket, ObjectStage::Held);
                self.wait_to_probe(now, id);
            }
            Refusal::Held(id) => {
                self.keep_detail(id, detail.clone());
                let is_probe = self.circuits.probed_by(ticket) == Some(id);
                self.objects.advance(ticket, ObjectStage::Held);
                let step = self.circuits.get(id).map(|circuit| circuit.step);
                if step == Some(CircuitStep::GivenUp) {
                    // It was asked for before the circuit opened; nobody waits for that any more.
                    self.give_up(ticket, detail);
                } else if is_probe {
                    self.probe_failed(now, id);
                }
            }
        }
    }

    /// The store gave an answer that only those get who are let in.
    pub(super) fn access_granted(&mut self, ticket: Ticket) {
        let Some(bucket) = self.bucket_of(ticket) else { return };
        self.circuits.grant(&bucket);
        if let Some(id) = self.circuits.probed_by(ticket) {
            self.close_circuit(id);
        }
    }

    /// The answer does not tell whether we are let in.
    pub(super) fn access_unclear(&mut self, now: Instant, ticket: Ticket) {
        if let Some(id) = self.circuits.probed_by(ticket) {
            self.probe_failed(now, id);
        }
    }

    /// Lets another object take the turn of one that leaves and may have been the probe.
    pub(super) fn replace_probe(&mut self, ticket: Ticket, bucket: &BucketName) {
        let Some((id, _)) = self.circuits.holding(bucket) else { return };
        let step = self.circuits.get(id).map(|circuit| circuit.step);
        if step == Some(CircuitStep::Due) || step == Some(CircuitStep::Probing(ticket)) {
            self.make_probe_due(id);
        }
    }

    fn probe_failed(&mut self, now: Instant, id: CircuitId) {
        let Some(circuit) = self.circuits.get_mut(id) else { return };
        circuit.failed_probes = circuit.failed_probes.saturating_add(1);
        if circuit.failed_probes < self.limits.circuit_probes_max {
            self.wait_to_probe(now, id);
            return;
        }
        circuit.step = CircuitStep::GivenUp;
        let detail = circuit.detail.clone();
        for ticket in self.held_by(id) {
            self.give_up(ticket, detail.clone());
        }
    }

    fn wait_to_probe(&mut self, now: Instant, id: CircuitId) {
        let Some(circuit) = self.circuits.get_mut(id) else { return };
        circuit.step = CircuitStep::Waiting;
        let longest = self.limits.probe_delay_longest(circuit.failed_probes);
        let delay = self.jitter.up_to(longest);
        self.deadlines.set(Wake::Circuit(id), now + delay);
    }

    /// Lets the next object pass. Another one than before, so that an object that nobody will ever
    /// be given does not speak for its whole bucket.
    pub(super) fn make_probe_due(&mut self, id: CircuitId) {
        let held = self.held_by(id);
        let Some(circuit) = self.circuits.get_mut(id) else { return };
        circuit.step = CircuitStep::Due;
        let is_later = |ticket: &&Ticket| circuit.last_probe.is_none_or(|last| **ticket > last);
        if let Some(ticket) = held.iter().find(is_later).or(held.first()) {
            self.objects.advance(*ticket, ObjectStage::Ready);
        }
    }

    pub(super) fn begin_probe(&mut self, id: CircuitId, ticket: Ticket) {
        if let Some(circuit) = self.circuits.get_mut(id) {
            circuit.step = CircuitStep::Probing(ticket);
            circuit.last_probe = Some(ticket);
        }
    }

    fn close_circuit(&mut self, id: CircuitId) {
        for ticket in self.held_by(id) {
            self.objects.advance(ticket, ObjectStage::Ready);
        }
        self.deadlines.clear(Wake::Circuit(id));
        self.circuits.close(id);
        self.report.circuits_closed += 1;
    }

    fn keep_detail(&mut self, id: CircuitId, detail: String) {
        if let Some(circuit) = self.circuits.get_mut(id) {
            circuit.detail = detail;
        }
    }

    /// Returns the objects that wait for the circuit, oldest first.
    fn held_by(&self, id: CircuitId) -> Vec<Ticket> {
        let is_held = |ticket: &Ticket| {
            let bucket = self.objects.get(*ticket).map(|work| &work.object.bucket);
            let holder = bucket.and_then(|bucket| self.circuits.holding(bucket));
            holder.is_some_and(|(holder, _)| holder == id)
        };
        self.objects.at(ObjectStage::Held).filter(is_held).collect()
    }

    /// Says whether so many messages wait for circuits that no more are to be received. They would
    /// come from the same buckets, and every delivery brings them closer to the dead letters.
    pub(super) fn holds_too_many(&self) -> bool {
        let held_max = usize::try_from(self.limits.circuit_messages_max).unwrap_or(usize::MAX);
        self.circuits.open().next().is_some() && self.held_messages().len() >= held_max
    }

    /// Returns the messages of all objects that wait for a circuit or probe one.
    pub(crate) fn held_messages(&self) -> BTreeSet<MessageTicket> {
        let probes = self.circuits.open().filter_map(|circuit| match circuit.step {
            CircuitStep::Probing(ticket) => Some(ticket),
            CircuitStep::Closed
            | CircuitStep::Waiting
            | CircuitStep::Due
            | CircuitStep::GivenUp => None,
        });
        let held = self.objects.at(ObjectStage::Held).chain(probes);
        held.filter_map(|ticket| self.objects.get(ticket))
            .flat_map(|work| work.messages.iter().copied())
            .collect()
    }

    fn bucket_of(&self, ticket: Ticket) -> Option<BucketName> {
        Some(self.objects.get(ticket)?.object.bucket.clone())
    }
}
