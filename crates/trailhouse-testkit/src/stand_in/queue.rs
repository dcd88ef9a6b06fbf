//! A standard queue: at least once, in no order, with leases.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Depth;

/// Messages by their number.
#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: BTreeMap<u64, Message>,
    sent: u64,
}

#[derive(Debug)]
struct Message {
    body: String,
    receives: u32,
    lease_ends: Option<Instant>,
}

/// A message as a receive returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) id: String,
    pub(super) receipt: String,
    pub(super) body: String,
    pub(super) receives: u32,
}

/// The receipt is not the newest of its message, or its lease is over, or the message is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StaleReceipt;

impl Queue {
    pub(super) fn send(&mut self, body: &str) -> String {
        self.sent += 1;
        let message = Message { body: body.to_owned(), receives: 0, lease_ends: None };
        self.messages.insert(self.sent, message);
        message_id(self.sent)
    }

    /// Hands out messages that nobody holds, or any that are there.
    pub(super) fn receive(
        &mut self,
        messages_max: usize,
        visibility: Duration,
        also_leased: bool,
        now: Instant,
    ) -> Vec<Delivered> {
        let mut delivered = Vec::new();
        for (number, message) in &mut self.messages {
            if delivered.len() == messages_max {
                break;
            }
            if message.is_leased(now) && !also_leased {
                continue;
            }
            message.receives += 1;
            message.lease_ends = Some(now + visibility);
            delivered.push(Delivered {
                id: message_id(*number),
                receipt: format!("{number}:{}", message.receives),
                body: message.body.clone(),
                receives: message.receives,
            });
        }
        delivered
    }

    /// Deletes the message where the receipt is its newest one; SQS does not promise more.
    pub(super) fn delete(&mut self, receipt: &str) -> Result<(), StaleReceipt> {
        let (number, message) = self.find(receipt).ok_or(StaleReceipt)?;
        if receipt != format!("{number}:{}", message.receives) {
            return Err(StaleReceipt);
        }
        self.messages.remove(&number);
        Ok(())
    }

    pub(super) fn change_visibility(
        &mut self,
        receipt: &str,
        visibility: Duration,
        now: Instant,
    ) -> Result<(), StaleReceipt> {
        let (number, message) = self.find(receipt).ok_or(StaleReceipt)?;
        if receipt != format!("{number}:{}", message.receives) || !message.is_leased(now) {
            return Err(StaleReceipt);
        }
        message.lease_ends = Some(now + visibility);
        Ok(())
    }

    pub(super) fn expire_leases(&mut self) {
        for message in self.messages.values_mut() {
            message.lease_ends = None;
        }
    }

    pub(super) fn depth(&self) -> Depth {
        let now = Instant::now();
        let leased = self.messages.values().filter(|message| message.is_leased(now)).count();
        Depth { waiting: self.messages.len() - leased, leased }
    }

    fn find(&mut self, receipt: &str) -> Option<(u64, &mut Message)> {
        let number = receipt.split(':').next()?.parse().ok()?;
        self.messages.get_mut(&number).map(|message| (number, message))
    }
}

impl Message {
    fn is_leased(&self, now: Instant) -> bool {
        self.lease_ends.is_some_and(|ends| ends > now)
    }
}

fn message_id(number: u64) -> String {
    format!("message-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_message_is_held_until_its_lease_is_over_or_it_is_deleted() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.send("body");
        let first = queue.receive(10, MINUTE, false, now);
        assert_eq!(first.len(), 1);
        assert!(queue.receive(10, MINUTE, false, now).is_empty());
        let second = queue.receive(10, MINUTE, false, now + MINUTE);
        assert_eq!(second.first().map(|message| message.receives), Some(2));
        assert_eq!(queue.delete(&first[0].receipt), Err(StaleReceipt));
        assert_eq!(queue.delete(&second[0].receipt), Ok(()));
        assert_eq!(queue.depth(), Depth { waiting: 0, leased: 0 });
    }

    #[test]
    fn a_lease_that_is_over_cannot_be_extended() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.send("body");
        let held = queue.receive(1, MINUTE, false, now);
        assert_eq!(queue.change_visibility(&held[0].receipt, MINUTE, now), Ok(()));
        let late = queue.change_visibility(&held[0].receipt, MINUTE, now + MINUTE);
        assert_eq!(late, Err(StaleReceipt));
    }
}
