//! The queue: at least once, in any order, with leases, receipts and a place for dead letters.

use std::{collections::BTreeSet, time::Duration};

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
    /// Of a FIFO queue; absent elsewhere.
    group: Option<u64>,
    /// Not where it came back from among the dead letters or the deleted.
    keeps_order: bool,
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
    is_fifo: bool,
    receives_max: Option<u32>,
}

/// A dead letter none of whose deliveries met any trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeadWithoutCause {
    pub(crate) message: usize,
}

impl Queue {
    pub(crate) fn new(is_fifo: bool, receives_max: Option<u32>) -> Self {
        Self { messages: Vec::new(), is_fifo, receives_max }
    }

    pub(crate) fn send(
        &mut self,
        at: Duration,
        body: MessageBody,
        content: MessageContent,
        group: Option<u64>,
    ) {
        self.messages.push(Message {
            body,
            content,
            state: MessageState::Live,
            group,
            keeps_order: true,
            visible_at: at,
            receives: 0,
            hand_outs: Vec::new(),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.iter().all(|message| message.state == MessageState::Deleted)
    }

    /// Returns when the next message becomes visible.
    pub(crate) fn next_visible(&self, now: Duration) -> Option<Duration> {
        let live = self.messages.iter().filter(|message| message.state == MessageState::Live);
        live.map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    /// Hands out what can be received.
    pub(crate) fn receive(
        &mut self,
        random: &mut Random,
        faults: &mut Faults,
        request: &ReceiveRequest,
    ) -> Result<Vec<QueueMessage>, DeadWithoutCause> {
        let mut visible = self.visible(request.now);
        if !self.is_fifo {
            random.shuffle(&mut visible);
        }
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

    /// Returns the messages that can be received. A message of a group can only where none of the
    /// group is in flight and all earlier ones of it are gone or come with it.
    pub(crate) fn visible(&self, now: Duration) -> Vec<usize> {
        let in_flight = self.messages.iter().filter(|message| message.is_in_flight(now));
        let mut held_back: BTreeSet<u64> = in_flight.filter_map(Message::ordered_group).collect();
        let mut visible = Vec::new();
        for (place, message) in self.messages.iter().enumerate() {
            let is_held_back =
                message.ordered_group().is_some_and(|group| held_back.contains(&group));
            if message.is_visible(now) && !is_held_back {
                visible.push(place);
            } else if message.state == MessageState::Live {
                held_back.extend(message.ordered_group());
            }
        }
        visible
    }

    /// Returns an earlier message of the same group that is not deleted.
    pub(crate) fn earlier_in_group(&self, place: usize) -> Option<usize> {
        let group = self.messages.get(place)?.ordered_group()?;
        self.messages.iter().take(place).position(|message| {
            message.ordered_group() == Some(group) && message.state == MessageState::Live
        })
    }

    /// Deletes by receipt and says whether it agreed. With an old receipt a FIFO queue does not, and
    /// another may say yes and keep the message.
    pub(crate) fn delete(
        &mut self,
        random: &mut Random,
        faults: &mut Faults,
        now: Duration,
        receipt: &ReceiptHandle,
    ) -> bool {
        let Some((place, is_newest)) = self.find(receipt) else { return false };
        if !is_newest && self.is_fifo {
            return false;
        }
        if !is_newest && faults.strikes(random, Fault::StaleDelete) {
            return true;
        }
        let Some(message) = self.messages.get_mut(place) else { return false };
        message.state = MessageState::Deleted;
        if faults.strikes(random, Fault::Resurrection) {
            message.state = MessageState::Live;
            message.visible_at = now + random.duration(Duration::ZERO, Duration::from_secs(300));
            message.keeps_order = false;
            message.excuse_all();
        }
        true
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
        let Some(message) = self.messages.get_mut(place) else { return };
        let Some(hand_out) = message.hand_outs.get_mut(number) else { return };
        hand_out.is_excused = true;
        let (process, group) = (hand_out.to, message.group);
        self.excuse_groups(process, &group.into_iter().collect());
    }

    /// Notes that trouble explains the fate of all deliveries to a process, or of those that name
    /// an object.
    pub(crate) fn excuse_process(&mut self, process: ProcessId, object: Option<ObjectNo>) {
        let mut groups = BTreeSet::new();
        for message in &mut self.messages {
            let is_meant = match (&message.content, object) {
                (_, None) => true,
                (MessageContent::Objects(named), Some(object)) => named.contains(&object),
                (MessageContent::Nothing | MessageContent::Unreadable, Some(_)) => false,
            };
            if is_meant && message.excuse_held_by(process) {
                groups.extend(message.group);
            }
        }
        self.excuse_groups(process, &groups);
    }

    /// What follows a message in its group goes back with it.
    fn excuse_groups(&mut self, process: ProcessId, groups: &BTreeSet<u64>) {
        for message in &mut self.messages {
            if message.group.is_some_and(|group| groups.contains(&group)) {
                message.excuse_held_by(process);
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
                message.keeps_order = false;
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
    fn ordered_group(&self) -> Option<u64> {
        self.group.filter(|_| self.keeps_order)
    }

    fn is_in_flight(&self, now: Duration) -> bool {
        self.state == MessageState::Live && !self.hand_outs.is_empty() && self.visible_at > now
    }

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
        let is_shared = self.group.is_none() && faults.strikes(random, Fault::DuplicateDelivery);
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
            group: self.group.map(|group| format!("g{group}")),
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

    /// Says whether there was one to excuse.
    fn excuse_held_by(&mut self, process: ProcessId) -> bool {
        let theirs = self.hand_outs.iter_mut().filter(|hand_out| hand_out.to == process);
        theirs.map(|hand_out| hand_out.is_excused = true).count() > 0
    }

    fn excuse_all(&mut self) {
        self.hand_outs.iter_mut().for_each(|hand_out| hand_out.is_excused = true);
    }
}

fn parse(receipt: &ReceiptHandle) -> Option<(usize, usize)> {
    let (message, number) = receipt.as_str().strip_prefix('m')?.split_once('#')?;
    Some((message.parse().ok()?, number.parse().ok()?))
}
