//! Histories of a schedule: time passes, jumps, runs end well or not, rules come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use trailhouse_detect::{
    CronExpression, DetectionId, Due, RuleTiming, RunOutcome, Schedule, ScheduleLimits,
};
use trailhouse_model::EventTime;

const START: EventTime = EventTime::from_micros(1_767_225_600_000_000);
const MINUTE: i64 = 60;
const YEAR: i64 = 366 * 86_400;

fn id(name: &str) -> DetectionId {
    DetectionId::parse(name).unwrap()
}

fn every(name: &str, seconds: u64) -> RuleTiming {
    let every = Some(Duration::from_secs(seconds));
    RuleTiming { id: id(name), every, cron: None, last_run: None }
}

fn limits(concurrency: usize, jitter_seconds: u64) -> ScheduleLimits {
    ScheduleLimits {
        concurrency,
        jitter_max: Duration::from_secs(jitter_seconds),
        default_every: Duration::from_secs(300),
    }
}

fn ids(due: &[Due]) -> Vec<&str> {
    due.iter().map(|due| due.id.as_str()).collect()
}

#[test]
fn rules_due_together_come_together_and_once() {
    let rules = [every("b", 300), every("a", 300), every("c", 600)];
    let mut schedule = Schedule::new(rules, limits(10, 0), START);
    assert_eq!(ids(&schedule.poll(START)), ["a", "b", "c"]);
    assert_eq!(schedule.poll(START.plus_seconds(YEAR)), [], "all are in flight");
    for name in ["a", "b", "c"] {
        schedule.finished(&id(name), START.plus_seconds(10), RunOutcome::Done);
    }
    assert_eq!(schedule.next_wake(), Some(START.plus_seconds(300)));
    assert_eq!(schedule.poll(START.plus_seconds(299)), []);
    assert_eq!(ids(&schedule.poll(START.plus_seconds(300))), ["a", "b"]);
}

#[test]
fn after_downtime_a_rule_is_due_once() {
    let nightly = RuleTiming {
        cron: Some(CronExpression::parse("0 3 * * *").unwrap()),
        ..every("nightly", 1)
    };
    let late = RuleTiming { last_run: Some(START.plus_seconds(-7 * 86_400)), ..nightly.clone() };
    let late = RuleTiming { id: id("late"), ..late };
    let fresh = RuleTiming { last_run: Some(START), ..every("fresh", 300) };
    let mut schedule = Schedule::new([nightly, late, fresh], limits(10, 0), START);
    assert_eq!(ids(&schedule.poll(START)), ["late"]);
    schedule.finished(&id("late"), START, RunOutcome::Done);
    assert_eq!(schedule.next_wake(), Some(START.plus_seconds(300)), "fresh");
    let morning = START.plus_seconds(3 * 3600);
    assert_eq!(ids(&schedule.poll(morning)), ["fresh", "late", "nightly"]);
}

#[test]
fn a_rule_that_fails_is_tried_again_after_longer_and_longer_pauses() {
    let mut schedule = Schedule::new([every("a", 60)], limits(1, 0), START);
    let mut now = START;
    let mut pauses = Vec::new();
    for failures in 0..10 {
        let due = schedule.poll(now);
        assert_eq!((due.len(), due[0].failures), (1, failures));
        schedule.finished(&id("a"), now, RunOutcome::Failed);
        let next = schedule.next_wake().unwrap();
        pauses.push((next.micros() - now.micros()) / 1_000_000);
        now = next;
    }
    assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    assert_eq!(schedule.poll(now).len(), 1);
    schedule.finished(&id("a"), now, RunOutcome::Done);
    assert!(schedule.next_wake().unwrap() <= now.plus_seconds(60));
}

#[test]
fn a_clock_that_was_far_ahead_does_not_hold_rules_back() {
    let mut schedule = Schedule::new([every("a", 300)], limits(1, 0), START.plus_seconds(YEAR));
    assert_eq!(schedule.poll(START.plus_seconds(YEAR)).len(), 1);
    schedule.finished(&id("a"), START.plus_seconds(YEAR), RunOutcome::Done);
    assert_eq!(schedule.poll(START), []);
    assert_eq!(schedule.next_wake(), Some(START.plus_seconds(300)));
}

#[test]
fn a_reload_keeps_what_is_in_flight() {
    let mut schedule = Schedule::new([every("a", 300), every("b", 300)], limits(2, 0), START);
    assert_eq!(schedule.poll(START).len(), 2);
    schedule.reload([every("a", 60), every("c", 60)], START);
    assert_eq!(schedule.in_flight(), 2, "b leaves when it ends");
    assert_eq!(schedule.poll(START), []);
    assert_eq!(schedule.next_wake(), None);
    schedule.finished(&id("b"), START, RunOutcome::Failed);
    assert_eq!(ids(&schedule.poll(START)), ["c"]);
    schedule.reload([every("a", 60), every("b", 60), every("c", 60)], START);
    schedule.finished(&id("a"), START, RunOutcome::Done);
    assert_eq!(ids(&schedule.poll(START)), ["b"], "b is a new rule");
    schedule.finished(&id("nobody"), START, RunOutcome::Done);
    schedule.finished(&id("a"), START, RunOutcome::Failed);
    assert_eq!(schedule.poll(START.plus_seconds(60)), [], "both places are taken");
}

#[test]
fn under_load_every_rule_has_its_turn() {
    let names: Vec<String> = (0..7).map(|number| format!("r{number}")).collect();
    let rules = names.iter().map(|name| every(name, 60));
    let mut schedule = Schedule::new(rules, limits(1, 60), START);
    let mut runs = BTreeMap::new();
    for run in 0..70_i64 {
        let now = START.plus_seconds(run * 5 * MINUTE);
        let due = schedule.poll(now);
        assert_eq!(due.len(), 1, "one place, more rules than it can serve");
        *runs.entry(due[0].id.clone()).or_insert(0) += 1;
        schedule.finished(&due[0].id, now.plus_seconds(5 * MINUTE), RunOutcome::Done);
    }
    assert_eq!(runs.into_values().collect::<Vec<i32>>(), [10; 7]);
}

#[derive(Debug, Clone)]
enum Step {
    Pass { seconds: i64 },
    Poll,
    Finish { which: usize, outcome: RunOutcome },
    Reload { present: u8, every: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(RunOutcome::Done), Just(RunOutcome::Failed)];
    prop_oneof![
        4 => (0..40 * MINUTE).prop_map(|seconds| Step::Pass { seconds }),
        1 => (-YEAR..YEAR).prop_map(|seconds| Step::Pass { seconds }),
        4 => Just(Step::Poll),
        4 => (0..8_usize, outcome).prop_map(|(which, outcome)| Step::Finish { which, outcome }),
        1 => (any::<u8>(), 1..7200_u64).prop_map(|(present, every)| Step::Reload { present, every }),
    ]
}

/// Rules by the bits of a number, every second one by cron.
fn rules(present: u8, seconds: u64) -> Vec<RuleTiming> {
    let rule = |bit: u8| {
        let rule = every(&format!("r{bit}"), seconds + u64::from(bit));
        let cron = (bit % 2 == 1).then(|| CronExpression::parse("*/7 * * * *").unwrap());
        RuleTiming { cron, ..rule }
    };
    (0..8).filter(|bit| present >> bit & 1 == 1).map(rule).collect()
}

struct World {
    schedule: Schedule,
    now: EventTime,
    concurrency: usize,
    in_flight: BTreeSet<DetectionId>,
    present: BTreeSet<DetectionId>,
}

impl World {
    fn poll(&mut self) -> Vec<Due> {
        let due = self.schedule.poll(self.now);
        for one in &due {
            assert!(self.in_flight.insert(one.id.clone()), "{} is in flight twice", one.id);
            assert!(self.present.contains(&one.id), "{} is no rule", one.id);
            assert!(one.since <= self.now);
        }
        assert!(self.in_flight.len() <= self.concurrency);
        assert_eq!(self.schedule.in_flight(), self.in_flight.len());
        assert!(self.schedule.next_wake().is_none_or(|wake| wake > self.now));
        due
    }

    fn finish(&mut self, id: &DetectionId, outcome: RunOutcome) {
        self.in_flight.remove(id);
        self.schedule.finished(id, self.now, outcome);
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Pass { seconds } => self.now = self.now.plus_seconds(*seconds),
            Step::Poll => {
                self.poll();
            }
            Step::Finish { which, outcome } => {
                if let Some(id) = self.in_flight.iter().nth(*which).cloned() {
                    self.finish(&id, *outcome);
                }
            }
            Step::Reload { present, every } => {
                let rules = rules(*present, *every);
                self.present = rules.iter().map(|rule| rule.id.clone()).collect();
                self.schedule.reload(rules, self.now);
            }
        }
    }

    /// Lets all runs end well until the longest interval and the longest pause are over.
    fn settle(&mut self) -> BTreeSet<DetectionId> {
        let end = self.now.plus_seconds(3 * 3600);
        let mut ran = BTreeSet::new();
        for id in self.in_flight.clone() {
            self.finish(&id, RunOutcome::Done);
        }
        while self.now <= end {
            for due in self.poll() {
                self.finish(&due.id, RunOutcome::Done);
                ran.insert(due.id);
            }
            let Some(wake) = self.schedule.next_wake() else { break };
            self.now = wake.max(self.now.plus_seconds(1));
        }
        ran
    }
}

proptest! {
    #[test]
    fn no_history_runs_a_rule_twice_at_once_or_forgets_one(
        concurrency in 1..5_usize,
        jitter in 0..900_u64,
        present in any::<u8>(),
        seconds in 1..7200_u64,
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let rules = rules(present, seconds);
        let mut world = World {
            present: rules.iter().map(|rule| rule.id.clone()).collect(),
            schedule: Schedule::new(rules, limits(concurrency, jitter), START),
            now: START,
            concurrency,
            in_flight: BTreeSet::new(),
        };
        for step in &steps {
            world.take(step);
        }
        let ran = world.settle();
        prop_assert_eq!(ran, world.present);
    }
}
