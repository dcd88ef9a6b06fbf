//! One run of a machine in its world.

use std::time::{Duration, Instant};

use trailhouse_ingest::{Action, IngestLimits, IngestMachine, Input, invariants};

use crate::world::{Fate, World};

/// For how long the queue of the world keeps a message from others.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(30);

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Complete { pick: usize, fate: Fate },
    Tick { millis: u64 },
    StoreElsewhere { index: usize },
    ExpireLeases,
    Drain,
    Crash { commit_lands: bool },
}

/// A machine with its world and the actions that are on their way.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) machine: IngestMachine,
    in_flight: Vec<Action>,
    limits: IngestLimits,
    machines: u32,
}

impl Run {
    pub(crate) fn new(messages: &[Vec<usize>], limits: IngestLimits) -> Self {
        let now = Instant::now();
        let world = World::new(messages, now, VISIBILITY);
        let machine = IngestMachine::new(limits.clone(), "run0", now);
        let mut run = Self { world, machine, in_flight: Vec::new(), limits, machines: 1 };
        run.settle();
        run
    }

    /// Takes the actions of the machine and checks it.
    pub(crate) fn settle(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            self.in_flight.push(action);
        }
        self.in_flight.retain(|action| !matches!(action, Action::Forget { .. }));
        invariants::check(&self.machine).unwrap();
        let commits = self.in_flight.iter().filter(|action| is_commit(action)).count();
        assert!(commits <= 1, "one commit at a time");
    }

    pub(crate) fn complete(&mut self, pick: usize, fate: Fate) {
        if self.in_flight.is_empty() {
            return;
        }
        let action = self.in_flight.remove(pick % self.in_flight.len());
        if let Some(input) = self.world.complete(action, fate) {
            self.machine.handle(self.world.now, input);
        }
        // A receive takes time where nothing comes.
        self.machine.handle_timeout(self.world.now);
        self.settle();
    }

    fn tick(&mut self, by: Duration) {
        self.world.now += by;
        self.machine.handle_timeout(self.world.now);
        self.settle();
    }

    /// A new process takes over; what the old one had sent off may still take effect.
    pub(crate) fn restart(&mut self, commit_lands: bool) {
        for action in std::mem::take(&mut self.in_flight) {
            if commit_lands && is_commit(&action) {
                self.world.complete(action, Fate::AppliedUnknown);
            }
        }
        self.world.forget_machine();
        let run_id = format!("run{}", self.machines);
        self.machines += 1;
        self.machine = IngestMachine::new(self.limits.clone(), &run_id, self.world.now);
        self.settle();
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Complete { pick, fate } => self.complete(pick, fate),
            Op::Tick { millis } => self.tick(Duration::from_millis(millis)),
            Op::StoreElsewhere { index } => self.world.store_elsewhere(index),
            Op::ExpireLeases => self.world.expire_leases(),
            Op::Drain => {
                self.machine.handle(self.world.now, Input::Drain);
                self.settle();
            }
            Op::Crash { commit_lands } => self.restart(commit_lands),
        }
        if self.machine.is_finished() {
            self.restart(true);
        }
    }

    /// Lets the machine work without faults until it says that it is done.
    pub(crate) fn finish(&mut self) {
        for _ in 0..20_000 {
            if self.machine.is_finished() {
                return;
            }
            if self.in_flight.is_empty() {
                let wake = self.machine.poll_timeout().expect("it waits for something");
                let pause = wake.saturating_duration_since(self.world.now);
                self.tick(pause);
            } else {
                self.complete(0, Fate::Success);
            }
        }
        panic!("the machine does not come to an end: {:?}", self.machine.report());
    }
}

fn is_commit(action: &Action) -> bool {
    matches!(action, Action::Commit { .. })
}
