//! Objects and messages leave: settled, merged, given back, acknowledged.

use std::time::{Duration, Instant};

use super::IngestMachine;
use crate::{
    action::Action,
    deadline::Wake,
    message::MessageStage,
    object::{ObjectStage, ObjectWork},
    outcome::DedupeStage,
    ticket::{MessageTicket, Ticket},
};

/// Receipts in one acknowledgement; the limit of SQS.
const ACKNOWLEDGE_BATCH_MAX: usize = 10;

/// How an object left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settlement {
    /// It needs no further delivery.
    Done,
    /// It needs one: its messages stay in the queue.
    GaveUp,
}

impl IngestMachine {
    pub(super) fn drop_duplicate(&mut self, ticket: Ticket, stage: DedupeStage) {
        // It may have left with the group of another one that was settled just before.
        if self.objects.get(ticket).is_some() {
            self.report.count_duplicate(stage);
            self.settle(ticket, Settlement::Done);
        }
    }

    /// Takes the object out and tells its messages.
    pub(super) fn settle(&mut self, ticket: Ticket, settlement: Settlement) {
        let Some(work) = self.take_out(ticket) else { return };
        for message in work.messages {
            let Some(waiting) = self.messages.get_mut(message) else { continue };
            waiting.open.remove(&ticket);
            waiting.has_failed |= settlement == Settlement::GaveUp;
            if waiting.open.is_empty() {
                self.conclude(message);
            }
        }
    }

    /// Moves everyone who waits for one object to another object, which is the same.
    pub(super) fn merge(&mut self, ticket: Ticket, into: Ticket) {
        let Some(work) = self.take_out(ticket) else { return };
        self.report.count_duplicate(DedupeStage::Notice);
        if let Some(other) = self.objects.get_mut(into) {
            other.join(&work.named);
        }
        for message in work.messages {
            if let Some(waiting) = self.messages.get_mut(message) {
                waiting.open.remove(&ticket);
                waiting.open.insert(into);
            }
            if let Some(other) = self.objects.get_mut(into) {
                other.messages.insert(message);
            }
        }
    }

    /// Takes the object out unfinished and gives its messages back.
    pub(super) fn abandon(&mut self, ticket: Ticket) {
        let Some(work) = self.take_out(ticket) else { return };
        self.report.objects_released += 1;
        for message in work.messages {
            self.release(message);
        }
    }

    /// Takes the object out of everything that counts it.
    pub(super) fn take_out(&mut self, ticket: Ticket) -> Option<ObjectWork> {
        let is_batched = self.objects.is_at(ticket, ObjectStage::Batched);
        let work = self.objects.remove(ticket)?;
        if is_batched {
            self.leave_batch(&work);
        }
        self.budget.replace(work.held_bytes, 0);
        self.deadlines.clear(Wake::Object(ticket));
        self.replace_probe(ticket, &work.object.bucket);
        self.forgotten.push(ticket);
        Some(work)
    }

    /// Decides what becomes of a message none of whose objects is in work any more.
    pub(super) fn conclude(&mut self, message: MessageTicket) {
        let Some(work) = self.messages.get(message) else { return };
        debug_assert!(work.open.is_empty(), "no object is in work");
        if work.has_failed {
            self.report.messages_failed += 1;
            self.put_off(message);
        } else if self.messages.is_first_in_group(message) {
            self.settle_message(message);
        } else if let Some(work) = self.messages.get_mut(message) {
            work.stage = MessageStage::InLine;
        }
    }

    fn settle_message(&mut self, message: MessageTicket) {
        if let Some(work) = self.messages.get_mut(message) {
            work.stage = MessageStage::Settled;
            self.to_acknowledge.insert(message);
        }
    }

    /// Leaves a message that failed to a later delivery, the later the more often it came. A queue
    /// without leases does not deliver it again.
    fn put_off(&mut self, message: MessageTicket) {
        let Some(work) = self.messages.get(message) else { return };
        let delay = self.limits.release_delay(work.receive_count);
        let delivery = self.messages.delivery(message);
        let followers = self.messages.followers(message);
        self.let_go(message);
        if let Some(delivery) = delivery.filter(|_| self.limits.visibility.is_some()) {
            self.releasing.insert(message);
            self.actions.push_back(Action::Release { delivery, delay });
        }
        self.release_all(followers);
    }

    pub(super) fn let_go(&mut self, message: MessageTicket) {
        self.messages.remove(message);
        self.deadlines.clear(Wake::Lease(message));
        self.end_isolation(message);
    }

    /// Gives a message back, and with it those of its group that came after it.
    pub(super) fn release(&mut self, message: MessageTicket) {
        let followers = self.messages.followers(message);
        self.release_one(message);
        self.release_all(followers);
    }

    pub(super) fn release_all(&mut self, messages: Vec<MessageTicket>) {
        for message in messages {
            self.release_one(message);
        }
    }

    fn release_one(&mut self, message: MessageTicket) {
        let Some(delivery) = self.messages.delivery(message) else { return };
        self.detach(message);
        self.report.messages_released += 1;
        self.releasing.insert(message);
        self.actions.push_back(Action::Release { delivery, delay: Duration::ZERO });
    }

    pub(super) fn released(&mut self, message: MessageTicket) {
        self.releasing.remove(&message);
    }

    pub(super) fn start_acknowledges(&mut self) {
        while self.acknowledges_in_flight < self.limits.acknowledges_in_flight_max {
            let mut deliveries = Vec::new();
            while deliveries.len() < ACKNOWLEDGE_BATCH_MAX {
                let Some(message) = self.to_acknowledge.pop_first() else { break };
                let Some(work) = self.messages.get_mut(message) else { continue };
                debug_assert!(work.open.is_empty() && !work.has_failed, "I1");
                work.stage = MessageStage::Acknowledging;
                deliveries.extend(self.messages.delivery(message));
            }
            if deliveries.is_empty() {
                return;
            }
            self.acknowledges_in_flight += 1;
            self.actions.push_back(Action::Acknowledge { deliveries });
        }
    }

    pub(super) fn acknowledged(
        &mut self,
        now: Instant,
        done: &[MessageTicket],
        failed: &[MessageTicket],
    ) {
        self.acknowledges_in_flight = self.acknowledges_in_flight.saturating_sub(1);
        for message in done {
            if self.is_acknowledging(*message) {
                self.report.messages_acknowledged += 1;
                let next = self.messages.followers(*message).first().copied();
                self.let_go(*message);
                self.settle_if_in_line(next);
            }
        }
        for message in failed {
            if self.is_acknowledging(*message) {
                self.acknowledge_failed(now, *message);
            }
        }
    }

    /// The next of a group may go where it is done already.
    fn settle_if_in_line(&mut self, next: Option<MessageTicket>) {
        let Some(message) = next else { return };
        let is_in_line = self
            .messages
            .get(message)
            .is_some_and(|work| matches!(work.stage, MessageStage::InLine));
        if is_in_line {
            self.settle_message(message);
        }
    }

    fn is_acknowledging(&self, message: MessageTicket) -> bool {
        self.messages
            .get(message)
            .is_some_and(|work| matches!(work.stage, MessageStage::Acknowledging))
    }

    /// A message that cannot be deleted comes again and is found to be stored.
    fn acknowledge_failed(&mut self, now: Instant, message: MessageTicket) {
        let Some(work) = self.messages.get_mut(message) else { return };
        work.acknowledge_failures = work.acknowledge_failures.saturating_add(1);
        let failures = work.acknowledge_failures;
        if failures >= self.limits.acknowledge_failures_max {
            self.report.messages_unacknowledged += 1;
            let followers = self.messages.followers(message);
            self.let_go(message);
            self.release_all(followers);
            return;
        }
        work.stage = MessageStage::WaitingToAcknowledge;
        let delay = self.retry_delay(failures);
        self.deadlines.set(Wake::Acknowledge(message), now + delay);
    }

    pub(super) fn retry_acknowledge(&mut self, message: MessageTicket) {
        self.settle_message(message);
    }
}
