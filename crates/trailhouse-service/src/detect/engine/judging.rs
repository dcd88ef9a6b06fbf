//! Asks the query engine about rows that arrived, or that lie in a stretch of event time.

use std::{ops::Range, time::Duration};

use trailhouse_detect::{ParamValue, Rule};
use trailhouse_lake::{LakeError, RunCounts};
use trailhouse_model::{EventTime, TableVersion};
use trailhouse_query::{
    Answer, EmptyPeriods, EventsScope, QueryError, QuerySession, Question, ScanCost,
};

use super::{
    DetectionEngine, JudgedTask, RuleFailure,
    found::{Collector, Found, Output},
    task::{Task, minus},
};
use crate::{error::ServiceError, query::query_error};

/// The earliest time of any event.
const BEGINNING: EventTime = EventTime::from_micros(0);

impl DetectionEngine {
    pub(super) async fn open(&self, scope: EventsScope) -> Result<QuerySession, ServiceError> {
        let failed = |error: QueryError| {
            let failed = query_error(&error, "");
            if matches!(error, QueryError::Lake(LakeError::VersionGone { .. })) {
                return failed.with_hint(
                    "`trailhouse detect run --all --match ID` judges the whole lake, and goes on \
                     from there",
                );
            }
            failed
        };
        let is_by_arrival = matches!(scope, EventsScope::Arrived { .. });
        let session = QuerySession::open_scoped(&self.lake, &self.settings.session, scope).await;
        let context = &self.rules.context;
        let session = session.map_err(failed)?.with_context(context).await.map_err(failed)?;
        match &self.settings.cache {
            Some(cache) if is_by_arrival => Ok(session.with_baselines(cache.clone())),
            Some(_) | None => Ok(session),
        }
    }

    pub(super) async fn judge_arrived(
        &self,
        tasks: &[Task<'_>],
        after: Option<TableVersion>,
        up_to: TableVersion,
    ) -> Result<Vec<JudgedTask>, ServiceError> {
        let session = self.open(EventsScope::Arrived { after, up_to, lookback: None }).await?;
        self.judge_session(&session, tasks).await
    }

    pub(super) async fn judge_stretch(
        &self,
        tasks: &[Task<'_>],
        times: Range<EventTime>,
        lookback: Option<Duration>,
        up_to: TableVersion,
    ) -> Result<Vec<JudgedTask>, ServiceError> {
        let Range { start: from, end: to } = times;
        let before_from = reach(from, lookback);
        let session = self.open(EventsScope::Period { up_to, from, to, before_from }).await?;
        let mut judged = self.judge_session(&session, tasks).await?;
        for task in &mut judged {
            task.times = Some((from, to));
        }
        Ok(judged)
    }

    async fn judge_session(
        &self,
        session: &QuerySession,
        tasks: &[Task<'_>],
    ) -> Result<Vec<JudgedTask>, ServiceError> {
        let params: Vec<_> = tasks.iter().map(|task| literals(task.rule)).collect();
        let questions: Vec<Question<'_>> = tasks
            .iter()
            .zip(&params)
            .map(|(task, params)| question(task.rule, params, EmptyPeriods::Skip))
            .collect();
        let judged = session.judge(&questions, &self.settings.limits).await;
        let judged = judged.map_err(|error| query_error(&error, ""))?;
        let mut outcomes = Vec::with_capacity(tasks.len());
        for (task, answer) in tasks.iter().zip(judged.answers) {
            let counts = counts_of(&answer, judged.scan, judged.before);
            let outcome = self.collect(task.rule, answer).await;
            outcomes.push(JudgedTask::of(outcome, counts));
        }
        Ok(outcomes)
    }

    async fn collect(&self, rule: &Rule, answer: Answer) -> Result<Vec<Found>, RuleFailure> {
        let sql = &rule.detection.sql;
        let batches = answer.outcome.map_err(|error| RuleFailure::of_query(&error, sql))?;
        let mut collector = Collector::new(rule);
        collector.add(&Output { batches, period: None }).await?;
        Ok(collector.finish())
    }
}

impl JudgedTask {
    pub(super) fn of(outcome: Result<Vec<Found>, RuleFailure>, counts: RunCounts) -> Self {
        let (found, failure) = match outcome {
            Ok(found) => (found, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        Self { found, counts, times: None, failure }
    }
}

/// Where rules only start, nothing is judged.
pub(super) fn nothing(tasks: &[Task<'_>]) -> Vec<JudgedTask> {
    tasks.iter().map(|_| JudgedTask::of(Ok(Vec::new()), RunCounts::default())).collect()
}

/// Where the rows cannot be had, no rule of the group has judged them.
pub(super) fn failed(tasks: &[Task<'_>], error: &ServiceError) -> Vec<JudgedTask> {
    let failed = |_| JudgedTask::of(Err(error.clone().into()), RunCounts::default());
    tasks.iter().map(failed).collect()
}

pub(super) fn question<'q>(
    rule: &'q Rule,
    params: &'q [(String, String)],
    empty_periods: EmptyPeriods,
) -> Question<'q> {
    Question {
        params,
        lookback: rule.detection.window.lookback,
        empty_periods,
        ..Question::new(rule.detection.id.as_str(), &rule.detection.sql)
    }
}

/// Returns the values of the rule's parameters as SQL literals.
pub(super) fn literals(rule: &Rule) -> Vec<(String, String)> {
    let literal = |(name, value): &(String, ParamValue)| (name.clone(), value.to_string());
    rule.params.iter().map(literal).collect()
}

/// Returns where `events_before` begins.
pub(super) fn reach(from: EventTime, lookback: Option<Duration>) -> EventTime {
    lookback.map_or(BEGINNING, |lookback| minus(from, lookback))
}

fn counts_of(answer: &Answer, scan: ScanCost, before: ScanCost) -> RunCounts {
    RunCounts {
        rows_judged: answer.rows_in,
        bytes_read: scan.bytes.saturating_add(before.bytes),
        millis: answer.millis,
        ..RunCounts::default()
    }
}
