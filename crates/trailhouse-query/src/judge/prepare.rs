//! From a question to a plan with leaves.

use std::{sync::Arc, time::Instant};

use datafusion::{
    error::DataFusionError,
    logical_expr::{Expr, LogicalPlan, TableScan},
};

use super::{
    kind::kind_columns,
    leaf::{Leaf, LeafSpec, judged_scans},
    period::since_day,
    tables::{Judged, JudgedTables},
};
use crate::{
    empty::reads_empty_table,
    error::QueryError,
    planner::{Planner, on_planning_stack},
};

/// A question that is planned.
pub(crate) struct Prepared {
    pub(crate) plan: LogicalPlan,
    /// What the plan asks of the judged tables.
    pub(crate) leaves: Vec<Leaf>,
    /// The first day of `events_before` that the question may see.
    pub(crate) first_day_before: Option<i32>,
    pub(crate) millis: u64,
}

impl Prepared {
    /// Plans a statement. Planning recurses, so it has a thread with a large stack.
    pub(crate) async fn of(
        planner: Arc<Planner>,
        tables: Arc<JudgedTables>,
        sql: String,
        params: Vec<(String, String)>,
        first_day_before: Option<i32>,
    ) -> Result<Self, QueryError> {
        let started = Instant::now();
        on_planning_stack(async move {
            let plan = planner.plan_with(&sql, &params).await?;
            let engine = |error: DataFusionError| planner.failed(&error, &sql);
            let state = planner.context.state();
            let plan = tables.mark(plan).map_err(engine)?;
            let again = reads_empty_table(&plan).map_err(engine)?;
            let mut plan = state.optimize(&plan).map_err(engine)?;
            if again {
                plan = state.optimize(&plan).map_err(engine)?;
            }
            let mut prepared = Self { plan, leaves: Vec::new(), first_day_before, millis: 0 };
            let schema = tables.schema();
            let kinds = kind_columns(&schema);
            let specs = judged_scans(&prepared.plan, |scan| tables.judged(scan)).map_err(engine)?;
            for spec in specs {
                let spec = prepared.bounded(spec);
                if prepared.leaves.iter().all(|leaf| leaf.spec != spec) {
                    let leaf = Leaf::compile(&state, &schema, &kinds, spec).map_err(engine)?;
                    prepared.leaves.push(leaf);
                }
            }
            prepared.millis = super::cost::millis(started.elapsed());
            Ok(prepared)
        })
        .await
    }

    /// Returns the leaf that a scan of the plan is.
    pub(crate) fn leaf(&self, table: Judged, scan: &TableScan) -> LeafSpec {
        self.bounded(LeafSpec::of(table, scan))
    }

    /// Adds what holds besides.
    pub(crate) fn bounded(&self, spec: LeafSpec) -> LeafSpec {
        let first_day = match spec.table {
            Judged::Before => self.first_day_before,
            Judged::Events => None,
        };
        LeafSpec { first_day, ..spec }
    }

    /// Returns what a leaf that reads the table itself must add to its predicates.
    pub(crate) fn own_filters(&self, table: Judged) -> Vec<Expr> {
        match table {
            Judged::Events => Vec::new(),
            Judged::Before => self.first_day_before.map(since_day).into_iter().collect(),
        }
    }
}
