//! What a round of detections did.

use std::time::Duration;

use trailhouse_lake::{FindingRow, RunRecord, RunStatus};
use trailhouse_model::{Severity, TableVersion};

use crate::{count::count, error::ServiceError};

/// A detection that could not be run; its range stays open for the next run.
#[derive(Debug)]
pub struct DetectionFailure {
    /// Which.
    pub detection_id: String,
    /// The file.
    pub path: String,
    /// Why.
    pub error: ServiceError,
}

/// What a run did.
#[derive(Debug)]
pub struct RunReport {
    /// Names the run in the tables `runs` and `findings`.
    pub run_id: String,
    /// Detections that were run.
    pub detections: u64,
    /// Detections that had nothing new to judge.
    pub idle: u64,
    /// Detections that need what the site does not have, with what that is.
    pub skipped: Vec<(String, String)>,
    /// The last version that was judged.
    pub up_to: TableVersion,
    /// New findings, and known ones that have grown; with the new evidence.
    pub findings: Vec<FindingRow>,
    /// Findings whose evidence was all known before.
    pub known: u64,
    /// Findings that an exception or a silence suppressed.
    pub suppressed: u64,
    /// What could not be run.
    pub failures: Vec<DetectionFailure>,
    /// Detections that ended in each way, by id.
    pub ended: Vec<(String, RunStatus)>,
    /// How long it took.
    pub elapsed: Duration,
}

impl RunReport {
    pub(crate) fn new(run_id: String, up_to: TableVersion) -> Self {
        Self {
            run_id,
            detections: 0,
            idle: 0,
            skipped: Vec::new(),
            up_to,
            findings: Vec::new(),
            known: 0,
            suppressed: 0,
            failures: Vec::new(),
            ended: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// Counts the findings of a severity.
    pub fn count(&self, severity: Severity) -> u64 {
        count(self.findings.iter().filter(|finding| finding.severity == severity).count())
    }

    pub(crate) fn take_run(&mut self, run: &RunRecord) {
        self.suppressed += run.counts.suppressed;
        self.ended.push((run.detection_id.clone(), run.status));
    }

    /// Takes the findings: the worst first, then by time.
    pub(crate) fn take_findings(&mut self, findings: Vec<FindingRow>) {
        self.findings = findings;
        self.findings.sort_by(|one, other| {
            let by_time = one.first_event_time.cmp(&other.first_event_time);
            let by_severity = other.severity.cmp(&one.severity);
            by_severity.then(by_time).then(one.fingerprint.cmp(&other.fingerprint))
        });
    }
}
