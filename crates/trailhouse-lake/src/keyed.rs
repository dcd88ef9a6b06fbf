//! Appends to tables whose rows have an identity: a row is never stored twice.

use std::collections::{BTreeSet, HashSet};

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;
use deltalake_core::kernel::Add;
use tokio::sync::Mutex;
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_model::{ObjectId, TableVersion};
use uuid::Uuid;

use crate::{
    clock,
    data_file::{discard_files, write_rows},
    entry::{LogEntry, NewEntry, Payload},
    error::LakeError,
    log::{CONFLICTS_MAX, Claim, TableLog},
    run_record::RunRecord,
    scan::{self, Columns},
    schema_check::{check_entry, check_snapshot},
};

/// A table whose rows have an identity, with the identities that it holds.
pub(crate) struct KeyedTable {
    pub(crate) log: TableLog,
    pub(crate) id_column: &'static str,
    pub(crate) state: Mutex<Option<KeyedState>>,
}

/// Invariant: `ids` are those of all rows at `version`.
pub(crate) struct KeyedState {
    version: TableVersion,
    ids: HashSet<ObjectId>,
}

/// Rows with their identities, and what the commit says beside them.
pub(crate) struct KeyedRows {
    pub(crate) ids: Vec<ObjectId>,
    pub(crate) rows: RecordBatch,
    pub(crate) runs: Vec<RunRecord>,
    /// The version of the table that the runs were decided on, where there are any.
    pub(crate) since: Option<TableVersion>,
}

impl KeyedTable {
    pub(crate) fn new(log: TableLog, id_column: &'static str) -> Self {
        Self { log, id_column, state: Mutex::new(None) }
    }

    /// Appends the rows that are not there yet. `None` where nothing was to be written.
    pub(crate) async fn append(&self, new: KeyedRows) -> Result<Option<TableVersion>, LakeError> {
        debug_assert!(new.ids.len() == new.rows.num_rows(), "every row has an identity");
        let mut state = self.state.lock().await;
        // Another process may have taken rows out that this one remembers.
        if let Some(known) = state.take() {
            let remembers = new.ids.iter().any(|id| known.ids.contains(id));
            *state = if remembers { self.catch_up(known).await? } else { Some(known) };
        }
        let batch_id = Uuid::now_v7().to_string();
        for attempt in 0..CONFLICTS_MAX {
            let known = match state.take() {
                Some(known) => known,
                None => self.read_state().await?,
            };
            if let Some(since) = new.since {
                self.check_overtaken(since, known.version, &new.runs).await?;
            }
            let fresh = fresh_rows(&known.ids, &new.ids);
            if fresh.is_empty() && new.runs.is_empty() {
                *state = Some(known);
                return Ok(None);
            }
            let payload = Payload {
                batch_id: batch_id.clone(),
                ids: fresh.iter().map(|(_, id)| id.to_string()).collect(),
                runs: new.runs.clone(),
                ..Payload::default()
            };
            let adds = self.write_rows(&new.rows, &fresh).await?;
            let version = known.version.next();
            match self.claim(version, &payload, &adds).await? {
                Claim::Won => {
                    let mut ids = known.ids;
                    ids.extend(fresh.into_iter().map(|(_, id)| id));
                    *state = Some(KeyedState { version, ids });
                    return Ok(Some(version));
                }
                Claim::Lost(entry) => {
                    discard_files(&self.log, &adds).await;
                    *state = self.roll_forward(known, &entry).await?;
                }
                // The state is left out, so the next append reads whether it landed.
                Claim::Unknown => return Err(LakeError::Unknown { table: self.log.table }),
                Claim::Refused(error) => {
                    discard_files(&self.log, &adds).await;
                    return Err(error);
                }
            }
            self.log.backoff.wait(&batch_id, attempt).await;
        }
        Err(LakeError::Contended { table: self.log.table })
    }

    /// Fails where a run after one version, up to another, has covered what these runs have judged.
    async fn check_overtaken(
        &self,
        since: TableVersion,
        up_to: TableVersion,
        runs: &[RunRecord],
    ) -> Result<(), LakeError> {
        let ours = |other: &RunRecord| {
            let same = |run: &&RunRecord| run.detection_id == other.detection_id && run.covers();
            other.covers() && runs.iter().any(|run| same(&run))
        };
        let mut detections = BTreeSet::new();
        for entry in self.log.entries(since.min(up_to), up_to).await? {
            let theirs = entry.payload.unwrap_or_default().runs;
            detections.extend(theirs.into_iter().filter(ours).map(|run| run.detection_id));
        }
        if detections.is_empty() { Ok(()) } else { Err(LakeError::Overtaken { detections }) }
    }

    async fn read_state(&self) -> Result<KeyedState, LakeError> {
        let snapshot = self.log.latest().await?;
        check_snapshot(self.log.table, &snapshot)?;
        let version = TableVersion(snapshot.version());
        let failed = "read identities";
        let batches = scan::rows(&self.log, snapshot)
            .await?
            .select_columns(&[self.id_column])
            .map_err(LakeError::rows(self.log.table, failed))?
            .collect()
            .await
            .map_err(LakeError::rows(self.log.table, failed))?;
        let mut ids = HashSet::new();
        for batch in &batches {
            let column = Columns { table: self.log.table, batch }.texts(self.id_column)?;
            ids.extend(column.iter().flatten().filter_map(ObjectId::parse_hex));
        }
        Ok(KeyedState { version, ids })
    }

    /// Takes what others committed since. `None` where that cannot be told from the log.
    async fn roll_forward(
        &self,
        mut known: KeyedState,
        first: &LogEntry,
    ) -> Result<Option<KeyedState>, LakeError> {
        if self.apply(&mut known, first)? { self.catch_up(known).await } else { Ok(None) }
    }

    async fn catch_up(&self, mut known: KeyedState) -> Result<Option<KeyedState>, LakeError> {
        while let Some(entry) = self.log.entry(known.version.next()).await? {
            if !self.apply(&mut known, &entry)? {
                return Ok(None);
            }
        }
        Ok(Some(known))
    }

    fn apply(&self, known: &mut KeyedState, entry: &LogEntry) -> Result<bool, LakeError> {
        check_entry(self.log.table, entry)?;
        known.version = entry.version;
        match &entry.payload {
            Some(payload) => {
                let dropped = payload.dropped.iter().filter_map(|id| ObjectId::parse_hex(id));
                for id in dropped {
                    known.ids.remove(&id);
                }
                known.ids.extend(payload.ids.iter().filter_map(|id| ObjectId::parse_hex(id)));
                Ok(true)
            }
            None => Ok(!entry.changes_files() && entry.restored().is_none()),
        }
    }

    async fn write_rows(
        &self,
        rows: &RecordBatch,
        fresh: &[(u64, ObjectId)],
    ) -> Result<Vec<Add>, LakeError> {
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let table = self.log.table;
        let chosen = UInt64Array::from_iter_values(fresh.iter().map(|(row, _)| *row));
        let rows =
            take_record_batch(rows, &chosen).map_err(LakeError::rows(table, "choose rows"))?;
        Ok(vec![write_rows(&self.log, None, rows).await?])
    }

    async fn claim(
        &self,
        version: TableVersion,
        payload: &Payload,
        adds: &[Add],
    ) -> Result<Claim, LakeError> {
        let entry = NewEntry { payload, transaction: None, adds, now: clock::now() };
        let bytes = entry.to_bytes().map_err(LakeError::rows(self.log.table, "write log entry"))?;
        reach(Failpoint::BeforeQuarantinePut);
        let claim = self.log.claim(version, payload, &bytes.into()).await;
        reach(Failpoint::AfterQuarantinePut);
        Ok(claim)
    }
}

fn fresh_rows(known: &HashSet<ObjectId>, ids: &[ObjectId]) -> Vec<(u64, ObjectId)> {
    let mut seen = HashSet::new();
    (0_u64..)
        .zip(ids.iter().copied())
        .filter(|(_, id)| !known.contains(id) && seen.insert(*id))
        .collect()
}
