//! The way of one batch from version to version, until it is in the log or need not be.

use trailhouse_model::{ObjectId, TableVersion};

use super::claim::ClaimEnd;

/// What to do next for the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitStep {
    /// Ask the ledger, as of the newest version known, what of the batch is stored.
    Ask,
    /// Claim this version with the whole batch.
    Claim {
        /// The one after the version that the ledger answered for.
        version: TableVersion,
    },
    /// Take what others committed into the ledger.
    CatchUp,
    /// Wait before the attempt of this number; others may use the ledger meanwhile.
    Wait {
        /// How many versions were lost to others.
        attempt: u32,
    },
    /// Nothing: it has ended.
    Ended(CommitEnd),
}

/// What the ledger says about a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerAnswer {
    /// The version it speaks for.
    pub version: TableVersion,
    /// Those objects of the batch that are stored at that version.
    pub stored: Vec<ObjectId>,
    /// How many objects the batch has.
    pub objects: usize,
    /// The version that holds a batch of this name, of those committed lately.
    pub batch_version: Option<TableVersion>,
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitEnd {
    /// The whole batch is in this version.
    Committed {
        /// Which.
        version: TableVersion,
    },
    /// These objects are stored already; nothing was committed.
    Superseded {
        /// Which.
        objects: Vec<ObjectId>,
        /// The version at which they are.
        version: TableVersion,
    },
    /// The batch may have landed, or may land yet. Its files must stay.
    Unknown,
    /// Others came first every time; nothing was committed.
    Contended,
    /// The store refused; nothing was committed.
    Refused,
}

impl CommitEnd {
    /// Says whether the log may name the files of the batch, now or later.
    pub fn may_name_files(&self) -> bool {
        match self {
            Self::Committed { .. } | Self::Unknown => true,
            Self::Superseded { .. } | Self::Contended | Self::Refused => false,
        }
    }
}

/// Decides how one batch is committed.
///
/// Invariant: a version is claimed only right after the ledger answered for the version before it
/// and knew no object of the batch. That, and a log whose versions are filled once, is why no object
/// is stored twice.
#[derive(Debug, Clone)]
pub struct CommitMachine {
    step: CommitStep,
    conflicts: u32,
    conflicts_max: u32,
}

impl CommitMachine {
    /// Makes one that gives up after so many versions were lost to others.
    pub fn new(conflicts_max: u32) -> Self {
        Self { step: CommitStep::Ask, conflicts: 0, conflicts_max }
    }

    /// Returns what to do now. Asking does not change it.
    pub fn step(&self) -> CommitStep {
        self.step.clone()
    }

    /// Takes the answer to [`CommitStep::Ask`].
    pub fn answered(&mut self, answer: LedgerAnswer) {
        debug_assert_eq!(self.step, CommitStep::Ask, "answers a question");
        let LedgerAnswer { version, stored, objects, batch_version } = answer;
        self.step = match batch_version {
            _ if stored.is_empty() => CommitStep::Claim { version: version.next() },
            // The same batch was sent before, and that commit landed.
            Some(version) if stored.len() == objects => {
                CommitStep::Ended(CommitEnd::Committed { version })
            }
            Some(_) | None => CommitStep::Ended(CommitEnd::Superseded { objects: stored, version }),
        };
    }

    /// Takes the end of [`CommitStep::Claim`].
    pub fn claimed(&mut self, end: ClaimEnd) {
        let CommitStep::Claim { version } = self.step else {
            debug_assert!(false, "ends a claim");
            return;
        };
        self.step = match end {
            ClaimEnd::Won => CommitStep::Ended(CommitEnd::Committed { version }),
            ClaimEnd::Lost => CommitStep::CatchUp,
            ClaimEnd::Unknown => CommitStep::Ended(CommitEnd::Unknown),
            ClaimEnd::Refused => CommitStep::Ended(CommitEnd::Refused),
        };
    }

    /// Takes the end of [`CommitStep::CatchUp`].
    pub fn caught_up(&mut self) {
        debug_assert_eq!(self.step, CommitStep::CatchUp, "ends a catching up");
        self.conflicts = self.conflicts.saturating_add(1);
        self.step = if self.conflicts < self.conflicts_max {
            CommitStep::Wait { attempt: self.conflicts }
        } else {
            CommitStep::Ended(CommitEnd::Contended)
        };
    }

    /// Takes the end of [`CommitStep::Wait`].
    pub fn waited(&mut self) {
        debug_assert!(matches!(self.step, CommitStep::Wait { .. }), "ends a wait");
        self.step = CommitStep::Ask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ObjectId {
        ObjectId::from_parts(&[name.as_bytes()])
    }

    fn answer(version: u64, stored: &[&str], batch_version: Option<u64>) -> LedgerAnswer {
        LedgerAnswer {
            version: TableVersion(version),
            stored: stored.iter().map(|name| id(name)).collect(),
            objects: 2,
            batch_version: batch_version.map(TableVersion),
        }
    }

    fn asked(answer: LedgerAnswer) -> CommitStep {
        let mut machine = CommitMachine::new(2);
        machine.answered(answer);
        machine.step()
    }

    #[test]
    fn the_version_after_the_answer_is_claimed() {
        let expected = CommitStep::Claim { version: TableVersion(8) };
        assert_eq!(asked(answer(7, &[], None)), expected);
        assert_eq!(asked(answer(7, &[], Some(3))), expected, "a name alone proves nothing");
    }

    #[test]
    fn what_is_stored_is_not_stored_again() {
        let version = TableVersion(7);
        let superseded = |objects| CommitStep::Ended(CommitEnd::Superseded { objects, version });
        assert_eq!(asked(answer(7, &["a"], None)), superseded(vec![id("a")]));
        assert_eq!(asked(answer(7, &["a"], Some(3))), superseded(vec![id("a")]));
        assert_eq!(asked(answer(7, &["a", "b"], None)), superseded(vec![id("a"), id("b")]));
        let landed = CommitEnd::Committed { version: TableVersion(3) };
        assert_eq!(asked(answer(7, &["a", "b"], Some(3))), CommitStep::Ended(landed));
    }

    #[test]
    fn a_lost_version_leads_to_another_question_until_there_were_too_many() {
        let mut machine = CommitMachine::new(2);
        machine.answered(answer(7, &[], None));
        machine.claimed(ClaimEnd::Lost);
        machine.caught_up();
        assert_eq!(machine.step(), CommitStep::Wait { attempt: 1 });
        machine.waited();
        assert_eq!(machine.step(), CommitStep::Ask);
        machine.answered(answer(9, &[], None));
        assert_eq!(machine.step(), CommitStep::Claim { version: TableVersion(10) });
        machine.claimed(ClaimEnd::Lost);
        machine.caught_up();
        assert_eq!(machine.step(), CommitStep::Ended(CommitEnd::Contended));
    }

    #[test]
    fn an_unknown_claim_keeps_the_files() {
        let mut machine = CommitMachine::new(2);
        machine.answered(answer(7, &[], None));
        machine.claimed(ClaimEnd::Unknown);
        assert_eq!(machine.step(), CommitStep::Ended(CommitEnd::Unknown));
        assert!(CommitEnd::Unknown.may_name_files() && !CommitEnd::Refused.may_name_files());
    }
}
