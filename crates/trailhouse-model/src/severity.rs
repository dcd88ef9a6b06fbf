//! How much a finding matters.

use std::{fmt, str::FromStr};

/// The five levels, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth keeping, not worth waking anyone.
    Info,
    /// Odd; look at it in the course of the week.
    Low,
    /// Likely to need a look today.
    Medium,
    /// Needs a person now.
    High,
    /// An account or its evidence is being lost.
    Critical,
}

impl Severity {
    /// All levels, lowest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Returns the word that stands for the level in files, SQL and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is none of the five levels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a severity; use info, low, medium, high or critical")]
pub struct SeverityError {
    /// What stood there.
    pub text: String,
}

impl FromStr for Severity {
    type Err = SeverityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| SeverityError { text: text.to_owned() })
    }
}
