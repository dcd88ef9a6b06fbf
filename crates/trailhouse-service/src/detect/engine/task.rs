//! What is judged: for each rule, the rows that it has not covered yet.

use std::{collections::BTreeSet, time::Duration};

use trailhouse_detect::{EventPeriods, JudgeWhen, Mode, Rule};
use trailhouse_lake::{Coverage, RunKind};
use trailhouse_model::{EventTime, TableVersion};
use trailhouse_query::SiteContext;

/// Which rules a round judges with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleChoice {
    /// Only rules whose id contains this.
    pub matching: Option<String>,
    /// Only these rules, by id.
    pub ids: Option<BTreeSet<String>>,
}

impl RuleChoice {
    /// Says whether the rule is meant, whatever its mode.
    pub fn includes(&self, id: &str) -> bool {
        let is_listed = self.ids.as_ref().is_none_or(|ids| ids.contains(id));
        is_listed && self.matching.as_ref().is_none_or(|text| id.contains(text))
    }
}

/// Which rows a round judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowChoice {
    /// What has arrived since each rule's last run. A rule that has never run judges everything.
    New,
    /// What has arrived since each rule's last run. A rule that has never run, on a lake where
    /// others have, starts with what comes next.
    NewFromNow,
    /// The whole lake again; findings are not alerted.
    All,
    /// The events of a stretch of time again; findings are not alerted, and what has arrived stays
    /// as covered as it was.
    Backfill {
        /// The first time.
        from: EventTime,
        /// The first time after it.
        to: EventTime,
    },
}

/// How the rows of a task are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rows {
    /// Those that were added after a version.
    Arrived { after: Option<TableVersion> },
    /// The periods that rows added after a version lie in, and those that have closed since.
    Periods {
        after: Option<TableVersion>,
        every: Duration,
        span: Duration,
        closing: Option<Closing>,
    },
    /// Those of a stretch of event time.
    Stretch { from: EventTime, to: EventTime },
    /// Every period in a stretch of event time.
    PeriodsOf { from: EventTime, to: EventTime, every: Duration, span: Duration },
    /// None: the rule starts here.
    Nothing,
}

impl Rows {
    pub(crate) fn is_by_arrival(self) -> bool {
        matches!(self, Self::Arrived { .. } | Self::Nothing)
    }

    /// Returns the version after which the rows were added, where that decides.
    pub(crate) fn after(self) -> Option<TableVersion> {
        match self {
            Self::Arrived { after } | Self::Periods { after, .. } => after,
            Self::Stretch { .. } | Self::PeriodsOf { .. } | Self::Nothing => None,
        }
    }

    /// Returns how periods lie, where they are judged.
    pub(crate) fn step_and_span(self) -> Option<(Duration, Duration)> {
        match self {
            Self::Periods { every, span, .. } | Self::PeriodsOf { every, span, .. } => {
                Some((every, span))
            }
            Self::Arrived { .. } | Self::Stretch { .. } | Self::Nothing => None,
        }
    }
}

/// Which periods are judged because they have closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Closing {
    /// Those that end here or before are judged already.
    pub(crate) after: Option<EventTime>,
    /// Those that end here or before have closed.
    pub(crate) up_to: EventTime,
}

/// One rule and the rows that it is to judge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'r> {
    pub(crate) rule: &'r Rule,
    pub(crate) kind: RunKind,
    pub(crate) rows: Rows,
    pub(crate) alerts: bool,
}

/// The tasks of a round, and the rules that have none.
#[derive(Debug, Default)]
pub(crate) struct Agenda<'r> {
    pub(crate) tasks: Vec<Task<'r>>,
    pub(crate) idle: u64,
    /// Rules that need what the site does not have, with what that is.
    pub(crate) skipped: Vec<(String, String)>,
}

/// What decides on the tasks of a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) coverage: &'a Coverage,
    pub(crate) up_to: TableVersion,
    pub(crate) rows: RowChoice,
    pub(crate) now: EventTime,
}

impl<'r> Agenda<'r> {
    /// Decides what each rule judges.
    pub(crate) fn of(
        rules: &'r [Rule],
        choice: &RuleChoice,
        context: &SiteContext,
        situation: Situation<'_>,
    ) -> Self {
        let mut agenda = Self::default();
        for rule in rules {
            let runs = match rule.detection.mode {
                Mode::Active | Mode::Staging => true,
                Mode::Paused => false,
            };
            if !runs || !choice.includes(rule.detection.id.as_str()) {
                continue;
            }
            if let Some(unmet) = context.unmet_needs(&rule.detection.needs).first() {
                let id = rule.detection.id.as_str().to_owned();
                agenda.skipped.push((id, unmet.to_string()));
                continue;
            }
            match situation.task(rule) {
                Some(task) => agenda.tasks.push(task),
                None => agenda.idle += 1,
            }
        }
        agenda
    }
}

impl Situation<'_> {
    fn task<'r>(&self, rule: &'r Rule) -> Option<Task<'r>> {
        let covered = self.coverage.detections.get(rule.detection.id.as_str());
        let periods = rule.detection.window.event_periods();
        let (kind, rows, alerts) = match self.rows {
            RowChoice::Backfill { from, to } => {
                let rows = match periods {
                    None => Rows::Stretch { from, to },
                    Some(EventPeriods { every, span, .. }) => {
                        Rows::PeriodsOf { from, to, every, span }
                    }
                };
                (RunKind::Backfill, rows, false)
            }
            RowChoice::All => (RunKind::Schedule, self.arrived(None, periods, None), false),
            RowChoice::NewFromNow if covered.is_none() && !self.coverage.detections.is_empty() => {
                (RunKind::Start, Rows::Nothing, false)
            }
            RowChoice::New | RowChoice::NewFromNow => {
                let after = covered.map(|covered| covered.version);
                let closed_to = covered.and_then(|covered| covered.closed_to);
                let rows = self.arrived(after, periods, closed_to);
                if after == Some(self.up_to) && !has_closed(&rows, periods) {
                    return None;
                }
                (RunKind::Schedule, rows, true)
            }
        };
        Some(Task { rule, kind, rows, alerts })
    }

    fn arrived(
        &self,
        after: Option<TableVersion>,
        periods: Option<EventPeriods>,
        closed_to: Option<EventTime>,
    ) -> Rows {
        let Some(EventPeriods { every, span, lateness, judge }) = periods else {
            return Rows::Arrived { after };
        };
        let closing = match judge {
            JudgeWhen::Rows => None,
            JudgeWhen::Closed => {
                let up_to = minus(self.now, lateness.unwrap_or_default());
                Some(Closing { after: closed_to, up_to })
            }
        };
        Rows::Periods { after, every, span, closing }
    }
}

/// Says whether a period has ended since the last one that was judged as closed.
fn has_closed(rows: &Rows, periods: Option<EventPeriods>) -> bool {
    let Rows::Periods { closing: Some(closing), .. } = rows else { return false };
    let Some(periods) = periods else { return false };
    let Some(after) = closing.after else { return true };
    period_of(closing.up_to, periods.every) > period_of(after, periods.every)
}

/// Returns the number of the period in which a time lies, counted from the Unix epoch.
pub(crate) fn period_of(time: EventTime, every: Duration) -> i64 {
    time.micros().div_euclid(micros(every).max(1))
}

/// Returns the time at which a period begins.
pub(crate) fn start_of(period: i64, every: Duration) -> EventTime {
    EventTime::from_micros(period.saturating_mul(micros(every)))
}

/// Returns the time that lies so long before.
pub(crate) fn minus(time: EventTime, duration: Duration) -> EventTime {
    EventTime::from_micros(time.micros().saturating_sub(micros(duration)))
}

/// Returns the time that lies so long after.
pub(crate) fn plus(time: EventTime, duration: Duration) -> EventTime {
    EventTime::from_micros(time.micros().saturating_add(micros(duration)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
