//! Rows beside each other with equal keys are aggregated before any of them is looked up.
//!
//! A grouping hashes the key of each row and looks for it among the groups. The rows of a compacted
//! file are in the order of event name, principal and time, so that most have the key of the one
//! before, whose text even lies at the same place in memory. Such a run becomes one row with the
//! state of the aggregates, and only that is looked up.

mod exec;
mod runs;

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::{
    common::{
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    error::DataFusionError,
    functions_aggregate::{
        min_max::{max_udaf, min_udaf},
        sum::sum_udaf,
    },
    logical_expr::AggregateUDF,
    physical_expr::{
        PhysicalExpr,
        aggregate::{AggregateExprBuilder, AggregateFunctionExpr},
        expressions::Column,
        utils::collect_columns,
    },
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, InputOrderMode,
        aggregates::{AggregateExec, AggregateMode},
        projection::ProjectionExec,
    },
};
use trailhouse_lake::TableName;

use self::exec::NeighboursExec;
use crate::judge::period::{EVENT_DATE, EVENT_TIME};

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
        let Some(merging) = merging(partial, &runs.schema())? else { return Ok(None) };
        let filters = vec![None; merging.len()];
        let groups = partial.group_expr().as_final();
        let schema = runs.schema();
        let merged =
            AggregateExec::try_new(AggregateMode::Partial, groups, merging, filters, runs, schema)?;
        renamed(Arc::new(merged), &partial.schema())
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
    merged_by(aggregate).is_some()
        && !aggregate.is_distinct()
        && aggregate.order_bys().is_empty()
        && aggregate.groups_accumulator_supported()
}

/// Returns what makes the state of a group of the states of its runs.
fn merged_by(aggregate: &AggregateFunctionExpr) -> Option<Arc<AggregateUDF>> {
    match aggregate.fun().name() {
        "count" | "sum" | "avg" => Some(sum_udaf()),
        "min" => Some(min_udaf()),
        "max" => Some(max_udaf()),
        _ => None,
    }
}

/// Returns the aggregates of states that an aggregation of runs takes. It is one of rows all the
/// same: the engine lets go of its groups where memory is short, which it does not do for one of
/// states.
fn merging(
    partial: &AggregateExec,
    runs: &SchemaRef,
) -> Result<Option<Vec<Arc<AggregateFunctionExpr>>>, DataFusionError> {
    let mut place = partial.group_expr().expr().len();
    let mut merging = Vec::new();
    for aggregate in partial.aggr_expr() {
        let Some(function) = merged_by(aggregate) else { return Ok(None) };
        for state in aggregate.state_fields()? {
            let column = Arc::new(Column::new(state.name(), place));
            let merged = AggregateExprBuilder::new(Arc::clone(&function), vec![column])
                .schema(Arc::clone(runs))
                .alias(state.name())
                .build()?;
            merging.push(Arc::new(merged));
            place += 1;
        }
    }
    Ok(Some(merging))
}

/// Gives columns the names that they have in the schema, where they are of its types.
fn renamed(
    plan: Arc<dyn ExecutionPlan>,
    schema: &SchemaRef,
) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    let found = plan.schema();
    let mut pairs = found.fields().iter().zip(schema.fields());
    let is_same = found.fields().len() == schema.fields().len()
        && pairs.all(|(one, other)| one.data_type() == other.data_type());
    if !is_same {
        return Ok(None);
    }
    let columns = found.fields().iter().zip(schema.fields()).enumerate();
    let columns = columns.map(|(place, (field, wanted))| -> (Arc<dyn PhysicalExpr>, String) {
        (Arc::new(Column::new(field.name(), place)), wanted.name().clone())
    });
    Ok(Some(Arc::new(ProjectionExec::try_new(columns, plan)?)))
}
