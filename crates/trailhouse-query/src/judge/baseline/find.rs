//! Finds the parts of a plan that a summary of `events_before` can stand for.

use datafusion::{
    common::tree_node::{Transformed, TreeNode},
    error::DataFusionError,
    logical_expr::{Expr, JoinType, LogicalPlan, TableScan, Volatility},
};

/// Columns of which nearly every row has its own value: a summary of them saves nothing.
const OF_ONE_ROW: [&str; 12] = [
    "event_time",
    "event_id",
    "request_id",
    "shared_event_id",
    "source_object_id",
    "source_row",
    "request_parameters",
    "response_elements",
    "additional_event_data",
    "service_event_details",
    "resources",
    "_extra",
];

/// Offers each part of a plan that only reads, filters and computes columns of rows of the table,
/// and whose consumer does not care how often a row comes, and puts what is returned in its place.
pub(crate) fn replace_summarisable(
    plan: LogicalPlan,
    is_table: &dyn Fn(&TableScan) -> bool,
    replace: &mut dyn FnMut(&LogicalPlan) -> Result<Option<LogicalPlan>, DataFusionError>,
) -> Result<LogicalPlan, DataFusionError> {
    Ok(walk(plan, false, is_table, replace)?.data)
}

fn walk(
    plan: LogicalPlan,
    ignores_copies: bool,
    is_table: &dyn Fn(&TableScan) -> bool,
    replace: &mut dyn FnMut(&LogicalPlan) -> Result<Option<LogicalPlan>, DataFusionError>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    if ignores_copies
        && is_summarisable(&plan, is_table)
        && let Some(summary) = replace(&plan)?
    {
        return Ok(Transformed::yes(summary));
    }
    let mut children = inputs_that_ignore_copies(&plan, ignores_copies).into_iter();
    plan.map_children(|child| {
        let ignores_copies = children.next().unwrap_or(false);
        walk(child, ignores_copies, is_table, replace)
    })
}

/// Says for each input of a node whether copies of its rows change nothing in the end.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other node may count its rows")]
fn inputs_that_ignore_copies(plan: &LogicalPlan, ignores_copies: bool) -> Vec<bool> {
    if plan.expressions().iter().any(Expr::is_volatile) {
        return Vec::new();
    }
    match plan {
        LogicalPlan::Distinct(_) => vec![true],
        LogicalPlan::Aggregate(aggregate) => {
            vec![aggregate.aggr_expr.iter().all(counts_no_copies)]
        }
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                vec![ignores_copies, true]
            }
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                vec![true, ignores_copies]
            }
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                vec![ignores_copies, ignores_copies]
            }
        },
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Union(_) => vec![ignores_copies; plan.inputs().len()],
        _ => Vec::new(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is an aggregate")]
fn counts_no_copies(aggregate: &Expr) -> bool {
    match aggregate {
        Expr::Alias(alias) => counts_no_copies(&alias.expr),
        Expr::AggregateFunction(call) => {
            call.params.order_by.is_empty()
                && (call.params.distinct || ["min", "max"].contains(&call.func.name()))
        }
        _ => false,
    }
}

fn is_summarisable(plan: &LogicalPlan, is_table: &dyn Fn(&TableScan) -> bool) -> bool {
    let names = plan.schema().fields().iter().map(|field| field.name().as_str());
    let has_columns = !plan.schema().fields().is_empty();
    has_columns
        && names.into_iter().all(|name| !OF_ONE_ROW.contains(&name))
        && is_chain(plan, is_table)
}

/// The column of the time is added to the scan, so a chain that reads it already is left alone.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these nodes are about single rows")]
fn is_chain(plan: &LogicalPlan, is_table: &dyn Fn(&TableScan) -> bool) -> bool {
    let is_fixed = plan.expressions().iter().all(is_the_same_tomorrow);
    match plan {
        LogicalPlan::Projection(node) => is_fixed && is_chain(&node.input, is_table),
        LogicalPlan::Filter(node) => is_fixed && is_chain(&node.input, is_table),
        LogicalPlan::SubqueryAlias(node) => is_chain(&node.input, is_table),
        LogicalPlan::TableScan(scan) => {
            let fields = scan.projected_schema.fields();
            is_table(scan)
                && scan.filters.iter().all(is_the_same_tomorrow)
                && fields.iter().all(|field| field.name() != super::super::period::EVENT_TIME)
        }
        _ => false,
    }
}

/// What a function reads from a file or a clock may change; a summary would not know.
fn is_the_same_tomorrow(expr: &Expr) -> bool {
    let changes = expr.exists(|expr| {
        if let Expr::ScalarFunction(call) = expr {
            return Ok(call.func.signature().volatility != Volatility::Immutable);
        }
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::HigherOrderFunction(_)
                | Expr::Placeholder(_)
                | Expr::ScalarVariable(..)
        ))
    });
    matches!(changes, Ok(false))
}
