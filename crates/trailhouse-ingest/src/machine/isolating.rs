//! A message that comes for the last time before the dead letters is worked on alone: if it is what
//! ends the process each time, it takes no other message with it.

use super::IngestMachine;
use crate::{
    object::ObjectStage,
    ticket::{MessageTicket, Ticket},
};

/// Whose objects are between fetch and commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Those of all messages.
    Shared,
    /// Those of this message only.
    Alone(MessageTicket),
}

impl Lane {
    /// The stages in which an object is in the lane.
    pub(crate) const STAGES: [ObjectStage; 4] = [
        ObjectStage::Fetching,
        ObjectStage::Decoding,
        ObjectStage::Batched,
        ObjectStage::Committing,
    ];
}

impl IngestMachine {
    pub(super) fn should_isolate(&self, receive_count: u32) -> bool {
        self.limits.isolate_receive_count.is_some_and(|count| receive_count >= count)
    }

    /// Changes the lane where it is empty. Waits for it where it is not.
    pub(super) fn choose_lane(&mut self) {
        let is_empty = Lane::STAGES.into_iter().all(|stage| self.objects.count(stage) == 0);
        if is_empty {
            let suspect = self.ready_suspect();
            self.lane = suspect.map_or(Lane::Shared, |(message, _)| Lane::Alone(message));
        }
    }

    /// Returns the next object that may be fetched in the lane as it is.
    pub(super) fn next_in_lane(&self) -> Option<Ticket> {
        match self.lane {
            Lane::Alone(message) => self.ready_object(message),
            Lane::Shared if self.ready_suspect().is_some() => None,
            Lane::Shared => self.objects.first(ObjectStage::Ready),
        }
    }

    /// Says whether a message is worked on alone or waits for that.
    pub(super) fn is_isolating(&self) -> bool {
        self.lane != Lane::Shared || self.ready_suspect().is_some()
    }

    /// Says whether a message that is to be worked on alone moves towards its commit. What were
    /// received now would only be put at risk.
    pub(super) fn is_at_risk(&self) -> bool {
        let is_before_lane = |ticket: Ticket| {
            [ObjectStage::Queued, ObjectStage::LookingUp, ObjectStage::Ready]
                .into_iter()
                .any(|stage| self.objects.is_at(ticket, stage))
        };
        let moves = |message: &MessageTicket| {
            let open = self.messages.get(*message).map(|work| &work.open);
            open.is_some_and(|open| open.iter().copied().any(is_before_lane))
        };
        self.lane != Lane::Shared || self.suspects.iter().any(moves)
    }

    /// Finds a message to be worked on alone, with an object of it that is ready to be fetched.
    fn ready_suspect(&self) -> Option<(MessageTicket, Ticket)> {
        let ready = |message: &MessageTicket| Some((*message, self.ready_object(*message)?));
        self.suspects.iter().find_map(ready)
    }

    fn ready_object(&self, message: MessageTicket) -> Option<Ticket> {
        let open = &self.messages.get(message)?.open;
        open.iter().copied().find(|ticket| self.objects.is_at(*ticket, ObjectStage::Ready))
    }

    /// Whoever shared an object with a message that has gone goes on with it.
    pub(super) fn end_isolation(&mut self, message: MessageTicket) {
        self.suspects.remove(&message);
        if self.lane == Lane::Alone(message) {
            self.lane = Lane::Shared;
        }
    }
}
