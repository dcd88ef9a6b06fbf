//! Quarantine entries as rows and back.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use trailhouse_model::{
    BucketName, EventTime, ObjectId, ObjectKey, QuarantineEntry, QuarantineId, QuarantineReason,
    QuarantineStage,
};

use crate::{
    error::LakeError,
    quarantine::{FailedAttempt, RAW_BYTES_MAX, Refusal, StoredQuarantine},
    scan::{Columns, text_at, time_at},
    tables::TableName,
};

const TABLE: TableName = TableName::Quarantine;

/// Makes the rows of entries that come to quarantine for the first time.
pub(crate) fn entry_rows(
    ids: &[QuarantineId],
    entries: &[QuarantineEntry],
) -> Result<RecordBatch, LakeError> {
    let raw =
        |entry: &QuarantineEntry| entry.raw.get(..RAW_BYTES_MAX).unwrap_or(&entry.raw).to_vec();
    let times: ArrayRef = Arc::new(
        entries
            .iter()
            .map(|entry| Some(entry.quarantined_at.micros()))
            .collect::<TimestampMicrosecondArray>()
            .with_timezone("UTC"),
    );
    let indices: Int32Array = entries
        .iter()
        .map(|entry| entry.record_index.and_then(|index| i32::try_from(index).ok()))
        .collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string))),
        Arc::clone(&times),
        text(entries, |entry| Some(entry.reason.as_str().to_owned())),
        text(entries, |entry| Some(entry.detail.clone())),
        text(entries, |entry| Some(entry.bucket.to_string())),
        text(entries, |entry| Some(entry.key.to_string())),
        text(entries, |entry| entry.object_id.map(|id| id.to_string())),
        Arc::new(indices),
        Arc::new(BinaryArray::from_iter_values(entries.iter().map(raw))),
        text(entries, |entry| Some(entry.stage().as_str().to_owned())),
        Arc::new(Int32Array::from(vec![1; entries.len()])),
        times,
    ];
    RecordBatch::try_new(TABLE.file_schema(), columns).map_err(LakeError::rows(TABLE, "build rows"))
}

fn text(
    entries: &[QuarantineEntry],
    value: impl Fn(&QuarantineEntry) -> Option<String>,
) -> ArrayRef {
    Arc::new(entries.iter().map(value).collect::<StringArray>())
}

/// Returns the rows with what another attempt made of those that failed again.
pub(crate) fn tried_again(
    rows: &RecordBatch,
    failed: &BTreeMap<QuarantineId, FailedAttempt>,
    tried_at: EventTime,
) -> Result<RecordBatch, LakeError> {
    let columns = Columns { table: TABLE, batch: rows };
    let ids = columns.texts("quarantine_id")?;
    let outcomes: Vec<Option<&FailedAttempt>> =
        ids.iter().map(|id| failed.get(&id.and_then(ObjectId::parse_hex)?)).collect();
    let refusals: Vec<Option<&Refusal>> =
        outcomes.iter().map(|outcome| outcome.and_then(|it| it.refusal.as_ref())).collect();
    let details = merged(&columns.texts("detail")?, &outcomes, |it| it.detail.as_str());
    let reasons = merged(&columns.texts("reason")?, &refusals, |it| it.reason.as_str());
    let stages = merged(&columns.texts("stage")?, &refusals, |it| it.stage().as_str());
    let (attempts, times) = (columns.ints("attempts")?, columns.times("last_tried_at")?);
    let attempts: Int32Array = outcomes
        .iter()
        .zip(&attempts)
        .map(|(outcome, was)| was.map(|was| was.saturating_add(i32::from(outcome.is_some()))))
        .collect();
    let times: TimestampMicrosecondArray = outcomes
        .iter()
        .zip(&times)
        .map(|(outcome, was)| outcome.map(|_| tried_at.micros()).or(was))
        .collect();
    let raws = columns.bytes("raw")?;
    let raws: BinaryArray = refusals
        .iter()
        .zip(&raws)
        .map(|(refusal, was)| refusal.map(|it| it.raw.as_slice()).or(was))
        .collect();
    let mut changed: BTreeMap<&str, ArrayRef> = BTreeMap::new();
    changed.insert("detail", Arc::new(details));
    changed.insert("reason", Arc::new(reasons));
    changed.insert("stage", Arc::new(stages));
    changed.insert("attempts", Arc::new(attempts));
    changed.insert("last_tried_at", Arc::new(times.with_timezone("UTC")));
    changed.insert("raw", Arc::new(raws));
    let columns = rows.schema_ref().fields().iter().zip(rows.columns()).map(|(field, column)| {
        changed.remove(field.name().as_str()).unwrap_or_else(|| Arc::clone(column))
    });
    RecordBatch::try_new(rows.schema(), columns.collect())
        .map_err(LakeError::rows(TABLE, "build rows"))
}

fn merged<'a, T>(
    was: &'a StringArray,
    news: &[Option<&'a T>],
    text: impl Fn(&'a T) -> &'a str,
) -> StringArray {
    news.iter().zip(was).map(|(new, was)| new.map(&text).or(was)).collect()
}

/// Reads rows back. Whether they are open is not in them: all say so.
pub(crate) fn stored_rows(batches: &[RecordBatch]) -> Result<Vec<StoredQuarantine>, LakeError> {
    let mut stored = Vec::new();
    for batch in batches {
        let columns = Columns { table: TABLE, batch };
        let (ids, reasons, details) =
            (columns.texts("quarantine_id")?, columns.texts("reason")?, columns.texts("detail")?);
        let (buckets, keys, objects) =
            (columns.texts("bucket")?, columns.texts("key")?, columns.texts("object_id")?);
        let (times, indices) = (columns.times("quarantined_at")?, columns.ints("record_index")?);
        let (stages, attempts, tried) =
            (columns.texts("stage")?, columns.ints("attempts")?, columns.times("last_tried_at")?);
        let raws = batch.column_by_name("raw").map(|_| columns.bytes("raw")).transpose()?;
        for row in 0..batch.num_rows() {
            let damaged = |column: &str| LakeError::SchemaMismatch {
                table: TABLE,
                column: column.to_owned(),
            };
            let reason = QuarantineReason::parse(reasons.value(row));
            let stage = QuarantineStage::parse(stages.value(row));
            let id = ObjectId::parse_hex(ids.value(row));
            let index = indices.is_valid(row).then(|| indices.value(row));
            let quarantined_at = time_at(&times, row).unwrap_or(EventTime::from_micros(0));
            stored.push(StoredQuarantine {
                id: id.ok_or_else(|| damaged("quarantine_id"))?,
                entry: QuarantineEntry {
                    reason: reason.ok_or_else(|| damaged("reason"))?,
                    detail: text_at(&details, row).unwrap_or_default(),
                    bucket: BucketName::new(buckets.value(row)),
                    key: ObjectKey::new(keys.value(row)),
                    object_id: text_at(&objects, row).as_deref().and_then(ObjectId::parse_hex),
                    record_index: index.and_then(|index| u32::try_from(index).ok()),
                    raw: raws.as_ref().map(|raws| raws.value(row).to_vec()).unwrap_or_default(),
                    quarantined_at,
                },
                stage: stage.ok_or_else(|| damaged("stage"))?,
                attempts: u32::try_from(attempts.value(row)).unwrap_or(1),
                last_tried_at: time_at(&tried, row).unwrap_or(quarantined_at),
                is_open: true,
            });
        }
    }
    Ok(stored)
}
