//! The ledger: which objects are already stored.
//!
//! Invariant: for every partition in `partitions`, its set together with `tail` is exactly the
//! objects of that partition in the commits up to the version that was observed last. What the
//! objects table covers is in the sets; what it does not cover yet is in the tail.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use trailhouse_model::{ObjectId, TableVersion};

use crate::object_line::EventCommit;

/// Identities that are kept in memory, 16 bytes each plus the slack of the sets.
const IDS_MAX: usize = 4_000_000;
/// Batches that can be found again by their name.
const BATCHES_MAX: usize = 1_024;

#[derive(Debug, Default)]
struct Partition {
    ids: HashSet<ObjectId>,
    used_at: u64,
}

/// Which objects are already stored, as far as it was asked.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    partitions: BTreeMap<String, Partition>,
    tail: VecDeque<EventCommit>,
    tail_ids: HashSet<ObjectId>,
    batches: VecDeque<(String, TableVersion)>,
    uses: u64,
    ids_max: Option<usize>,
}

impl Ledger {
    /// Returns those of the partitions that must be loaded before they can be asked.
    pub(crate) fn unloaded(&self, needed: &BTreeSet<String>) -> Vec<String> {
        needed.iter().filter(|name| !self.partitions.contains_key(*name)).cloned().collect()
    }

    /// Takes a partition as the objects table holds it, in place of those unused for longest. Those
    /// that are needed beside it stay, however large they are together.
    pub(crate) fn load(&mut self, name: String, ids: HashSet<ObjectId>, needed: &BTreeSet<String>) {
        self.make_room(ids.len(), needed);
        self.uses += 1;
        self.partitions.insert(name, Partition { ids, used_at: self.uses });
    }

    fn make_room(&mut self, coming: usize, needed: &BTreeSet<String>) {
        let ids_max = self.ids_max.unwrap_or(IDS_MAX);
        let mut held: usize = self.partitions.values().map(|partition| partition.ids.len()).sum();
        while held.saturating_add(coming) > ids_max {
            let spare = self.partitions.iter().filter(|(name, _)| !needed.contains(*name));
            let oldest = spare.min_by_key(|(_, partition)| partition.used_at);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { return };
            held -= self.partitions.remove(&name).map_or(0, |partition| partition.ids.len());
        }
    }

    /// Says whether the object is stored. Its partition must be loaded.
    pub(crate) fn contains(&mut self, partition: &str, id: ObjectId) -> bool {
        debug_assert!(self.partitions.contains_key(partition), "ask only loaded partitions");
        self.uses += 1;
        let uses = self.uses;
        let loaded = self.partitions.get_mut(partition).is_some_and(|partition| {
            partition.used_at = uses;
            partition.ids.contains(&id)
        });
        loaded || self.tail_ids.contains(&id)
    }

    /// Notes a commit that the objects table does not cover yet.
    pub(crate) fn observe(&mut self, commit: EventCommit) {
        debug_assert!(
            self.tail.back().is_none_or(|last| last.version < commit.version),
            "commits are observed in order"
        );
        self.tail_ids.extend(commit.objects.iter().filter_map(|line| line.object_id()));
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back((commit.batch_id.clone(), commit.version));
        self.tail.push_back(commit);
    }

    /// Returns the commits that the objects table does not cover yet, oldest first.
    pub(crate) fn tail(&self) -> &VecDeque<EventCommit> {
        &self.tail
    }

    /// Moves the commits up to the version out of the tail: the objects table covers them now.
    pub(crate) fn covered(&mut self, up_to: TableVersion) {
        while self.tail.front().is_some_and(|commit| commit.version <= up_to) {
            let Some(commit) = self.tail.pop_front() else { return };
            for line in &commit.objects {
                let Some(id) = line.object_id() else { continue };
                if let Some(partition) = self.partitions.get_mut(&line.partition) {
                    partition.ids.insert(id);
                }
                self.tail_ids.remove(&id);
            }
        }
    }

    /// Forgets everything after a version, because the table was rolled back to it. Partitions are
    /// loaded anew when they are asked next.
    pub(crate) fn roll_back(&mut self, to: TableVersion) {
        self.partitions.clear();
        self.tail.retain(|commit| commit.version <= to);
        self.batches.retain(|(_, version)| *version <= to);
        self.tail_ids = ids_of(&self.tail);
    }

    /// Returns the version that holds the batch, of those committed lately.
    pub(crate) fn batch_version(&self, batch: &str) -> Option<TableVersion> {
        let newest_first = self.batches.iter().rev();
        newest_first.filter(|(name, _)| name == batch).map(|(_, version)| *version).next()
    }
}

fn ids_of(commits: &VecDeque<EventCommit>) -> HashSet<ObjectId> {
    commits.iter().flat_map(|commit| &commit.objects).filter_map(|line| line.object_id()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(version: u64, ids: &[&str]) -> EventCommit {
        let objects = ids.iter().map(|name| crate::object_line::tests::line(name, "day")).collect();
        EventCommit { version: TableVersion(version), batch_id: format!("b{version}"), objects }
    }

    fn id(name: &str) -> ObjectId {
        ObjectId::from_parts(&[name.as_bytes()])
    }

    fn needed(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_object_is_known_from_the_tail_and_from_its_partition() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.unloaded(&needed(&["day"])), ["day"]);
        ledger.load("day".to_owned(), HashSet::from([id("a")]), &needed(&["day"]));
        ledger.observe(commit(1, &["b"]));
        assert!(ledger.contains("day", id("a")) && ledger.contains("day", id("b")));
        ledger.covered(TableVersion(1));
        assert!(ledger.tail().is_empty());
        assert!(ledger.contains("day", id("b")) && !ledger.contains("day", id("c")));
        assert_eq!(ledger.batch_version("b1"), Some(TableVersion(1)));
    }

    #[test]
    fn a_roll_back_forgets_what_came_after() {
        let mut ledger = Ledger::default();
        ledger.observe(commit(1, &["a"]));
        ledger.observe(commit(2, &["b"]));
        ledger.roll_back(TableVersion(1));
        ledger.load("day".to_owned(), HashSet::new(), &needed(&["day"]));
        assert!(ledger.contains("day", id("a")) && !ledger.contains("day", id("b")));
        assert_eq!(ledger.batch_version("b2"), None);
    }

    #[test]
    fn the_partition_unused_for_longest_makes_room() {
        let mut ledger = Ledger { ids_max: Some(2), ..Ledger::default() };
        ledger.load("x".to_owned(), HashSet::from([id("a")]), &needed(&["x"]));
        ledger.load("y".to_owned(), HashSet::from([id("b")]), &needed(&["y"]));
        assert!(ledger.contains("x", id("a")));
        ledger.load("z".to_owned(), HashSet::from([id("c")]), &needed(&["z"]));
        assert_eq!(ledger.unloaded(&needed(&["x", "y", "z"])), ["y"]);
    }

    #[test]
    fn what_is_needed_together_stays_together() {
        let mut ledger = Ledger { ids_max: Some(1), ..Ledger::default() };
        let both = needed(&["x", "y"]);
        for name in ["x", "y"] {
            ledger.load(name.to_owned(), HashSet::from([id(name)]), &both);
        }
        assert!(ledger.contains("x", id("x")) && ledger.contains("y", id("y")));
    }
}
