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
    /// All settled; waits for earlier messages of its group to be deleted.
    InLine,
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
            Self::InLine | Self::Settled | Self::Acknowledging | Self::WaitingToAcknowledge => true,
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
    /// How often it was delivered.
    pub(crate) receive_count: u32,
    /// The messages among which order counts.
    group: Option<String>,
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
    by_group: BTreeMap<String, BTreeSet<MessageTicket>>,
    next: MessageTicket,
}

impl MessageTable {
    pub(crate) fn new() -> Self {
        Self { works: BTreeMap::new(), by_group: BTreeMap::new(), next: MessageTicket::FIRST }
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
        receive_count: u32,
        group: Option<String>,
    ) -> MessageTicket {
        let message = self.next;
        self.next = message.next();
        if let Some(group) = &group {
            self.by_group.entry(group.clone()).or_default().insert(message);
        }
        let work = MessageWork {
            receipt,
            sent_at,
            receive_count,
            group,
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
        let work = self.works.remove(&message)?;
        if let Some(group) = &work.group
            && let Some(members) = self.by_group.get_mut(group)
        {
            members.remove(&message);
            if members.is_empty() {
                self.by_group.remove(group);
            }
        }
        Some(work)
    }

    /// Says whether messages are held among which order counts.
    pub(crate) fn has_groups(&self) -> bool {
        !self.by_group.is_empty()
    }

    /// Says whether no message of the same group was received before this one and is held.
    pub(crate) fn is_first_in_group(&self, message: MessageTicket) -> bool {
        self.group_of(message).is_none_or(|members| members.first() == Some(&message))
    }

    /// Returns the messages of the same group that were received after this one.
    pub(crate) fn followers(&self, message: MessageTicket) -> Vec<MessageTicket> {
        let later =
            |members: &BTreeSet<MessageTicket>| members.range(message.next()..).copied().collect();
        self.group_of(message).map_or_else(Vec::new, later)
    }

    fn group_of(&self, message: MessageTicket) -> Option<&BTreeSet<MessageTicket>> {
        self.by_group.get(self.get(message)?.group.as_ref()?)
    }

    /// Says whether messages and groups agree.
    pub(crate) fn is_consistent(&self) -> bool {
        let grouped = self.works.values().filter(|work| work.group.is_some()).count();
        let members: usize = self.by_group.values().map(BTreeSet::len).sum();
        grouped == members && self.by_group.values().all(|members| !members.is_empty())
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
