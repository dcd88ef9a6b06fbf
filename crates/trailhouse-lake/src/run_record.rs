//! The record of one detection run.

use std::collections::BTreeMap;

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
    /// The time limit was reached; the range stays open for the next run.
    Timeout,
}

impl RunStatus {
    /// Returns the word that stands for the status in the runs table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

/// Why a run was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// To judge what has arrived.
    Schedule,
    /// To take up a new detection: what came before is not judged.
    Start,
    /// To judge a stretch of history again; says nothing of what has arrived.
    Backfill,
}

impl RunKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Start, Self::Backfill];

    /// Returns the word that stands for the kind in the runs table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Start => "start",
            Self::Backfill => "backfill",
        }
    }

    /// Says whether a successful run moves on what the detection has covered.
    pub(crate) fn covers(self) -> bool {
        match self {
            Self::Schedule | Self::Start => true,
            Self::Backfill => false,
        }
    }
}

/// What a run did and what it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunCounts {
    /// Rows of events that were given to the detection.
    pub rows_judged: u64,
    /// Rows that came after the lateness of their period; they were judged all the same.
    pub late_rows: u64,
    /// Bytes that the run read; a scan that several detections share counts for each.
    pub bytes_read: u64,
    /// Time of the detection's own part of the run.
    pub millis: u64,
    /// Findings, those included that were stored before.
    pub findings: u64,
    /// Findings that an exception suppressed.
    pub suppressed: u64,
    /// Findings that are alerted.
    pub alerts: u64,
    /// How often each exception applied.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exception_hits: BTreeMap<String, u64>,
}

/// One run of a detection over a range of versions of the events table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "RunLine", from = "RunLine")]
pub struct RunRecord {
    /// Names the run.
    pub run_id: String,
    /// What ran.
    pub detection_id: String,
    /// The version of the detection that ran.
    pub detection_version: String,
    /// Why.
    pub kind: RunKind,
    /// The version after which the range begins; `None` from the beginning.
    pub from_version: Option<TableVersion>,
    /// The last version of the range.
    pub to_version: TableVersion,
    /// The beginning of the judged event time, where the detection judges by event time.
    pub from_time: Option<EventTime>,
    /// The end of it: periods that end here or before have been judged as closed.
    pub to_time: Option<EventTime>,
    /// When it started.
    pub started_at: EventTime,
    /// When it ended.
    pub finished_at: EventTime,
    /// How it ended.
    pub status: RunStatus,
    /// What it did.
    pub counts: RunCounts,
    /// Why it failed.
    pub error: Option<String>,
}

impl RunRecord {
    /// Says whether what the detection has covered reaches to the end of this run.
    pub(crate) fn covers(&self) -> bool {
        self.status == RunStatus::Ok && self.kind.covers()
    }
}

/// The record as it stands in the log.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunLine {
    run_id: String,
    detection_id: String,
    detection_version: String,
    kind: RunKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_version: Option<u64>,
    to_version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_time: Option<i64>,
    started_at: i64,
    finished_at: i64,
    status: RunStatus,
    // Not flattened: numbers of any size and flattened fields do not go together in serde_json.
    counts: RunCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<RunRecord> for RunLine {
    fn from(run: RunRecord) -> Self {
        Self {
            run_id: run.run_id,
            detection_id: run.detection_id,
            detection_version: run.detection_version,
            kind: run.kind,
            from_version: run.from_version.map(|version| version.0),
            to_version: run.to_version.0,
            from_time: run.from_time.map(EventTime::micros),
            to_time: run.to_time.map(EventTime::micros),
            started_at: run.started_at.micros(),
            finished_at: run.finished_at.micros(),
            status: run.status,
            counts: run.counts,
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
            kind: line.kind,
            from_version: line.from_version.map(TableVersion),
            to_version: TableVersion(line.to_version),
            from_time: line.from_time.map(EventTime::from_micros),
            to_time: line.to_time.map(EventTime::from_micros),
            started_at: EventTime::from_micros(line.started_at),
            finished_at: EventTime::from_micros(line.finished_at),
            status: line.status,
            counts: line.counts,
            error: line.error,
        }
    }
}
