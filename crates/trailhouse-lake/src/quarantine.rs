//! The quarantine table.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow_array::{BooleanArray, RecordBatch};
use deltalake_core::datafusion::{
    common::DataFusionError,
    prelude::{Expr, SessionContext, col, lit, starts_with},
};
use trailhouse_model::{
    EventTime, ObjectId, QuarantineEntry, QuarantineId, QuarantineReason, QuarantineStage,
    TableVersion,
};

use crate::{
    error::LakeError,
    keyed::KeyedRows,
    lake::Lake,
    projection::covered_at,
    quarantine_rows::{entry_rows, stored_rows, tried_again},
    rewrite::RowChange,
    scan::{self, Columns},
    tables::TableName,
    writer_state::OBJECTS_APP,
};

/// Bytes of the input that are kept with a row.
pub const RAW_BYTES_MAX: usize = 256 * 1024;

const TABLE: TableName = TableName::Quarantine;

/// The column of the bytes that were refused.
const RAW: &str = "raw";

/// Which columns of a row are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// All but the bytes that were refused.
    Facts,
    /// All.
    Everything,
}

/// A row is open until the objects hold what it is about: the row's own identity, under which a
/// retry is listed, or the object where all of it is in quarantine.
const OPEN_IDS: &str = "
    SELECT q.quarantine_id
    FROM quarantine AS q
    LEFT ANTI JOIN objects AS retried ON retried.object_id = q.quarantine_id
    LEFT ANTI JOIN objects AS whole
        ON whole.object_id = CASE WHEN q.record_index IS NULL THEN q.object_id END";

/// A row of the quarantine table as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQuarantine {
    /// The identity of the row.
    pub id: QuarantineId,
    /// What stands in it. Lists leave `raw` empty; a look-up fills it.
    pub entry: QuarantineEntry,
    /// Where it was refused.
    pub stage: QuarantineStage,
    /// How often it was tried: once when it came here, and each retry.
    pub attempts: u32,
    /// When it was tried last.
    pub last_tried_at: EventTime,
    /// Whether it still waits for something.
    pub is_open: bool,
}

/// What came of trying again what is in quarantine, where it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// What went wrong, in words.
    pub detail: String,
    /// What a whole object was refused for this time; nothing where it was not got at, and where a
    /// record or a message was refused as before.
    pub refusal: Option<Refusal>,
}

/// What a whole object was refused for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: QuarantineReason,
    /// Its first bytes; none where it could not be read.
    pub raw: Vec<u8>,
}

impl Refusal {
    pub(crate) fn stage(&self) -> QuarantineStage {
        if self.raw.is_empty() { QuarantineStage::Read } else { QuarantineStage::Decode }
    }
}

impl Lake {
    /// Writes quarantine rows; one that is there already is not written twice.
    pub async fn put_quarantine(&self, entries: &[QuarantineEntry]) -> Result<(), LakeError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.check_for_writing().await?;
        let ids: Vec<QuarantineId> = entries.iter().map(QuarantineEntry::id).collect();
        let rows = entry_rows(&ids, entries)?;
        self.quarantine().append(KeyedRows { ids, rows, runs: Vec::new(), since: None }).await?;
        Ok(())
    }

    /// Returns all rows, oldest first, without their raw bytes.
    pub async fn list_quarantine(&self) -> Result<Vec<StoredQuarantine>, LakeError> {
        self.read_quarantine(None, Shown::Facts).await
    }

    /// Returns the rows that still wait to be retried, oldest first, without their raw bytes.
    pub async fn open_quarantine(&self) -> Result<Vec<StoredQuarantine>, LakeError> {
        let mut rows = self.list_quarantine().await?;
        rows.retain(|row| row.is_open);
        Ok(rows)
    }

    /// Returns the rows whose identity begins with the text, with their raw bytes.
    pub async fn find_quarantine(&self, prefix: &str) -> Result<Vec<StoredQuarantine>, LakeError> {
        let wanted = starts_with(col("quarantine_id"), lit(prefix.to_ascii_lowercase()));
        self.read_quarantine(Some(wanted), Shown::Everything).await
    }

    /// Notes that rows were tried again at a time and why they still cannot be used.
    pub async fn note_attempts(
        &self,
        failed: &BTreeMap<QuarantineId, FailedAttempt>,
        tried_at: EventTime,
    ) -> Result<(), LakeError> {
        if failed.is_empty() {
            return Ok(());
        }
        self.check_for_writing().await?;
        let ids: BTreeSet<QuarantineId> = failed.keys().copied().collect();
        let replace = |rows: &RecordBatch, _: &BooleanArray| tried_again(rows, failed, tried_at);
        self.quarantine().rewrite(&ids, RowChange::Replace(&replace)).await?;
        Ok(())
    }

    /// Takes rows out and returns how many were there. What they are about may come again.
    pub async fn drop_quarantine(&self, ids: &BTreeSet<QuarantineId>) -> Result<u64, LakeError> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.check_for_writing().await?;
        let dropped = self.quarantine().rewrite(ids, RowChange::Drop).await?;
        Ok(u64::try_from(dropped.len()).unwrap_or(u64::MAX))
    }

    /// Returns the raw bytes of rows.
    pub async fn quarantine_bytes(
        &self,
        ids: &[QuarantineId],
    ) -> Result<BTreeMap<QuarantineId, Vec<u8>>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let log = self.log(TABLE);
        let snapshot = log.latest().await?;
        let mut found = BTreeMap::new();
        for ids in ids.chunks(scan::VALUES_IN_QUERY_MAX) {
            let wanted = ids.iter().map(|id| lit(id.to_string())).collect();
            let rows = scan::rows(log, snapshot.clone()).await?;
            let rows = rows
                .filter(col("quarantine_id").in_list(wanted, false))
                .and_then(|rows| rows.select_columns(&["quarantine_id", RAW]))
                .map_err(failed)?;
            for batch in &rows.collect().await.map_err(failed)? {
                let columns = Columns { table: TABLE, batch };
                let (ids, raws) = (columns.texts("quarantine_id")?, columns.bytes(RAW)?);
                let pairs = ids.iter().zip(raws.iter());
                found.extend(pairs.filter_map(|(id, raw)| {
                    Some((ObjectId::parse_hex(id?)?, raw.unwrap_or_default().to_vec()))
                }));
            }
        }
        Ok(found)
    }

    async fn read_quarantine(
        &self,
        wanted: Option<Expr>,
        shown: Shown,
    ) -> Result<Vec<StoredQuarantine>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let session = SessionContext::new();
        for table in [TABLE, TableName::Objects] {
            let log = self.log(table);
            scan::register(&session, log, log.latest().await?).await?;
        }
        let mut rows = session.table(TABLE.as_str()).await.map_err(failed)?;
        if let Some(wanted) = wanted {
            rows = rows.filter(wanted).map_err(failed)?;
        }
        let order = ["quarantined_at", "quarantine_id"].map(|name| col(name).sort(true, true));
        let schema = TABLE.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let columns: Vec<&str> =
            names.filter(|name| shown == Shown::Everything || *name != RAW).collect();
        let rows = rows
            .select_columns(&columns)
            .and_then(|rows| rows.sort(order.to_vec()))
            .map_err(failed)?;
        let mut stored = stored_rows(&rows.collect().await.map_err(failed)?)?;
        if !stored.is_empty() {
            let open = open_ids(&session).await?;
            // The newest commits may not stand in the objects table yet.
            let tail = self.objects_tail().await?;
            for row in &mut stored {
                row.is_open = open.contains(&row.id) && !is_released(row, &tail);
            }
        }
        Ok(stored)
    }

    /// Returns the objects of those commits that the objects table does not list yet.
    async fn objects_tail(&self) -> Result<HashSet<ObjectId>, LakeError> {
        let objects = self.log(TableName::Objects);
        let version = TableVersion(objects.latest().await?.version());
        let covered = covered_at(objects, OBJECTS_APP, version).await?;
        let latest = self.latest_version(TableName::Events).await?;
        let entries = self.log(TableName::Events).entries(covered, latest).await?;
        let lines = entries.iter().filter_map(|entry| entry.payload.as_ref());
        Ok(lines.flat_map(|payload| &payload.objects).filter_map(|line| line.object_id()).collect())
    }
}

async fn open_ids(session: &SessionContext) -> Result<HashSet<QuarantineId>, LakeError> {
    let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
    let batches = session.sql(OPEN_IDS).await.map_err(failed)?.collect().await.map_err(failed)?;
    let mut open = HashSet::new();
    for batch in &batches {
        let ids = Columns { table: TABLE, batch }.texts("quarantine_id")?;
        open.extend(ids.iter().flatten().filter_map(ObjectId::parse_hex));
    }
    Ok(open)
}

fn is_released(row: &StoredQuarantine, stored: &HashSet<ObjectId>) -> bool {
    let whole = row.entry.object_id.filter(|_| row.entry.record_index.is_none());
    stored.contains(&row.id) || whole.is_some_and(|object| stored.contains(&object))
}
