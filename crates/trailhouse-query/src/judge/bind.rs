//! Puts rows in the place of a plan's leaves.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::{
    catalog::MemTable,
    common::tree_node::{Transformed, TreeNode},
    datasource::provider_as_source,
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{EmptyRelation, Expr, LogicalPlan, TableScan},
    optimizer::{OptimizerRule, propagate_empty_relation::PropagateEmptyRelation},
};

use super::{leaf::LeafSpec, slots::slot_as_leaf};

/// What a leaf becomes.
pub(crate) enum Binding {
    /// These rows.
    Rows(Vec<RecordBatch>),
    /// The rows of this leaf that each run brings.
    Slot(LeafSpec),
    /// A scan of its own, of the rows that match these predicates too.
    OwnScan(Vec<Expr>),
    /// What it was.
    Unchanged,
}

/// Replaces the leaves of a plan.
pub(crate) fn bind(
    plan: LogicalPlan,
    mut binding: impl FnMut(&TableScan) -> Result<Binding, DataFusionError>,
) -> Result<LogicalPlan, DataFusionError> {
    let bound = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else {
            return Ok(Transformed::no(node));
        };
        match binding(&scan)? {
            Binding::Unchanged => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
            Binding::OwnScan(filters) => {
                let mut scan = scan;
                scan.filters.extend(filters);
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            Binding::Rows(rows) => Ok(Transformed::yes(rows_as_leaf(scan, rows)?)),
            Binding::Slot(leaf) => Ok(Transformed::yes(slot_as_leaf(scan, leaf)?)),
        }
    })?;
    Ok(bound.data)
}

fn rows_as_leaf(scan: TableScan, rows: Vec<RecordBatch>) -> Result<LogicalPlan, DataFusionError> {
    if rows.is_empty() {
        let schema = Arc::clone(&scan.projected_schema);
        return Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }));
    }
    let schema = Arc::new(scan.projected_schema.as_arrow().clone());
    let mut exact = Vec::with_capacity(rows.len());
    for batch in rows {
        exact.push(batch.with_schema(Arc::clone(&schema))?);
    }
    let table = MemTable::try_new(schema, vec![exact])?;
    Ok(LogicalPlan::TableScan(TableScan {
        source: provider_as_source(Arc::new(table)),
        projection: None,
        filters: Vec::new(),
        fetch: None,
        ..scan
    }))
}

/// Cuts the parts of a plan that can have no row, because their leaves have none.
pub(crate) fn without_empty_parts(
    plan: LogicalPlan,
    state: &SessionState,
) -> Result<LogicalPlan, DataFusionError> {
    let rule = PropagateEmptyRelation::new();
    Ok(plan.transform_up(|node| rule.rewrite(node, state))?.data)
}

/// Says whether a plan has no row whatever the tables hold.
pub(crate) fn is_empty(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row)
}
