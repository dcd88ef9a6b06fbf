//! Where a run can be made wrong on purpose, to see that it is noticed.

use trailhouse_ingest::{
    Action, IngestLimits, Input,
    commit::{ClaimEnd, LedgerAnswer},
};
use trailhouse_model::TableVersion;

/// Stands between the machines of one process and the world. As it is, it changes nothing.
pub trait Meddler {
    /// Changes the limits that the machine is told; it is held to the ones it should have.
    fn limits(&mut self, _limits: &mut IngestLimits) {}

    /// Changes what the machine wants done, and may add answers that nobody gave.
    fn action(&mut self, action: Action, _answers: &mut Vec<Input>) -> Option<Action> {
        Some(action)
    }

    /// Changes what the machine hears.
    fn input(&mut self, input: Input) -> Option<Input> {
        Some(input)
    }

    /// Changes what the ledger says about a batch.
    fn ledger_answer(&mut self, answer: LedgerAnswer) -> LedgerAnswer {
        answer
    }

    /// Changes what becomes of the attempt to fill a version.
    fn claim_end(&mut self, end: ClaimEnd) -> ClaimEnd {
        end
    }

    /// Changes where an entry is put in a log whose newest version is `newest`.
    fn put_version(&mut self, version: TableVersion, _newest: TableVersion) -> TableVersion {
        version
    }

    /// Says whether a crashing process takes its messages out of the queue.
    fn deletes_on_crash(&mut self) -> bool {
        false
    }
}

/// Changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Meddler for Honest {}
