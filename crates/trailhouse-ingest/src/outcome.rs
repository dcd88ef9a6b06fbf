//! Names under which the report counts.

use crate::input::FetchFailureKind;

/// How an attempt to commit ended, once that was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommitAttempt {
    /// The batch is in the table.
    Ok,
    /// Another writer had stored a part of it.
    LostRace,
    /// Its answer was lost, and it is in the table.
    UnknownOk,
    /// Its answer was lost, and it is not in the table.
    UnknownRetry,
    /// Nothing was written.
    Failed,
}

impl CommitAttempt {
    /// Returns the word for the outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::LostRace => "lost_race",
            Self::UnknownOk => "unknown_ok",
            Self::UnknownRetry => "unknown_retry",
            Self::Failed => "failed",
        }
    }
}

/// Where an object was found to be a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DedupeStage {
    /// It was named while it was in work.
    Notice,
    /// The lake had it before it was fetched.
    Ledger,
    /// The lake had it when its batch was to be committed.
    Race,
}

impl DedupeStage {
    /// Returns the word for the stage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Ledger => "ledger",
            Self::Race => "race",
        }
    }
}

/// How a download ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FetchOutcome {
    /// All bytes came.
    Read,
    /// It is not there under this key.
    Missing,
    /// It lies in an archive tier.
    Archived,
    /// It is larger than the limit.
    TooLarge,
    /// What came is damaged.
    Corrupt,
    /// The store is out of order.
    Temporary,
    /// The store asks to slow down.
    Throttled,
    /// We may not read it.
    Denied,
    /// Asking again cannot help.
    Hopeless,
}

impl FetchOutcome {
    /// Returns the word for the outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Missing => "missing",
            Self::Archived => "archived",
            Self::TooLarge => "too_large",
            Self::Corrupt => "corrupt",
            Self::Temporary => "temporary",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Hopeless => "hopeless",
        }
    }
}

impl From<&FetchFailureKind> for FetchOutcome {
    fn from(kind: &FetchFailureKind) -> Self {
        match kind {
            FetchFailureKind::Missing => Self::Missing,
            FetchFailureKind::Archived => Self::Archived,
            FetchFailureKind::TooLarge => Self::TooLarge,
            FetchFailureKind::Corrupt => Self::Corrupt,
            FetchFailureKind::Temporary => Self::Temporary,
            FetchFailureKind::Throttled => Self::Throttled,
            FetchFailureKind::Denied(_) => Self::Denied,
            FetchFailureKind::Hopeless => Self::Hopeless,
        }
    }
}
