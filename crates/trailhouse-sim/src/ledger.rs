//! What an ingester knows of the log: a version, and what is stored at it.

use std::collections::{BTreeMap, BTreeSet};

use trailhouse_ingest::commit::LedgerAnswer;
use trailhouse_model::{BatchId, ObjectId, TableVersion};

use crate::table::{Entry, Line};

/// The ledger of one process. Partitions are read from the objects table when they are needed;
/// what was committed after the version at which the process began is kept beside them.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) version: TableVersion,
    partitions: BTreeMap<String, BTreeSet<ObjectId>>,
    tail: BTreeSet<ObjectId>,
    batches: BTreeMap<BatchId, TableVersion>,
}

impl Ledger {
    /// Makes one that knows what the objects table lists, up to this version.
    pub(crate) fn new(covered: TableVersion) -> Self {
        Self {
            version: covered,
            partitions: BTreeMap::new(),
            tail: BTreeSet::new(),
            batches: BTreeMap::new(),
        }
    }

    /// Returns those of the partitions that must be loaded before they can be asked.
    pub(crate) fn unloaded<'a>(&self, needed: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        needed.filter(|name| !self.partitions.contains_key(*name)).map(str::to_owned).collect()
    }

    pub(crate) fn load(&mut self, partitions: BTreeMap<String, BTreeSet<ObjectId>>) {
        self.partitions.extend(partitions);
    }

    pub(crate) fn contains(&self, partition: &str, id: ObjectId) -> bool {
        self.tail.contains(&id)
            || self.partitions.get(partition).is_some_and(|ids| ids.contains(&id))
    }

    /// Takes the next version.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        self.version = self.version.next();
        if let Some(payload) = &entry.payload {
            self.tail.extend(payload.lines.iter().map(|line| line.id));
            self.batches.insert(payload.batch.clone(), self.version);
        }
    }

    pub(crate) fn batch_version(&self, batch: &BatchId) -> Option<TableVersion> {
        self.batches.get(batch).copied()
    }

    /// Says what of a batch is stored.
    pub(crate) fn answer(&self, batch: &BatchId, lines: &[Line]) -> LedgerAnswer {
        let stored = lines.iter().filter(|line| self.contains(&line.partition, line.id));
        LedgerAnswer {
            version: self.version,
            stored: stored.map(|line| line.id).collect(),
            objects: lines.len(),
            batch_version: self.batch_version(batch),
        }
    }
}
