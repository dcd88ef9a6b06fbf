//! The lake: the log of the events table, its data files, its ledger, and the quarantine.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use trailhouse_model::{BatchId, ObjectId, QuarantineReason, TableVersion};

use crate::catalog::ObjectNo;

/// The place of a data file.
pub(crate) type FileNo = usize;

/// One object as a commit lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: ObjectId,
    pub(crate) object: ObjectNo,
    /// Of the ledger.
    pub(crate) partition: String,
    pub(crate) rows: u64,
    pub(crate) rejects: u64,
}

/// What an ingester writes into the log beside its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) batch: BatchId,
    pub(crate) lines: Vec<Line>,
}

/// One entry of the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Absent where another program made the entry.
    pub(crate) payload: Option<Rc<Payload>>,
    pub(crate) adds: Vec<FileNo>,
    pub(crate) removes: Vec<FileNo>,
    /// The number of the transaction that every ingester counts on.
    pub(crate) transaction: Option<TableVersion>,
    /// When the writer believed it was, in microseconds.
    pub(crate) timestamp_micros: i64,
}

#[derive(Debug)]
struct DataFile {
    rows: Vec<(ObjectNo, u64)>,
    is_there: bool,
}

/// The lake.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: BTreeMap<TableVersion, Rc<Entry>>,
    files: Vec<DataFile>,
    active: BTreeSet<FileNo>,
    /// The version up to which the objects table lists what is stored.
    projected: Option<TableVersion>,
    pub(crate) quarantined: BTreeMap<ObjectNo, BTreeSet<QuarantineReason>>,
    pub(crate) quarantined_messages: BTreeSet<String>,
    /// Objects whose refused records are in quarantine.
    pub(crate) rejects_of: BTreeSet<ObjectNo>,
    /// The versions that list an object.
    pub(crate) listed: BTreeMap<ObjectNo, Vec<TableVersion>>,
}

impl Table {
    /// Makes the table with its first version.
    pub(crate) fn new() -> Self {
        let mut table = Self::default();
        let first = TableVersion(0);
        table.slots.insert(first, Rc::new(Entry::foreign(Vec::new(), Vec::new())));
        table.projected = Some(first);
        table
    }

    pub(crate) fn newest(&self) -> TableVersion {
        self.slots.last_key_value().map_or(TableVersion(0), |(version, _)| *version)
    }

    pub(crate) fn entry(&self, version: TableVersion) -> Option<Rc<Entry>> {
        self.slots.get(&version).map(Rc::clone)
    }

    /// Fills a version unless it is filled, and says whether it did.
    pub(crate) fn put(&mut self, version: TableVersion, entry: &Rc<Entry>) -> bool {
        if self.slots.contains_key(&version) {
            return false;
        }
        self.active.extend(entry.adds.iter().copied());
        for file in &entry.removes {
            self.active.remove(file);
        }
        for line in entry.payload.iter().flat_map(|payload| &payload.lines) {
            self.listed.entry(line.object).or_default().push(version);
        }
        self.slots.insert(version, Rc::clone(entry));
        true
    }

    /// Says whether every version up to the newest is filled, as a reader needs it.
    pub(crate) fn has_no_hole(&self) -> bool {
        u64::try_from(self.slots.len()).is_ok_and(|length| length == self.newest().0 + 1)
    }

    pub(crate) fn write_file(&mut self, rows: Vec<(ObjectNo, u64)>) -> FileNo {
        self.files.push(DataFile { rows, is_there: true });
        self.files.len() - 1
    }

    pub(crate) fn discard_file(&mut self, file: FileNo) {
        if let Some(file) = self.files.get_mut(file) {
            file.is_there = false;
        }
    }

    pub(crate) fn has_file(&self, file: FileNo) -> bool {
        self.files.get(file).is_some_and(|file| file.is_there)
    }

    pub(crate) fn active_files(&self) -> impl Iterator<Item = FileNo> + '_ {
        self.active.iter().copied()
    }

    /// Returns what a reader of the newest version sees: each object with how often its rows are
    /// there and how many they are together.
    pub(crate) fn rows(&self) -> BTreeMap<ObjectNo, (u64, u64)> {
        let mut seen: BTreeMap<ObjectNo, (u64, u64)> = BTreeMap::new();
        let files = self.active.iter().filter_map(|file| self.files.get(*file));
        for (object, rows) in files.filter(|file| file.is_there).flat_map(|file| &file.rows) {
            let (times, sum) = seen.entry(*object).or_default();
            *times += 1;
            *sum += rows;
        }
        seen
    }

    /// Another program appends rows of its own.
    pub(crate) fn append(&mut self) {
        let file = self.write_file(Vec::new());
        self.put_next(Entry::foreign(vec![file], Vec::new()));
    }

    /// Another program puts all rows into one file.
    pub(crate) fn optimize(&mut self) {
        let removes: Vec<FileNo> = self.active.iter().copied().collect();
        let files = removes.iter().filter_map(|file| self.files.get(*file));
        let rows = files.flat_map(|file| file.rows.clone()).collect();
        let file = self.write_file(rows);
        self.put_next(Entry::foreign(vec![file], removes));
    }

    /// Another program changes properties of the table.
    pub(crate) fn set_properties(&mut self) {
        self.put_next(Entry::foreign(Vec::new(), Vec::new()));
    }

    fn put_next(&mut self, entry: Entry) {
        self.put(self.newest().next(), &Rc::new(entry));
    }

    /// Lists the commits up to this version in the objects table.
    pub(crate) fn project(&mut self, up_to: TableVersion) {
        self.projected = self.projected.max(Some(up_to.min(self.newest())));
    }

    /// Returns the version up to which the objects table lists what is stored.
    pub(crate) fn projected(&self) -> TableVersion {
        self.projected.unwrap_or(TableVersion(0))
    }

    /// Returns what the objects table lists in a partition of the ledger.
    pub(crate) fn projected_ids(&self, partition: &str) -> BTreeSet<ObjectId> {
        let projected = self.slots.range(..=self.projected());
        let payloads = projected.filter_map(|(_, entry)| entry.payload.as_ref());
        let lines = payloads.flat_map(|payload| &payload.lines);
        lines.filter(|line| line.partition == partition).map(|line| line.id).collect()
    }
}

impl Entry {
    fn foreign(adds: Vec<FileNo>, removes: Vec<FileNo>) -> Self {
        Self { payload: None, adds, removes, transaction: None, timestamp_micros: 0 }
    }
}
