//! Where alerts go.

pub(crate) mod email;
pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod lines;
pub(crate) mod pagerduty;
pub(crate) mod slack;
pub(crate) mod sns;
pub(crate) mod webhook;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub use lines::LineWriter;
pub use sns::{TopicMessage, TopicOrder, TopicPublisher};

use crate::Alert;

/// One place that takes alerts.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Returns the name of the sink in the configuration.
    fn name(&self) -> &str;

    /// Sends an alert. The same alert may be sent again after an error and after a crash; the
    /// receiver tells repeats by [`Alert::idempotency_key`]. Dropping the future may or may not
    /// have sent it.
    async fn send(&self, alert: &Alert) -> Result<Delivered, SendError>;
}

/// The other side has taken the alert.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// The name that the other side gave it, if it gives one.
    pub receipt: Option<String>,
}

/// What to do about an alert that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendErrorKind {
    /// Try again, not before the other side says so.
    Retryable {
        /// How long it asks to be left alone.
        after: Option<Duration>,
    },
    /// No alert can be sent until somebody changes the configuration.
    Permanent,
    /// This alert is not taken; others may be.
    Rejected,
}

impl SendErrorKind {
    /// Returns the word for the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retryable { .. } => "retryable",
            Self::Permanent => "permanent",
            Self::Rejected => "rejected",
        }
    }
}

/// An alert was not sent. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SendError {
    /// What to do about it.
    pub kind: SendErrorKind,
    /// What went wrong.
    pub reason: String,
}

impl SendError {
    /// Says that trying again may help.
    pub fn retryable(reason: impl Into<String>) -> Self {
        Self { kind: SendErrorKind::Retryable { after: None }, reason: reason.into() }
    }

    /// Says that the configuration must change.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { kind: SendErrorKind::Permanent, reason: reason.into() }
    }

    /// Says that this alert is not taken.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self { kind: SendErrorKind::Rejected, reason: reason.into() }
    }
}
