//! The ingest machine in a world whose every answer is chosen by the bytes.

mod answers;
mod choices;
mod promises;

use std::time::{Duration, Instant};

use trailhouse_ingest::{Action, IngestLimits, IngestMachine, Input, invariants};

use self::{answers::World, choices::Choices};

/// Things that happen before the faults stop.
const OPS_MAX: usize = 1_500;
/// What the machine may need to come to an end once the faults have stopped.
const STEPS_MAX: usize = 20_000;
/// What every answer takes then. In no time at all, a queue that answers empty could be asked for
/// ever while a batch waits for more.
const ANSWER_TIME: Duration = Duration::from_millis(10);

/// Reads the bytes as a list of things that happen to a machine: answers good and bad in any
/// order, time passing, a drain. Checks the invariants after each of them, that no message is
/// acknowledged before its objects are settled, and that the machine comes to an end once the
/// bytes have.
pub fn machine(bytes: &[u8]) {
    let mut run = Run::new(Choices::new(bytes));
    for _ in 0..OPS_MAX {
        if run.world.choices.is_over() || run.machine.is_finished() {
            break;
        }
        run.step();
    }
    run.finish();
}

struct Run<'b> {
    machine: IngestMachine,
    world: World<'b>,
    now: Instant,
    in_flight: Vec<Action>,
}

impl<'b> Run<'b> {
    fn new(mut choices: Choices<'b>) -> Self {
        let now = Instant::now();
        let limits = limits(&mut choices);
        let machine = IngestMachine::new(limits, "run", now);
        let world = World::new(choices);
        let mut run = Self { machine, world, now, in_flight: Vec::new() };
        run.settle();
        run
    }

    /// Lets one thing happen.
    fn step(&mut self) {
        match self.world.choices.below(16) {
            0..12 => self.answer(),
            12..14 => {
                let millis = u64::from(self.world.choices.byte()) * 200;
                self.pass(Duration::from_millis(millis));
            }
            14 => self.pass_to_deadline(),
            _ if self.world.choices.below(16) == 15 => self.tell(Input::Drain),
            _ => self.answer(),
        }
    }

    fn answer(&mut self) {
        if self.in_flight.is_empty() {
            return self.pass_to_deadline();
        }
        let pick = self.world.choices.below(self.in_flight.len());
        let action = self.in_flight.remove(pick);
        let input = self.world.answer(action);
        self.tell(input);
    }

    fn tell(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.settle();
    }

    fn pass(&mut self, pause: Duration) {
        self.now += pause;
        self.machine.handle_timeout(self.now);
        self.settle();
    }

    fn pass_to_deadline(&mut self) {
        if let Some(wake) = self.machine.poll_timeout() {
            self.pass(wake.saturating_duration_since(self.now));
        }
    }

    /// Takes the actions of the machine and checks it.
    fn settle(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            self.world.promises.check(&action, &self.in_flight);
            if !matches!(action, Action::Forget { .. }) {
                self.in_flight.push(action);
            }
        }
        invariants::check(&self.machine).unwrap();
    }

    /// Every answer is a good one from now on: the machine must come to an end.
    fn finish(&mut self) {
        self.world.choices.end();
        for _ in 0..STEPS_MAX {
            if self.machine.is_finished() {
                return;
            }
            let waits_for_time = self.in_flight.is_empty();
            assert!(
                !waits_for_time || self.machine.poll_timeout().is_some(),
                "the machine waits for nothing: {:?}",
                self.machine.report()
            );
            self.answer();
            self.pass(ANSWER_TIME);
        }
        panic!("the machine does not come to an end: {:?}", self.machine.report());
    }
}

fn limits(choices: &mut Choices<'_>) -> IngestLimits {
    let bytes_in_flight_max = 100 * u64::from(choices.up_to(200));
    IngestLimits {
        messages_per_receive: choices.up_to(10),
        receives_in_flight_max: choices.up_to(3).into(),
        messages_in_flight_max: choices.up_to(16).into(),
        objects_in_flight_max: choices.up_to(8).into(),
        objects_per_look_up_max: choices.up_to(4).into(),
        fetches_in_flight_max: choices.up_to(4).into(),
        bytes_in_flight_max,
        batch_inflated_bytes_max: bytes_in_flight_max,
        batch_objects_max: choices.up_to(6).into(),
        visibility: choices.flag().then(|| Duration::from_secs(30)),
        lake_failures_max: choices.up_to(4).into(),
        receive_failures_max: choices.up_to(4).into(),
        acknowledges_in_flight_max: choices.up_to(3).into(),
        quarantine_entries_max: choices.up_to(3).into(),
        circuit_messages_max: choices.up_to(6).into(),
        isolate_receive_count: choices.flag().then_some(3),
        ..IngestLimits::once()
    }
}
