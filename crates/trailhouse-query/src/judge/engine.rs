//! The course of judging: plan, scan, hand out rows, run.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use datafusion::{
    error::DataFusionError,
    logical_expr::{Expr, TableScan},
};
use futures::{StreamExt, stream};
use trailhouse_model::ContentHash;

use super::{
    Answer, BaselineCost, EmptyPeriods, JudgeLimits, Judged as JudgedRows, JudgedPeriods, Period,
    PeriodAnswer, Question, ScanCost,
    answer::within as within_time,
    baseline::{Keeper, Part, from_summary, identity, replace_summarisable},
    job::{Job, LeafRows, Pool},
    leaf::{Leaf, LeafSpec, judged_scans},
    period::{EVENT_TIME, TimedRows, since_day, within},
    prepare::Prepared,
    running::{Pools, Said, answer_all},
    scan::{SharedScan, wanted_rows},
    tables::{Judged, JudgedTable, JudgedTables},
};
use crate::{
    error::{QueryError, classify},
    planner::{Planner, on_planning_stack},
    session::QuerySession,
};

/// Judges for one session.
pub(crate) struct Engine {
    pub(crate) planner: Arc<Planner>,
    pub(crate) tables: Arc<JudgedTables>,
    limits: JudgeLimits,
    baselines: Option<PathBuf>,
}

/// What all runs said.
struct Outcome {
    answers: Vec<Said>,
    failures: Vec<(usize, QueryError)>,
    scan: ScanCost,
    before: ScanCost,
    baselines: BaselineCost,
}

impl Engine {
    pub(crate) fn new(session: &QuerySession, limits: JudgeLimits) -> Self {
        let planner = Arc::clone(&session.planner);
        let (tables, baselines) = (Arc::clone(&session.judged), session.baselines.clone());
        Self { planner, tables, limits, baselines }
    }

    pub(crate) async fn judge(&self, questions: &[Question<'_>]) -> Result<JudgedRows, QueryError> {
        let outcome = match self.tables.period {
            None => self.run(questions, None).await?,
            Some(period) => {
                let empty_periods = EmptyPeriods::Judge;
                let questions: Vec<Question<'_>> = questions
                    .iter()
                    .map(|question| Question { empty_periods, ..*question })
                    .collect();
                self.run(&questions, Some(&[period])).await?
            }
        };
        let mut answers: Vec<(usize, Answer)> =
            outcome.answers.into_iter().map(|(question, _, answer)| (question, answer)).collect();
        for (question, error) in outcome.failures {
            let answer = Answer { outcome: Err(error), rows_in: 0, millis: 0, shared: false };
            answers.push((question, answer));
        }
        answers.sort_by_key(|(question, _)| *question);
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        let Outcome { scan, before, baselines, .. } = outcome;
        Ok(JudgedRows { answers, scan, before, baselines })
    }

    pub(crate) async fn judge_periods(
        &self,
        questions: &[Question<'_>],
        periods: &[Period],
    ) -> Result<JudgedPeriods, QueryError> {
        if self.tables.period.is_none() {
            let message = "the session was not opened for periods".to_owned();
            return Err(QueryError::Bug { message });
        }
        let outcome = self.run(questions, Some(periods)).await?;
        let answers = outcome.answers.into_iter().filter_map(|(question, period, answer)| {
            Some(PeriodAnswer { question, period: period?, answer })
        });
        Ok(JudgedPeriods {
            answers: answers.collect(),
            failures: outcome.failures,
            scan: outcome.scan,
            before: outcome.before,
        })
    }

    async fn run(
        &self,
        questions: &[Question<'_>],
        periods: Option<&[Period]>,
    ) -> Result<Outcome, QueryError> {
        let (prepared, mut failures) = self.prepare_all(questions).await;
        let leaves = prepared.iter().flat_map(|(_, prepared)| &prepared.leaves);
        let events = distinct(leaves.clone().filter(|leaf| leaf.spec.table == Judged::Events));
        let (rows, scan) = self.collect(Judged::Events, events, periods).await?;
        let rows = Arc::new(rows);
        let (jobs, failed) = self.jobs(questions, prepared, periods, &rows).await?;
        failures.extend(failed);
        let (jobs, baselines) = self.with_summaries(jobs).await?;
        let (jobs, leaves) = self.wanted(jobs).await?;
        let (before, before_cost) = self.collect(Judged::Before, leaves, periods).await?;
        let pools = Pools { events: rows, before: Arc::new(before) };
        let (jobs, failed) = self.bind_before(jobs, &pools.before).await?;
        failures.extend(failed);
        let (answers, failed) =
            answer_all(&self.planner, self.limits, self.at_once(), jobs, &pools).await;
        failures.extend(failed);
        Ok(Outcome { answers, failures, scan, before: before_cost, baselines })
    }

    /// Plans all questions.
    pub(crate) async fn prepare_all(
        &self,
        questions: &[Question<'_>],
    ) -> (Vec<(usize, Arc<Prepared>)>, Vec<(usize, QueryError)>) {
        let preparing = questions.iter().enumerate().map(|(index, question)| {
            let (planner, tables) = (Arc::clone(&self.planner), Arc::clone(&self.tables));
            let (sql, params) = (question.sql.to_owned(), question.params.to_vec());
            let day = question.lookback.and_then(|back| self.tables.first_day_before(back));
            let limit = self.limits.timeout_per_question;
            async move {
                let preparing = Prepared::of(planner, tables, sql, params, day);
                (index, within_time(limit, preparing).await)
            }
        });
        let mut outcomes = stream::iter(preparing).buffered(self.at_once());
        let (mut prepared, mut failures) = (Vec::new(), Vec::new());
        while let Some((index, outcome)) = outcomes.next().await {
            match outcome {
                Ok(plan) => prepared.push((index, Arc::new(plan))),
                Err(error) => failures.push((index, error)),
            }
        }
        (prepared, failures)
    }

    /// Questions that are worked on at the same time.
    fn at_once(&self) -> usize {
        self.planner.context.state().config().target_partitions().max(1)
    }

    /// Reads the rows of the leaves in one scan.
    async fn collect(
        &self,
        table: Judged,
        leaves: Vec<Leaf>,
        periods: Option<&[Period]>,
    ) -> Result<(Pool, ScanCost), QueryError> {
        if leaves.is_empty() {
            return Ok((Pool::new(), ScanCost::default()));
        }
        let failed = |error: DataFusionError| classify(&error, &self.planner.vocabulary);
        let specs: Vec<LeafSpec> = leaves.iter().map(|leaf| leaf.spec.clone()).collect();
        let scan = self.shared_scan(table, leaves, periods)?;
        let state = self.planner.context.state();
        let (scan, plan) = on_planning_stack({
            let planner = Arc::clone(&self.planner);
            let state = state.clone();
            async move {
                let plan = scan.plan(&state).await;
                Ok((scan, plan.map_err(|error| classify(&error, &planner.vocabulary))?))
            }
        })
        .await?;
        let is_timed = scan.extra_column.is_some();
        let collected = scan.collect(plan, state.task_ctx()).await.map_err(failed)?;
        let mut pool = Pool::new();
        for (spec, rows) in specs.into_iter().zip(collected.rows) {
            let Some(rows) = rows else { continue };
            let rows = if is_timed {
                LeafRows::Timed(TimedRows::of(&rows).map_err(|error| failed(error.into()))?)
            } else {
                LeafRows::All(rows)
            };
            pool.insert(spec, rows);
        }
        Ok((pool, collected.cost))
    }

    pub(crate) fn shared_scan(
        &self,
        table: Judged,
        leaves: Vec<Leaf>,
        periods: Option<&[Period]>,
    ) -> Result<SharedScan, QueryError> {
        let wanted = wanted_rows(&leaves);
        let (mut predicate, extra_column) = match periods {
            None => (first_day_of(&leaves).map(since_day).into_iter().collect(), None),
            Some(periods) => {
                let column = self.tables.schema().index_of(EVENT_TIME);
                let column =
                    column.map_err(|error| QueryError::Bug { message: error.to_string() })?;
                (union_range(table, periods), Some(column))
            }
        };
        predicate.extend(wanted);
        let JudgedTable { view, files, .. } = self.tables.get(table);
        Ok(SharedScan {
            view: Arc::clone(view),
            leaves,
            predicate,
            extra_column,
            bytes_max: self.limits.buffer_bytes_max,
            files: *files,
        })
    }

    /// Hands the rows to judge to each question, for each period that concerns it.
    async fn jobs(
        &self,
        questions: &[Question<'_>],
        prepared: Vec<(usize, Arc<Prepared>)>,
        periods: Option<&[Period]>,
        rows: &Arc<Pool>,
    ) -> Result<(Vec<Job>, Vec<(usize, QueryError)>), QueryError> {
        let empty: Vec<EmptyPeriods> =
            questions.iter().map(|question| question.empty_periods).collect();
        let periods: Option<Vec<Period>> = periods.map(<[Period]>::to_vec);
        let (planner, tables) = (Arc::clone(&self.planner), Arc::clone(&self.tables));
        let rows = Arc::clone(rows);
        on_planning_stack(async move {
            let state = planner.context.state();
            let (mut jobs, mut failures) = (Vec::new(), Vec::new());
            for (question, prepared) in prepared {
                let skips = empty.get(question) == Some(&EmptyPeriods::Skip);
                let handed = match &periods {
                    None => Job::whole(question, &prepared, &tables, &rows, &state),
                    Some(periods) => {
                        Job::by_period(question, &prepared, periods, skips, &tables, &rows, &state)
                    }
                };
                match handed {
                    Ok(handed) => jobs.extend(handed),
                    Err(error) => failures.push((question, classify(&error, &planner.vocabulary))),
                }
            }
            Ok((jobs, failures))
        })
        .await
    }

    /// Puts summaries in the place of what only asks whether something was there before.
    async fn with_summaries(&self, jobs: Vec<Job>) -> Result<(Vec<Job>, BaselineCost), QueryError> {
        let (Some(folder), Some(origin)) = (self.baselines.clone(), self.tables.origin.clone())
        else {
            return Ok((jobs, BaselineCost::default()));
        };
        let (planner, tables) = (Arc::clone(&self.planner), Arc::clone(&self.tables));
        on_planning_stack(async move {
            let failed = |error: DataFusionError| classify(&error, &planner.vocabulary);
            let is_before = |scan: &TableScan| tables.judged(scan) == Some(Judged::Before);
            let mut parts: HashMap<ContentHash, Part> = HashMap::new();
            for job in &jobs {
                let first_day = job.prepared.first_day_before;
                replace_summarisable(job.plan.clone(), &is_before, &mut |plan| {
                    let part = parts
                        .entry(identity(&origin, plan))
                        .or_insert_with(|| Part { plan: plan.clone(), first_day });
                    part.first_day = part.first_day.min(first_day);
                    // It stays as it is; what is in it needs no summary of its own.
                    Ok(Some(plan.clone()))
                })
                .map_err(failed)?;
            }
            let context = planner.context.clone();
            let keeper = Keeper { context, origin: origin.clone(), folder };
            let (summaries, cost) = keeper.bring_up(parts).await;
            let mut summarised = Vec::with_capacity(jobs.len());
            for mut job in jobs {
                let first_day = job.prepared.first_day_before;
                job.plan = replace_summarisable(job.plan, &is_before, &mut |plan| {
                    from_summary(plan, summaries.get(&identity(&origin, plan)), first_day)
                })
                .map_err(failed)?;
                summarised.push(job);
            }
            Ok((summarised, cost))
        })
        .await
    }

    /// Returns the leaves of `events_before` that are still in a plan.
    async fn wanted(&self, jobs: Vec<Job>) -> Result<(Vec<Job>, Vec<Leaf>), QueryError> {
        let (planner, tables) = (Arc::clone(&self.planner), Arc::clone(&self.tables));
        on_planning_stack(async move {
            let failed = |error: DataFusionError| classify(&error, &planner.vocabulary);
            let mut wanted = HashSet::new();
            for job in &jobs {
                let specs = judged_scans(&job.plan, |scan| tables.judged(scan)).map_err(failed)?;
                let before = specs.into_iter().filter(|spec| spec.table == Judged::Before);
                wanted.extend(before.map(|spec| job.prepared.bounded(spec)));
            }
            let leaves = jobs.iter().flat_map(|job| &job.prepared.leaves);
            let leaves = distinct(leaves.filter(|leaf| wanted.contains(&leaf.spec)));
            Ok((jobs, leaves))
        })
        .await
    }

    /// Puts the rows of `events_before` in their places.
    async fn bind_before(
        &self,
        jobs: Vec<Job>,
        before: &Arc<Pool>,
    ) -> Result<(Vec<Job>, Vec<(usize, QueryError)>), QueryError> {
        let (planner, tables) = (Arc::clone(&self.planner), Arc::clone(&self.tables));
        let before = Arc::clone(before);
        on_planning_stack(async move {
            let state = planner.context.state();
            let (mut bound, mut failures) = (Vec::new(), Vec::new());
            for job in jobs {
                let question = job.question;
                match job.bind(&tables, Judged::Before, &before, &state) {
                    Ok(jobs) => bound.extend(jobs),
                    Err(error) => failures.push((question, classify(&error, &planner.vocabulary))),
                }
            }
            Ok((bound, failures))
        })
        .await
    }
}

pub(crate) fn distinct<'leaf>(leaves: impl Iterator<Item = &'leaf Leaf>) -> Vec<Leaf> {
    let mut seen = HashSet::new();
    let mut distinct = Vec::new();
    for leaf in leaves {
        if seen.insert(&leaf.spec) {
            distinct.push(leaf.clone());
        }
    }
    distinct
}

/// Returns the first day that any of the leaves wants; nothing where one wants all days.
fn first_day_of(leaves: &[Leaf]) -> Option<i32> {
    leaves.iter().map(|leaf| leaf.spec.first_day).min().flatten()
}

/// Returns what holds for the rows of all periods.
fn union_range(table: Judged, periods: &[Period]) -> Vec<Expr> {
    let ranges = periods.iter().map(|period| match table {
        Judged::Events => (period.from, period.to),
        Judged::Before => (period.before_from, period.from),
    });
    let union = ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    union.map_or_else(Vec::new, |(from, to)| within(from, to))
}
