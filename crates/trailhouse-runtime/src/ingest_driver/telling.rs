//! What the driver tells its observer.

use std::time::Duration;

use trailhouse_model::CommitOutcome;

use super::{Driver, calls::Done};
use crate::{
    observer::{PortCall, Turn},
    ports::PortError,
};

impl<Q, O, L> Driver<'_, Q, O, L> {
    pub(super) fn tell_turn(&self, is_draining: bool) {
        self.observer.turned(Turn { machine: &self.machine, is_draining });
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
