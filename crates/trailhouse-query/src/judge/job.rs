//! What one question is run over.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arrow::{array::RecordBatch, error::ArrowError};
use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{LogicalPlan, TableScan},
};
use trailhouse_model::EventTime;

use super::{
    Period,
    bind::{Binding, bind, is_empty, without_empty_parts},
    leaf::{LeafSpec, judged_scans},
    period::{TimedRows, within},
    prepare::Prepared,
    slots::Slots,
    tables::{Judged, JudgedTables},
};
use crate::unique::EVENTS_UNIQUE;

/// Runs that share a plan run one after the other; more of them have a plan of their own, so that
/// they can run at the same time as others.
const RUNS_PER_PLAN: usize = 64;

/// Rows by leaf; leaves that are not in it read the table themselves.
pub(crate) type Pool = HashMap<LeafSpec, LeafRows>;

pub(crate) enum LeafRows {
    All(Vec<RecordBatch>),
    Timed(TimedRows),
}

/// One run of one plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// The period and its place; nothing where all rows are judged.
    period: Option<(usize, Period)>,
    pub(crate) rows_in: u64,
}

/// One plan of one question, and the runs that it serves.
pub(crate) struct Job {
    pub(crate) question: usize,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) plan: LogicalPlan,
    pub(crate) runs: Vec<Run>,
    pub(crate) is_shared: bool,
}

/// What a leaf is in a run. Runs that find all leaves alike share a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    NoRows,
    Rows,
    /// It reads the rows itself.
    OwnScan,
}

impl Run {
    const WHOLE: Self = Self { period: None, rows_in: 0 };

    pub(crate) fn place(&self) -> Option<usize> {
        self.period.map(|(place, _)| place)
    }

    fn range(&self, table: Judged) -> Option<(EventTime, EventTime)> {
        let (_, period) = self.period?;
        Some(match table {
            Judged::Events => (period.from, period.to),
            Judged::Before => (period.before_from, period.from),
        })
    }

    /// Counts the rows of a leaf; nothing where it reads them itself.
    fn count(&self, pool: &Pool, leaf: &LeafSpec) -> Result<Option<usize>, ArrowError> {
        Ok(match (pool.get(leaf), self.range(leaf.table)) {
            (Some(LeafRows::All(rows)), _) => Some(rows.iter().map(RecordBatch::num_rows).sum()),
            (Some(LeafRows::Timed(rows)), Some((from, to))) => Some(rows.range(from, to)?.len()),
            (Some(LeafRows::Timed(_)) | None, _) => None,
        })
    }

    /// Returns the rows of a leaf; nothing where it reads them itself.
    fn rows(&self, pool: &Pool, leaf: &LeafSpec) -> Result<Option<Vec<RecordBatch>>, ArrowError> {
        Ok(match (pool.get(leaf), self.range(leaf.table)) {
            (Some(LeafRows::All(rows)), _) => Some(rows.clone()),
            (Some(LeafRows::Timed(rows)), Some((from, to))) => Some(rows.within(from, to)?),
            (Some(LeafRows::Timed(_)) | None, _) => None,
        })
    }

    /// Returns the rows that the leaves of a plan wait for.
    pub(crate) fn slots(
        &self,
        prepared: &Prepared,
        events: &Pool,
        before: &Pool,
    ) -> Result<Slots, ArrowError> {
        let mut slots = Slots::default();
        if self.period.is_none() {
            return Ok(slots);
        }
        for leaf in &prepared.leaves {
            let pool = match leaf.spec.table {
                Judged::Events => events,
                Judged::Before => before,
            };
            if let Some(rows) = self.rows(pool, &leaf.spec)? {
                slots.put(leaf.spec.clone(), rows);
            }
        }
        Ok(slots)
    }
}

impl Job {
    /// Hands all rows to a question.
    pub(crate) fn whole(
        question: usize,
        prepared: &Arc<Prepared>,
        tables: &JudgedTables,
        rows: &Pool,
        state: &SessionState,
    ) -> Result<Vec<Self>, DataFusionError> {
        Self::new(question, prepared, vec![Run::WHOLE]).bind(tables, Judged::Events, rows, state)
    }

    /// Hands the rows of each period to a question, for the periods that concern it.
    pub(crate) fn by_period(
        question: usize,
        prepared: &Arc<Prepared>,
        periods: &[Period],
        skips_empty: bool,
        tables: &JudgedTables,
        rows: &Pool,
        state: &SessionState,
    ) -> Result<Vec<Self>, DataFusionError> {
        if tables.period.as_slice() != periods {
            refuse_uncut(&prepared.plan)?;
        }
        let runs = periods.iter().enumerate();
        let runs = runs.map(|(place, period)| Run { period: Some((place, *period)), rows_in: 0 });
        let mut jobs = Self::new(question, prepared, runs.collect()).bind(
            tables,
            Judged::Events,
            rows,
            state,
        )?;
        if skips_empty {
            for job in jobs.iter_mut().filter(|job| job.is_shared) {
                job.runs.retain(|run| run.rows_in > 0);
            }
            jobs.retain(|job| !job.runs.is_empty());
        }
        Ok(jobs)
    }

    fn new(question: usize, prepared: &Arc<Prepared>, runs: Vec<Run>) -> Self {
        Self {
            question,
            plan: prepared.plan.clone(),
            prepared: Arc::clone(prepared),
            runs,
            // What has no row whatever the tables hold reads none of them.
            is_shared: !prepared.leaves.is_empty() || is_empty(&prepared.plan),
        }
    }

    pub(crate) fn is_by_period(&self) -> bool {
        self.runs.iter().any(|run| run.period.is_some())
    }

    /// Puts rows, or scans of their own, in the place of the leaves of one table.
    pub(crate) fn bind(
        self,
        tables: &JudgedTables,
        table: Judged,
        pool: &Pool,
        state: &SessionState,
    ) -> Result<Vec<Self>, DataFusionError> {
        let mut leaves: Vec<LeafSpec> = Vec::new();
        for leaf in judged_scans(&self.plan, |scan| tables.judged(scan))? {
            let leaf = self.prepared.bounded(leaf);
            if leaf.table == table && !leaves.contains(&leaf) {
                leaves.push(leaf);
            }
        }
        if leaves.is_empty() {
            return Ok(vec![self]);
        }
        let mut alike: BTreeMap<(Option<usize>, Vec<Found>), Vec<Run>> = BTreeMap::new();
        let is_repeatable = is_repeatable(&self.plan)?;
        for run in &self.runs {
            let (mut found, mut rows_in) = (Vec::with_capacity(leaves.len()), 0_usize);
            for leaf in &leaves {
                let count = run.count(pool, leaf)?;
                rows_in = rows_in.saturating_add(count.unwrap_or_default());
                found.push(match count {
                    None => Found::OwnScan,
                    Some(0) => Found::NoRows,
                    Some(_) => Found::Rows,
                });
            }
            let mut run = *run;
            if table == Judged::Events {
                run.rows_in = u64::try_from(rows_in).unwrap_or(u64::MAX);
            }
            let alone = !is_repeatable || found.contains(&Found::OwnScan);
            let alone = run.place().filter(|_| alone);
            alike.entry((alone, found)).or_default().push(run);
        }
        let mut jobs = Vec::new();
        for ((alone, found), runs) in alike {
            let found: HashMap<&LeafSpec, Found> = leaves.iter().zip(found).collect();
            let job = self.bound(tables, table, pool, &found, alone.is_some(), &runs)?;
            let plan = without_empty_parts(job.plan, state)?;
            jobs.extend(runs.chunks(RUNS_PER_PLAN).map(|runs| Self {
                question: self.question,
                prepared: Arc::clone(&self.prepared),
                plan: plan.clone(),
                runs: runs.to_vec(),
                is_shared: job.is_shared,
            }));
        }
        Ok(jobs)
    }

    /// Binds the leaves for runs that find them alike.
    fn bound(
        &self,
        tables: &JudgedTables,
        table: Judged,
        pool: &Pool,
        found: &HashMap<&LeafSpec, Found>,
        alone: bool,
        runs: &[Run],
    ) -> Result<Self, DataFusionError> {
        let first = runs.first().copied().unwrap_or(Run::WHOLE);
        let is_whole = first.period.is_none();
        let mut is_shared = self.is_shared;
        let plan = bind(self.plan.clone(), |scan: &TableScan| {
            if tables.judged(scan) != Some(table) {
                return Ok(Binding::Unchanged);
            }
            let leaf = self.prepared.leaf(table, scan);
            match found.get(&leaf) {
                Some(Found::NoRows) => Ok(Binding::Rows(Vec::new())),
                Some(Found::Rows) if is_whole || alone => {
                    Ok(Binding::Rows(first.rows(pool, &leaf)?.unwrap_or_default()))
                }
                Some(Found::Rows) => Ok(Binding::Slot(leaf)),
                Some(Found::OwnScan) | None => {
                    is_shared = false;
                    let mut filters = self.prepared.own_filters(table);
                    let range = first.range(table).into_iter();
                    filters.extend(range.flat_map(|(from, to)| within(from, to)));
                    Ok(Binding::OwnScan(filters))
                }
            }
        })?;
        let (question, prepared) = (self.question, Arc::clone(&self.prepared));
        Ok(Self { question, prepared, plan, runs: Vec::new(), is_shared })
    }
}

/// A recursive query keeps what it found the last time.
fn is_repeatable(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut is_repeatable = true;
    plan.apply_with_subqueries(|node| {
        if matches!(node, LogicalPlan::RecursiveQuery(_)) {
            is_repeatable = false;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_repeatable)
}

/// Repeats are told over all rows of the session, not over those of one period.
fn refuse_uncut(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && scan.table_name.table() == EVENTS_UNIQUE
        {
            let message = format!("`{EVENTS_UNIQUE}` is not cut by periods; use `events`");
            return Err(DataFusionError::Plan(message));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
