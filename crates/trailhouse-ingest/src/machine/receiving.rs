//! Messages come in: bounded receives, reading, leases.

use std::time::{Duration, Instant};

use trailhouse_model::{Disposition, ObjectRef};
use trailhouse_source::{KeyKind, Notification, classify_key, parse_notification};

use super::IngestMachine;
use crate::{
    action::{Action, Stage},
    deadline::Wake,
    input::Failure,
    limits::IngestLimits,
    message::{MessageStage, Unreadable},
    outcome::DedupeStage,
    queue::{MessageBody, QueueMessage},
    ticket::MessageTicket,
};

impl IngestMachine {
    pub(super) fn start_receives(&mut self) {
        let is_held_back = self.is_draining
            || self.stop.is_some()
            || self.is_exhausted()
            || self.is_at_risk()
            || self.deadlines.waits_for(Wake::Receive);
        if is_held_back {
            return;
        }
        while self.receives_in_flight < self.receive_window {
            let Some(messages_max) = self.receive_room() else {
                return;
            };
            self.receives_in_flight += 1;
            let visibility = self.limits.visibility.unwrap_or(Duration::ZERO);
            self.actions.push_back(Action::Receive { messages_max, visibility });
        }
    }

    /// Returns how many messages the next receive may bring, if any. Every receive in flight is
    /// taken to bring all it was asked for.
    pub(super) fn receive_room(&self) -> Option<u8> {
        let objects_max = usize::try_from(self.limits.objects_in_flight_max).unwrap_or(usize::MAX);
        if self.objects.len() >= objects_max || self.budget.is_full() || self.holds_too_many() {
            return None;
        }
        let per_receive = u32::from(self.limits.messages_per_receive);
        let held = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let promised = self.receives_in_flight.saturating_mul(per_receive);
        let taken = held.saturating_add(promised);
        let room = self.limits.messages_in_flight_max.saturating_sub(taken);
        let messages_max =
            u8::try_from(room).unwrap_or(u8::MAX).min(self.limits.messages_per_receive);
        (messages_max > 0).then_some(messages_max)
    }

    pub(super) fn received(&mut self, now: Instant, messages: Vec<QueueMessage>) {
        self.receives_in_flight = self.receives_in_flight.saturating_sub(1);
        self.receive_failures = 0;
        self.report.receives += 1;
        self.fit_receive_window(messages.len());
        if !messages.is_empty() {
            self.empty_receives = 0;
        } else if !self.messages.has_groups() {
            // While we hold a part of a group, the queue keeps the rest of it back.
            self.empty_receives = self.empty_receives.saturating_add(1);
        }
        for message in messages {
            self.take_in(now, message);
        }
    }

    /// Asks more often at a time while there is more than one answer holds, and seldom while there
    /// is nothing.
    fn fit_receive_window(&mut self, messages: usize) {
        let limits = &self.limits;
        if messages == 0 {
            self.receive_window = limits.receive_window_first();
        } else if messages >= usize::from(limits.messages_per_receive) {
            self.receive_window =
                self.receive_window.saturating_add(1).min(limits.receives_in_flight_max);
        }
    }

    pub(super) fn receive_failed(&mut self, now: Instant, failure: Failure) {
        self.receives_in_flight = self.receives_in_flight.saturating_sub(1);
        self.receive_failures = self.receive_failures.saturating_add(1);
        self.report.receive_failures += 1;
        let may_retry = self.receive_failures < self.limits.receive_failures_max;
        match failure.disposition {
            Disposition::RetryLater if may_retry => {
                let delay = self.retry_delay(self.receive_failures);
                self.deadlines.set(Wake::Receive, now + delay);
            }
            Disposition::RetryLater | Disposition::Quarantine | Disposition::Stop => {
                self.note_stop(Stage::Receive, failure);
                self.drain(now);
            }
        }
    }

    fn take_in(&mut self, now: Instant, message: QueueMessage) {
        self.report.messages += 1;
        let QueueMessage { id, receipt, body, receive_count, group, sent_at } = message;
        let ticket = self.messages.insert(receipt, sent_at, receive_count, group);
        if self.should_isolate(receive_count) {
            self.suspects.insert(ticket);
        }
        if self.is_draining {
            self.release(ticket);
            return;
        }
        if let Some(visibility) = self.limits.visibility {
            let interval = IngestLimits::extension_interval(visibility);
            self.deadlines.set(Wake::Lease(ticket), now + interval);
        }
        match body {
            MessageBody::Objects(objects) => self.take_in_objects(ticket, objects),
            MessageBody::Notification(body) => match parse_notification(&body) {
                Ok(Notification::Objects(objects)) => self.take_in_objects(ticket, objects),
                Ok(Notification::Ignored { why }) => {
                    self.report.count_ignored(why.as_str());
                    self.conclude(ticket);
                }
                Err(error) => {
                    let detail = error.to_string();
                    self.take_in_unreadable(ticket, Unreadable { id, body, detail });
                }
            },
        }
    }

    fn take_in_objects(&mut self, message: MessageTicket, objects: Vec<ObjectRef>) {
        for object in objects {
            self.report.objects_named += 1;
            let kind = classify_key(object.key.as_str());
            match kind {
                KeyKind::Digest(_) | KeyKind::Aggregated(_) | KeyKind::LakeQueryResult => {
                    self.report.count_skipped(kind.as_str());
                }
                KeyKind::Log(_)
                | KeyKind::Insight(_)
                | KeyKind::NetworkActivity(_)
                | KeyKind::Other => self.take_in_object(message, object),
            }
        }
        let has_open = self.messages.get(message).is_some_and(|work| !work.open.is_empty());
        if !has_open {
            self.conclude(message);
        }
    }

    fn take_in_object(&mut self, message: MessageTicket, object: ObjectRef) {
        let ticket = match self.objects.find(object.id()) {
            Some(ticket) => {
                self.report.count_duplicate(DedupeStage::Notice);
                if let Some(work) = self.objects.get_mut(ticket) {
                    work.join(&object);
                    work.messages.insert(message);
                }
                ticket
            }
            None => self.objects.insert(object, message),
        };
        if let Some(work) = self.messages.get_mut(message) {
            work.open.insert(ticket);
        }
    }

    fn take_in_unreadable(&mut self, message: MessageTicket, unreadable: Unreadable) {
        if let Some(work) = self.messages.get_mut(message) {
            work.stage = MessageStage::Unreadable(unreadable);
            self.unreadable.insert(message);
        }
    }
}
