//! The queue: at least once, in any order, with leases, receipts and a place for dead letters.

use std::time::Duration;

use trailhouse_ingest::{MessageBody, QueueMessage, ReceiptHandle};

use crate::{
    catalog::ObjectNo,
    fault::{Fault, Faults},
    ingester::ProcessId,
    random::Random,
};

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageState {
    Live,
    Deleted,
    /// Put aside after too many deliveries.
    Dead,
}

/// One hand-out of a message.
#[derive(Debug, Clone)]
pub(crate) struct HandOut {
    pub(crate) to: ProcessId,
    /// Whether trouble explains that this hand-out did not end in a deletion.
    pub(crate) is_excused: bool,
}

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) body: MessageBody,
    pub(crate) content: MessageContent,
    pub(crate) state: MessageState,
    visible_at: Duration,
    /// Since it was put into the queue, or back into it from the dead letters.
    receives: u32,
    /// Since it was first put into the queue; the newest receipt has this number.
    pub(crate) hand_outs: Vec<HandOut>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessageContent {
    Objects(Vec<ObjectNo>),
    /// Understood, and names nothing.
    Nothing,
    Unreadable,
}

/// All messages.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) messages: Vec<Message>,
    receives_max: Option<u32>,
}

/// A dead letter none of whose deliveries met any trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeadWithoutCause {
    pub(crate) message: usize,
}

impl Queue {
    pub(crate) fn new(receives_max: Option<u32>) -> Self {
        Self { messages: Vec::new(), receives_max }
    }

    pub(crate) fn send(&mut self, at: Duration, body: MessageBody, content: MessageContent) {
        self.messages.push(Message {
            body,
            content,
            state: MessageState::Live,
            visible_at: at,
            receives: 0,
            hand_outs: Vec::new(),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.iter().all(|message| message.state == MessageState::Deleted)
    }

    /// Returns when the next message can be received.
    pub(crate) fn next_visible(&self) -> Option<Duration> {
        let live = self.messages.iter().filter(|message| message.state == MessageState::Live);
        live.map(|message| message.visible_at).min()
    }

    /// Hands out what can be received.
    pub(crate) fn receive(
        &mut self,
        random: &mut Random,
        faults: &mut Faults,
        request: &ReceiveRequest,
    ) -> Result<Vec<QueueMessage>, DeadWithoutCause> {
        let mut visible: Vec<usize> = (0..self.messages.len())
            .filter(|place| {
                self.messages.get(*place).is_some_and(|message| message.is_visible(request.now))
            })
            .collect();
        random.shuffle(&mut visible);
        let mut received = Vec::new();
        for place in visible {
            if received.len() >= request.messages_max {
                break;
            }
            let Some(message) = self.messages.get_mut(place) else { continue };
            if self.receives_max.is_some_and(|most| message.receives >= most) {
                message.die(place)?;
                continue;
            }
            received.push(message.hand_out(place, random, faults, request));
        }
        Ok(received)
    }

    /// Deletes by receipt. With an old receipt the queue may say yes and keep the message.
    pub(crate) fn delete(
        &mut self,
        random: &mut Random,
        faults: &mut Faults,
        now: Duration,
        receipt: &ReceiptHandle,
    ) {
        let Some((place, is_newest)) = self.find(receipt) else { return };
        if !is_newest && faults.strikes(random, Fault::StaleDelete) {
            return;
        }
        let Some(message) = self.messages.get_mut(place) else { return };
        message.state = MessageState::Deleted;
        if faults.strikes(random, Fault::Resurrection) {
            message.state = MessageState::Live;
            message.visible_at = now + random.duration(Duration::ZERO, Duration::from_secs(300));
            message.excuse_all();
        }
    }

    /// Moves the end of a lease. Only the newest receipt can, and only while the lease runs.
    pub(crate) fn change_visibility(
        &mut self,
        now: Duration,
        receipt: &ReceiptHandle,
        by: Duration,
    ) -> bool {
        let Some((place, true)) = self.find(receipt) else { return false };
        let Some(message) = self.messages.get_mut(place) else { return false };
        let is_leased = message.state == MessageState::Live && message.visible_at > now;
        if is_leased {
            message.visible_at = now + by;
        }
        is_leased
    }

    /// Notes that trouble explains the fate of one delivery.
    pub(crate) fn excuse(&mut self, receipt: &ReceiptHandle) {
        let Some((place, number)) = parse(receipt) else { return };
        let hand_out =
            self.messages.get_mut(place).and_then(|message| message.hand_outs.get_mut(number));
        if let Some(hand_out) = hand_out {
            hand_out.is_excused = true;
        }
    }

    /// Notes that trouble explains the fate of all deliveries to a process, or of those that name
    /// an object.
    pub(crate) fn excuse_process(&mut self, process: ProcessId, object: Option<ObjectNo>) {
        for message in &mut self.messages {
            let is_meant = match (&message.content, object) {
                (_, None) => true,
                (MessageContent::Objects(named), Some(object)) => named.contains(&object),
                (MessageContent::Nothing | MessageContent::Unreadable, Some(_)) => false,
            };
            let theirs = message.hand_outs.iter_mut().filter(|hand_out| hand_out.to == process);
            if is_meant {
                theirs.for_each(|hand_out| hand_out.is_excused = true);
            }
        }
    }

    /// Deletes what a process holds, as no process should.
    pub(crate) fn delete_held_by(&mut self, process: ProcessId) {
        for message in &mut self.messages {
            if message.hand_outs.last().is_some_and(|hand_out| hand_out.to == process) {
                message.state = MessageState::Deleted;
            }
        }
    }

    /// Puts the dead letters back, as a person does once the trouble is over.
    pub(crate) fn redrive(&mut self, now: Duration) -> u32 {
        let mut redriven = 0;
        for message in &mut self.messages {
            if message.state == MessageState::Dead {
                (message.state, message.visible_at, message.receives) =
                    (MessageState::Live, now, 0);
                redriven += 1;
            }
        }
        redriven
    }

    /// Finds the message of a receipt and says whether it is the newest one.
    pub(crate) fn find(&self, receipt: &ReceiptHandle) -> Option<(usize, bool)> {
        let (place, number) = parse(receipt)?;
        let message = self.messages.get(place)?;
        Some((place, message.hand_outs.len() == number + 1))
    }
}

/// A call for messages.
#[derive(Debug, Clone)]
pub(crate) struct ReceiveRequest {
    pub(crate) from: ProcessId,
    pub(crate) now: Duration,
    pub(crate) messages_max: usize,
    pub(crate) visibility: Duration,
    /// Whether trouble explains already that what is handed out comes again.
    pub(crate) is_troubled: bool,
}

impl Message {
    fn is_visible(&self, now: Duration) -> bool {
        self.state == MessageState::Live && self.visible_at <= now
    }

    fn hand_out(
        &mut self,
        place: usize,
        random: &mut Random,
        faults: &mut Faults,
        request: &ReceiveRequest,
    ) -> QueueMessage {
        let number = self.hand_outs.len();
        let is_shared = faults.strikes(random, Fault::DuplicateDelivery);
        let is_excused = is_shared || request.is_troubled;
        self.hand_outs.push(HandOut { to: request.from, is_excused });
        self.visible_at = request.now + request.visibility;
        if is_shared {
            self.visible_at = request.now + random.duration(Duration::ZERO, Duration::from_secs(5));
        }
        self.receives += 1;
        QueueMessage {
            id: format!("m{place}"),
            receipt: ReceiptHandle::new(format!("m{place}#{number}")),
            body: self.body.clone(),
            receive_count: self.receives,
            sent_at: None,
        }
    }

    fn die(&mut self, place: usize) -> Result<(), DeadWithoutCause> {
        self.state = MessageState::Dead;
        if self.hand_outs.iter().all(|hand_out| hand_out.is_excused) {
            Ok(())
        } else {
            Err(DeadWithoutCause { message: place })
        }
    }

    fn excuse_all(&mut self) {
        self.hand_outs.iter_mut().for_each(|hand_out| hand_out.is_excused = true);
    }
}

fn parse(receipt: &ReceiptHandle) -> Option<(usize, usize)> {
    let (message, number) = receipt.as_str().strip_prefix('m')?.split_once('#')?;
    Some((message.parse().ok()?, number.parse().ok()?))
}
