//! What cannot be used is written to quarantine before its message is acknowledged.

use std::time::Instant;

use trailhouse_model::QuarantineReason;

use super::{IngestMachine, settling::Settlement};
use crate::{
    action::{Action, QuarantineSubject, Stage},
    deadline::Wake,
    input::Failure,
    message::MessageStage,
    object::ObjectStage,
    ticket::{MessageTicket, Ticket},
};

/// One entry of the write to quarantine in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Penned {
    Object(Ticket),
    Message(MessageTicket),
}

impl IngestMachine {
    pub(super) fn start_quarantine(&mut self) {
        if self.quarantine_in_flight.is_some() || self.deadlines.waits_for(Wake::Quarantine) {
            return;
        }
        let entries_max = usize::try_from(self.limits.quarantine_entries_max).unwrap_or(usize::MAX);
        let objects = self.objects.at(ObjectStage::Condemned).map(Penned::Object);
        let messages = self.unreadable.iter().copied().map(Penned::Message);
        let penned: Vec<Penned> = objects.chain(messages).take(entries_max).collect();
        if penned.is_empty() {
            return;
        }
        let mut subjects = Vec::with_capacity(penned.len());
        for entry in &penned {
            subjects.extend(match *entry {
                Penned::Object(ticket) => self.pen_object(ticket),
                Penned::Message(message) => self.pen_message(message),
            });
        }
        self.quarantine_in_flight = Some(penned);
        self.actions.push_back(Action::Quarantine { subjects });
    }

    fn pen_object(&mut self, ticket: Ticket) -> Option<QuarantineSubject> {
        self.objects.advance(ticket, ObjectStage::Quarantining);
        let work = self.objects.get(ticket)?;
        let verdict = work.verdict.as_ref()?;
        Some(QuarantineSubject::Object {
            ticket,
            object: work.named.clone(),
            reason: verdict.reason,
            detail: verdict.detail.clone(),
        })
    }

    fn pen_message(&mut self, message: MessageTicket) -> Option<QuarantineSubject> {
        self.unreadable.remove(&message);
        let work = self.messages.get_mut(message)?;
        let MessageStage::Unreadable(unreadable) = work.stage.clone() else {
            return None;
        };
        work.stage = MessageStage::Quarantining(unreadable.clone());
        Some(QuarantineSubject::Message {
            message,
            id: unreadable.id,
            body: unreadable.body,
            detail: unreadable.detail,
        })
    }

    pub(super) fn quarantined(&mut self, now: Instant, outcome: Result<(), Failure>) {
        let penned = self.quarantine_in_flight.take().unwrap_or_default();
        match outcome {
            Ok(()) => {
                self.quarantine_failures = 0;
                for entry in penned {
                    self.finish_penned(entry);
                }
            }
            Err(failure) => {
                for entry in penned {
                    self.unpen(entry);
                }
                self.quarantine_failures = self.quarantine_failures.saturating_add(1);
                let failures = self.quarantine_failures;
                self.lake_failed(now, Wake::Quarantine, failures, Stage::Quarantine, failure);
            }
        }
    }

    fn finish_penned(&mut self, entry: Penned) {
        match entry {
            Penned::Object(ticket) => {
                let Some(work) = self.objects.get_mut(ticket) else { return };
                let Some(verdict) = work.verdict.take() else { return };
                let name = work.named.to_string();
                self.report.objects_quarantined += 1;
                self.report.count_quarantined(name, verdict.reason, verdict.detail);
                self.settle(ticket, Settlement::Done);
            }
            Penned::Message(message) => {
                let Some(work) = self.messages.get_mut(message) else { return };
                let stage = std::mem::replace(&mut work.stage, MessageStage::Working);
                if let MessageStage::Quarantining(unreadable) = stage {
                    let reason = QuarantineReason::UnknownMessage;
                    self.report.count_quarantined(unreadable.id, reason, unreadable.detail);
                }
                self.conclude(message);
            }
        }
    }

    fn unpen(&mut self, entry: Penned) {
        match entry {
            Penned::Object(ticket) => {
                self.objects.advance(ticket, ObjectStage::Condemned);
                self.drop_if_unneeded(ticket);
            }
            Penned::Message(message) => {
                let Some(work) = self.messages.get_mut(message) else { return };
                let stage = std::mem::replace(&mut work.stage, MessageStage::Working);
                if let MessageStage::Quarantining(unreadable) = stage {
                    work.stage = MessageStage::Unreadable(unreadable);
                    self.unreadable.insert(message);
                }
            }
        }
    }
}
