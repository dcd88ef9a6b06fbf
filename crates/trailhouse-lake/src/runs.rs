//! The runs table: a projection of what the commits of findings say about their runs.

use std::collections::BTreeMap;

use arrow_array::{ArrayRef, RecordBatch};
use deltalake_core::datafusion::{
    common::DataFusionError,
    prelude::{col, lit},
};
use trailhouse_model::TableVersion;

use crate::{
    entry::LogEntry,
    error::LakeError,
    findings::{long, text, time},
    lake::Lake,
    projection::{PartitionRows, Projection, covered_at},
    run_record::{RunRecord, RunStatus},
    scan::{self, Columns},
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

    /// Returns for each detection the last version of the events table that a successful run has
    /// judged.
    pub async fn covered_versions(&self) -> Result<BTreeMap<String, TableVersion>, LakeError> {
        let log = self.log(TABLE);
        let snapshot = log.latest().await?;
        let listed = covered_at(log, RUNS_APP, TableVersion(snapshot.version())).await?;
        let mut covered = BTreeMap::new();
        for batch in self.successful_runs(snapshot).await? {
            let columns = Columns { table: TABLE, batch: &batch };
            let (names, versions) = (columns.texts("detection_id")?, columns.longs("to_version")?);
            for (name, version) in names.iter().zip(versions.iter()) {
                let version = version.and_then(|version| u64::try_from(version).ok());
                if let (Some(name), Some(version)) = (name, version) {
                    raise(&mut covered, name, TableVersion(version));
                }
            }
        }
        // The newest commits may not stand in the runs table yet.
        let latest = self.latest_version(TableName::Findings).await?;
        for entry in self.log(TableName::Findings).entries(listed, latest).await? {
            let runs = entry.payload.unwrap_or_default().runs;
            for run in runs.iter().filter(|run| run.status == RunStatus::Ok) {
                raise(&mut covered, &run.detection_id, run.to_version);
            }
        }
        Ok(covered)
    }

    async fn successful_runs(
        &self,
        snapshot: deltalake_core::kernel::Snapshot,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let failed = |error: DataFusionError| LakeError::rows(TABLE, "read rows")(error);
        scan::rows(self.log(TABLE), snapshot)
            .await?
            .filter(col("status").eq(lit(RunStatus::Ok.as_str())))
            .and_then(|rows| rows.select_columns(&["detection_id", "to_version"]))
            .map_err(failed)?
            .collect()
            .await
            .map_err(failed)
    }
}

fn raise(covered: &mut BTreeMap<String, TableVersion>, detection: &str, version: TableVersion) {
    let highest = covered.entry(detection.to_owned()).or_insert(version);
    *highest = version.max(*highest);
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
    let columns: Vec<ArrayRef> = vec![
        text(runs, |run| Some(&run.run_id)),
        text(runs, |run| Some(&run.detection_id)),
        text(runs, |run| Some(&run.detection_version)),
        long(runs, |run| run.from_version.map(|version| version.0)),
        long(runs, |run| Some(run.to_version.0)),
        time(runs, |run| Some(run.started_at)),
        time(runs, |run| Some(run.finished_at)),
        text(runs, |run| Some(run.status.as_str())),
        long(runs, |run| Some(run.findings)),
        text(runs, |run| run.error.as_deref()),
    ];
    RecordBatch::try_new(TABLE.file_schema(), columns).map_err(LakeError::rows(TABLE, "build rows"))
}
