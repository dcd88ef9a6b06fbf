//! Periods of event time, and rows in its order.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch, RecordBatchOptions, UInt32Array},
    compute::{concat_batches, sort_to_indices, take},
    datatypes::TimestampMicrosecondType,
    error::ArrowError,
};
use datafusion::{
    logical_expr::{Expr, col, lit},
    scalar::ScalarValue,
};
use trailhouse_model::EventTime;

/// The column by which periods are cut.
pub(crate) const EVENT_TIME: &str = "event_time";
/// The column by which the table is partitioned.
pub(crate) const EVENT_DATE: &str = "event_date";

/// One period to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    /// The first time that is judged.
    pub from: EventTime,
    /// The first time after the period.
    pub to: EventTime,
    /// Where `events_before` begins; it ends where the period begins.
    pub before_from: EventTime,
}

/// Returns what holds for the rows of a range; the day is there for the partitions.
pub(crate) fn within(from: EventTime, to: EventTime) -> Vec<Expr> {
    let time = |time: EventTime| {
        lit(ScalarValue::TimestampMicrosecond(Some(time.micros()), Some("UTC".into())))
    };
    let last = EventTime::from_micros(to.micros().saturating_sub(1));
    vec![
        col(EVENT_TIME).gt_eq(time(from)),
        col(EVENT_TIME).lt(time(to)),
        since_day(from.days()),
        col(EVENT_DATE).lt_eq(lit(ScalarValue::Date32(Some(last.days())))),
    ]
}

/// Returns what holds for the rows of a day and later ones.
pub(crate) fn since_day(day: i32) -> Expr {
    col(EVENT_DATE).gt_eq(lit(ScalarValue::Date32(Some(day))))
}

/// Rows in the order of their event time, which is their last column.
pub(crate) struct TimedRows {
    rows: Option<RecordBatch>,
}

impl TimedRows {
    pub(crate) fn of(batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let Some(first) = batches.first() else {
            return Ok(Self { rows: None });
        };
        let rows = concat_batches(first.schema_ref(), batches)?;
        let Some(times) = rows.columns().last() else {
            return Ok(Self { rows: None });
        };
        let order: UInt32Array = sort_to_indices(times, None, None)?;
        let mut columns = Vec::with_capacity(rows.num_columns());
        for column in rows.columns() {
            columns.push(take(column, &order, None)?);
        }
        Ok(Self { rows: Some(RecordBatch::try_new(rows.schema(), columns)?) })
    }

    /// Returns the places of the rows of a range.
    pub(crate) fn range(&self, from: EventTime, to: EventTime) -> Result<Range<usize>, ArrowError> {
        let Some(times) = self.rows.as_ref().and_then(|rows| rows.columns().last()) else {
            return Ok(0..0);
        };
        let times = times
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| ArrowError::SchemaError(format!("`{EVENT_TIME}` holds no times")))?;
        let first = times.values().partition_point(|time| *time < from.micros());
        let end = times.values().partition_point(|time| *time < to.micros());
        Ok(first..end.max(first))
    }

    /// Returns the rows of a range without their time; nothing where there are none.
    pub(crate) fn within(
        &self,
        from: EventTime,
        to: EventTime,
    ) -> Result<Vec<RecordBatch>, ArrowError> {
        let range = self.range(from, to)?;
        let Some(rows) = self.rows.as_ref().filter(|_| !range.is_empty()) else {
            return Ok(Vec::new());
        };
        let slice = rows.slice(range.start, range.len());
        let columns: Vec<usize> = (0..slice.num_columns().saturating_sub(1)).collect();
        let schema = Arc::new(slice.schema().project(&columns)?);
        let columns = slice.columns().iter().take(columns.len()).cloned().collect();
        let options = RecordBatchOptions::new().with_row_count(Some(slice.num_rows()));
        Ok(vec![RecordBatch::try_new_with_options(schema, columns, &options)?])
    }
}
