//! A column of text.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::ColumnOverflow;

/// Text cells, written row by row; rows that are passed over are null.
#[derive(Default)]
pub(crate) struct TextColumn {
    values: String,
    /// The rows that have a value, ascending.
    rows: Vec<usize>,
    /// Where the value of each of those rows ends in `values`.
    ends: Vec<i32>,
    overflowed: bool,
}

/// Buffers beyond this are given back after an unusual object.
const RETAINED_BYTES_MAX: usize = 4 * 1024 * 1024;

impl TextColumn {
    /// Gives the row its value. Rows come in ascending order and once each.
    pub(crate) fn push(&mut self, row: usize, value: &str) {
        self.push_with(row, |out| out.push_str(value));
    }

    /// Gives the row the value that `write` appends.
    pub(crate) fn push_with(&mut self, row: usize, write: impl FnOnce(&mut String)) {
        debug_assert!(self.rows.last().is_none_or(|last| *last < row), "rows ascend");
        let start = self.values.len();
        write(&mut self.values);
        match i32::try_from(self.values.len()) {
            Ok(end) => {
                self.rows.push(row);
                self.ends.push(end);
            }
            Err(_) => {
                self.values.truncate(start);
                self.overflowed = true;
            }
        }
    }

    /// Returns the value of the row where it is the last one that has one.
    pub(crate) fn last(&self, row: usize) -> Option<&str> {
        if self.rows.last() != Some(&row) {
            return None;
        }
        let start = self.ends.iter().rev().nth(1).copied().unwrap_or(0);
        self.values.get(usize::try_from(start).ok()?..)
    }

    /// Says whether no row has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && !self.overflowed
    }

    /// Says whether a value did not fit since the column was cleared or cut.
    pub(super) fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Takes the values of this row and of all after it out again.
    pub(super) fn truncate(&mut self, row: usize) {
        let kept = self.rows.partition_point(|present| *present < row);
        self.rows.truncate(kept);
        self.ends.truncate(kept);
        let end = self.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        self.values.truncate(end);
        self.overflowed = false;
    }

    /// Returns how many bytes the values have.
    pub(super) fn value_bytes(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.values.shrink_to(RETAINED_BYTES_MAX);
        self.rows.clear();
        self.rows.shrink_to(RETAINED_BYTES_MAX / 64);
        self.ends.clear();
        self.ends.shrink_to(RETAINED_BYTES_MAX / 64);
        self.overflowed = false;
    }

    /// Makes an array of so many rows.
    pub(crate) fn array(&self, rows: usize) -> Result<ArrayRef, ColumnOverflow> {
        if self.overflowed {
            return Err(ColumnOverflow);
        }
        let offsets = sparse_offsets(&self.rows, &self.ends, rows);
        // Of a Vec rather than of a slice: an aligned copy costs the allocator several times as much.
        let values = Buffer::from_vec(self.values.as_bytes().to_vec());
        let nulls = sparse_nulls(&self.rows, rows);
        let array = StringArray::try_new(offsets, values, nulls).map_err(|_| ColumnOverflow)?;
        Ok(Arc::new(array))
    }
}

/// Makes the offsets of all rows from the ends of those that have a value.
pub(super) fn sparse_offsets(present: &[usize], ends: &[i32], rows: usize) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(rows.saturating_add(1));
    let mut last_end = 0;
    for (row, end) in present.iter().zip(ends) {
        offsets.resize(row.saturating_add(1), last_end);
        last_end = *end;
    }
    offsets.resize(rows.saturating_add(1), last_end);
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

/// Makes the validity of all rows from those that have a value; none where all have.
pub(super) fn sparse_nulls(present: &[usize], rows: usize) -> Option<NullBuffer> {
    if present.len() == rows {
        return None;
    }
    let mut valid = vec![false; rows];
    for row in present {
        if let Some(slot) = valid.get_mut(*row) {
            *slot = true;
        }
    }
    Some(NullBuffer::from(valid))
}
