//! The promises of an ingest as a whole, beyond what one machine can see of itself: the words in
//! which tests, the simulation and counters speak of them.

use std::fmt;

/// A promise of the ingest, whatever fails around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1.
    AcknowledgedIsKept,
    /// I2.
    StoredOnce,
    /// I3.
    DurableBeforeDelete,
    /// I4.
    WithinLimits,
    /// I5.
    Drains,
    /// I6.
    SameSeedSameLog,
    /// I7.
    Accounted,
    /// I8.
    KeepsOrder,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AcknowledgedIsKept,
        Self::StoredOnce,
        Self::DurableBeforeDelete,
        Self::WithinLimits,
        Self::Drains,
        Self::SameSeedSameLog,
        Self::Accounted,
        Self::KeepsOrder,
    ];

    /// Returns its short name.
    pub fn id(self) -> &'static str {
        match self {
            Self::AcknowledgedIsKept => "I1",
            Self::StoredOnce => "I2",
            Self::DurableBeforeDelete => "I3",
            Self::WithinLimits => "I4",
            Self::Drains => "I5",
            Self::SameSeedSameLog => "I6",
            Self::Accounted => "I7",
            Self::KeepsOrder => "I8",
        }
    }

    /// Returns what it says.
    pub fn statement(self) -> &'static str {
        match self {
            Self::AcknowledgedIsKept => {
                "no object of a deleted message is missing from the table and from quarantine"
            }
            Self::StoredOnce => "no object is in the table twice",
            Self::DurableBeforeDelete => "no message is deleted before all it names is durable",
            Self::WithinLimits => "work in flight stays under its limits",
            Self::Drains => {
                "when trouble ends, everything is done within a bounded time, and nothing is a \
                 dead letter without cause"
            }
            Self::SameSeedSameLog => "the same seed gives the same action log",
            Self::Accounted => {
                "every object named ends as stored, duplicate, skipped, or quarantined with a reason"
            }
            Self::KeepsOrder => "messages of a group of a FIFO queue are deleted in their order",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id(), self.statement())
    }
}
