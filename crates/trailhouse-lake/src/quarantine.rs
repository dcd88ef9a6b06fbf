//! The quarantine table.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use deltalake_core::datafusion::{
    common::DataFusionError,
    prelude::{SessionContext, col, lit, starts_with},
};
use trailhouse_model::{
    BucketName, EventTime, ObjectId, ObjectKey, QuarantineEntry, QuarantineId, QuarantineReason,
    TableVersion,
};

use crate::{
    error::LakeError,
    keyed::KeyedRows,
    lake::Lake,
    projection::covered_at,
    scan::{self, Columns, text_at, time_at},
    tables::TableName,
    writer_state::OBJECTS_APP,
};

/// Bytes of the input that are kept with a row.
pub const RAW_BYTES_MAX: usize = 256 * 1024;

const TABLE: TableName = TableName::Quarantine;

/// A row is open while what it holds is not among the objects: the object where all of it is in
/// quarantine, else the row itself.
const OPEN_ROWS: &str = "
    SELECT q.quarantine_id, q.quarantined_at, q.reason, q.detail, q.bucket, q.key, q.object_id,
        q.record_index
    FROM quarantine AS q
    LEFT ANTI JOIN objects AS o
        ON o.object_id = CASE
            WHEN q.object_id IS NOT NULL AND q.record_index IS NULL THEN q.object_id
            ELSE q.quarantine_id
        END
    ORDER BY q.quarantined_at, q.quarantine_id";

/// A row of the quarantine table as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQuarantine {
    /// The identity of the row.
    pub id: QuarantineId,
    /// What stands in it. Lists leave `raw` empty; a look-up fills it.
    pub entry: QuarantineEntry,
}

impl Lake {
    /// Writes quarantine rows; one that is there already is not written twice.
    pub async fn put_quarantine(&self, entries: &[QuarantineEntry]) -> Result<(), LakeError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.check_for_writing().await?;
        let ids: Vec<QuarantineId> = entries.iter().map(QuarantineEntry::id).collect();
        let rows = quarantine_rows(&ids, entries)?;
        self.quarantine().append(KeyedRows { ids, rows, runs: Vec::new() }).await?;
        Ok(())
    }

    /// Returns the rows that still wait to be retried, oldest first, without their raw bytes.
    pub async fn open_quarantine(&self) -> Result<Vec<StoredQuarantine>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let session = SessionContext::new();
        for table in [TABLE, TableName::Objects] {
            let log = self.log(table);
            scan::register(&session, log, log.latest().await?).await?;
        }
        let batches =
            session.sql(OPEN_ROWS).await.map_err(failed)?.collect().await.map_err(failed)?;
        let mut open = stored_rows(&batches)?;
        // The newest commits may not stand in the objects table yet.
        let tail = self.objects_tail().await?;
        open.retain(|row| !tail.contains(&released_by(row)));
        Ok(open)
    }

    /// Returns the rows whose identity begins with the text, with their raw bytes.
    pub async fn find_quarantine(&self, prefix: &str) -> Result<Vec<StoredQuarantine>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let log = self.log(TABLE);
        let rows = scan::rows(log, log.latest().await?).await?;
        let wanted = starts_with(col("quarantine_id"), lit(prefix.to_ascii_lowercase()));
        let rows = rows.filter(wanted).map_err(failed)?.collect().await.map_err(failed)?;
        stored_rows(&rows)
    }

    /// Returns the objects of those commits that the objects table does not list yet.
    async fn objects_tail(&self) -> Result<Vec<ObjectId>, LakeError> {
        let objects = self.log(TableName::Objects);
        let version = TableVersion(objects.latest().await?.version());
        let covered = covered_at(objects, OBJECTS_APP, version).await?;
        let latest = self.latest_version(TableName::Events).await?;
        let entries = self.log(TableName::Events).entries(covered, latest).await?;
        let lines = entries.iter().filter_map(|entry| entry.payload.as_ref());
        Ok(lines.flat_map(|payload| &payload.objects).filter_map(|line| line.object_id()).collect())
    }
}

/// Returns the identity under which an object is committed once this row is done with.
fn released_by(row: &StoredQuarantine) -> ObjectId {
    match (row.entry.object_id, row.entry.record_index) {
        (Some(object), None) => object,
        (Some(_), Some(_)) | (None, _) => row.id,
    }
}

fn quarantine_rows(
    ids: &[QuarantineId],
    entries: &[QuarantineEntry],
) -> Result<RecordBatch, LakeError> {
    let raw =
        |entry: &QuarantineEntry| entry.raw.get(..RAW_BYTES_MAX).unwrap_or(&entry.raw).to_vec();
    let times: TimestampMicrosecondArray =
        entries.iter().map(|entry| Some(entry.quarantined_at.micros())).collect();
    let indices: Int32Array = entries
        .iter()
        .map(|entry| entry.record_index.and_then(|index| i32::try_from(index).ok()))
        .collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string))),
        Arc::new(times.with_timezone("UTC")),
        text(entries, |entry| Some(entry.reason.as_str().to_owned())),
        text(entries, |entry| Some(entry.detail.clone())),
        text(entries, |entry| Some(entry.bucket.to_string())),
        text(entries, |entry| Some(entry.key.to_string())),
        text(entries, |entry| entry.object_id.map(|id| id.to_string())),
        Arc::new(indices),
        Arc::new(BinaryArray::from_iter_values(entries.iter().map(raw))),
    ];
    RecordBatch::try_new(TABLE.file_schema(), columns).map_err(LakeError::rows(TABLE, "build rows"))
}

fn text(
    entries: &[QuarantineEntry],
    value: impl Fn(&QuarantineEntry) -> Option<String>,
) -> ArrayRef {
    Arc::new(entries.iter().map(value).collect::<StringArray>())
}

fn stored_rows(batches: &[RecordBatch]) -> Result<Vec<StoredQuarantine>, LakeError> {
    let mut stored = Vec::new();
    for batch in batches {
        let columns = Columns { table: TABLE, batch };
        let (ids, reasons, details) =
            (columns.texts("quarantine_id")?, columns.texts("reason")?, columns.texts("detail")?);
        let (buckets, keys, objects) =
            (columns.texts("bucket")?, columns.texts("key")?, columns.texts("object_id")?);
        let (times, indices) = (columns.times("quarantined_at")?, columns.ints("record_index")?);
        let raws = batch.column_by_name("raw").map(|_| columns.bytes("raw")).transpose()?;
        for row in 0..batch.num_rows() {
            let damaged =
                || LakeError::SchemaMismatch { table: TABLE, column: "reason".to_owned() };
            let reason = QuarantineReason::parse(reasons.value(row)).ok_or_else(damaged)?;
            let id = ObjectId::parse_hex(ids.value(row)).ok_or_else(damaged)?;
            let index = indices.is_valid(row).then(|| indices.value(row));
            stored.push(StoredQuarantine {
                id,
                entry: QuarantineEntry {
                    reason,
                    detail: text_at(&details, row).unwrap_or_default(),
                    bucket: BucketName::new(buckets.value(row)),
                    key: ObjectKey::new(keys.value(row)),
                    object_id: text_at(&objects, row).as_deref().and_then(ObjectId::parse_hex),
                    record_index: index.and_then(|index| u32::try_from(index).ok()),
                    raw: raws.as_ref().map(|raws| raws.value(row).to_vec()).unwrap_or_default(),
                    quarantined_at: time_at(&times, row).unwrap_or(EventTime::from_micros(0)),
                },
            });
        }
    }
    Ok(stored)
}
