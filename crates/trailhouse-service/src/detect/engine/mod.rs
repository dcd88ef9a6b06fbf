//! The detection engine: judges what is open, and stores findings and progress in one commit.

pub(super) mod found;
mod judging;
mod known;
mod periods;
mod task;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use trailhouse_detect::{CalendarDay, ExceptionHits, Rule, context::Enricher, gate};
use trailhouse_lake::{
    Appended, Coverage, FindingRow, Lake, RunCounts, RunRecord, RunStatus, TableName,
};
use trailhouse_model::{EventTime, TableVersion};
use trailhouse_query::{JudgeLimits, QueryError, SessionOptions};
use trailhouse_runtime::Clock;
use uuid::Uuid;

pub use self::task::{RowChoice, RuleChoice};
use self::{
    found::Found,
    known::{Past, sift},
    task::{Agenda, Rows, Situation, Task},
};
use super::{
    ledger::hits_by_exception,
    report::{DetectionFailure, RunReport},
    rules::Rules,
};
use crate::{
    count::count,
    error::{FailureKind, ServiceError},
    query::query_error,
};

const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;
/// How often a round is begun anew where others have judged the same rows meanwhile.
const OVERTAKEN_MAX: u32 = 5;

/// Judges rows of one lake with one rulebook.
pub struct DetectionEngine {
    lake: Lake,
    rules: Rules,
    settings: EngineSettings,
    coverage: Option<Coverage>,
    clock: Arc<dyn Clock>,
}

/// How an engine works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// The limits of the queries.
    pub session: SessionOptions,
    /// The limits of one rule.
    pub limits: JudgeLimits,
    /// A folder for summaries of what was there before, which may be deleted at any time.
    pub cache: Option<PathBuf>,
}

/// What one rule did in a round.
struct Outcome<'r> {
    rule: &'r Rule,
    record: RunRecord,
    alerts: bool,
    found: Vec<Found>,
    error: Option<ServiceError>,
}

impl DetectionEngine {
    /// Makes an engine.
    pub fn new(lake: Lake, rules: Rules, settings: EngineSettings, clock: Arc<dyn Clock>) -> Self {
        Self { lake, rules, settings, coverage: None, clock }
    }

    /// Goes on with other rules.
    pub fn replace_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Judges the rows with the rules, and stores what was found with how far each rule has come.
    ///
    /// A rule that fails leaves its rows open for its next run and does not disturb the others.
    /// Rows that somebody else has judged meanwhile are left to them.
    pub async fn round(
        &mut self,
        choice: &RuleChoice,
        rows: RowChoice,
    ) -> Result<RunReport, ServiceError> {
        for _ in 0..OVERTAKEN_MAX {
            if let Some(report) = self.try_round(choice, rows).await? {
                return Ok(report);
            }
        }
        let message = "others keep running the same detections at the same time".to_owned();
        Err(ServiceError::new(FailureKind::Temporary, message)
            .with_hint("run one `detect daemon` or `detect run` on a lake at a time"))
    }

    /// `None` where somebody else was quicker.
    async fn try_round(
        &mut self,
        choice: &RuleChoice,
        rows: RowChoice,
    ) -> Result<Option<RunReport>, ServiceError> {
        let started = Instant::now();
        let rulebook = Arc::clone(&self.rules.rulebook);
        let coverage = self.take_coverage().await?;
        let since = coverage.findings_version;
        let up_to = self.lake.latest_version(TableName::Events).await?;
        let situation = Situation { coverage: &coverage, up_to, rows, now: self.clock.now() };
        let agenda = Agenda::of(&rulebook.rules, choice, &self.rules.context, situation);
        self.coverage = Some(coverage);
        let mut report = RunReport::new(Uuid::now_v7().to_string(), up_to);
        report.idle = agenda.idle;
        report.skipped = agenda.skipped;
        let outcomes = self.judge(&agenda.tasks, &report.run_id, up_to).await?;
        report.detections = count(outcomes.len());
        let (records, findings) = self.settle(outcomes, &mut report).await?;
        if !records.is_empty() {
            match self.lake.append_findings(since, records, &findings).await? {
                Appended::Stored(_) | Appended::Nothing => {}
                Appended::Overtaken(_) => return Ok(None),
            }
        }
        report.take_findings(findings);
        report.elapsed = started.elapsed();
        Ok(Some(report))
    }

    async fn take_coverage(&mut self) -> Result<Coverage, ServiceError> {
        match self.coverage.take() {
            Some(mut coverage) => {
                self.lake.update_coverage(&mut coverage).await?;
                Ok(coverage)
            }
            None => Ok(self.lake.coverage().await?),
        }
    }

    /// Judges tasks that ask for the same rows together.
    async fn judge<'r>(
        &self,
        tasks: &[Task<'r>],
        run_id: &str,
        up_to: TableVersion,
    ) -> Result<Vec<Outcome<'r>>, ServiceError> {
        let mut groups: BTreeMap<_, Vec<Task<'r>>> = BTreeMap::new();
        for task in tasks {
            let lookback = task.rule.detection.window.lookback;
            let lookback = if task.rows.is_by_arrival() { None } else { lookback };
            groups.entry((task.rows, lookback)).or_default().push(*task);
        }
        let mut outcomes = Vec::new();
        for ((rows, lookback), tasks) in groups {
            let started_at = self.clock.now();
            let judged = match self.judge_rows(&tasks, rows, lookback, up_to).await {
                Ok(judged) => judged,
                // Such as a log entry that is gone since a rule ran last: the others go on.
                Err(error) if error.kind == FailureKind::Table => judging::failed(&tasks, &error),
                Err(error) => return Err(error),
            };
            let finished_at = self.clock.now();
            for (task, judged) in tasks.into_iter().zip(judged) {
                let record = RunRecord {
                    run_id: run_id.to_owned(),
                    detection_id: task.rule.detection.id.as_str().to_owned(),
                    detection_version: task.rule.version(),
                    kind: task.kind,
                    from_version: rows.after(),
                    to_version: up_to,
                    from_time: judged.times.map(|(from, _)| from),
                    to_time: judged.times.map(|(_, to)| to),
                    started_at,
                    finished_at,
                    status: judged.failure.as_ref().map_or(RunStatus::Ok, |failure| failure.status),
                    counts: judged.counts,
                    error: judged.failure.as_ref().map(|failure| failure.error.message.clone()),
                };
                let (rule, alerts, found) = (task.rule, task.alerts, judged.found);
                let error = judged.failure.map(|failure| failure.error);
                outcomes.push(Outcome { rule, record, alerts, found, error });
            }
        }
        Ok(outcomes)
    }

    async fn judge_rows(
        &self,
        tasks: &[Task<'_>],
        rows: Rows,
        lookback: Option<Duration>,
        up_to: TableVersion,
    ) -> Result<Vec<JudgedTask>, ServiceError> {
        match rows {
            Rows::Nothing => Ok(judging::nothing(tasks)),
            Rows::Arrived { after } => self.judge_arrived(tasks, after, up_to).await,
            Rows::Stretch { from, to } => {
                self.judge_stretch(tasks, from..to, lookback, up_to).await
            }
            Rows::Periods { .. } | Rows::PeriodsOf { .. } => {
                self.judge_periods(tasks, rows, lookback, up_to).await
            }
        }
    }

    /// Leaves what is new of the findings, and completes the records of the runs.
    async fn settle(
        &self,
        outcomes: Vec<Outcome<'_>>,
        report: &mut RunReport,
    ) -> Result<(Vec<RunRecord>, Vec<FindingRow>), ServiceError> {
        let fingerprints: BTreeSet<String> = outcomes
            .iter()
            .flat_map(|outcome| &outcome.found)
            .map(|found| found.finding.fingerprint.to_string())
            .collect();
        let hits = self.hits_today(&outcomes).await?;
        let findings_of = self.lake.findings_of(&fingerprints).await?;
        let mut past = Past { findings: findings_of, hits };
        let enricher = Enricher::new(self.rules.context.site());
        let (mut records, mut findings) = (Vec::new(), Vec::new());
        for Outcome { rule, mut record, alerts, mut found, error } in outcomes {
            for found in &mut found {
                enricher.enrich(&mut found.finding, self.rules.context.places());
            }
            let kind = if alerts { gate::RunKind::Live } else { gate::RunKind::Backfill };
            record.counts.findings = count(found.len());
            let sifted = sift(rule, &record, kind, found, &mut past);
            let suppressed = sifted.rows.iter().filter(|row| row.suppressed_by.is_some()).count();
            let alerts = sifted.rows.iter().filter(|row| row.alert.is_some()).count();
            record.counts.suppressed = count(suppressed);
            record.counts.alerts = count(alerts);
            record.counts.exception_hits = sifted.hits;
            report.known += sifted.known;
            report.take_run(&record);
            if let Some(error) = error {
                let (detection_id, path) = (record.detection_id.clone(), rule.entry.path.clone());
                report.failures.push(DetectionFailure { detection_id, path, error });
            }
            findings.extend(sifted.rows);
            records.push(record);
        }
        Ok((records, findings))
    }

    /// Returns how often exceptions have applied today, where one of them has a limit for that.
    async fn hits_today(&self, outcomes: &[Outcome<'_>]) -> Result<ExceptionHits, ServiceError> {
        let now = self.clock.now();
        let today = CalendarDay::of(now);
        let mut matched = outcomes.iter().flat_map(|outcome| &outcome.found);
        let is_limited = |found: &Found| {
            found.matched.iter().any(|exception| exception.hits_per_day_max.is_some())
        };
        if !matched.any(is_limited) {
            return Ok(ExceptionHits::new(today, BTreeMap::new()));
        }
        let midnight = EventTime::from_micros(i64::from(now.days()) * MICROS_PER_DAY);
        let counts = hits_by_exception(&self.lake, midnight).await?;
        Ok(ExceptionHits::new(today, counts))
    }
}

/// What became of one task.
struct JudgedTask {
    found: Vec<Found>,
    counts: RunCounts,
    /// The event time that was judged, where it was judged by that.
    times: Option<(EventTime, EventTime)>,
    failure: Option<RuleFailure>,
}

/// Why a rule did not judge its rows.
#[derive(Debug)]
struct RuleFailure {
    status: RunStatus,
    error: ServiceError,
}

impl RuleFailure {
    fn of_query(error: &QueryError, sql: &str) -> Self {
        let is_timeout = matches!(error, QueryError::TimedOut { .. });
        let status = if is_timeout { RunStatus::Timeout } else { RunStatus::Failed };
        Self { status, error: query_error(error, sql) }
    }
}

impl From<ServiceError> for RuleFailure {
    fn from(error: ServiceError) -> Self {
        Self { status: RunStatus::Failed, error }
    }
}
