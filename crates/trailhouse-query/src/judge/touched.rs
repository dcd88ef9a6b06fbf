//! Which periods the rows of a session touch.

use std::{collections::BTreeMap, time::Duration};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::Int64Type,
};

use crate::{error::QueryError, session::QuerySession};

/// Rows that are spread over more periods than this belong to no sensible window.
const TOUCHED_MAX: usize = 1_000_000;

/// A period in which there are rows. Periods are as long as `span`; the one with index k ends at
/// k + 1 steps from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TouchedPeriod {
    /// Its place.
    pub index: i64,
    /// Rows of `events` in its last step. Each row is in one such step, however many periods it is
    /// in.
    pub rows_of_step: u64,
}

impl QuerySession {
    /// Returns the periods that have rows of `events` in them, in order, with one query. Rows
    /// without a time are in none.
    pub async fn touched_periods(
        &self,
        every: Duration,
        span: Duration,
    ) -> Result<Vec<TouchedPeriod>, QueryError> {
        let (every, span) = (micros(every), micros(span));
        let grain = greatest_common_divisor(every, span);
        let time = "CAST(event_time AS BIGINT)";
        let sql = format!(
            "SELECT {time} - ({time} % {grain} + {grain}) % {grain} AS start, count(*) AS n \
             FROM stored.events WHERE event_time IS NOT NULL GROUP BY 1"
        );
        let mut touched = BTreeMap::new();
        let mut stream = self.run(&sql).await?;
        while let Some(batch) = stream.next_batch().await? {
            for (start, rows) in counts(&batch) {
                // The grain divides both lengths, so a grain lies in a period or outside of it.
                let (first, last) =
                    (start.div_euclid(every), start.saturating_add(span).div_euclid(every) - 1);
                for index in first..=last {
                    let rows = if index == first { rows } else { 0 };
                    *touched.entry(index).or_insert(0_u64) += rows;
                }
                if touched.len() > TOUCHED_MAX {
                    let rows_max = u64::try_from(TOUCHED_MAX).unwrap_or(u64::MAX);
                    return Err(QueryError::TooManyRows { rows_max });
                }
            }
        }
        let touched = touched.into_iter();
        Ok(touched.map(|(index, rows_of_step)| TouchedPeriod { index, rows_of_step }).collect())
    }
}

fn counts(batch: &RecordBatch) -> Vec<(i64, u64)> {
    let column = |name| Some(batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?.values());
    let Some((starts, counts)) = column("start").zip(column("n")) else {
        return Vec::new();
    };
    let counts = counts.iter().map(|count| u64::try_from(*count).unwrap_or_default());
    starts.iter().copied().zip(counts).collect()
}

/// A period lasts at least a microsecond, and at most a hundred years.
fn micros(length: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 86_400 * 1_000_000;
    i64::try_from(length.as_micros()).unwrap_or(CENTURY).clamp(1, CENTURY)
}

fn greatest_common_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}
