//! Leases: kept until the deletion is confirmed, and what becomes of a message whose lease is lost.

use std::{collections::BTreeSet, time::Instant};

use trailhouse_model::Disposition;

use super::IngestMachine;
use crate::{
    action::Action,
    deadline::Wake,
    input::Failure,
    limits::IngestLimits,
    message::MessageStage,
    object::ObjectStage,
    ticket::{MessageTicket, Ticket},
};

impl IngestMachine {
    pub(super) fn extend_lease(&mut self, now: Instant, message: MessageTicket) {
        let (Some(by), Some(delivery)) = (self.limits.visibility, self.messages.delivery(message))
        else {
            return;
        };
        self.actions.push_back(Action::ExtendVisibility { delivery, by });
        let interval = IngestLimits::extension_interval(by);
        self.deadlines.set(Wake::Lease(message), now + interval);
    }

    pub(super) fn visibility_extended(
        &mut self,
        now: Instant,
        message: MessageTicket,
        outcome: Result<(), Failure>,
    ) {
        let Err(failure) = outcome else {
            self.report.leases_extended += 1;
            return;
        };
        let (Some(visibility), Some(_)) = (self.limits.visibility, self.messages.get(message))
        else {
            return;
        };
        match failure.disposition {
            Disposition::RetryLater => {
                let sooner = IngestLimits::extension_interval(visibility) / 2;
                self.deadlines.set(Wake::Lease(message), now + sooner);
            }
            // The queue does not know the receipt any more, or the message was held as long as
            // it may be.
            Disposition::Quarantine => self.lose_lease(message),
            // The lease runs on, and most work ends within it.
            Disposition::Stop => self.deadlines.clear(Wake::Lease(message)),
        }
    }

    /// Somebody else has the message now, or soon. What only it needs is dropped, unless its commit
    /// or its way to quarantine has begun; where nothing is dropped, the message goes on as well.
    fn lose_lease(&mut self, message: MessageTicket) {
        self.report.leases_lost += 1;
        self.deadlines.clear(Wake::Lease(message));
        let Some(work) = self.messages.get(message) else { return };
        let is_undone = match work.stage {
            MessageStage::Working => work.open.iter().any(|ticket| self.is_spare(*ticket)),
            MessageStage::Unreadable(_) => true,
            MessageStage::Quarantining(_)
            | MessageStage::InLine
            | MessageStage::Settled
            | MessageStage::Acknowledging
            | MessageStage::WaitingToAcknowledge => false,
        };
        if is_undone {
            self.report.messages_lost += 1;
            let followers = self.messages.followers(message);
            self.detach(message);
            self.release_all(followers);
        }
    }

    /// Says whether dropping the object with its only message saves work.
    fn is_spare(&self, ticket: Ticket) -> bool {
        let is_awaited_by_one =
            self.objects.get(ticket).is_some_and(|object| object.messages.len() <= 1);
        let is_committing = self.objects.is_at(ticket, ObjectStage::Committing);
        let is_quarantining = self.objects.is_at(ticket, ObjectStage::Quarantining);
        is_awaited_by_one && !is_committing && !is_quarantining
    }

    /// Drops an object whose messages have all gone while it was written.
    pub(super) fn drop_if_unneeded(&mut self, ticket: Ticket) {
        let is_needed = self.objects.get(ticket).is_some_and(|work| !work.messages.is_empty());
        if !is_needed && !self.is_draining && self.take_out(ticket).is_some() {
            self.report.objects_released += 1;
        }
    }

    /// Takes the message out unfinished, with the objects that only it waits for. What is decoded
    /// when a drain begins goes on alone.
    pub(super) fn detach(&mut self, message: MessageTicket) {
        let Some(work) = self.messages.get(message) else { return };
        let open: BTreeSet<Ticket> = work.open.clone();
        for ticket in open {
            let is_dropped = self.is_spare(ticket) && !self.is_draining;
            if let Some(object) = self.objects.get_mut(ticket) {
                object.messages.remove(&message);
            }
            if is_dropped && self.take_out(ticket).is_some() {
                self.report.objects_released += 1;
            }
        }
        self.unreadable.remove(&message);
        self.let_go(message);
    }
}
