//! Counts events that a run stores more than once because two objects hold them.
//!
//! CloudTrail delivers an event twice at times, and overlapping trails always do. Both rows are
//! kept: their objects are different objects. The summary says how many there are.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use arrow_array::{Array, RecordBatch, cast::AsArray};
use trailhouse_model::{BatchId, CommitOutcome, ObjectRef, QuarantineEntry, TableVersion};
use trailhouse_runtime::ports::{CommitRequest, LakeWriter, PortError};

/// Distinct events that are remembered; past it nothing more is counted. The set takes some 18 MiB,
/// and half as much again while it grows to that.
const EVENTS_REMEMBERED_MAX: usize = 1_000_000;

/// A writer that counts repeats in what it commits.
pub(crate) struct RepeatCounter<L> {
    lake: L,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    events: HashSet<u64>,
    repeats: u64,
}

impl<L> RepeatCounter<L> {
    /// Wraps a writer.
    pub(crate) fn new(lake: L) -> Self {
        Self { lake, seen: Mutex::default() }
    }

    /// Returns how many committed events had been committed before by this writer.
    pub(crate) fn repeats(&self) -> u64 {
        self.seen().repeats
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn count(&mut self, events: &RecordBatch) {
        let columns =
            (events.column_by_name("event_id"), events.column_by_name("recipient_account_id"));
        let (Some(ids), Some(accounts)) = columns else { return };
        let (ids, accounts) = (ids.as_string::<i32>(), accounts.as_string::<i32>());
        for row in 0..events.num_rows() {
            if ids.is_null(row) || self.events.len() >= EVENTS_REMEMBERED_MAX {
                continue;
            }
            let account = if accounts.is_null(row) { "" } else { accounts.value(row) };
            let mut hasher = DefaultHasher::new();
            (ids.value(row), account).hash(&mut hasher);
            if !self.events.insert(hasher.finish()) {
                self.repeats = self.repeats.saturating_add(1);
            }
        }
    }
}

impl<L: LakeWriter> LakeWriter for RepeatCounter<L> {
    async fn look_up(&self, objects: &[ObjectRef]) -> Result<Vec<bool>, PortError> {
        self.lake.look_up(objects).await
    }

    async fn commit(&self, request: CommitRequest) -> CommitOutcome {
        let outcome = self.lake.commit(request.clone()).await;
        if let CommitOutcome::Committed { .. } = outcome {
            let mut seen = self.seen();
            for object in request.objects.iter() {
                seen.count(&object.events);
            }
        }
        outcome
    }

    async fn probe(&self, batch: &BatchId) -> Result<Option<TableVersion>, PortError> {
        self.lake.probe(batch).await
    }

    async fn quarantine(&self, entries: Vec<QuarantineEntry>) -> Result<(), PortError> {
        self.lake.quarantine(entries).await
    }
}
