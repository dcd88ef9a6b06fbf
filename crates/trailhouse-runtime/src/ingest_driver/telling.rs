//! What the driver tells its observer.

use std::time::Duration;

use trailhouse_model::CommitOutcome;

use super::{Driver, TURN_INTERVAL_MAX, calls::Done, now};
use crate::{
    observer::{PortCall, Turn},
    ports::PortError,
};

/// The observer hears of turns no more often.
const TELLING_INTERVAL: Duration = Duration::from_millis(50);

impl<Q, O, L> Driver<'_, Q, O, L> {
    /// Tells where the machine stands, but not for each of thousands of answers a second.
    pub(super) fn tell_turn(&mut self, is_draining: bool) {
        let now = now();
        let is_recent = self.told.is_some_and(|(at, was_draining)| {
            was_draining == is_draining && now.saturating_duration_since(at) < TELLING_INTERVAL
        });
        self.is_untold = is_recent && !self.machine.is_finished();
        if !self.is_untold {
            self.told = Some((now, is_draining));
            self.observer.turned(Turn { machine: &self.machine, is_draining });
        }
    }

    /// Returns how long the loop waits when nothing happens.
    pub(super) fn turn_interval(&self) -> Duration {
        if self.is_untold { TELLING_INTERVAL } else { TURN_INTERVAL_MAX }
    }

    /// Tells how a call ended, before the machine hears of it.
    pub(super) fn tell(&mut self, took: Duration, done: &Done) {
        let observer = self.observer;
        let called = |call, outcome| observer.called(call, took, outcome);
        match done {
            Done::Received(outcome) => {
                called(PortCall::Receive, ended(outcome));
                if let Ok(messages) = outcome {
                    observer.received(messages);
                }
            }
            Done::LookedUp(_, outcome) => {
                called(PortCall::LookUp, ended(outcome));
                if let Ok(answers) = outcome {
                    observer.found_stored(answers.iter().filter(|is_stored| **is_stored).count());
                }
            }
            Done::Fetched(_, outcome) => called(PortCall::Fetch, ended(outcome)),
            Done::Decoded(done) => observer.decoded(took, done.outcome.as_ref().map(|_| ())),
            Done::Quarantined(outcome) => {
                called(PortCall::Quarantine, ended(outcome));
                let entries = std::mem::take(&mut self.in_quarantine);
                if outcome.is_ok() {
                    observer.quarantined(&entries);
                }
            }
            Done::Committed(_, outcome) => {
                observer.commit_ended(took, outcome);
                if let CommitOutcome::Committed { version } = outcome {
                    observer.stored(*version, &std::mem::take(&mut self.in_commit));
                }
            }
            Done::Probed(_, outcome) => {
                called(PortCall::Probe, ended(outcome));
                if let Ok(Some(version)) = outcome {
                    observer.stored(*version, &std::mem::take(&mut self.in_commit));
                }
            }
            Done::Acknowledged(_, report) => observer.acknowledged(took, report),
            Done::Extended(_, outcome) => called(PortCall::Extend, ended(outcome)),
            Done::Released(_, outcome) => called(PortCall::Release, ended(outcome)),
        }
    }
}

fn ended<T>(outcome: &Result<T, PortError>) -> Result<(), &PortError> {
    outcome.as_ref().map(|_| ())
}
