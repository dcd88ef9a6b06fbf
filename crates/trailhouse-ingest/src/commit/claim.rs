//! One version of a log: put an entry there unless one is there, and know how that ended.

/// What to do next about the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimStep {
    /// Put the entry, if the version is empty. It is the same entry every time.
    Put,
    /// Read what the version holds.
    Read,
    /// Wait before the attempt of this number, counted from 1.
    Wait {
        /// Which attempt follows.
        attempt: u32,
    },
    /// Nothing: it has ended.
    Ended(ClaimEnd),
}

/// How an attempt to fill a version ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimEnd {
    /// The version holds our entry.
    Won,
    /// The version holds another entry; ours can never land there.
    Lost,
    /// Our entry may have landed, or may land yet.
    Unknown,
    /// The store refused every time; nothing was written and nothing will be.
    Refused,
}

/// What the store said to a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutAnswer {
    /// It is there.
    Stored,
    /// It is not allowed, so nothing was written.
    Refused,
    /// Anything else, "there is one already" included: a store that repeats a request by itself
    /// may meet its own entry.
    Unclear,
}

/// What a version holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotContent {
    /// Our entry.
    Ours,
    /// An entry of somebody else.
    Others,
    /// None, at the time it was read.
    Nothing,
    /// It could not be read.
    Unreadable,
}

/// Decides about one version.
///
/// Invariant: `may_land` holds from the first put with an unclear answer on; from then on the claim
/// never ends as [`ClaimEnd::Refused`], because a request that is still on its way may be carried
/// out after all.
#[derive(Debug, Clone)]
pub struct ClaimMachine {
    step: ClaimStep,
    attempt: u32,
    attempts_max: u32,
    may_land: bool,
    is_refused: bool,
}

impl ClaimMachine {
    /// Makes one that asks for the version so many times.
    pub fn new(attempts_max: u32) -> Self {
        Self { step: ClaimStep::Put, attempt: 0, attempts_max, may_land: false, is_refused: false }
    }

    /// Returns what to do now. Asking does not change it.
    pub fn step(&self) -> ClaimStep {
        self.step
    }

    /// Takes the answer to [`ClaimStep::Put`]. Only what stands in the log counts, so any answer
    /// but the clear one leads to a look.
    pub fn put_ended(&mut self, answer: PutAnswer) {
        debug_assert_eq!(self.step, ClaimStep::Put, "answers a put");
        self.may_land |= answer == PutAnswer::Unclear;
        self.is_refused = answer == PutAnswer::Refused;
        self.step = match answer {
            PutAnswer::Stored => ClaimStep::Ended(ClaimEnd::Won),
            PutAnswer::Refused | PutAnswer::Unclear => ClaimStep::Read,
        };
    }

    /// Takes the answer to [`ClaimStep::Read`].
    pub fn slot_read(&mut self, content: SlotContent) {
        debug_assert_eq!(self.step, ClaimStep::Read, "answers a read");
        self.step = match content {
            SlotContent::Ours => ClaimStep::Ended(ClaimEnd::Won),
            SlotContent::Others => ClaimStep::Ended(ClaimEnd::Lost),
            SlotContent::Nothing if self.is_refused => ClaimStep::Ended(self.without_entry()),
            SlotContent::Nothing | SlotContent::Unreadable => self.next_attempt(),
        };
    }

    /// Takes the end of [`ClaimStep::Wait`].
    pub fn waited(&mut self) {
        debug_assert!(matches!(self.step, ClaimStep::Wait { .. }), "ends a wait");
        self.step = ClaimStep::Put;
    }

    fn next_attempt(&mut self) -> ClaimStep {
        self.attempt = self.attempt.saturating_add(1);
        if self.attempt < self.attempts_max {
            ClaimStep::Wait { attempt: self.attempt }
        } else {
            ClaimStep::Ended(self.without_entry())
        }
    }

    fn without_entry(&self) -> ClaimEnd {
        if self.may_land { ClaimEnd::Unknown } else { ClaimEnd::Refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Answer {
        Put(PutAnswer),
        Slot(SlotContent),
    }

    use Answer::{Put, Slot};
    use PutAnswer::{Refused, Stored, Unclear};
    use SlotContent::{Nothing, Others, Ours, Unreadable};

    fn check(answers: &[Answer], expected: ClaimStep) {
        let mut machine = ClaimMachine::new(3);
        for answer in answers {
            if matches!(machine.step(), ClaimStep::Wait { .. }) {
                machine.waited();
            }
            match answer {
                Put(answer) => machine.put_ended(*answer),
                Slot(content) => machine.slot_read(*content),
            }
        }
        assert_eq!(machine.step(), expected);
    }

    #[test]
    fn only_what_stands_in_the_log_counts() {
        check(&[Put(Stored)], ClaimStep::Ended(ClaimEnd::Won));
        check(&[Put(Unclear), Slot(Ours)], ClaimStep::Ended(ClaimEnd::Won));
        check(&[Put(Unclear), Slot(Others)], ClaimStep::Ended(ClaimEnd::Lost));
        check(&[Put(Refused), Slot(Others)], ClaimStep::Ended(ClaimEnd::Lost));
        check(&[Put(Refused), Slot(Nothing)], ClaimStep::Ended(ClaimEnd::Refused));
    }

    #[test]
    fn an_empty_version_is_asked_for_again() {
        check(&[Put(Unclear), Slot(Nothing)], ClaimStep::Wait { attempt: 1 });
        check(&[Put(Unclear), Slot(Nothing), Put(Stored)], ClaimStep::Ended(ClaimEnd::Won));
        let thrice = [
            Put(Unclear),
            Slot(Unreadable),
            Put(Unclear),
            Slot(Nothing),
            Put(Unclear),
            Slot(Nothing),
        ];
        check(&thrice, ClaimStep::Ended(ClaimEnd::Unknown));
    }

    #[test]
    fn a_refusal_after_an_unclear_put_is_unknown() {
        let answers = [Put(Unclear), Slot(Nothing), Put(Refused), Slot(Nothing)];
        check(&answers, ClaimStep::Ended(ClaimEnd::Unknown));
    }
}
