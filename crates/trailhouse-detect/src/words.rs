//! The words that a detection's front matter chooses from.

use std::fmt;

use trailhouse_model::EventTime;

/// How often a finding of the detection is what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Often harmless; useful together with other findings.
    Low,
    /// Harmless causes are known and rare.
    Medium,
    /// Nearly always what it says.
    High,
}

impl Confidence {
    /// All levels, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Returns the word that stands for the level.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// How mature a detection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Being written.
    Draft,
    /// Works on its cases; not yet seen on much real traffic.
    Experimental,
    /// Relied upon.
    Stable,
    /// Replaced; kept so that its id stays known.
    Deprecated,
}

impl Status {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Experimental, Self::Stable, Self::Deprecated];

    /// Returns the word that stands for the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Experimental => "experimental",
            Self::Stable => "stable",
            Self::Deprecated => "deprecated",
        }
    }
}

/// What a detection is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Runs, stores findings, alerts.
    Active,
    /// Runs and stores findings, does not alert.
    Staging,
    /// Does not run.
    Paused,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Active, Self::Staging, Self::Paused];

    /// Returns the word that stands for the mode.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Staging => "staging",
            Self::Paused => "paused",
        }
    }
}

/// Which rows a run judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowOn {
    /// The rows that came since the last run, whatever their event time.
    Arrival,
    /// The rows whose event time lies in a period.
    Event,
}

impl WindowOn {
    /// Both choices.
    pub const ALL: [Self; 2] = [Self::Arrival, Self::Event];

    /// Returns the word that stands for the choice.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arrival => "arrival",
            Self::Event => "event",
        }
    }
}

/// When a period of event time is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JudgeWhen {
    /// As soon as it has rows, and again when more come.
    Rows,
    /// Once, `lateness` after its end, also where it has no row.
    Closed,
}

impl JudgeWhen {
    /// Both choices.
    pub const ALL: [Self; 2] = [Self::Rows, Self::Closed];

    /// Returns the word that stands for the choice.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Closed => "closed",
        }
    }
}

/// A day of the calendar, as authors date their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDay {
    /// The year.
    pub year: u16,
    /// The month, from 1.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

macro_rules! shown_as_its_word {
    ($($word:ty),*) => {$(
        impl fmt::Display for $word {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

shown_as_its_word!(Confidence, Status, Mode, WindowOn, JudgeWhen);

impl CalendarDay {
    /// Returns the day, in UTC, in which the time lies; a year before 0 or after 65535 is held
    /// at the end of the range.
    pub fn of(time: EventTime) -> Self {
        let (year, month, day) = time.civil_date();
        Self {
            year: u16::try_from(year).unwrap_or(if year < 0 { 0 } else { u16::MAX }),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(day).unwrap_or(1),
        }
    }

    /// Counts the days from this day to the other, negative where the other is earlier; absent
    /// where one of them is not in the calendar.
    pub fn days_until(self, other: Self) -> Option<i64> {
        let number = |day: Self| {
            let (year, month, date) = (i64::from(day.year), day.month.into(), day.day.into());
            EventTime::from_civil(year, month, date, 0, 0, 0).ok().map(|time| time.days())
        };
        Some(i64::from(number(other)?) - i64::from(number(self)?))
    }
}

impl fmt::Display for CalendarDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}
