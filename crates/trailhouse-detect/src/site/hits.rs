//! What exceptions do to findings, and how often.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_model::{EventTime, Severity};

use super::exception::{Exception, ExceptionId, ExceptionMode};
use crate::{rulebook::Rule, words::CalendarDay};

/// How often exceptions applied on one day, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionHits {
    day: CalendarDay,
    counts: BTreeMap<ExceptionId, u64>,
}

/// A finding after the exceptions and silences of its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excepted {
    /// Its severity; exceptions never raise it.
    pub severity: Severity,
    /// The tags that exceptions gave it.
    pub tags: BTreeSet<String>,
    /// The first exception or silence that keeps it from alerting.
    pub suppressed_by: Option<String>,
    /// The exceptions that applied.
    pub applied: Vec<ExceptionId>,
    /// The exceptions that matched and did not apply, because they had their hits of the day.
    pub over_limit: Vec<ExceptionId>,
}

impl ExceptionHits {
    /// Starts from what was counted on that day before.
    pub fn new(day: CalendarDay, counts: BTreeMap<ExceptionId, u64>) -> Self {
        Self { day, counts }
    }

    /// Returns how often each exception has applied on the day.
    pub fn counts(&self) -> &BTreeMap<ExceptionId, u64> {
        &self.counts
    }

    /// Counts one more hit, where the exception applies on the day and has hits left.
    fn take(&mut self, exception: &Exception) -> bool {
        let count = self.counts.entry(exception.id.clone()).or_insert(0);
        let has_left = exception.hits_per_day_max.is_none_or(|max| *count < u64::from(max));
        if has_left {
            *count = count.saturating_add(1);
        }
        has_left
    }
}

impl Rule {
    /// Applies the exceptions whose conditions hold for a finding, in their order, and then the
    /// silences. An exception that has expired is passed over; one that has had its hits of the day
    /// does not apply any more, so the finding alerts again.
    ///
    /// Which findings come first decides whose hits are counted: give them in one fixed order, by
    /// fingerprint.
    pub fn except<'e>(
        &self,
        severity: Severity,
        entity: Option<&str>,
        matched: impl IntoIterator<Item = &'e Exception>,
        hits: &mut ExceptionHits,
        now: EventTime,
    ) -> Excepted {
        let mut excepted = Excepted {
            severity,
            tags: BTreeSet::new(),
            suppressed_by: None,
            applied: Vec::new(),
            over_limit: Vec::new(),
        };
        let day = hits.day;
        for exception in matched.into_iter().filter(|exception| exception.is_current(day)) {
            if hits.take(exception) {
                excepted.apply(exception);
            } else {
                excepted.over_limit.push(exception.id.clone());
            }
        }
        if excepted.suppressed_by.is_none() {
            let silence = self.silenced_by(entity, now);
            excepted.suppressed_by = silence.map(|silence| silence.label());
        }
        excepted
    }
}

impl Excepted {
    fn apply(&mut self, exception: &Exception) {
        match &exception.mode {
            ExceptionMode::Suppress => {
                self.suppressed_by.get_or_insert_with(|| exception.label());
            }
            ExceptionMode::Downgrade(level) => self.severity = self.severity.min(*level),
            ExceptionMode::Tag(word) => {
                self.tags.insert(word.clone());
            }
        }
        self.applied.push(exception.id.clone());
    }
}
