//! What the machine promises, checked from the outside with books of our own.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_ingest::{Action, Delivery, MessageBody, QuarantineSubject, ReceiptHandle, Ticket};
use trailhouse_model::{ObjectId, ObjectRef};
use trailhouse_source::{KeyKind, Notification, classify_key, parse_notification};

/// What the world knows of messages and objects.
#[derive(Default)]
pub(super) struct Promises {
    /// The tickets of the last commit.
    pub(super) batch: Vec<Ticket>,
    bodies: BTreeMap<ReceiptHandle, (String, MessageBody)>,
    /// Every name that a ticket had; a second reading of the key is another one.
    names: BTreeMap<Ticket, Vec<ObjectId>>,
    settled: BTreeSet<ObjectId>,
    quarantined_messages: BTreeSet<String>,
    forgotten: BTreeSet<Ticket>,
}

impl Promises {
    pub(super) fn delivered(&mut self, id: &str, receipt: &ReceiptHandle, body: &MessageBody) {
        self.bodies.insert(receipt.clone(), (id.to_owned(), body.clone()));
    }

    /// These objects need no further delivery.
    pub(super) fn settled<'t>(&mut self, tickets: impl IntoIterator<Item = &'t Ticket>) {
        for ticket in tickets {
            self.settled.extend(&self.names[ticket]);
        }
    }

    pub(super) fn quarantined(&mut self, subjects: &[QuarantineSubject]) {
        for subject in subjects {
            match subject {
                QuarantineSubject::Object { ticket, object, .. } => {
                    self.settled.insert(object.id());
                    self.settled([ticket]);
                }
                QuarantineSubject::Message { id, .. } => {
                    self.quarantined_messages.insert(id.clone());
                }
            }
        }
    }

    /// Returns the identities under which the objects were last spoken of.
    pub(super) fn identities(&self, tickets: &[Ticket]) -> Vec<ObjectId> {
        tickets.iter().filter_map(|ticket| self.names[ticket].last().copied()).collect()
    }

    /// Checks one action against what was promised.
    pub(super) fn check(&mut self, action: &Action, in_flight: &[Action]) {
        let is_like =
            |other: &Action| std::mem::discriminant(other) == std::mem::discriminant(action);
        match action {
            Action::LookUp { objects } => {
                assert!(!in_flight.iter().any(is_like), "one look-up at a time");
                for (ticket, object) in objects {
                    self.speak_of(*ticket, Some(object));
                }
            }
            Action::Fetch { ticket, object, .. } | Action::Decode { ticket, object } => {
                self.speak_of(*ticket, Some(object));
            }
            Action::Quarantine { subjects } => {
                assert!(!in_flight.iter().any(is_like), "one write to quarantine at a time");
                assert!(!subjects.is_empty());
            }
            Action::Commit { tickets, .. } => {
                assert!(!in_flight.iter().any(is_like), "one commit at a time");
                let distinct: BTreeSet<&Ticket> = tickets.iter().collect();
                assert!(distinct.len() == tickets.len() && !tickets.is_empty());
                tickets.iter().for_each(|ticket| self.speak_of(*ticket, None));
            }
            Action::Acknowledge { deliveries } => {
                assert!((1..=10).contains(&deliveries.len()), "one to ten at a time");
                deliveries.iter().for_each(|delivery| self.check_acknowledged(delivery));
            }
            Action::Forget { tickets } => self.forgotten.extend(tickets),
            Action::Receive { messages_max, .. } => assert!(*messages_max > 0),
            Action::Probe { .. } | Action::ExtendVisibility { .. } | Action::Release { .. } => {}
        }
    }

    fn speak_of(&mut self, ticket: Ticket, object: Option<&ObjectRef>) {
        assert!(!self.forgotten.contains(&ticket), "{ticket} is spoken of after it was forgotten");
        let names = self.names.entry(ticket).or_default();
        names.extend(object.map(ObjectRef::id));
        names.dedup();
    }

    /// No message goes before each of its objects is settled or it is in quarantine itself.
    fn check_acknowledged(&self, delivery: &Delivery) {
        let (id, body) = &self.bodies[&delivery.receipt];
        let is_safe = match body {
            MessageBody::Objects(objects) => self.are_settled(objects),
            MessageBody::Notification(body) => match parse_notification(body) {
                Ok(Notification::Objects(objects)) => self.are_settled(&objects),
                Ok(Notification::Ignored { .. }) => true,
                Err(_) => self.quarantined_messages.contains(id),
            },
        };
        assert!(is_safe, "{id} is acknowledged too early: {body:?}");
    }

    fn are_settled(&self, objects: &[ObjectRef]) -> bool {
        objects.iter().all(|object| {
            let is_for_the_lake = match classify_key(object.key.as_str()) {
                KeyKind::Digest(_) | KeyKind::Aggregated(_) | KeyKind::LakeQueryResult => false,
                KeyKind::Log(_)
                | KeyKind::Insight(_)
                | KeyKind::NetworkActivity(_)
                | KeyKind::Other => true,
            };
            let other_key = object.key_alternative.clone();
            let other = other_key.map(|key| ObjectRef { key, ..object.clone() });
            !is_for_the_lake
                || self.settled.contains(&object.id())
                || other.is_some_and(|other| self.settled.contains(&other.id()))
        })
    }
}
