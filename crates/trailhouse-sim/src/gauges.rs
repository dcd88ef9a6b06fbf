//! What one process has in flight, counted from outside its machine and held against the limits.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_ingest::{Action, IngestReport, Input, Ticket};

use crate::{catalog::SMALL_BYTES_MAX, ingester::ProcessId, invariants::Invariant, world::World};

/// Bytes that the rows of an object occupy in relation to its own, at most. What the machine
/// reckons with.
const BYTES_PER_BYTE: u64 = 11;

/// What is in flight.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    receives: u32,
    fetches: u32,
    acknowledges: u32,
    commits: u32,
    /// Objects between look-up and the end of their work.
    objects: BTreeSet<Ticket>,
    asked: Vec<Ticket>,
    bytes: BTreeMap<Ticket, u64>,
}

impl Gauges {
    /// Counts what begins with an action.
    pub(crate) fn wanted(&mut self, action: &Action) {
        match action {
            Action::Receive { .. } => self.receives += 1,
            Action::LookUp { objects } => {
                self.asked = objects.iter().map(|(ticket, _)| *ticket).collect();
                self.objects.extend(&self.asked);
            }
            Action::Fetch { .. } => self.fetches += 1,
            Action::Commit { .. } => self.commits += 1,
            Action::Acknowledge { .. } => self.acknowledges += 1,
            Action::Forget { tickets } => {
                for ticket in tickets {
                    self.objects.remove(ticket);
                    self.bytes.remove(ticket);
                }
            }
            Action::Decode { .. }
            | Action::Quarantine { .. }
            | Action::Probe { .. }
            | Action::ExtendVisibility { .. }
            | Action::Release { .. } => {}
        }
    }

    /// Counts what ends with an answer.
    pub(crate) fn heard(&mut self, input: &Input) {
        match input {
            Input::Received { .. } | Input::ReceiveFailed { .. } => {
                self.receives = self.receives.saturating_sub(1);
            }
            Input::LookedUp { outcome } => {
                if outcome.is_err() {
                    self.asked.iter().for_each(|ticket| {
                        self.objects.remove(ticket);
                    });
                }
            }
            Input::Fetched { ticket, outcome } => {
                self.fetches = self.fetches.saturating_sub(1);
                if outcome.is_err() {
                    self.bytes.remove(ticket);
                }
            }
            Input::Decoded { ticket, outcome } => match outcome {
                Ok(facts) => self.hold(*ticket, facts.memory_bytes),
                Err(_) => {
                    self.bytes.remove(ticket);
                }
            },
            Input::Committed { .. } => self.commits = self.commits.saturating_sub(1),
            Input::Acknowledged { .. } => self.acknowledges = self.acknowledges.saturating_sub(1),
            Input::Quarantined { .. }
            | Input::Probed { .. }
            | Input::VisibilityExtended { .. }
            | Input::Released { .. }
            | Input::Drain => {}
        }
    }

    /// Notes what is kept for an object in work.
    pub(crate) fn hold(&mut self, ticket: Ticket, bytes: u64) {
        if self.objects.contains(&ticket) {
            self.bytes.insert(ticket, bytes);
        }
    }

    /// Holds everything against the limits of the run.
    pub(crate) fn judge(&self, world: &mut World, process: ProcessId, report: &IngestReport) {
        let limits = &world.scenario.limits;
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let gone = report.messages_acknowledged
            + report.messages_unacknowledged
            + report.messages_failed
            + report.messages_lost
            + report.messages_released;
        let largest = SMALL_BYTES_MAX * BYTES_PER_BYTE;
        let wrongly_told = match world.scenario.sizes_are_told {
            true => 0,
            false => largest * u64::from(limits.fetches_in_flight_max),
        };
        let bytes_max = limits.bytes_in_flight_max.max(largest) + wrongly_told;
        let checks = [
            ("messages", report.messages - gone, u64::from(limits.messages_in_flight_max)),
            ("objects", count(self.objects.len()), u64::from(limits.objects_in_flight_max)),
            ("fetches", u64::from(self.fetches), u64::from(limits.fetches_in_flight_max)),
            ("receives", u64::from(self.receives), u64::from(limits.receives_in_flight_max)),
            (
                "deletions",
                u64::from(self.acknowledges),
                u64::from(limits.acknowledges_in_flight_max),
            ),
            ("commits", u64::from(self.commits), 1),
            ("bytes", self.bytes.values().sum(), bytes_max),
        ];
        for (what, found, most) in checks {
            world.require(found <= most, Invariant::WithinLimits, || {
                format!("process {process:?} has {found} {what} in flight, at most {most} may be")
            });
        }
    }
}
