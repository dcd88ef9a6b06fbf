//! The plans that make a summary and read it.

use std::sync::Arc;

use datafusion::{
    common::Column,
    error::DataFusionError,
    functions_aggregate::expr_fn::{max, min},
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, TableSource, cast, col, lit,
        logical_plan::TableScanBuilder,
    },
    scalar::ScalarValue,
};

use super::super::period::EVENT_TIME;

const MICROS_PER_DAY: i64 = 86_400_000_000;

pub(crate) const FIRST_SEEN: &str = "first_seen";
pub(crate) const LAST_SEEN: &str = "last_seen";

/// The name of a summary's column: names of the part may repeat, these do not.
pub(crate) fn key(index: usize) -> String {
    format!("k{index}")
}

fn keys(count: usize) -> impl Iterator<Item = Expr> {
    (0..count).map(|index| col(key(index)))
}

/// Returns the plan that summarises a part over other rows of its table.
pub(crate) fn summarise(
    part: &LogicalPlan,
    rows: &Arc<dyn TableSource>,
    filters: &[Expr],
) -> Result<LogicalPlan, DataFusionError> {
    let timed = with_time(part, rows, filters)?;
    let columns = timed.schema().columns();
    let (time, columns) = columns
        .split_last()
        .ok_or_else(|| DataFusionError::Internal("a part without columns".to_owned()))?;
    let named = columns.iter().enumerate();
    let named: Vec<Expr> =
        named.map(|(index, column)| Expr::Column(column.clone()).alias(key(index))).collect();
    let count = named.len();
    let time = Expr::Column(time.clone()).alias(LAST_SEEN);
    let rows = LogicalPlanBuilder::from(timed).project(named.into_iter().chain([time]))?;
    let first = min(col(LAST_SEEN)).alias(FIRST_SEEN);
    let last = max(col(LAST_SEEN)).alias("newest");
    rows.aggregate(keys(count), [first, last])?
        .project(keys(count).chain([col(FIRST_SEEN), col("newest").alias(LAST_SEEN)]))?
        .build()
}

/// Returns the plan that makes one summary of two, without what was last seen before a day.
pub(crate) fn merge(
    one: LogicalPlan,
    other: LogicalPlan,
    first_day: Option<i32>,
) -> Result<LogicalPlan, DataFusionError> {
    let count = one.schema().fields().len().saturating_sub(2);
    let both = LogicalPlanBuilder::from(one).union(other)?;
    let first = min(col(FIRST_SEEN)).alias("oldest");
    let last = max(col(LAST_SEEN)).alias("newest");
    let mut merged = both.aggregate(keys(count), [first, last])?.project(
        keys(count).chain([col("oldest").alias(FIRST_SEEN), col("newest").alias(LAST_SEEN)]),
    )?;
    if let Some(day) = first_day {
        merged = merged.filter(seen_since(day))?;
    }
    merged.build()
}

/// Returns the plan that reads from a summary what the part would have put out, without copies.
pub(crate) fn instead_of(
    part: &LogicalPlan,
    summary: LogicalPlan,
    first_day: Option<i32>,
) -> Result<LogicalPlan, DataFusionError> {
    let mut rows = LogicalPlanBuilder::from(summary);
    if let Some(day) = first_day {
        rows = rows.filter(seen_since(day))?;
    }
    let mut columns = Vec::with_capacity(part.schema().fields().len());
    for (index, (qualifier, field)) in part.schema().iter().enumerate() {
        let value = cast(col(key(index)), field.data_type().clone());
        columns.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    rows.project(columns)?.build()
}

fn seen_since(day: i32) -> Expr {
    let midnight = i64::from(day).saturating_mul(MICROS_PER_DAY);
    let midnight = ScalarValue::TimestampMicrosecond(Some(midnight), Some("UTC".into()));
    col(LAST_SEEN).gt_eq(lit(midnight))
}

/// Returns the part over other rows, with the time of each row as its last column.
#[expect(clippy::wildcard_enum_match_arm, reason = "a part consists of these nodes alone")]
fn with_time(
    part: &LogicalPlan,
    rows: &Arc<dyn TableSource>,
    filters: &[Expr],
) -> Result<LogicalPlan, DataFusionError> {
    match part {
        LogicalPlan::TableScan(scan) => {
            let schema = rows.schema();
            let mut columns = match &scan.projection {
                Some(columns) => columns.clone(),
                None => (0..schema.fields().len()).collect(),
            };
            columns.push(schema.index_of(EVENT_TIME)?);
            let filters = scan.filters.iter().chain(filters).cloned().collect();
            let scan = TableScanBuilder::new(scan.table_name.clone(), Arc::clone(rows))
                .with_projection(Some(columns))
                .with_filters(filters)
                .build()?;
            Ok(LogicalPlan::TableScan(scan))
        }
        LogicalPlan::Projection(node) => {
            let input = with_time(&node.input, rows, filters)?;
            let time = last_column(&input)?;
            LogicalPlanBuilder::from(input)
                .project(node.expr.iter().cloned().chain([time]))?
                .build()
        }
        LogicalPlan::Filter(node) => {
            let input = with_time(&node.input, rows, filters)?;
            LogicalPlanBuilder::from(input).filter(node.predicate.clone())?.build()
        }
        LogicalPlan::SubqueryAlias(node) => {
            let input = with_time(&node.input, rows, filters)?;
            LogicalPlanBuilder::from(input).alias(node.alias.clone())?.build()
        }
        other => Err(DataFusionError::Internal(format!("no part of rows: {}", other.display()))),
    }
}

fn last_column(plan: &LogicalPlan) -> Result<Expr, DataFusionError> {
    let column: Option<Column> = plan.schema().columns().pop();
    column
        .map(Expr::Column)
        .ok_or_else(|| DataFusionError::Internal("a plan without columns".to_owned()))
}
