//! The schedule: which rules are due. It reads no clock and starts nothing.
//!
//! A rule by interval is due at `k * every + phase`, counted from the Unix epoch; its phase comes
//! from its id, so it stays over restarts and spreads the load of many rules. A rule by cron is due
//! at its times plus its phase. However long nobody asked, a rule is due once: what a run covers is
//! told by the ledger, not by how often it ran.
//!
//! A rule that fails is tried again after a pause that grows, and is never given up.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use trailhouse_model::EventTime;

use crate::{
    definition::DetectionId,
    rulebook::Rule,
    timing::{Pace, RuleTiming, moved},
};

/// The pause after the first failure; it doubles with each that follows.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(30);
/// The longest pause after a failure.
pub const BACKOFF_MAX: Duration = Duration::from_secs(3600);

/// The limits of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleLimits {
    /// The most rules in flight at once; at least one is let through.
    pub concurrency: usize,
    /// The largest phase. A phase is also shorter than the interval of its rule. Zero keeps rules
    /// of one interval together, so that one scan serves them.
    pub jitter_max: Duration,
    /// The interval of rules that name none.
    pub default_every: Duration,
}

/// A rule that is to run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub id: DetectionId,
    /// Since when it is due; never after the time of the poll.
    pub since: EventTime,
    /// How many times in a row it has failed before.
    pub failures: u32,
}

/// How the run of a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// It covered what there was.
    Done,
    /// It did not; its range stays open.
    Failed,
}

/// When rules are due. Every rule is in flight at most once.
#[derive(Debug, Clone)]
pub struct Schedule {
    limits: ScheduleLimits,
    rules: BTreeMap<DetectionId, Slot>,
    /// The time of the last call; a call with an earlier one means that the clock was set back.
    latest: EventTime,
}

#[derive(Debug, Clone)]
struct Slot {
    pace: Pace,
    state: SlotState,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    /// Due at that time.
    Waiting(EventTime),
    InFlight,
    /// In flight, and no longer among the rules.
    Leaving,
}

impl SlotState {
    fn is_in_flight(self) -> bool {
        match self {
            Self::Waiting(_) => false,
            Self::InFlight | Self::Leaving => true,
        }
    }
}

impl Schedule {
    /// Starts with these rules. A rule that ran before goes on from there, so that one that was due
    /// meanwhile is due now. A rule that never ran is due now, by cron at its next time.
    pub fn new(
        rules: impl IntoIterator<Item = RuleTiming>,
        limits: ScheduleLimits,
        now: EventTime,
    ) -> Self {
        let mut schedule = Self { limits, rules: BTreeMap::new(), latest: now };
        schedule.reload(rules, now);
        schedule
    }

    /// Returns the rules that are to run now, the longest due first, and takes them as in flight.
    /// What is due together comes together, as far as the concurrency allows.
    #[must_use]
    pub fn poll(&mut self, now: EventTime) -> Vec<Due> {
        self.observe(now);
        let mut due: Vec<Due> = Vec::new();
        for (id, slot) in &self.rules {
            match slot.state {
                SlotState::Waiting(since) if since <= now => {
                    due.push(Due { id: id.clone(), since, failures: slot.failures });
                }
                SlotState::Waiting(_) | SlotState::InFlight | SlotState::Leaving => {}
            }
        }
        due.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        due.truncate(self.free_places());
        for Due { id, .. } in &due {
            if let Some(slot) = self.rules.get_mut(id) {
                slot.state = SlotState::InFlight;
            }
        }
        due
    }

    /// Takes in how the run of a rule ended. A rule that is not in flight is passed over.
    pub fn finished(&mut self, id: &DetectionId, now: EventTime, outcome: RunOutcome) {
        self.observe(now);
        let Entry::Occupied(mut entry) = self.rules.entry(id.clone()) else {
            return;
        };
        let slot = entry.get_mut();
        match slot.state {
            SlotState::Waiting(_) => {}
            SlotState::InFlight => slot.finish(now, outcome),
            SlotState::Leaving => {
                entry.remove();
            }
        }
    }

    /// Returns when to poll again: after a poll it lies in the future. Absent where only the end of
    /// a run can make a rule due.
    pub fn next_wake(&self) -> Option<EventTime> {
        if self.free_places() == 0 {
            return None;
        }
        let waiting = self.rules.values().filter_map(|slot| match slot.state {
            SlotState::Waiting(at) => Some(at),
            SlotState::InFlight | SlotState::Leaving => None,
        });
        waiting.min()
    }

    /// Takes these rules in place of those before. What is in flight stays so; a rule whose times
    /// are the same keeps its place.
    pub fn reload(&mut self, rules: impl IntoIterator<Item = RuleTiming>, now: EventTime) {
        self.observe(now);
        let mut before = std::mem::take(&mut self.rules);
        for timing in rules {
            let pace = timing.pace(self.limits.default_every, self.limits.jitter_max);
            let slot = match before.remove(&timing.id) {
                Some(slot) => slot.at_pace(pace, now),
                None => Slot::new(pace, timing.last_run, now),
            };
            self.rules.insert(timing.id, slot);
        }
        for (id, slot) in before {
            if slot.state.is_in_flight() {
                self.rules.entry(id).or_insert(Slot { state: SlotState::Leaving, ..slot });
            }
        }
    }

    /// Counts the rules in flight.
    pub fn in_flight(&self) -> usize {
        self.rules.values().filter(|slot| slot.state.is_in_flight()).count()
    }

    fn free_places(&self) -> usize {
        self.limits.concurrency.max(1).saturating_sub(self.in_flight())
    }

    /// Where the clock was set back, what waits is planned again: its time may have been taken from
    /// a clock that was far ahead.
    fn observe(&mut self, now: EventTime) {
        if now < self.latest {
            for slot in self.rules.values_mut() {
                slot.replan(now);
            }
        }
        self.latest = now;
    }
}

impl Slot {
    fn new(pace: Pace, last_run: Option<EventTime>, now: EventTime) -> Self {
        let first = match last_run {
            Some(last) => pace.next_after(last.min(now)),
            None => pace.first(now),
        };
        Self { pace, state: SlotState::Waiting(first), failures: 0 }
    }

    fn at_pace(self, pace: Pace, now: EventTime) -> Self {
        let state = match self.state {
            SlotState::Waiting(at) if pace == self.pace => SlotState::Waiting(at),
            SlotState::Waiting(at) => SlotState::Waiting(at.min(pace.next_after(now))),
            SlotState::InFlight | SlotState::Leaving => SlotState::InFlight,
        };
        Self { pace, state, failures: self.failures }
    }

    fn finish(&mut self, now: EventTime, outcome: RunOutcome) {
        self.failures = match outcome {
            RunOutcome::Done => 0,
            RunOutcome::Failed => self.failures.saturating_add(1),
        };
        self.state = SlotState::Waiting(self.planned(now));
    }

    fn replan(&mut self, now: EventTime) {
        match self.state {
            SlotState::Waiting(at) => self.state = SlotState::Waiting(at.min(self.planned(now))),
            SlotState::InFlight | SlotState::Leaving => {}
        }
    }

    /// Returns when the rule is due next: after its pause where it has failed.
    fn planned(&self, now: EventTime) -> EventTime {
        match self.failures.checked_sub(1) {
            None => self.pace.next_after(now),
            Some(doublings) => moved(now, backoff(doublings)),
        }
    }
}

fn backoff(doublings: u32) -> Duration {
    let factor = 1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX);
    BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_MAX)
}

impl From<&Rule> for RuleTiming {
    /// Takes the times of a rule that has not run yet.
    fn from(rule: &Rule) -> Self {
        let window = &rule.detection.window;
        let id = rule.detection.id.clone();
        Self { id, every: window.every, cron: window.cron.clone(), last_run: None }
    }
}
