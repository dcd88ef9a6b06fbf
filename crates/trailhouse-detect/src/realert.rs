//! The condition `realert.when`: when a finding that was alerted is alerted again.
//!
//! ```text
//! condition  = all { "OR" all }
//! all        = comparison { "AND" comparison }
//! comparison = value ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
//! value      = number | severity word | [ number "*" ] [ "last." ] field
//! field      = "events" | "accounts" | "regions" | "severity"
//! ```
//!
//! A field is the finding's as it is now; with `last.` it is what it was at its last alert.
//! Severities are compared with severities, and are not multiplied. Numbers have up to three
//! digits behind the point. At least one side of a comparison is a field without `last.`.

use std::{cmp::Ordering, fmt, ops::Range};

use trailhouse_model::Severity;

use crate::{realert_parser::parse_condition, section::Misplaced};

/// What a realert condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingSummary {
    /// How many distinct events it stands on.
    pub events: u64,
    /// How many accounts it names.
    pub accounts: u64,
    /// How many regions it names.
    pub regions: u64,
    /// How much it matters.
    pub severity: Severity,
}

/// A condition over a finding as it is and as it was at its last alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealertCondition {
    /// One of these must hold; each is a list of comparisons that must all hold. Neither list is
    /// empty.
    pub(crate) any: Vec<Vec<Comparison>>,
}

/// The text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the condition {message} ({help})")]
pub struct RealertError {
    /// Which bytes of the text are wrong.
    pub part: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What is allowed.
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) left: Value,
    pub(crate) relation: Relation,
    pub(crate) right: Value,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Number(Thousandths),
    Count { factor: Thousandths, count: Count, moment: Moment },
    Level(Severity),
    Severity(Moment),
}

/// A number with up to three digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thousandths(pub(crate) u64);

/// A number that a finding has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Events,
    Accounts,
    Regions,
}

/// When a finding was like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Now,
    LastAlert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(crate) const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::LessOrEqual,
        Self::Less,
        Self::GreaterOrEqual,
        Self::Greater,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Count {
    pub(crate) const ALL: [Self; 3] = [Self::Events, Self::Accounts, Self::Regions];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Accounts => "accounts",
            Self::Regions => "regions",
        }
    }

    fn of(self, summary: &FindingSummary) -> u64 {
        match self {
            Self::Events => summary.events,
            Self::Accounts => summary.accounts,
            Self::Regions => summary.regions,
        }
    }
}

impl Moment {
    fn prefix(self) -> &'static str {
        match self {
            Self::Now => "",
            Self::LastAlert => "last.",
        }
    }
}

impl Thousandths {
    pub(crate) const ONE: Self = Self(1_000);
}

impl RealertCondition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, RealertError> {
        parse_condition(text)
    }

    pub(crate) fn parse_parts(text: &str) -> Result<Self, Misplaced> {
        parse_condition(text).map_err(|RealertError { part, message, help }| Misplaced {
            part,
            message,
            help,
        })
    }

    /// Says whether a finding that is like `now` and was like `last` when it was alerted is
    /// alerted again.
    pub fn holds(&self, now: &FindingSummary, last: &FindingSummary) -> bool {
        let all_hold = |all: &Vec<Comparison>| all.iter().all(|one| one.holds(now, last));
        self.any.iter().any(all_hold)
    }
}

impl Comparison {
    fn holds(&self, now: &FindingSummary, last: &FindingSummary) -> bool {
        let left = self.left.weight(now, last);
        self.relation.holds(left.cmp(&self.right.weight(now, last)))
    }
}

impl Value {
    /// Puts the value on a scale: thousandths for numbers, the place in the order for severities.
    /// The product of two 64-bit numbers fits into 128 bits.
    fn weight(self, now: &FindingSummary, last: &FindingSummary) -> u128 {
        let at = |moment: Moment| match moment {
            Moment::Now => now,
            Moment::LastAlert => last,
        };
        match self {
            Self::Number(Thousandths(number)) => u128::from(number),
            Self::Count { factor: Thousandths(factor), count, moment } => {
                u128::from(factor) * u128::from(count.of(at(moment)))
            }
            Self::Level(severity) => u128::from(rank(severity)),
            Self::Severity(moment) => u128::from(rank(at(moment).severity)),
        }
    }
}

fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000, self.0 % 1_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:03}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Count { factor: Thousandths::ONE, count, moment } => {
                write!(f, "{}{}", moment.prefix(), count.as_str())
            }
            Self::Count { factor, count, moment } => {
                write!(f, "{factor} * {}{}", moment.prefix(), count.as_str())
            }
            Self::Level(severity) => severity.fmt(f),
            Self::Severity(moment) => write!(f, "{}severity", moment.prefix()),
        }
    }
}

impl fmt::Display for RealertCondition {
    /// Writes a text that [`RealertCondition::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for all in &self.any {
            for Comparison { left, relation, right } in all {
                write!(f, "{separator}{left} {} {right}", relation.as_str())?;
                separator = " AND ";
            }
            separator = " OR ";
        }
        Ok(())
    }
}
