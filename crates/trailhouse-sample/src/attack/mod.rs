//! The one thing that should not happen: a leaked key, a look around, a chain of roles, data given
//! away and destroyed, the trail stopped.

mod chain;
mod impact;
mod recon;

use crate::{
    sample::Theme,
    scene::Scene,
    tape::{Call, Tape},
    when::{DAY, FIRST_DAY, HOUR, MINUTE},
};

/// Friday, 2026-06-12, 21:47 UTC, when the office is empty.
pub(crate) const ATTACK_STARTS: i64 = FIRST_DAY + 11 * DAY + 21 * HOUR + 47 * MINUTE;

const INTRUDER_AGENT: &str = "aws-cli/2.27.12 md/awscrt#0.26.1 ua/2.1 os/linux#6.12.25-amd64 \
                              md/arch#x86_64 lang/python#3.13.3 md/pyimpl#CPython \
                              cfg/retry-mode#standard md/installer#exe md/distrib#kali.2026";

/// Plays the attack onto the tape, every step labelled.
pub(crate) fn play(tape: &mut Tape) {
    let at = recon::play(tape, ATTACK_STARTS);
    let stolen = chain::play(tape, at);
    impact::play(tape, &stolen);
}

impl Scene<'_> {
    /// Plays a call that is a step of the attack.
    fn step(&mut self, step: &'static str, theme: Theme, call: &Call) {
        let event_id = self.play(call);
        self.tape.label(event_id, step, theme);
    }
}
