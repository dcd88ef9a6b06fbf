//! The record of one detection run.

use serde::{Deserialize, Serialize};
use trailhouse_model::{EventTime, TableVersion};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// The range is judged.
    Ok,
    /// The range stays open for the next run.
    Failed,
}

impl RunStatus {
    /// Returns the word that stands for the status in the runs table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

/// One run of a detection over a range of versions of the events table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "RunLine", from = "RunLine")]
pub struct RunRecord {
    /// Names the run.
    pub run_id: String,
    /// What ran.
    pub detection_id: String,
    /// The hash of the SQL that ran.
    pub detection_version: String,
    /// The version after which the range begins; `None` from the beginning.
    pub from_version: Option<TableVersion>,
    /// The last version of the range.
    pub to_version: TableVersion,
    /// When it started.
    pub started_at: EventTime,
    /// When it ended.
    pub finished_at: EventTime,
    /// How it ended.
    pub status: RunStatus,
    /// How many findings it made, those included that were stored before.
    pub findings: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// The record as it stands in the log.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunLine {
    run_id: String,
    detection_id: String,
    detection_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_version: Option<u64>,
    to_version: u64,
    started_at: i64,
    finished_at: i64,
    status: RunStatus,
    findings: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<RunRecord> for RunLine {
    fn from(run: RunRecord) -> Self {
        Self {
            run_id: run.run_id,
            detection_id: run.detection_id,
            detection_version: run.detection_version,
            from_version: run.from_version.map(|version| version.0),
            to_version: run.to_version.0,
            started_at: run.started_at.micros(),
            finished_at: run.finished_at.micros(),
            status: run.status,
            findings: run.findings,
            error: run.error,
        }
    }
}

impl From<RunLine> for RunRecord {
    fn from(line: RunLine) -> Self {
        Self {
            run_id: line.run_id,
            detection_id: line.detection_id,
            detection_version: line.detection_version,
            from_version: line.from_version.map(TableVersion),
            to_version: TableVersion(line.to_version),
            started_at: EventTime::from_micros(line.started_at),
            finished_at: EventTime::from_micros(line.finished_at),
            status: line.status,
            findings: line.findings,
            error: line.error,
        }
    }
}
