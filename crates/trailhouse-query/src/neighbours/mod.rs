//! Rows beside each other with equal keys are aggregated before any of them is looked up.
//!
//! A grouping hashes the key of each row and looks for it among the groups. The rows of a compacted
//! file are in the order of event name, principal and time, so that most have the key of the one
//! before, whose text even lies at the same place in memory. Such a run becomes one row with the
//! state of the aggregates, and only that is looked up.

mod exec;
mod runs;

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    common::{
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    error::DataFusionError,
    physical_expr::{
        PhysicalExpr, aggregate::AggregateFunctionExpr, expressions::Column, utils::collect_columns,
    },
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, InputOrderMode,
        aggregates::{AggregateExec, AggregateMode},
    },
};
use trailhouse_lake::TableName;

use self::exec::NeighboursExec;
use crate::judge::period::{EVENT_DATE, EVENT_TIME};

/// Aggregates whose state of a run says all of its rows.
const AGGREGATES: [&str; 5] = ["count", "sum", "min", "max", "avg"];

/// Aggregates runs of rows before groups, where the keys are columns of which runs are to be expected.
#[derive(Debug)]
pub(crate) struct NeighboursFirst {
    columns: BTreeSet<String>,
}

impl NeighboursFirst {
    pub(crate) fn new() -> Self {
        let mut columns: BTreeSet<_> = TableName::Events.coded_columns().into_iter().collect();
        columns.insert(EVENT_DATE.to_owned());
        Self { columns }
    }

    /// Returns the first part of an aggregation in two steps.
    fn in_two_steps(
        &self,
        node: &Arc<dyn ExecutionPlan>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let Some(partial) = node.downcast_ref::<AggregateExec>() else { return Ok(None) };
        if !self.is_worth_it(partial) {
            return Ok(None);
        }
        let runs: Arc<dyn ExecutionPlan> = Arc::new(NeighboursExec::new(partial));
        let aggregates = partial.aggr_expr().to_vec();
        // The states of runs count those rows only that a filter of an aggregate leaves.
        let filters = vec![None; aggregates.len()];
        let groups = partial.group_expr().as_final();
        let merged = AggregateExec::try_new(
            AggregateMode::PartialReduce,
            groups,
            aggregates,
            filters,
            runs,
            partial.input_schema(),
        )?;
        Ok((merged.schema() == partial.schema()).then(|| Arc::new(merged) as _))
    }

    fn is_worth_it(&self, aggregation: &AggregateExec) -> bool {
        let groups = aggregation.group_expr();
        *aggregation.mode() == AggregateMode::Partial
            && *aggregation.input_order_mode() == InputOrderMode::Linear
            && aggregation.limit_options().is_none()
            && groups.is_single()
            && !groups.expr().is_empty()
            && groups.expr().iter().all(|(key, _)| self.comes_in_runs(key))
            && aggregation.aggr_expr().iter().all(|aggregate| is_of_runs(aggregate))
    }

    fn comes_in_runs(&self, key: &Arc<dyn PhysicalExpr>) -> bool {
        let is_bare = key.downcast_ref::<Column>().is_some();
        collect_columns(key).iter().all(|found| {
            // Of times, only what is made of them: an hour, a day.
            self.columns.contains(found.name()) || found.name() == EVENT_TIME && !is_bare
        })
    }
}

impl PhysicalOptimizerRule for NeighboursFirst {
    fn name(&self) -> &str {
        "neighbours_first"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let plan = plan.transform_up(|node| {
            Ok(match self.in_two_steps(&node)? {
                Some(steps) => Transformed::yes(steps),
                None => Transformed::no(node),
            })
        })?;
        Ok(plan.data)
    }
}

fn is_of_runs(aggregate: &AggregateFunctionExpr) -> bool {
    AGGREGATES.contains(&aggregate.fun().name())
        && !aggregate.is_distinct()
        && aggregate.order_bys().is_empty()
        && aggregate.groups_accumulator_supported()
}
