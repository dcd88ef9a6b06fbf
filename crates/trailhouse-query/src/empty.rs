//! Tables without rows as the optimiser knows them.

use std::sync::Arc;

use datafusion::{
    common::tree_node::Transformed,
    datasource::{empty::EmptyTable, source_as_provider},
    error::DataFusionError,
    logical_expr::{EmptyRelation, LogicalPlan},
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
};

/// Tells the optimiser of a table that it has no rows, so that a join with it reads nothing at all.
/// A site without honeytokens has detections of their use all the same.
#[derive(Debug)]
pub(crate) struct EmptyTables;

impl OptimizerRule for EmptyTables {
    fn name(&self) -> &str {
        "empty_tables"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        let LogicalPlan::TableScan(scan) = &plan else { return Ok(Transformed::no(plan)) };
        let is_empty = source_as_provider(&scan.source)
            .is_ok_and(|provider| provider.downcast_ref::<EmptyTable>().is_some());
        if !is_empty {
            return Ok(Transformed::no(plan));
        }
        let schema = Arc::clone(&scan.projected_schema);
        let empty = EmptyRelation { produce_one_row: false, schema };
        Ok(Transformed::yes(LogicalPlan::EmptyRelation(empty)))
    }
}
