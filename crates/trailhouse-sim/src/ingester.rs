//! One process that ingests: the machines, what they leave to their driver, and what can happen to
//! a process.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use trailhouse_ingest::{Action, IngestMachine, Input, Ticket, invariants};
use trailhouse_model::ObjectRef;

use crate::{
    bucket::Body,
    calls::{Call, Errand, Reply},
    commit::LakeCall,
    fault::Fault,
    gauges::Gauges,
    invariants::Invariant,
    lake_work::Job,
    ledger::Ledger,
    meddler::Meddler,
    trace::Who,
    words,
    world::{Event, World},
};

/// How long a receive waits for messages.
const RECEIVE_WAIT: Duration = Duration::from_secs(20);
/// All books of a machine are checked after so many inputs; its limits after each.
const INPUTS_PER_CHECK: u64 = 16;

/// Names one process: the ingester, and how many there were of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProcessId {
    pub(crate) ingester: usize,
    pub(crate) incarnation: u32,
}

/// How a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Running,
    /// It ended or was killed; what it had sent off may still arrive.
    Gone,
}

/// A process.
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) standing: Standing,
    pub(crate) stalled_until: Duration,
    /// Absent while the lake is opened.
    pub(crate) machine: Option<IngestMachine>,
    pub(crate) meddler: Box<dyn Meddler>,
    pub(crate) ledger: Ledger,
    pub(crate) job: Job,
    pub(crate) look_up: Vec<(Ticket, ObjectRef)>,
    pub(crate) bodies: BTreeMap<Ticket, Body>,
    gauges: Gauges,
    /// How far its clock is behind the world's.
    lag: Duration,
    pub(crate) wall_clock_offset_micros: i64,
    wake_at: Option<Duration>,
    is_asked_to_end: bool,
    drain_since: Option<Duration>,
    inputs: u64,
}

impl Process {
    /// Begins by opening the lake.
    pub(crate) fn start(world: &mut World, id: ProcessId, meddler: Box<dyn Meddler>) -> Self {
        world.counts.processes += 1;
        world.trace.note(world.now, Who::Process(id), "starts", (), String::new);
        let call = Call::Lake { errand: Errand::Log, call: LakeCall::Open };
        world.send(id, call);
        Self {
            id,
            standing: Standing::Running,
            stalled_until: Duration::ZERO,
            machine: None,
            meddler,
            ledger: Ledger::new(world.table.projected()),
            job: Job::Opening,
            look_up: Vec::new(),
            bodies: BTreeMap::new(),
            gauges: Gauges::default(),
            lag: Duration::ZERO,
            wall_clock_offset_micros: 0,
            wake_at: None,
            is_asked_to_end: false,
            drain_since: None,
            inputs: 0,
        }
    }

    /// Takes an answer.
    pub(crate) fn hear(&mut self, world: &mut World, reply: Reply) {
        match reply {
            Reply::Input(input) => self.handle(world, input),
            Reply::Read { ticket, outcome } => {
                let outcome = outcome.map(|body| {
                    let bytes = body.bytes;
                    self.bodies.insert(ticket, body);
                    self.gauges.hold(ticket, bytes);
                    bytes
                });
                self.handle(world, Input::Fetched { ticket, outcome });
            }
            Reply::Lake { errand: Errand::LookUp, reply } => self.look_up_loaded(world, reply),
            Reply::Lake { errand: Errand::Log, reply } => self.log_answered(world, reply),
        }
        self.drive(world);
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, world: &mut World) {
        if self.wake_at.is_none_or(|at| at > world.now) {
            return;
        }
        self.wake_at = None;
        let now = self.clock(world);
        if let Some(machine) = &mut self.machine {
            machine.handle_timeout(now);
        }
        self.drive(world);
    }

    /// Goes on after it did not run for a while.
    pub(crate) fn resume(&mut self, world: &mut World) {
        world.queue.excuse_process(self.id, None);
        if self.drain_since.is_none() {
            world.troubled.remove(&self.id);
        }
        self.drive(world);
    }

    /// Asks it to end.
    pub(crate) fn terminate(&mut self, world: &mut World) {
        self.is_asked_to_end = true;
        self.drive(world);
    }

    /// What its clock shows: it stands still while its machine sleeps.
    pub(crate) fn clock(&self, world: &World) -> Instant {
        world.origin + world.now.saturating_sub(self.lag)
    }

    pub(crate) fn handle(&mut self, world: &mut World, input: Input) {
        let Some(input) = self.meddler.input(input) else { return };
        let now = self.clock(world);
        let id = self.id;
        world.trace.note(world.now, Who::Process(id), "hears", words::input_key(&input), || {
            words::input(&input)
        });
        self.gauges.heard(&input);
        world.counts.note(&input);
        if let Some(machine) = &mut self.machine {
            machine.handle(now, input);
            self.inputs += 1;
            if self.inputs.is_multiple_of(INPUTS_PER_CHECK)
                && let Err(violation) = invariants::check(machine)
            {
                world.violate(Invariant::Accounted, format!("books of {id:?}: {violation}"));
            }
        }
    }

    /// Carries out what the machine wants, unless something happens to the process.
    fn drive(&mut self, world: &mut World) {
        while self.standing == Standing::Running && self.stalled_until <= world.now {
            if std::mem::take(&mut self.is_asked_to_end) {
                self.begin_to_end(world);
            }
            let Some(action) = self.machine.as_mut().and_then(IngestMachine::poll_action) else {
                break;
            };
            let mut answers = Vec::new();
            if let Some(action) = self.meddler.action(action, &mut answers) {
                self.perform(world, action);
            }
            for answer in answers {
                self.handle(world, answer);
            }
            self.meet_trouble(world);
        }
        self.settle(world);
    }

    fn begin_to_end(&mut self, world: &mut World) {
        world.trace.note(world.now, Who::Process(self.id), "is asked to end", (), String::new);
        world.troubled.insert(self.id);
        world.queue.excuse_process(self.id, None);
        self.drain_since.get_or_insert(world.now.saturating_sub(self.lag));
        let now = self.clock(world);
        match &mut self.machine {
            Some(machine) => machine.handle(now, Input::Drain),
            None => self.leave(world),
        }
    }

    /// Leaves where the machine is done, else sets the alarm.
    fn settle(&mut self, world: &mut World) {
        let Some(machine) = &self.machine else { return };
        if self.standing == Standing::Gone || self.stalled_until > world.now {
            return;
        }
        self.gauges.judge(world, self.id, machine.report());
        if machine.is_finished() {
            self.leave(world);
            return;
        }
        let Some(wake) = machine.poll_timeout() else { return };
        let at = wake.saturating_duration_since(world.origin) + self.lag;
        if self.wake_at.is_none_or(|planned| planned > at) {
            self.wake_at = Some(at);
            world.schedule.plan(at.max(world.now), Event::Wake { to: self.id });
        }
    }

    pub(crate) fn leave(&mut self, world: &mut World) {
        world.trace.note(world.now, Who::Process(self.id), "ends", (), String::new);
        if let Some(since) = self.drain_since {
            let took = world.now.saturating_sub(self.lag).saturating_sub(since);
            let drain_max = world.scenario.limits.drain_max;
            world.require(took <= drain_max, Invariant::Drains, || {
                format!("a drain took {took:?}, which is more than {drain_max:?}")
            });
        }
        self.go(world);
    }

    fn go(&mut self, world: &mut World) {
        self.standing = Standing::Gone;
        world.troubled.insert(self.id);
        world.queue.excuse_process(self.id, None);
        let report = self.machine.as_ref().map(IngestMachine::report);
        world.counts.duplicates += report.map_or(0, |report| report.objects_duplicate);
    }

    /// Something may happen to the process between any two of its actions.
    pub(crate) fn meet_trouble(&mut self, world: &mut World) {
        if world.strikes(Fault::Crash) {
            world.trace.note(world.now, Who::Process(self.id), "crashes", (), String::new);
            if self.meddler.deletes_on_crash() {
                world.queue.delete_held_by(self.id);
            }
            self.go(world);
        } else if world.strikes(Fault::Sigterm) {
            self.is_asked_to_end = true;
        } else if world.strikes(Fault::Stall) {
            self.pause(world);
        } else if world.strikes(Fault::Suspend) {
            let slept = self.pause(world);
            self.lag += slept;
        } else if world.strikes(Fault::WallClockJump) {
            let day = i64::from(24 * 3_600) * 1_000_000;
            let jump = world.random.between(0, 48);
            self.wall_clock_offset_micros += day / 24 * (i64::try_from(jump).unwrap_or(24) - 24);
        }
    }

    fn pause(&mut self, world: &mut World) -> Duration {
        let longest = world.scenario.visibility * 3;
        let pause = world.random.duration(Duration::from_millis(1), longest);
        self.stalled_until = world.now + pause;
        world
            .trace
            .note(world.now, Who::Process(self.id), "stalls", pause, || format!("for {pause:?}"));
        // A drain cannot be quick where nothing runs.
        self.drain_since = self.drain_since.map(|since| since + pause);
        world.troubled.insert(self.id);
        world.queue.excuse_process(self.id, None);
        world.schedule.plan(self.stalled_until, Event::Resume { to: self.id });
        pause
    }

    fn perform(&mut self, world: &mut World, action: Action) {
        let id = self.id;
        world.trace.note(world.now, Who::Process(id), "wants", words::action_key(&action), || {
            words::action(&action)
        });
        self.gauges.wanted(&action);
        let call = match action {
            Action::Receive { messages_max, visibility } => {
                Call::Receive { messages_max, visibility, until: world.now + RECEIVE_WAIT }
            }
            Action::LookUp { objects } => {
                self.look_up = objects;
                return self.begin_look_up(world);
            }
            Action::Fetch { ticket, object, bytes_max } => Call::Read { ticket, object, bytes_max },
            Action::Decode { ticket, object: _ } => {
                let Some(body) = self.bodies.get(&ticket).cloned() else {
                    return world.violate(Invariant::Accounted, format!("{ticket} has no bytes"));
                };
                Call::Decode { ticket, body }
            }
            Action::Quarantine { subjects } => Call::Quarantine { subjects },
            Action::Commit { batch, tickets } => return self.begin_commit(world, batch, &tickets),
            Action::Probe { batch } => {
                self.job = Job::Probe { batch, has_read: false };
                Call::log(LakeCall::ReadEntry(self.ledger.version.next()))
            }
            Action::Acknowledge { deliveries } => {
                for delivery in &deliveries {
                    world.judge_acknowledge(delivery);
                }
                Call::Acknowledge { deliveries }
            }
            Action::ExtendVisibility { delivery, by } => Call::Extend { delivery, by },
            Action::Release { delivery, delay } => Call::Release { delivery, delay },
            Action::Forget { tickets } => {
                for ticket in tickets {
                    self.bodies.remove(&ticket);
                }
                return;
            }
        };
        world.send(id, call);
    }
}
