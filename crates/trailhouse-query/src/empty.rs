//! Tables without rows as the optimiser knows them.

use std::sync::Arc;

use datafusion::{
    common::{
        ScalarValue,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    datasource::{empty::EmptyTable, source_as_provider},
    error::DataFusionError,
    logical_expr::{EmptyRelation, Expr, LogicalPlan, TableScan},
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
};

/// Tells the optimiser of a table that it has no rows, or of a scan that its predicates let none
/// through, so that a join with it reads nothing at all. A site without honeytokens has detections
/// of their use all the same.
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
        if !has_no_rows(scan) && !scan.filters.iter().any(is_never) {
            return Ok(Transformed::no(plan));
        }
        let schema = Arc::clone(&scan.projected_schema);
        let empty = EmptyRelation { produce_one_row: false, schema };
        Ok(Transformed::yes(LogicalPlan::EmptyRelation(empty)))
    }
}

/// Says whether a plan that is not optimised reads a table without rows. What comes of one is found
/// constant by constant, which the optimiser may not finish in one turn.
pub(crate) fn reads_empty_table(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut is_found = false;
    plan.apply_with_subqueries(|node| {
        is_found |= matches!(node, LogicalPlan::TableScan(scan) if has_no_rows(scan));
        Ok(if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(is_found)
}

/// Says whether a predicate is true for no row. The optimiser knows it of filters, but not of those
/// that a scan has got.
fn is_never(predicate: &Expr) -> bool {
    matches!(predicate, Expr::Literal(ScalarValue::Boolean(Some(false) | None), _))
}

fn has_no_rows(scan: &TableScan) -> bool {
    source_as_provider(&scan.source)
        .is_ok_and(|provider| provider.downcast_ref::<EmptyTable>().is_some())
}
