//! Judges what has arrived: every detection over the table versions that it has not covered yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use trailhouse_detect::{Finding, Mode, Pack, PackEntry};
use trailhouse_lake::{FindingRow, Lake, RunRecord, RunStatus, TableName};
use trailhouse_model::{Severity, TableVersion};
use trailhouse_query::{EventsScope, QuerySession, SessionOptions};
use trailhouse_runtime::{Clock, SystemClock};
use uuid::Uuid;

use super::{is_wanted, judge::judge};
use crate::{error::ServiceError, lake::LakeAddress, query::query_error};

/// Which rows are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunRange {
    /// What has arrived since each detection's last run.
    New,
    /// The whole lake again.
    All,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Which rows.
    pub range: RunRange,
    /// Only detections whose id contains this.
    pub matching: Option<String>,
    /// The limits of the queries.
    pub session: SessionOptions,
}

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
    /// The last version that was judged.
    pub up_to: TableVersion,
    /// New findings, and known ones that have grown; with the new evidence.
    pub findings: Vec<FindingRow>,
    /// Findings whose evidence was all known before.
    pub known: u64,
    /// What could not be run.
    pub failures: Vec<DetectionFailure>,
    /// How long it took.
    pub elapsed: Duration,
}

impl RunReport {
    /// Counts the findings of a severity.
    pub fn count(&self, severity: Severity) -> u64 {
        let matching = self.findings.iter().filter(|finding| finding.severity == severity);
        u64::try_from(matching.count()).unwrap_or(u64::MAX)
    }
}

/// Runs the active detections of a pack and stores findings and runs in one commit.
pub async fn run(
    lake: &LakeAddress,
    pack: &Pack,
    options: &RunOptions,
) -> Result<RunReport, ServiceError> {
    let started = Instant::now();
    let lake = lake.open().await?;
    let up_to = lake.latest_version(TableName::Events).await?;
    let mut report = RunReport {
        run_id: Uuid::now_v7().to_string(),
        detections: 0,
        idle: 0,
        up_to,
        findings: Vec::new(),
        known: 0,
        failures: Vec::new(),
        elapsed: Duration::ZERO,
    };
    let mut records = Vec::new();
    for (after, entries) in open_ranges(&lake, pack, options).await? {
        if after == Some(up_to) {
            report.idle += count(entries.len());
            continue;
        }
        let scope = EventsScope::Arrived { after, up_to };
        let session = QuerySession::open_scoped(&lake, &options.session, scope)
            .await
            .map_err(|error| query_error(&error, ""))?;
        for entry in entries {
            let record = run_one(&session, entry, after, &mut report).await;
            records.push(record);
        }
    }
    drop_known(&lake, &mut report).await?;
    if !records.is_empty() {
        lake.append_findings(records, &report.findings).await?;
    }
    report.findings.sort_by(|one, other| {
        let by_time = one.first_event_time.cmp(&other.first_event_time);
        other
            .severity
            .cmp(&one.severity)
            .then(by_time)
            .then(one.fingerprint.cmp(&other.fingerprint))
    });
    report.elapsed = started.elapsed();
    Ok(report)
}

/// The detections to run, by the version that each has covered last.
async fn open_ranges<'pack>(
    lake: &Lake,
    pack: &'pack Pack,
    options: &RunOptions,
) -> Result<BTreeMap<Option<TableVersion>, Vec<&'pack PackEntry>>, ServiceError> {
    let covered = match options.range {
        RunRange::New => lake.covered_versions().await?,
        RunRange::All => BTreeMap::new(),
    };
    let mut ranges: BTreeMap<_, Vec<&PackEntry>> = BTreeMap::new();
    for entry in &pack.entries {
        let runs = match entry.detection.mode {
            Mode::Active | Mode::Staging => true,
            Mode::Paused => false,
        };
        if runs && is_wanted(entry, options.matching.as_deref()) {
            let after = covered.get(entry.detection.id.as_str()).copied();
            ranges.entry(after).or_default().push(entry);
        }
    }
    Ok(ranges)
}

async fn run_one(
    session: &QuerySession,
    entry: &PackEntry,
    after: Option<TableVersion>,
    report: &mut RunReport,
) -> RunRecord {
    let detection = &entry.detection;
    let mut record = RunRecord {
        run_id: report.run_id.clone(),
        detection_id: detection.id.as_str().to_owned(),
        detection_version: detection.sql_hash.clone(),
        from_version: after,
        to_version: report.up_to,
        started_at: SystemClock.now(),
        finished_at: SystemClock.now(),
        status: RunStatus::Ok,
        findings: 0,
        error: None,
    };
    report.detections += 1;
    match judge(session, detection).await {
        Ok(findings) => {
            record.findings = count(findings.len());
            let rows = findings.into_iter().map(|finding| finding_row(finding, &record));
            report.findings.extend(rows);
        }
        Err(error) => {
            record.status = RunStatus::Failed;
            record.error = Some(error.message.clone());
            let detection_id = record.detection_id.clone();
            report.failures.push(DetectionFailure {
                detection_id,
                path: entry.path.clone(),
                error,
            });
        }
    }
    record.finished_at = SystemClock.now();
    record
}

fn finding_row(finding: Finding, run: &RunRecord) -> FindingRow {
    let key: serde_json::Map<String, _> = finding.key.into_iter().collect();
    let row: serde_json::Map<String, _> = finding.row.into_iter().collect();
    FindingRow {
        fingerprint: finding.fingerprint.to_string(),
        detection_id: run.detection_id.clone(),
        detection_version: finding.detection_version,
        title: finding.title,
        severity: finding.severity,
        entity: finding.entity.unwrap_or_default(),
        key: serde_json::Value::Object(key).to_string(),
        first_event_time: finding.first_event_time,
        last_event_time: finding.last_event_time,
        events: finding.events,
        event_ids: finding.event_ids,
        recipient_account_id: finding.accounts.into_iter().collect(),
        aws_region: finding.regions.into_iter().collect(),
        techniques: finding.techniques.into_iter().map(|technique| technique.technique).collect(),
        row: serde_json::Value::Object(row).to_string(),
        suppressed_by: None,
        run_id: run.run_id.clone(),
        from_version: run.from_version,
        to_version: run.to_version,
        found_at: run.finished_at,
    }
}

/// Takes away the evidence that stands in the lake already, and findings of which nothing is left.
async fn drop_known(lake: &Lake, report: &mut RunReport) -> Result<(), ServiceError> {
    let fingerprints: BTreeSet<String> =
        report.findings.iter().map(|finding| finding.fingerprint.clone()).collect();
    let fingerprints: Vec<String> = fingerprints.into_iter().collect();
    let recorded = lake.recorded_evidence(&fingerprints).await?;
    let before = report.findings.len();
    report.findings.retain_mut(|finding| match recorded.get(&finding.fingerprint) {
        Some(known) => keep_new_evidence(finding, known),
        None => true,
    });
    report.known = count(before - report.findings.len());
    Ok(())
}

/// Leaves only what is new; says whether anything is. A list of ids that was cut is left as it is
/// where it names something new, since the rest of it cannot be told.
fn keep_new_evidence(finding: &mut FindingRow, known: &BTreeSet<String>) -> bool {
    if finding.event_ids.is_empty() {
        return known.is_empty();
    }
    let is_complete = count(finding.event_ids.len()) == finding.events;
    let has_new = finding.event_ids.iter().any(|id| !known.contains(id));
    if has_new && is_complete {
        finding.event_ids.retain(|id| !known.contains(id));
        finding.events = count(finding.event_ids.len());
    }
    has_new
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
