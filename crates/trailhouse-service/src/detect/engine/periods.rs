//! Asks the query engine about periods of event time.

use std::{collections::BTreeSet, time::Duration};

use trailhouse_detect::{EventPeriods, JudgeWhen};
use trailhouse_lake::{RunCounts, TableName};
use trailhouse_model::{EventTime, TableVersion};
use trailhouse_query::{
    EmptyPeriods, EventsScope, JudgedPeriods, Period, PeriodAnswer, Question, TouchedPeriod,
};

use super::{
    DetectionEngine, JudgedTask, RuleFailure,
    found::{Collector, Output},
    judging::{literals, question, reach},
    task::{Closing, Rows, Task, minus, period_of, plus, start_of},
};
use crate::{error::ServiceError, query::query_error};

/// Periods whose rows are held at the same time lie in so much event time.
const HELD_TIME_MAX: Duration = DAY.saturating_mul(31);

const DAY: Duration = Duration::from_secs(86_400);
/// How far back the newest event is looked for, first and then.
const NEWEST_WITHIN: [Duration; 3] = [DAY.saturating_mul(2), DAY.saturating_mul(62), CENTURY];
/// CloudTrail has no older events.
const CENTURY: Duration = DAY.saturating_mul(36_525);

/// How the periods of a group of tasks lie.
#[derive(Debug, Clone, Copy)]
struct Shape {
    every: Duration,
    span: Duration,
    lookback: Option<Duration>,
}

/// The periods to judge, by number.
#[derive(Debug, Default)]
struct Chosen {
    numbers: BTreeSet<i64>,
    late_rows: u64,
    /// The event time that is judged with them; for periods that close, up to where they have.
    times: Option<(EventTime, EventTime)>,
}

/// One task while the answers about its periods come in.
struct PeriodTask<'t, 'r> {
    task: &'t Task<'r>,
    collector: Collector<'r>,
    counts: RunCounts,
    failure: Option<RuleFailure>,
}

impl DetectionEngine {
    pub(super) async fn judge_periods(
        &self,
        tasks: &[Task<'_>],
        rows: Rows,
        lookback: Option<Duration>,
        up_to: TableVersion,
    ) -> Result<Vec<JudgedTask>, ServiceError> {
        let Some((every, span)) = rows.step_and_span() else { return Ok(Vec::new()) };
        let shape = Shape { every, span, lookback };
        let chosen = self.choose_periods(tasks, rows, shape, up_to).await?;
        let mut states: Vec<PeriodTask<'_, '_>> =
            tasks.iter().map(|task| PeriodTask::new(task, chosen.late_rows)).collect();
        let params: Vec<_> = tasks.iter().map(|task| literals(task.rule)).collect();
        let questions: Vec<Question<'_>> = tasks
            .iter()
            .zip(&params)
            .map(|(task, params)| question(task.rule, params, empty_periods(task)))
            .collect();
        for numbers in shape.portions(&chosen.numbers) {
            let periods: Vec<Period> = numbers.iter().map(|number| shape.period(*number)).collect();
            let judged = self.ask(&questions, &periods, up_to).await?;
            take_portion(&mut states, judged, &numbers, shape).await;
        }
        let mut judged = Vec::with_capacity(states.len());
        for PeriodTask { collector, counts, failure, .. } in states {
            let outcome = match failure {
                None => Ok(collector.finish()),
                Some(failure) => Err(failure),
            };
            let mut task = JudgedTask::of(outcome, counts);
            task.times = chosen.times;
            judged.push(task);
        }
        Ok(judged)
    }

    async fn ask(
        &self,
        questions: &[Question<'_>],
        periods: &[Period],
        up_to: TableVersion,
    ) -> Result<JudgedPeriods, ServiceError> {
        // The bounds of the session do not count where periods are judged.
        let scope = EventsScope::Period {
            up_to,
            from: start_of(0, Duration::ZERO),
            to: start_of(0, Duration::ZERO),
            before_from: start_of(0, Duration::ZERO),
        };
        let session = self.open(scope).await?;
        let judged = session.judge_periods(questions, periods, &self.settings.limits).await;
        judged.map_err(|error| query_error(&error, ""))
    }

    /// Decides which periods a group of tasks judges.
    async fn choose_periods(
        &self,
        tasks: &[Task<'_>],
        rows: Rows,
        shape: Shape,
        up_to: TableVersion,
    ) -> Result<Chosen, ServiceError> {
        let (after, closing) = match rows {
            Rows::Periods { after, closing, .. } => (after, closing),
            Rows::PeriodsOf { from, to, .. } => return Ok(Chosen::all_of(from, to, shape)),
            Rows::Nothing | Rows::Arrived { .. } | Rows::Stretch { .. } => {
                return Ok(Chosen::default());
            }
        };
        let touched = if after == Some(up_to) {
            Vec::new()
        } else {
            let session = self.open(EventsScope::Arrived { after, up_to, lookback: None }).await?;
            let touched = session.touched_periods(shape.every, shape.span).await;
            touched.map_err(|error| query_error(&error, ""))?
        };
        let mut chosen = Chosen::default();
        let judged_at = match after {
            Some(after) => self.lake.committed_at(TableName::Events, after).await?,
            None => None,
        };
        let lateness = tasks.first().and_then(|task| task.rule.detection.window.lateness);
        for TouchedPeriod { index, rows_of_step } in &touched {
            let is_late = judged_at.is_some_and(|judged_at| {
                plus(shape.end(*index), lateness.unwrap_or_default()) <= judged_at
            });
            chosen.late_rows += if is_late { *rows_of_step } else { 0 };
            if closing.is_none_or(|closing| shape.end(*index) <= closing.up_to) {
                chosen.numbers.insert(*index);
            }
        }
        if let Some(closing) = closing {
            self.add_closed(&mut chosen, &touched, closing, shape, up_to).await?;
        }
        Ok(chosen)
    }

    /// Adds the periods that have closed since the last run, whether or not they have rows. Where
    /// nothing has come for longer than a period and its lookback reach, there is nothing to miss.
    async fn add_closed(
        &self,
        chosen: &mut Chosen,
        touched: &[TouchedPeriod],
        closing: Closing,
        shape: Shape,
        up_to: TableVersion,
    ) -> Result<(), ServiceError> {
        let first = match closing.after {
            Some(after) => period_of(after, shape.every),
            None => match touched.first() {
                Some(period) => period.index,
                None => return Ok(()),
            },
        };
        // What lies before the first row is not quiet: nothing is known of it.
        let closed_end = period_of(closing.up_to, shape.every).max(first);
        chosen.times = Some((start_of(first, shape.every), start_of(closed_end, shape.every)));
        let Some(newest) = self.newest_event(up_to).await? else { return Ok(()) };
        let reach = shape.span.saturating_add(shape.lookback.unwrap_or(HELD_TIME_MAX));
        let end = closed_end.min(period_of(plus(newest, reach), shape.every).saturating_add(1));
        chosen.numbers.extend(first..end);
        Ok(())
    }

    /// Returns the time of the newest event, those of the future left out. Most lakes have one of
    /// today, so the days before are looked at only where there is none.
    async fn newest_event(&self, up_to: TableVersion) -> Result<Option<EventTime>, ServiceError> {
        let to = plus(self.clock.now(), Duration::from_secs(1));
        for reach in NEWEST_WITHIN {
            let from = minus(to, reach);
            let scope = EventsScope::Period { up_to, from, to, before_from: from };
            let newest = self.open(scope).await?.newest_event_before(to).await;
            if let Some(newest) = newest.map_err(|error| query_error(&error, ""))? {
                return Ok(Some(newest));
            }
        }
        Ok(None)
    }
}

/// Takes in what was said about some periods.
async fn take_portion(
    states: &mut [PeriodTask<'_, '_>],
    judged: JudgedPeriods,
    numbers: &[i64],
    shape: Shape,
) {
    for state in states.iter_mut() {
        let bytes = judged.scan.bytes.saturating_add(judged.before.bytes);
        state.counts.bytes_read = state.counts.bytes_read.saturating_add(bytes);
    }
    for (index, error) in judged.failures {
        if let Some(state) = states.get_mut(index) {
            let sql = &state.task.rule.detection.sql;
            state.failure.get_or_insert(RuleFailure::of_query(&error, sql));
        }
    }
    for answer in judged.answers {
        let start = numbers.get(answer.period).map(|number| start_of(*number, shape.every));
        if let Some(state) = states.get_mut(answer.question) {
            state.take(answer, start).await;
        }
    }
}

impl<'t, 'r> PeriodTask<'t, 'r> {
    fn new(task: &'t Task<'r>, late_rows: u64) -> Self {
        let counts = RunCounts { late_rows, ..RunCounts::default() };
        Self { task, collector: Collector::new(task.rule), counts, failure: None }
    }

    async fn take(&mut self, said: PeriodAnswer, period: Option<EventTime>) {
        let counts = &mut self.counts;
        counts.rows_judged = counts.rows_judged.saturating_add(said.answer.rows_in);
        counts.millis = counts.millis.saturating_add(said.answer.millis);
        let outcome = match said.answer.outcome {
            Ok(batches) => {
                self.collector.add(&Output { batches, period }).await.map_err(RuleFailure::from)
            }
            Err(error) => Err(RuleFailure::of_query(&error, &self.task.rule.detection.sql)),
        };
        if let Err(failure) = outcome {
            self.failure.get_or_insert(failure);
        }
    }
}

impl Shape {
    fn end(self, number: i64) -> EventTime {
        start_of(number.saturating_add(1), self.every)
    }

    fn period(self, number: i64) -> Period {
        let to = self.end(number);
        let from = minus(to, self.span);
        Period { from, to, before_from: reach(from, self.lookback) }
    }

    /// Cuts the periods into portions whose rows may be held at the same time.
    fn portions(self, numbers: &BTreeSet<i64>) -> Vec<Vec<i64>> {
        let mut portions: Vec<Vec<i64>> = Vec::new();
        for number in numbers {
            let fits = |portion: &&mut Vec<i64>| {
                let first = portion.first().copied().unwrap_or(*number);
                self.end(*number) <= plus(self.end(first), HELD_TIME_MAX)
            };
            match portions.last_mut().filter(fits) {
                Some(portion) => portion.push(*number),
                None => portions.push(vec![*number]),
            }
        }
        portions
    }
}

impl Chosen {
    /// Takes every period that ends in a stretch of time or at its end.
    fn all_of(from: EventTime, to: EventTime, shape: Shape) -> Self {
        let numbers = period_of(from, shape.every)..period_of(to, shape.every);
        Self { numbers: numbers.collect(), late_rows: 0, times: Some((from, to)) }
    }
}

fn empty_periods(task: &Task<'_>) -> EmptyPeriods {
    match task.rule.detection.window.event_periods() {
        Some(EventPeriods { judge: JudgeWhen::Closed, .. }) => EmptyPeriods::Judge,
        Some(EventPeriods { judge: JudgeWhen::Rows, .. }) | None => EmptyPeriods::Skip,
    }
}
