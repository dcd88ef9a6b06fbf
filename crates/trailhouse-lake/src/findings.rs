//! The findings table.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    builder::{ListBuilder, StringBuilder},
    cast::AsArray,
};
use arrow_schema::{DataType, Field};
use deltalake_core::datafusion::{
    common::DataFusionError,
    prelude::{col, lit},
};
use trailhouse_model::{EventTime, ObjectId, Severity, TableVersion};

use crate::{
    error::LakeError,
    keyed::KeyedRows,
    lake::Lake,
    object_line::saturated,
    run_record::RunRecord,
    scan::{self, Columns},
    tables::TableName,
};

const TABLE: TableName = TableName::Findings;

/// One row of the findings table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// The identity of what was found; more evidence for it makes another row.
    pub fingerprint: String,
    /// What found it.
    pub detection_id: String,
    /// The hash of the SQL that found it.
    pub detection_version: String,
    /// The headline.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whom or what it is about.
    pub entity: String,
    /// The values that make the fingerprint, as JSON.
    pub key: String,
    /// Earliest event time of the evidence.
    pub first_event_time: Option<EventTime>,
    /// Latest event time of the evidence.
    pub last_event_time: Option<EventTime>,
    /// How many events there are, listed or not.
    pub events: u64,
    /// The events by their ids.
    pub event_ids: Vec<String>,
    /// The accounts they happened in.
    pub recipient_account_id: Vec<String>,
    /// The regions they happened in.
    pub aws_region: Vec<String>,
    /// ATT&CK technique ids.
    pub techniques: Vec<String>,
    /// The row of the detection, as JSON.
    pub row: String,
    /// The exception that applied, if one did.
    pub suppressed_by: Option<String>,
    /// The run that found it.
    pub run_id: String,
    /// The version after which the run's range begins; `None` from the beginning.
    pub from_version: Option<TableVersion>,
    /// The last version of the run's range.
    pub to_version: TableVersion,
    /// When it was found.
    pub found_at: EventTime,
}

impl FindingRow {
    /// Returns the identity of the row: the same finding with the same evidence has the same one.
    pub fn id(&self) -> ObjectId {
        let ids: BTreeSet<&str> = self.event_ids.iter().map(String::as_str).collect();
        let events = self.events.to_be_bytes();
        let last = self.last_event_time.map_or(0, EventTime::micros).to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![b"finding", self.fingerprint.as_bytes()];
        if ids.is_empty() {
            // A detection that lists no events still tells apart how many there were and when.
            parts.extend([events.as_slice(), last.as_slice()]);
        }
        parts.extend(ids.into_iter().map(str::as_bytes));
        ObjectId::from_parts(&parts)
    }
}

impl Lake {
    /// Appends the findings of these runs and the runs themselves in one commit. A finding that is
    /// stored with the same evidence is not stored twice. `None` where there was nothing to write.
    pub async fn append_findings(
        &self,
        runs: Vec<RunRecord>,
        findings: &[FindingRow],
    ) -> Result<Option<TableVersion>, LakeError> {
        self.check_for_writing().await?;
        let ids: Vec<ObjectId> = findings.iter().map(FindingRow::id).collect();
        let rows = finding_rows(&ids, findings)?;
        let version = self.findings().append(KeyedRows { ids, rows, runs }).await?;
        if version.is_some()
            && let Err(error) = self.list_runs().await
        {
            tracing::warn!(%error, "runs table lags behind");
        }
        Ok(version)
    }

    /// Returns the events that stand as evidence for each of these fingerprints.
    pub async fn recorded_evidence(
        &self,
        fingerprints: &[String],
    ) -> Result<BTreeMap<String, BTreeSet<String>>, LakeError> {
        let mut evidence: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        if fingerprints.is_empty() {
            return Ok(evidence);
        }
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let log = self.log(TABLE);
        let wanted = fingerprints.iter().map(|fingerprint| lit(fingerprint.as_str())).collect();
        let batches = scan::rows(log, log.latest().await?)
            .await?
            .filter(col("fingerprint").in_list(wanted, false))
            .and_then(|rows| rows.select_columns(&["fingerprint", "event_ids"]))
            .map_err(failed)?
            .collect()
            .await
            .map_err(failed)?;
        for batch in &batches {
            let columns = Columns { table: TABLE, batch };
            let (names, lists) = (columns.texts("fingerprint")?, columns.lists("event_ids")?);
            for row in 0..batch.num_rows() {
                let known = evidence.entry(names.value(row).to_owned()).or_default();
                if lists.is_valid(row) {
                    let ids = lists.value(row);
                    known.extend(ids.as_string::<i32>().iter().flatten().map(str::to_owned));
                }
            }
        }
        Ok(evidence)
    }
}

fn finding_rows(ids: &[ObjectId], findings: &[FindingRow]) -> Result<RecordBatch, LakeError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids.iter().map(ToString::to_string))),
        text(findings, |finding| Some(&finding.fingerprint)),
        text(findings, |finding| Some(&finding.detection_id)),
        text(findings, |finding| Some(&finding.detection_version)),
        text(findings, |finding| Some(&finding.title)),
        text(findings, |finding| Some(finding.severity.as_str())),
        text(findings, |finding| Some(&finding.entity)),
        text(findings, |finding| Some(&finding.key)),
        time(findings, |finding| finding.first_event_time),
        time(findings, |finding| finding.last_event_time),
        long(findings, |finding| Some(finding.events)),
        texts(findings, |finding| &finding.event_ids),
        texts(findings, |finding| &finding.recipient_account_id),
        texts(findings, |finding| &finding.aws_region),
        texts(findings, |finding| &finding.techniques),
        text(findings, |finding| Some(&finding.row)),
        text(findings, |finding| finding.suppressed_by.as_deref()),
        text(findings, |finding| Some(&finding.run_id)),
        long(findings, |finding| finding.from_version.map(|version| version.0)),
        long(findings, |finding| Some(finding.to_version.0)),
        time(findings, |finding| Some(finding.found_at)),
    ];
    RecordBatch::try_new(TABLE.file_schema(), columns).map_err(LakeError::rows(TABLE, "build rows"))
}

/// Makes a column of text.
pub(crate) fn text<'a, T>(rows: &'a [T], value: impl Fn(&'a T) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

/// Makes a column of counts or versions.
pub(crate) fn long<T>(rows: &[T], value: impl Fn(&T) -> Option<u64>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| value(row).map(saturated)).collect::<Int64Array>())
}

/// Makes a column of times.
pub(crate) fn time<T>(rows: &[T], value: impl Fn(&T) -> Option<EventTime>) -> ArrayRef {
    let times: TimestampMicrosecondArray =
        rows.iter().map(|row| value(row).map(EventTime::micros)).collect();
    Arc::new(times.with_timezone("UTC"))
}

fn texts(findings: &[FindingRow], value: impl Fn(&FindingRow) -> &Vec<String>) -> ArrayRef {
    let element = Arc::new(Field::new("element", DataType::Utf8, true));
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element);
    for finding in findings {
        builder.append_value(value(finding).iter().map(Some));
    }
    Arc::new(builder.finish())
}
