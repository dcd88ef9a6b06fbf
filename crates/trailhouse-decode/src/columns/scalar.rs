//! Columns of booleans and of times.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, TimestampMicrosecondArray};
use trailhouse_model::EventTime;

/// Boolean cells; rows that are passed over are null.
#[derive(Default)]
pub(crate) struct BooleanColumn {
    cells: Vec<Option<bool>>,
}

impl BooleanColumn {
    /// Gives the row its value. Rows come in ascending order and once each.
    pub(crate) fn push(&mut self, row: usize, value: bool) {
        debug_assert!(self.cells.len() <= row, "rows ascend");
        self.cells.resize(row, None);
        self.cells.push(Some(value));
    }

    /// Says whether the row has a value.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.cells.len() > row
    }

    /// Takes the values of this row and of all after it out again.
    pub(super) fn truncate(&mut self, row: usize) {
        self.cells.truncate(row);
    }

    pub(super) fn clear(&mut self) {
        self.cells.clear();
    }

    pub(super) fn array(&self, rows: usize) -> ArrayRef {
        let padding = std::iter::repeat_n(None, rows.saturating_sub(self.cells.len()));
        Arc::new(self.cells.iter().copied().chain(padding).collect::<BooleanArray>())
    }
}

/// Time cells; rows that are passed over are null.
#[derive(Default)]
pub(crate) struct TimeColumn {
    cells: Vec<Option<i64>>,
}

impl TimeColumn {
    /// Gives the row its value. Rows come in ascending order and once each.
    pub(crate) fn push(&mut self, row: usize, value: EventTime) {
        debug_assert!(self.cells.len() <= row, "rows ascend");
        self.cells.resize(row, None);
        self.cells.push(Some(value.micros()));
    }

    /// Returns the value of the row where it is the last one that has one.
    pub(crate) fn last(&self, row: usize) -> Option<EventTime> {
        self.cells.get(row).copied().flatten().map(EventTime::from_micros)
    }

    /// Takes the values of this row and of all after it out again.
    pub(super) fn truncate(&mut self, row: usize) {
        self.cells.truncate(row);
    }

    pub(super) fn clear(&mut self) {
        self.cells.clear();
    }

    /// Returns so many cells.
    pub(super) fn cells(&self, rows: usize) -> impl Iterator<Item = Option<i64>> {
        let padding = std::iter::repeat_n(None, rows.saturating_sub(self.cells.len()));
        self.cells.iter().copied().chain(padding)
    }

    pub(super) fn array(&self, rows: usize) -> ArrayRef {
        let cells: TimestampMicrosecondArray = self.cells(rows).collect();
        Arc::new(cells.with_timezone("UTC"))
    }
}
