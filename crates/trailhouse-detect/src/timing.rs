//! When one rule is due.

use std::time::Duration;

use trailhouse_model::{EventTime, ObjectId};

use crate::{cron::CronExpression, definition::DetectionId};

/// What decides when a rule is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTiming {
    /// The rule.
    pub id: DetectionId,
    /// Its interval.
    pub every: Option<Duration>,
    /// Its times; they count where it has an interval too.
    pub cron: Option<CronExpression>,
    /// When its last good run began; absent where there was none.
    pub last_run: Option<EventTime>,
}

impl RuleTiming {
    pub(crate) fn pace(&self, default_every: Duration, jitter_max: Duration) -> Pace {
        let hash = ObjectId::from_parts(&[b"phase", self.id.as_str().as_bytes()]).0;
        let [a, b, c, d, ..] = hash;
        let share = u64::from(u32::from_be_bytes([a, b, c, d]));
        match &self.cron {
            Some(cron) => Pace::Cron { cron: cron.clone(), phase: part_of(jitter_max, share) },
            None => {
                let every = self.every.unwrap_or(default_every).max(EVERY_MIN);
                Pace::Interval { every, phase: part_of(jitter_max.min(every), share) }
            }
        }
    }
}

/// The shortest interval.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// The rhythm of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pace {
    Interval { every: Duration, phase: Duration },
    Cron { cron: CronExpression, phase: Duration },
}

/// Later than any clock will show.
const NEVER: EventTime = EventTime::from_micros(i64::MAX);

impl Pace {
    /// Returns when a rule that never ran is due.
    pub(crate) fn first(&self, now: EventTime) -> EventTime {
        match self {
            Self::Interval { .. } => now,
            Self::Cron { .. } => self.next_after(now),
        }
    }

    /// Returns the first time after this one at which the rule is due.
    pub(crate) fn next_after(&self, time: EventTime) -> EventTime {
        match self {
            Self::Interval { every, phase } => {
                let (every, phase) = (micros(*every), micros(*phase));
                let since_phase = time.micros().saturating_sub(phase).rem_euclid(every);
                EventTime::from_micros(time.micros().saturating_add(every - since_phase))
            }
            Self::Cron { cron, phase } => {
                let phase = micros(*phase);
                let before = EventTime::from_micros(time.micros().saturating_sub(phase));
                let next = cron.next_after(before).unwrap_or(NEVER);
                EventTime::from_micros(next.micros().saturating_add(phase))
            }
        }
    }
}

/// Returns the time moved forward, held at the end of the range.
pub(crate) fn moved(time: EventTime, by: Duration) -> EventTime {
    EventTime::from_micros(time.micros().saturating_add(micros(by)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Returns this share, of 2^32, of a duration, in whole seconds.
fn part_of(whole: Duration, share: u64) -> Duration {
    let seconds = (u128::from(whole.as_secs()) * u128::from(share)) >> 32;
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(id: &str, every: Option<u64>, cron: Option<&str>) -> RuleTiming {
        RuleTiming {
            id: DetectionId::parse(id).unwrap(),
            every: every.map(Duration::from_secs),
            cron: cron.map(|text| CronExpression::parse(text).unwrap()),
            last_run: None,
        }
    }

    fn check(timing: &RuleTiming, jitter: u64, after: &str, expected: &str) {
        let pace = timing.pace(Duration::from_secs(600), Duration::from_secs(jitter));
        let next = pace.next_after(EventTime::parse_rfc3339(after).unwrap());
        assert_eq!(next.to_string(), expected, "{timing:?}");
    }

    #[test]
    fn intervals_are_aligned_and_moved_by_a_phase_that_the_id_gives() {
        let five = timing("a.b", Some(300), None);
        check(&five, 0, "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z");
        check(&five, 0, "2026-01-01T00:04:59.999999Z", "2026-01-01T00:05:00Z");
        check(&five, 0, "1969-12-31T23:59:00Z", "1970-01-01T00:00:00Z");
        check(&timing("a.b", None, None), 0, "2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z");
        check(&five, 60, "2026-01-01T00:00:00Z", "2026-01-01T00:00:42Z");
        check(&five, 60, "2026-01-01T00:00:42Z", "2026-01-01T00:05:42Z");
        check(&timing("a.c", Some(300), None), 60, "2026-01-01T00:00:00Z", "2026-01-01T00:00:29Z");
        check(&five, 6000, "2026-01-01T00:00:00Z", "2026-01-01T00:03:32Z");
    }

    #[test]
    fn cron_times_are_moved_by_the_phase() {
        let nightly = timing("a.b", None, Some("0 3 * * *"));
        check(&nightly, 0, "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z");
        check(&nightly, 60, "2026-01-01T03:00:00Z", "2026-01-01T03:00:42Z");
        check(&nightly, 60, "2026-01-01T03:00:42Z", "2026-01-02T03:00:42Z");
    }
}
