//! Objects as the commits list them, and as rows of the objects table.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    builder::StringBuilder,
};
use serde::{Deserialize, Serialize};
use trailhouse_model::{CommittedObject, EventTime, ObjectId, TableVersion};
use trailhouse_source::ledger_partition;

use crate::{error::LakeError, tables::TableName};

/// One object in the list of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectLine {
    pub(crate) id: String,
    pub(crate) partition: String,
    bucket: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    e_tag: Option<String>,
    inflated_sha256: String,
    compressed_bytes: u64,
    inflated_bytes: u64,
    events: u64,
    rejects: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<i64>,
    ingested_at: i64,
    outcome: String,
}

impl ObjectLine {
    pub(crate) fn object_id(&self) -> Option<ObjectId> {
        ObjectId::parse_hex(&self.id)
    }
}

impl From<&CommittedObject> for ObjectLine {
    fn from(committed: &CommittedObject) -> Self {
        let object = &committed.object;
        Self {
            id: committed.id.to_string(),
            partition: ledger_partition(object),
            bucket: object.bucket.to_string(),
            key: object.key.to_string(),
            e_tag: object.e_tag.as_ref().map(ToString::to_string),
            inflated_sha256: committed.inflated_sha256.to_string(),
            compressed_bytes: committed.compressed_bytes,
            inflated_bytes: committed.inflated_bytes,
            events: committed.events,
            rejects: committed.rejects,
            first_event_time: committed.first_event_time.map(EventTime::micros),
            last_event_time: committed.last_event_time.map(EventTime::micros),
            delivered_at: committed.delivered_at.map(EventTime::micros),
            ingested_at: committed.ingested_at.micros(),
            outcome: committed.outcome.as_str().to_owned(),
        }
    }
}

/// The objects of one commit of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventCommit {
    pub(crate) version: TableVersion,
    pub(crate) batch_id: String,
    pub(crate) objects: Vec<ObjectLine>,
}

/// Makes the rows of the objects table, without its partition column, for the objects of one
/// partition.
pub(crate) fn object_rows(lines: &[(&EventCommit, &ObjectLine)]) -> Result<RecordBatch, LakeError> {
    let columns: Vec<ArrayRef> = vec![
        text(lines, |_, line| Some(&line.id)),
        text(lines, |_, line| Some(&line.bucket)),
        text(lines, |_, line| Some(&line.key)),
        text(lines, |_, line| line.e_tag.as_deref()),
        long(lines, |_, line| line.compressed_bytes),
        long(lines, |_, line| line.inflated_bytes),
        text(lines, |_, line| Some(&line.inflated_sha256)),
        long(lines, |_, line| line.events),
        long(lines, |_, line| line.rejects),
        time(lines, |line| line.first_event_time),
        time(lines, |line| line.last_event_time),
        time(lines, |line| line.delivered_at),
        time(lines, |line| Some(line.ingested_at)),
        text(lines, |_, line| Some(&line.outcome)),
        text(lines, |commit, _| Some(&commit.batch_id)),
        long(lines, |commit, _| commit.version.0),
    ];
    RecordBatch::try_new(TableName::Objects.file_schema(), columns)
        .map_err(LakeError::rows(TableName::Objects, "build rows"))
}

type Line<'a> = (&'a EventCommit, &'a ObjectLine);

fn text<'a>(
    lines: &[Line<'a>],
    value: impl Fn(&'a EventCommit, &'a ObjectLine) -> Option<&'a str>,
) -> ArrayRef {
    let mut builder = StringBuilder::new();
    for (commit, line) in lines {
        builder.append_option(value(commit, line));
    }
    let array: StringArray = builder.finish();
    Arc::new(array)
}

fn long(lines: &[Line<'_>], value: impl Fn(&EventCommit, &ObjectLine) -> u64) -> ArrayRef {
    let values = lines.iter().map(|(commit, line)| saturated(value(commit, line)));
    Arc::new(Int64Array::from_iter_values(values))
}

fn time(lines: &[Line<'_>], value: impl Fn(&ObjectLine) -> Option<i64>) -> ArrayRef {
    let values: TimestampMicrosecondArray = lines.iter().map(|(_, line)| value(line)).collect();
    Arc::new(values.with_timezone("UTC"))
}

/// Counts and sizes fit; a table has no unsigned numbers.
pub(crate) fn saturated(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use trailhouse_model::{BucketName, ContentHash, ObjectKey, ObjectOutcome, ObjectRef};

    use super::*;

    pub(crate) fn line(name: &str, partition: &str) -> ObjectLine {
        let object = ObjectRef::new(BucketName::new("trail"), ObjectKey::new(name));
        let committed = CommittedObject {
            id: ObjectId::from_parts(&[name.as_bytes()]),
            object,
            inflated_sha256: ContentHash::of(b""),
            compressed_bytes: 1,
            inflated_bytes: 2,
            events: 3,
            rejects: 0,
            first_event_time: None,
            last_event_time: Some(EventTime::from_micros(5)),
            delivered_at: None,
            ingested_at: EventTime::from_micros(7),
            outcome: ObjectOutcome::Stored,
        };
        ObjectLine { partition: partition.to_owned(), ..ObjectLine::from(&committed) }
    }

    #[test]
    fn a_line_survives_the_log() {
        let line = line("a", "content");
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<ObjectLine>(&text).unwrap(), line);
    }

    #[test]
    fn rows_fit_the_table() {
        let commit = EventCommit {
            version: TableVersion(4),
            batch_id: "b".into(),
            objects: vec![line("a", "x")],
        };
        let lines: Vec<_> = commit.objects.iter().map(|line| (&commit, line)).collect();
        assert_eq!(object_rows(&lines).unwrap().num_rows(), 1);
    }
}
