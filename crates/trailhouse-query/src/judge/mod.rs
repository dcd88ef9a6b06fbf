//! Many detections over one scan of the rows that they judge.
//!
//! Each statement is planned and optimised. What it asks of `events` and `events_before` then
//! stands in the leaves of its plan: columns, and predicates on single rows. One scan reads the
//! rows that any leaf may want, once; each row goes to the leaves whose predicates it matches. Then
//! every plan runs over the rows of its leaves. Only what a leaf asks of single rows is done
//! together, so all kinds of statements profit and none is evaluated in another way than alone.

mod answer;
pub(crate) mod baseline;
mod bind;
mod buffers;
mod compact;
mod cost;
mod dispatch;
mod engine;
mod explain;
mod job;
mod kind;
mod leaf;
mod merge;
mod newest;
pub(crate) mod period;
mod prepare;
mod running;
mod scan;
mod slots;
pub(crate) mod tables;
mod touched;

use std::{path::PathBuf, time::Duration};

use arrow::array::RecordBatch;

use self::engine::Engine;
pub use self::{baseline::BaselineCost, cost::ScanCost, period::Period, touched::TouchedPeriod};
use crate::{error::QueryError, session::QuerySession};

/// One detection to judge rows with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'q> {
    /// Its name in explanations.
    pub id: &'q str,
    /// One statement.
    pub sql: &'q str,
    /// Names of columns of the CTE `params`, each with the SQL literal that replaces its value.
    pub params: &'q [(String, String)],
    /// How far `events_before` reaches back from the oldest new event, rounded to whole days. Only
    /// where the session was opened with what has arrived.
    pub lookback: Option<Duration>,
    /// What to do with a period without rows.
    pub empty_periods: EmptyPeriods,
}

impl<'q> Question<'q> {
    /// Asks a statement as it stands.
    pub fn new(id: &'q str, sql: &'q str) -> Self {
        Self { id, sql, params: &[], lookback: None, empty_periods: EmptyPeriods::Skip }
    }
}

/// What to do with a period in which no row concerns the detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyPeriods {
    /// Nothing: it has nothing to say about no rows.
    #[default]
    Skip,
    /// Judge it all the same: it looks for what is missing.
    Judge,
}

/// The limits of judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgeLimits {
    /// The most bytes of rows that are held for all detections together. A detection that needs
    /// too much of them reads the table by itself.
    pub buffer_bytes_max: u64,
    /// The most bytes that the joins, sorts and groups of one detection may hold.
    pub memory_bytes_per_question: Option<u64>,
    /// The longest that one detection may take for planning, and again for running.
    pub timeout_per_question: Duration,
    /// The most rows that one detection may put out.
    pub rows_max: u64,
}

impl Default for JudgeLimits {
    fn default() -> Self {
        Self {
            buffer_bytes_max: 512 * 1024 * 1024,
            memory_bytes_per_question: None,
            timeout_per_question: Duration::from_secs(300),
            rows_max: 1_000_000,
        }
    }
}

/// What all detections said.
#[derive(Debug)]
pub struct Judged {
    /// In the order of the questions.
    pub answers: Vec<Answer>,
    /// The shared scan of `events`.
    pub scan: ScanCost,
    /// The shared scan of `events_before`.
    pub before: ScanCost,
    /// The summaries of `events_before`.
    pub baselines: BaselineCost,
}

/// What one detection said.
#[derive(Debug)]
pub struct Answer {
    /// Its rows, in the forms that every output format can write, or why there are none.
    pub outcome: Result<Vec<RecordBatch>, QueryError>,
    /// Rows of `events` that came to its leaves from the shared scan.
    pub rows_in: u64,
    /// Time for planning and running, without the shared scan.
    pub millis: u64,
    /// Whether all its rows came from shared scans.
    pub shared: bool,
}

/// What all detections said about periods.
#[derive(Debug)]
pub struct JudgedPeriods {
    /// By question, then by period; without the periods that do not concern a question.
    pub answers: Vec<PeriodAnswer>,
    /// The questions that could not be planned, by their places; none of their periods was judged.
    pub failures: Vec<(usize, QueryError)>,
    /// The shared scan of the rows to judge.
    pub scan: ScanCost,
    /// The shared scan of what they are compared with.
    pub before: ScanCost,
}

/// What one detection said about one period.
#[derive(Debug)]
pub struct PeriodAnswer {
    /// The place of the question in the list.
    pub question: usize,
    /// The place of the period in the list.
    pub period: usize,
    /// What it said.
    pub answer: Answer,
}

impl QuerySession {
    /// Keeps summaries of `events_before` in a folder, so that detections of what was never seen
    /// before do not read all of it each time. The folder is a cache: it may be deleted at any
    /// time. Only where the session was opened with what has arrived.
    #[must_use]
    pub fn with_baselines(mut self, folder: PathBuf) -> Self {
        self.baselines = Some(folder);
        self
    }

    /// Judges the rows of `events` with many detections in one scan.
    ///
    /// One detection that fails, takes too long or puts out too much has an error for an answer and
    /// does not disturb the others. An error of the call itself is one of reading the table.
    /// Dropping the future stops everything.
    pub async fn judge(
        &self,
        questions: &[Question<'_>],
        limits: &JudgeLimits,
    ) -> Result<Judged, QueryError> {
        let engine = Engine::new(self, *limits);
        engine.judge(questions).await
    }

    /// Says how the questions would be judged: what the shared scan reads and for whom, and which
    /// leaf of which question takes which of its rows. Reads no rows.
    pub async fn judge_explain(&self, questions: &[Question<'_>]) -> Result<String, QueryError> {
        let engine = Engine::new(self, JudgeLimits::default());
        engine.explain(questions).await
    }

    /// Judges periods of event time with many detections in one scan.
    ///
    /// The session is one that was opened with [`EventsScope::Period`](crate::EventsScope::Period):
    /// its table version counts, its own bounds do not.
    pub async fn judge_periods(
        &self,
        questions: &[Question<'_>],
        periods: &[Period],
        limits: &JudgeLimits,
    ) -> Result<JudgedPeriods, QueryError> {
        let engine = Engine::new(self, *limits);
        engine.judge_periods(questions, periods).await
    }
}
