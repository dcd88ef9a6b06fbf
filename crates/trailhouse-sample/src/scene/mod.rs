//! The ordinary days: what people, pipelines, workloads and services do.

mod data;
mod lines;
mod people;
mod pipeline;
mod sweep;
mod workload;

use crate::{
    caller::Caller,
    organization::{HOME_REGION, SampleAccount},
    tape::{Call, Place, Tape},
    when::{DAY, DAYS, FIRST_DAY, HOUR, MINUTE, is_weekend},
};

pub(crate) use lines::Line;
pub(crate) use workload::{assumed, role_resource};

/// Whether people come to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rhythm {
    Working,
    Resting,
}

/// No scene starts later in its hour, so that none runs into the next day.
const START_MINUTE_MAX: u32 = 40;

/// Plays all ordinary days onto the tape.
pub(crate) fn play_ordinary_days(tape: &mut Tape) {
    for day in 0..DAYS {
        let midnight = FIRST_DAY + day * DAY;
        let rhythm = if is_weekend(day) { Rhythm::Resting } else { Rhythm::Working };
        for hour in 0..24 {
            workload::play_hour(tape, midnight + hour * HOUR, hour);
            data::play_hour(tape, midnight + hour * HOUR, hour, rhythm);
            sweep::play_hour(tape, midnight + hour * HOUR, hour);
        }
        people::play_day(tape, midnight, rhythm);
        if rhythm == Rhythm::Working {
            pipeline::play_working_day(tape, midnight, day);
        }
    }
}

/// One caller's doings in one place, with a clock that runs on with each call.
pub(crate) struct Scene<'tape> {
    pub(crate) tape: &'tape mut Tape,
    pub(crate) place: Place,
    pub(crate) caller: Caller,
    /// The most seconds between two calls.
    pub(crate) pace: u32,
}

impl<'tape> Scene<'tape> {
    pub(crate) fn new(
        tape: &'tape mut Tape,
        account: SampleAccount,
        at: i64,
        caller: Caller,
    ) -> Self {
        Self { tape, place: Place { at, account, region: HOME_REGION }, caller, pace: 2 }
    }

    pub(crate) fn pace(self, pace: u32) -> Self {
        Self { pace, ..self }
    }

    /// Makes the call and lets some time pass.
    pub(crate) fn play(&mut self, call: &Call) -> String {
        let event_id = self.tape.record(self.place, &self.caller, call);
        self.wait(0, self.pace);
        event_id
    }

    pub(crate) fn wait(&mut self, first: u32, last: u32) {
        self.place.at += i64::from(self.tape.random.between(first, last));
    }

    /// Reads every line once, in order.
    pub(crate) fn read_all(&mut self, lines: &[Line]) {
        for line in lines {
            self.read(line);
        }
    }

    /// Reads lines of its own choice.
    pub(crate) fn read_some(&mut self, lines: &[Line], first: u32, last: u32) {
        for _ in 0..self.tape.random.between(first, last) {
            let Some(line) = self.tape.random.choose(lines) else { return };
            self.read(line);
        }
    }

    pub(crate) fn read(&mut self, line: &Line) {
        let parameters = self.fill(line.parameters);
        let call = Call::read(line.service, line.name);
        let call = if parameters.is_empty() { call } else { call.parameters(parameters) };
        self.play(&call);
    }

    /// Puts in the account for `%A`, the region for `%R` and some hexadecimal digits for `%N`.
    pub(crate) fn fill(&mut self, template: &str) -> String {
        if !template.contains('%') {
            return template.to_owned();
        }
        let filled = template.replace("%A", self.place.account.id).replace("%R", self.place.region);
        if filled.contains("%N") { filled.replace("%N", &self.tape.random.hex(17)) } else { filled }
    }
}

/// Picks a moment in the hour.
fn moment(tape: &mut Tape, hour_starts: i64) -> i64 {
    let minute = i64::from(tape.random.below(START_MINUTE_MAX));
    hour_starts + minute * MINUTE + i64::from(tape.random.below(60))
}

/// Picks a moment in working hours, mornings and afternoons more than the edges of the day.
fn working_moment(tape: &mut Tape, midnight: i64) -> i64 {
    const HOURS: [i64; 14] = [7, 8, 8, 9, 9, 9, 10, 11, 12, 13, 13, 14, 15, 16];
    let hour = tape.random.choose(&HOURS).copied().unwrap_or(9);
    moment(tape, midnight + hour * HOUR)
}
