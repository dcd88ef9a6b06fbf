//! The runs table: a projection of what the commits of findings say about their runs.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use deltalake_core::datafusion::{
    common::{DataFusionError, ScalarValue},
    functions_aggregate::expr_fn::max,
    prelude::{col, lit},
};
use trailhouse_model::{EventTime, TableVersion};

use crate::{
    entry::LogEntry,
    error::LakeError,
    finding_rows::{long, text, time},
    lake::Lake,
    projection::{PartitionRows, Projection, covered_at},
    run_record::{RunKind, RunRecord, RunStatus},
    scan::{self, Columns, text_at, time_at},
    tables::TableName,
};

/// The application whose `txn` says how far the runs table has come.
const RUNS_APP: &str = "trailhouse/runs";

const TABLE: TableName = TableName::Runs;

impl Lake {
    /// Brings the runs table up to the findings.
    pub(crate) async fn list_runs(&self) -> Result<(), LakeError> {
        let mut runs = Projection::open(self.log(TABLE).clone(), RUNS_APP).await?;
        let latest = self.latest_version(TableName::Findings).await?;
        let entries = self.log(TableName::Findings).entries(runs.covered(), latest).await?;
        runs.extend(latest, |covered| runs_after(&entries, covered)).await
    }

    /// Returns how far each detection has come.
    pub async fn coverage(&self) -> Result<Coverage, LakeError> {
        let log = self.log(TABLE);
        let snapshot = log.latest().await?;
        let listed = covered_at(log, RUNS_APP, TableVersion(snapshot.version())).await?;
        let mut coverage = Coverage { findings_version: listed, detections: BTreeMap::new() };
        for batch in self.successful_runs(snapshot).await? {
            coverage.take_rows(&batch)?;
        }
        // The newest commits may not stand in the runs table yet.
        self.update_coverage(&mut coverage).await?;
        Ok(coverage)
    }

    /// Takes in the runs that were committed since.
    pub async fn update_coverage(&self, coverage: &mut Coverage) -> Result<(), LakeError> {
        let log = self.log(TableName::Findings);
        while let Some(entry) = log.entry(coverage.findings_version.next()).await? {
            coverage.findings_version = entry.version;
            for run in entry.payload.unwrap_or_default().runs.iter().filter(|run| run.covers()) {
                coverage.raise(&run.detection_id, run.to_version, run.to_time);
            }
        }
        Ok(())
    }

    /// Returns how often exceptions have applied in runs that ended at a time or later, by detection
    /// and exception. The newest commits may not count yet.
    pub async fn exception_hits_since(
        &self,
        time: EventTime,
    ) -> Result<BTreeMap<(String, String), u64>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let log = self.log(TABLE);
        let since = ScalarValue::TimestampMicrosecond(Some(time.micros()), Some("UTC".into()));
        let batches = scan::rows(log, log.latest().await?)
            .await?
            .filter(col("exception_hits").is_not_null().and(col("finished_at").gt_eq(lit(since))))
            .and_then(|rows| rows.select_columns(&["detection_id", "exception_hits"]))
            .map_err(failed)?
            .collect()
            .await
            .map_err(failed)?;
        let mut sums = BTreeMap::new();
        for batch in &batches {
            let columns = Columns { table: TABLE, batch };
            let (detections, hits) =
                (columns.texts("detection_id")?, columns.texts("exception_hits")?);
            for (detection, text) in detections.iter().zip(&hits) {
                let (Some(detection), Some(text)) = (detection, text) else { continue };
                let hits: BTreeMap<String, u64> =
                    serde_json::from_str(text).map_err(LakeError::rows(TABLE, "read rows"))?;
                for (exception, number) in hits {
                    let sum: &mut u64 = sums.entry((detection.to_owned(), exception)).or_default();
                    *sum = sum.saturating_add(number);
                }
            }
        }
        Ok(sums)
    }

    async fn successful_runs(
        &self,
        snapshot: deltalake_core::kernel::Snapshot,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        let kinds = RunKind::ALL.into_iter().filter(|kind| kind.covers());
        let kinds = kinds.map(|kind| lit(kind.as_str())).collect();
        let covers =
            col("status").eq(lit(RunStatus::Ok.as_str())).and(col("kind").in_list(kinds, false));
        scan::rows(self.log(TABLE), snapshot)
            .await?
            .filter(covers)
            .and_then(|rows| {
                let highest = ["to_version", "to_time"].map(|name| max(col(name)).alias(name));
                rows.aggregate(vec![col("detection_id")], highest.to_vec())
            })
            .map_err(failed)?
            .collect()
            .await
            .map_err(failed)
    }
}

/// How far one detection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// The last version of the events table that was judged.
    pub version: TableVersion,
    /// Periods of event time that end here or before were judged as closed.
    pub closed_to: Option<EventTime>,
}

/// How far each detection has come, as a version of the findings table tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The version of the findings table up to which runs are taken in.
    pub findings_version: TableVersion,
    /// Detections that have covered anything.
    pub detections: BTreeMap<String, Covered>,
}

impl Coverage {
    fn take_rows(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let columns = Columns { table: TABLE, batch };
        let (names, versions) = (columns.texts("detection_id")?, columns.longs("to_version")?);
        let times = columns.times("to_time")?;
        for row in 0..batch.num_rows() {
            let version = u64::try_from(versions.value(row)).map(TableVersion);
            if let (Some(name), Ok(version)) = (text_at(&names, row), version) {
                self.raise(&name, version, time_at(&times, row));
            }
        }
        Ok(())
    }

    fn raise(&mut self, detection: &str, version: TableVersion, closed_to: Option<EventTime>) {
        let first = Covered { version, closed_to };
        let covered = self.detections.entry(detection.to_owned()).or_insert(first);
        covered.version = covered.version.max(version);
        covered.closed_to = covered.closed_to.max(closed_to);
    }
}

fn runs_after(
    entries: &[LogEntry],
    covered: TableVersion,
) -> Result<Vec<PartitionRows>, LakeError> {
    let runs: Vec<RunRecord> = entries
        .iter()
        .filter(|entry| entry.version > covered)
        .filter_map(|entry| entry.payload.as_ref())
        .flat_map(|payload| payload.runs.iter().cloned())
        .collect();
    if runs.is_empty() { Ok(Vec::new()) } else { Ok(vec![(None, run_rows(&runs)?)]) }
}

fn run_rows(runs: &[RunRecord]) -> Result<RecordBatch, LakeError> {
    let hits = |run: &RunRecord| {
        let hits = &run.counts.exception_hits;
        (!hits.is_empty()).then(|| serde_json::json!(hits).to_string())
    };
    let columns: Vec<ArrayRef> = vec![
        text(runs, |run| Some(&run.run_id)),
        text(runs, |run| Some(&run.detection_id)),
        text(runs, |run| Some(&run.detection_version)),
        text(runs, |run| Some(run.kind.as_str())),
        long(runs, |run| run.from_version.map(|version| version.0)),
        long(runs, |run| Some(run.to_version.0)),
        time(runs, |run| run.from_time),
        time(runs, |run| run.to_time),
        time(runs, |run| Some(run.started_at)),
        time(runs, |run| Some(run.finished_at)),
        text(runs, |run| Some(run.status.as_str())),
        long(runs, |run| Some(run.counts.rows_judged)),
        long(runs, |run| Some(run.counts.late_rows)),
        long(runs, |run| Some(run.counts.bytes_read)),
        long(runs, |run| Some(run.counts.millis)),
        long(runs, |run| Some(run.counts.findings)),
        long(runs, |run| Some(run.counts.suppressed)),
        long(runs, |run| Some(run.counts.alerts)),
        Arc::new(runs.iter().map(hits).collect::<StringArray>()),
        text(runs, |run| run.error.as_deref()),
    ];
    RecordBatch::try_new(TABLE.file_schema(), columns).map_err(LakeError::rows(TABLE, "build rows"))
}
