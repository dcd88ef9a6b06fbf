//! What a queue hands out: messages with the receipt that deletes them.

use std::fmt;

use trailhouse_model::{EventTime, ObjectRef};

/// What a queue wants back to delete or to keep one delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptHandle(String);

impl ReceiptHandle {
    /// Wraps the text as the queue gave it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text as the queue gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReceiptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// The bytes of a notification, still to be read.
    Notification(Vec<u8>),
    /// Objects that a listing or a folder names outright.
    Objects(Vec<ObjectRef>),
}

/// One delivery of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue's name for the message, the same in every delivery.
    pub id: String,
    /// What acknowledges this delivery.
    pub receipt: ReceiptHandle,
    /// What it says.
    pub body: MessageBody,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
    /// The messages among which order counts; absent where it does not.
    pub group: Option<String>,
    /// When it was put into the queue.
    pub sent_at: Option<EventTime>,
}
