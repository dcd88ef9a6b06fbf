//! The messages in work and what each still waits for.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_model::EventTime;

use crate::{
    action::Delivery,
    queue::ReceiptHandle,
    ticket::{MessageTicket, Ticket},
};

/// How far a message has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessageStage {
    /// Objects of it are in work.
    Working,
    /// Of no known shape; waits to be written to quarantine.
    Unreadable(Unreadable),
    /// Of no known shape; in the write to quarantine in flight.
    Quarantining(Unreadable),
    /// All settled; waits to be acknowledged.
    Settled,
    /// Being acknowledged.
    Acknowledging,
    /// Waits before it is acknowledged again.
    WaitingToAcknowledge,
}

impl MessageStage {
    /// Says whether all that is left to do is to acknowledge.
    pub(crate) fn is_settled(&self) -> bool {
        match self {
            Self::Settled | Self::Acknowledging | Self::WaitingToAcknowledge => true,
            Self::Working | Self::Unreadable(_) | Self::Quarantining(_) => false,
        }
    }
}

/// A message that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
    pub(crate) detail: String,
}

/// What is known of one delivery of a message.
#[derive(Debug)]
pub(crate) struct MessageWork {
    pub(crate) receipt: ReceiptHandle,
    /// When it was put into the queue.
    pub(crate) sent_at: Option<EventTime>,
    pub(crate) stage: MessageStage,
    /// Objects of it that are not settled.
    pub(crate) open: BTreeSet<Ticket>,
    /// Whether an object of it was given up, so that it must stay in the queue.
    pub(crate) has_failed: bool,
    /// Failed acknowledgements.
    pub(crate) acknowledge_failures: u32,
}

/// All messages in work.
#[derive(Debug)]
pub(crate) struct MessageTable {
    works: BTreeMap<MessageTicket, MessageWork>,
    next: MessageTicket,
}

impl MessageTable {
    pub(crate) fn new() -> Self {
        Self { works: BTreeMap::new(), next: MessageTicket::FIRST }
    }

    pub(crate) fn len(&self) -> usize {
        self.works.len()
    }

    /// Counts the messages that are done and not yet deleted.
    pub(crate) fn count_settled(&self) -> usize {
        self.works.values().filter(|work| work.stage.is_settled()).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    pub(crate) fn insert(
        &mut self,
        receipt: ReceiptHandle,
        sent_at: Option<EventTime>,
    ) -> MessageTicket {
        let message = self.next;
        self.next = message.next();
        let work = MessageWork {
            receipt,
            sent_at,
            stage: MessageStage::Working,
            open: BTreeSet::new(),
            has_failed: false,
            acknowledge_failures: 0,
        };
        self.works.insert(message, work);
        message
    }

    pub(crate) fn get(&self, message: MessageTicket) -> Option<&MessageWork> {
        self.works.get(&message)
    }

    pub(crate) fn get_mut(&mut self, message: MessageTicket) -> Option<&mut MessageWork> {
        self.works.get_mut(&message)
    }

    pub(crate) fn remove(&mut self, message: MessageTicket) -> Option<MessageWork> {
        self.works.remove(&message)
    }

    /// Returns what the queue wants to hear about the message.
    pub(crate) fn delivery(&self, message: MessageTicket) -> Option<Delivery> {
        let receipt = self.get(message)?.receipt.clone();
        Some(Delivery { message, receipt })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (MessageTicket, &MessageWork)> {
        self.works.iter().map(|(message, work)| (*message, work))
    }
}
