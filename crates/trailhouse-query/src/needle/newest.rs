//! Reads the newest rows from the files that have them.
//!
//! Whoever asks for the newest ten rows of a year names no day. What the log says of its files tells
//! since when there are ten, and a predicate on that time rules out the other files before they are
//! opened.

use std::sync::Arc;

use arrow::{compute::kernels::cast_utils::string_to_timestamp_nanos, datatypes::DataType};
use datafusion::{
    common::{Column, ScalarValue, tree_node::Transformed},
    datasource::source_as_provider,
    error::DataFusionError,
    logical_expr::{Expr, LogicalPlan, Projection, Sort, SubqueryAlias, TableScan, lit},
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
};
use deltalake_core::DeltaTable;
use serde_json::Value;

use super::NeedleTable;
use crate::judge::period::EVENT_TIME;

/// The times of the files of a table, the newest first: since when a file has rows, and how many.
#[derive(Debug)]
pub(super) struct FileTimes(Vec<(i64, u64)>);

impl FileTimes {
    /// Reads what the log says of the files. Nothing where it does not say it of each file, or where
    /// rows have no time.
    pub(super) fn of(table: &DeltaTable) -> Option<Self> {
        let log = table.snapshot().ok()?.log_data();
        let mut times = Vec::with_capacity(log.num_files());
        for file in log.iter() {
            // Some of its rows are deleted, and nothing tells which.
            if file.deletion_vector_descriptor().is_some() {
                return None;
            }
            times.push(rows_since(&file.stats()?)?);
        }
        times.sort_unstable_by(|one, other| other.cmp(one));
        Some(Self(times))
    }

    /// Returns a time since which there are at least so many rows, in microseconds.
    fn newest(&self, rows: u64) -> Option<i64> {
        let mut found = 0_u64;
        self.0.iter().find_map(|(since, count)| {
            found = found.saturating_add(*count);
            (found >= rows).then_some(*since)
        })
    }
}

fn rows_since(stats: &str) -> Option<(i64, u64)> {
    let stats: Value = serde_json::from_str(stats).ok()?;
    let of_time = |part: &str| stats.get(part)?.get(EVENT_TIME);
    let since = of_time("minValues")?.as_str()?;
    let all_have_one = of_time("nullCount")?.as_u64()? == 0;
    let rows = stats.get("numRecords")?.as_u64()?;
    // Writers may cut off what is below a millisecond, which makes it earlier.
    let micros = string_to_timestamp_nanos(since).ok()?.div_euclid(1_000);
    all_have_one.then_some((micros, rows))
}

/// Bounds the time of a scan where the newest rows of all are asked for.
#[derive(Debug)]
pub(crate) struct NewestRows;

impl OptimizerRule for NewestRows {
    fn name(&self) -> &str {
        "newest_rows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        let LogicalPlan::Sort(sort) = plan else { return Ok(Transformed::no(plan)) };
        match bounded_input(&sort) {
            Some(input) => {
                let sort = Sort { input: Arc::new(input), ..sort };
                Ok(Transformed::yes(LogicalPlan::Sort(sort)))
            }
            None => Ok(Transformed::no(LogicalPlan::Sort(sort))),
        }
    }
}

fn bounded_input(sort: &Sort) -> Option<LogicalPlan> {
    let rows = u64::try_from(sort.fetch?).ok()?;
    let first = sort.expr.first().filter(|first| !first.asc)?;
    let Expr::Column(column) = &first.expr else { return None };
    bounded(&sort.input, column, rows)
}

/// Returns the plan with a bounded scan, where all its rows are those of one scan and the column is
/// the scan's time.
#[expect(clippy::wildcard_enum_match_arm, reason = "all else has other rows than what it reads")]
fn bounded(plan: &LogicalPlan, column: &Column, rows: u64) -> Option<LogicalPlan> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let place = alias.schema.maybe_index_of_column(column)?;
            let column = Column::from(alias.input.schema().qualified_field(place));
            let input = Arc::new(bounded(&alias.input, &column, rows)?);
            let alias = SubqueryAlias::try_new(input, alias.alias.clone()).ok()?;
            Some(LogicalPlan::SubqueryAlias(alias))
        }
        LogicalPlan::Projection(projection) => {
            let place = projection.schema.maybe_index_of_column(column)?;
            let column = match projection.expr.get(place)?.clone().unalias() {
                Expr::Column(column) => column,
                _ => return None,
            };
            let input = Arc::new(bounded(&projection.input, &column, rows)?);
            let schema = Arc::clone(&projection.schema);
            let projection =
                Projection::try_new_with_schema(projection.expr.clone(), input, schema).ok()?;
            Some(LogicalPlan::Projection(projection))
        }
        LogicalPlan::TableScan(scan) if column.name == EVENT_TIME => {
            bounded_scan(scan, rows).map(LogicalPlan::TableScan)
        }
        _ => None,
    }
}

fn bounded_scan(scan: &TableScan, rows: u64) -> Option<TableScan> {
    if !scan.filters.is_empty() || scan.fetch.is_some() {
        return None;
    }
    let provider = source_as_provider(&scan.source).ok()?;
    let times = provider.downcast_ref::<NeedleTable>()?.file_times()?;
    let schema = scan.source.schema();
    let DataType::Timestamp(_, zone) = schema.field_with_name(EVENT_TIME).ok()?.data_type() else {
        return None;
    };
    let since = ScalarValue::TimestampMicrosecond(Some(times.newest(rows)?), zone.clone());
    let time = Expr::Column(Column::new(Some(scan.table_name.clone()), EVENT_TIME));
    let filters = vec![time.gt_eq(lit(since))];
    Some(TableScan { filters, ..scan.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_rows_since_the_time_that_is_said() {
        let times = FileTimes(vec![(50, 3), (40, 0), (30, 10), (10, 5)]);
        for (rows, since) in [(0, 50), (3, 50), (4, 30), (13, 30), (14, 10), (18, 10)] {
            assert_eq!(times.newest(rows), Some(since), "{rows}");
        }
        assert_eq!(times.newest(19), None);
    }

    #[test]
    fn a_file_says_since_when_it_has_rows_or_nothing() {
        let stats = |least: &str, nulls: u32| {
            format!(
                r#"{{"numRecords":7,"minValues":{{"event_time":{least}}},"nullCount":{{"event_time":{nulls}}}}}"#
            )
        };
        let time = r#""1970-01-01T00:00:02.000001Z""#;
        assert_eq!(rows_since(&stats(time, 0)), Some((2_000_001, 7)));
        for none in [stats(time, 1), stats("3", 0), r#"{"numRecords":7}"#.to_owned(), String::new()]
        {
            assert_eq!(rows_since(&none), None, "{none}");
        }
    }
}
