//! What to do next, as the machine tells the driver.

use std::time::Duration;

use trailhouse_model::{BatchId, Disposition, ObjectRef, QuarantineReason};

use crate::{
    queue::ReceiptHandle,
    ticket::{MessageTicket, Ticket},
};

/// A message with what the queue wants to hear about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which message.
    pub message: MessageTicket,
    /// The receipt of this delivery.
    pub receipt: ReceiptHandle,
}

/// What is to go to quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuarantineSubject {
    /// A whole object.
    Object {
        /// Which object.
        ticket: Ticket,
        /// Its name as the message had it.
        object: ObjectRef,
        /// Why.
        reason: QuarantineReason,
        /// What was wrong, in words.
        detail: String,
    },
    /// A message of no known shape.
    Message {
        /// Which message.
        message: MessageTicket,
        /// The queue's name for it.
        id: String,
        /// All of it.
        body: Vec<u8>,
        /// What was wrong, in words.
        detail: String,
    },
}

/// Something to do. Every action but [`Action::Forget`] is answered by one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the queue for messages.
    Receive {
        /// At most so many.
        messages_max: u8,
        /// How long they are ours; zero where the queue knows no leases.
        visibility: Duration,
    },
    /// Ask which objects are stored already. One look-up is in flight at a time.
    LookUp {
        /// The objects, by ticket.
        objects: Vec<(Ticket, ObjectRef)>,
    },
    /// Read the object and keep its bytes.
    Fetch {
        /// Which object.
        ticket: Ticket,
        /// Where it lies.
        object: ObjectRef,
        /// The limit on its size.
        bytes_max: u64,
    },
    /// Decode the bytes kept for the object and keep its rows instead.
    Decode {
        /// Which object.
        ticket: Ticket,
        /// What it is called.
        object: ObjectRef,
    },
    /// Write these to quarantine. One write is in flight at a time.
    Quarantine {
        /// What.
        subjects: Vec<QuarantineSubject>,
    },
    /// Commit the rows kept for these objects. One commit is in flight at a time.
    Commit {
        /// The name of the batch, the same in every repetition.
        batch: BatchId,
        /// Its objects.
        tickets: Vec<Ticket>,
    },
    /// Find out whether the batch was committed.
    Probe {
        /// Which batch.
        batch: BatchId,
    },
    /// Delete these messages for good, at most ten.
    Acknowledge {
        /// Which.
        deliveries: Vec<Delivery>,
    },
    /// Keep a message from others.
    ExtendVisibility {
        /// Which.
        delivery: Delivery,
        /// For how long from now.
        by: Duration,
    },
    /// Give a message back.
    Release {
        /// Which.
        delivery: Delivery,
        /// For how long nobody is to have it.
        delay: Duration,
    },
    /// Drop what is kept for these objects; they are not spoken of again.
    Forget {
        /// Which.
        tickets: Vec<Ticket>,
    },
}

/// What the machine was about when it had to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Asking the queue for messages.
    Receive,
    /// Asking the lake what is stored.
    LookUp,
    /// Writing to quarantine.
    Quarantine,
    /// Committing a batch.
    Commit,
    /// Finding out how a commit ended.
    Probe,
}

impl Stage {
    /// Returns the words that follow "failed to".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "receive messages",
            Self::LookUp => "look up objects",
            Self::Quarantine => "write to quarantine",
            Self::Commit => "commit a batch",
            Self::Probe => "find out how a commit ended",
        }
    }
}

/// Why a machine stopped before its work was done. What it held is not acknowledged, so it comes
/// again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to {}: {detail}", stage.as_str())]
pub struct MachineStop {
    /// What it was about.
    pub stage: Stage,
    /// Whether the same may work later.
    pub disposition: Disposition,
    /// What went wrong, in words.
    pub detail: String,
}
