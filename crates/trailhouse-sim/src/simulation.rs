//! The loop: takes the next event, lets it happen, and knows when a run is over.

use std::time::Duration;

use crate::{
    ingester::{Process, ProcessId, Standing},
    invariants::Invariant,
    meddler::{Honest, Meddler},
    outcome::Outcome,
    plan::Plan,
    trace::{Trace, Who},
    world::{Event, World},
};

/// More events than any run needs: a run with more goes round in circles.
const EVENTS_MAX: u64 = 1_000_000;
/// How long a process that has ended is away.
const DOWN_MAX: Duration = Duration::from_secs(60);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Trouble,
    /// Nothing goes wrong any more; what is left must be done soon.
    Calm,
    /// All is done, and all are asked to end.
    Closing,
}

/// Makes what stands between the machines of one process and the world.
pub type MakeMeddler<'a> = &'a dyn Fn() -> Box<dyn Meddler>;

/// Runs one world to its end.
pub fn run(seed: u64, plan: &Plan) -> Outcome {
    run_with(seed, plan, &|| Box::new(Honest))
}

/// Runs one world to its end with something in it that is wrong.
pub fn run_with(seed: u64, plan: &Plan, meddlers: MakeMeddler<'_>) -> Outcome {
    Simulation::new(seed, plan, meddlers, Trace::new(false)).run()
}

/// Runs one world to its end and keeps its action log as text.
pub fn run_traced(seed: u64, plan: &Plan) -> Outcome {
    Simulation::new(seed, plan, &|| Box::new(Honest), Trace::new(true)).run()
}

struct Simulation<'a> {
    seed: u64,
    plan: &'a Plan,
    meddlers: MakeMeddler<'a>,
    world: World,
    processes: Vec<Option<Box<Process>>>,
    incarnations: Vec<u32>,
    phase: Phase,
    done_at: Option<Duration>,
}

impl<'a> Simulation<'a> {
    fn new(seed: u64, plan: &'a Plan, meddlers: MakeMeddler<'a>, trace: Trace) -> Self {
        let mut world = World::new(seed, plan, trace);
        let ingesters = world.scenario.ingesters;
        for ingester in 0..ingesters {
            let at = world.random.duration(Duration::ZERO, DOWN_MAX);
            world.schedule.plan(at, Event::Start { ingester });
        }
        let calm_at = world.scenario.calm_at;
        world.schedule.plan(calm_at, Event::Calm);
        Self {
            seed,
            plan,
            meddlers,
            world,
            processes: (0..ingesters).map(|_| None).collect(),
            incarnations: vec![0; ingesters],
            phase: Phase::Trouble,
            done_at: None,
        }
    }

    fn run(mut self) -> Outcome {
        while let Some((at, event)) = self.world.schedule.pop() {
            self.world.now = self.world.now.max(at);
            self.world.counts.steps += 1;
            self.happen(event);
            self.look_around();
            if self.world.violation.is_some() {
                break;
            }
        }
        if self.world.violation.is_none() {
            self.world.judge_end();
        }
        Outcome::new(self.seed, self.world, self.done_at)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { from, call, then } => self.world.arrive(from, *call, then),
            Event::Answer { to, reply } => {
                if let Some(at) = self.stalled_until(to) {
                    self.world.schedule.plan(at, Event::Answer { to, reply });
                } else {
                    self.with_process(to, |process, world| process.hear(world, *reply));
                }
            }
            Event::Wake { to } => {
                if let Some(at) = self.stalled_until(to) {
                    self.world.schedule.plan(at, Event::Wake { to });
                } else {
                    self.with_process(to, Process::wake);
                }
            }
            Event::Resume { to } => self.with_process(to, Process::resume),
            Event::Start { ingester } => self.start(ingester),
            Event::Calm => {
                let now = self.world.now;
                self.world.trace.note(now, Who::World, "calm", (), String::new);
                self.world.faults.stop();
                self.phase = Phase::Calm;
            }
        }
    }

    fn start(&mut self, ingester: usize) {
        if self.phase == Phase::Closing {
            return;
        }
        let (Some(slot), Some(incarnation)) =
            (self.processes.get_mut(ingester), self.incarnations.get_mut(ingester))
        else {
            return;
        };
        *incarnation += 1;
        let id = ProcessId { ingester, incarnation: *incarnation };
        *slot = Some(Box::new(Process::start(&mut self.world, id, (self.meddlers)())));
    }

    fn process(&self, id: ProcessId) -> Option<&Process> {
        self.processes.get(id.ingester)?.as_deref().filter(|process| process.id == id)
    }

    fn stalled_until(&self, id: ProcessId) -> Option<Duration> {
        let until = self.process(id)?.stalled_until;
        (until > self.world.now).then_some(until)
    }

    /// Lets something happen to a process, if it is still there.
    fn with_process(&mut self, id: ProcessId, happen: impl FnOnce(&mut Process, &mut World)) {
        let Some(slot) = self.processes.get_mut(id.ingester) else { return };
        let Some(process) = slot.as_deref_mut().filter(|process| process.id == id) else { return };
        happen(process, &mut self.world);
        if process.standing == Standing::Gone {
            *slot = None;
            let at = self.world.now + self.world.random.duration(Duration::ZERO, DOWN_MAX);
            self.world.schedule.plan(at, Event::Start { ingester: id.ingester });
        }
    }

    /// Notices when all is done, and when it takes too long.
    fn look_around(&mut self) {
        let is_late =
            self.world.now > self.world.scenario.calm_at.saturating_add(self.plan.drain_max);
        let is_endless = self.world.counts.steps > EVENTS_MAX;
        if self.phase != Phase::Closing && (is_late || is_endless) {
            self.world.violate(Invariant::Drains, "messages are left in the queue".to_owned());
        }
        if self.phase == Phase::Calm {
            let redriven = self.world.queue.redrive(self.world.now);
            self.world.counts.dead_letters += u64::from(redriven);
            if self.world.queue.is_empty() {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.phase = Phase::Closing;
        self.done_at = Some(self.world.now);
        let ids: Vec<ProcessId> =
            self.processes.iter().flatten().map(|process| process.id).collect();
        for id in ids {
            self.with_process(id, Process::terminate);
        }
    }
}
