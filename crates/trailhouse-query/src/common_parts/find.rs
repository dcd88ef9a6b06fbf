//! Which parts stand in a plan more than once.

use std::{ptr, sync::Arc};

use datafusion::{
    catalog::TableProvider,
    common::tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    datasource::source_as_provider,
    error::DataFusionError,
    logical_expr::LogicalPlan,
};

use crate::opaque::asks_others;

/// A grouping, and the tables that it reads.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) plan: LogicalPlan,
    tables: Vec<Arc<dyn TableProvider>>,
    nodes: usize,
}

impl Part {
    /// Takes a grouping whose rows are the same each time.
    fn of(plan: &LogicalPlan) -> Result<Option<Self>, DataFusionError> {
        if !matches!(plan, LogicalPlan::Aggregate(_)) {
            return Ok(None);
        }
        let (mut tables, mut nodes, mut is_fixed) = (Vec::new(), 0, true);
        plan.apply(|node| {
            nodes += 1;
            if let LogicalPlan::TableScan(scan) = node {
                tables.push(source_as_provider(&scan.source)?);
            }
            node.apply_expressions(|expr| {
                is_fixed &= !expr.is_volatile() && !asks_others(expr)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(is_fixed.then(|| Self { plan: plan.clone(), tables, nodes }))
    }

    /// Plans are equal whose tables have the same names; these must be the same.
    fn is(&self, other: &Self) -> bool {
        let is = |(one, other): (&Arc<dyn TableProvider>, &Arc<dyn TableProvider>)| {
            ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
        };
        self.tables.len() == other.tables.len()
            && self.tables.iter().zip(&other.tables).all(is)
            && self.plan == other.plan
    }
}

/// Returns the groupings that stand in a plan more than once, each after those that are in it.
pub(super) fn find(plan: &LogicalPlan) -> Result<Vec<Part>, DataFusionError> {
    // A recursive query runs a part of its plan again and again, over other rows each time.
    let is_recursive = plan.exists(|node| Ok(matches!(node, LogicalPlan::RecursiveQuery(_))))?;
    let mut counted: Vec<(Part, usize)> = Vec::new();
    if !is_recursive {
        plan.apply(|node| {
            let Some(part) = Part::of(node)? else {
                return Ok(TreeNodeRecursion::Continue);
            };
            if let Some((_, count)) = counted.iter_mut().find(|(known, _)| known.is(&part)) {
                *count += 1;
                return Ok(TreeNodeRecursion::Jump);
            }
            counted.push((part, 1));
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    counted.retain(|(_, count)| *count > 1);
    let mut parts: Vec<Part> = counted.into_iter().map(|(part, _)| part).collect();
    parts.sort_by_key(|part| part.nodes);
    Ok(parts)
}

/// Puts leaves in the place of parts.
pub(super) fn replace(
    plan: LogicalPlan,
    leaves: &[(Part, LogicalPlan)],
) -> Result<LogicalPlan, DataFusionError> {
    let replaced = plan.transform_down(|node| {
        let leaf = match Part::of(&node)? {
            Some(part) => leaves.iter().find(|(known, _)| known.is(&part)),
            None => None,
        };
        Ok(match leaf {
            Some((_, leaf)) => Transformed::new(leaf.clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(node),
        })
    })?;
    Ok(replaced.data)
}
