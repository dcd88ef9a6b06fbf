//! The rows of one object, which may lie in a batch with those of others.

use std::{
    ops::Range,
    sync::{Arc, LazyLock},
};

use arrow_array::RecordBatch;

use crate::schema::empty_batch;

/// A run of rows in a batch of events. Clones share the batch, which stays as long as one of them.
///
/// Thousands of small objects would otherwise have 77 arrays each.
#[derive(Debug, Clone)]
pub struct EventRows {
    batch: Arc<RecordBatch>,
    batch_bytes: usize,
    rows: Range<usize>,
}

impl EventRows {
    /// Returns no rows.
    pub fn none() -> Self {
        static EMPTY: LazyLock<EventRows> = LazyLock::new(|| EventRows::from(empty_batch()));
        EMPTY.clone()
    }

    /// Returns other rows of the same batch.
    pub(crate) fn part(&self, rows: Range<usize>) -> Self {
        debug_assert!(
            rows.start <= rows.end && rows.end <= self.batch.num_rows(),
            "rows are there"
        );
        Self { rows, ..self.clone() }
    }

    /// Returns how many rows there are.
    pub fn num_rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns the batch, which may hold rows of other objects too.
    pub fn batch(&self) -> &Arc<RecordBatch> {
        &self.batch
    }

    /// Returns where in the batch the rows are.
    pub fn range(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Returns the rows alone.
    pub fn to_batch(&self) -> RecordBatch {
        self.batch.slice(self.rows.start, self.rows.len())
    }

    /// Returns the share of the batch's memory that falls to the rows.
    pub fn memory_bytes(&self) -> usize {
        let all = self.batch.num_rows().max(1);
        self.batch_bytes.div_ceil(all).saturating_mul(self.rows.len())
    }
}

impl From<RecordBatch> for EventRows {
    fn from(batch: RecordBatch) -> Self {
        let (batch_bytes, rows) = (batch.get_array_memory_size(), 0..batch.num_rows());
        Self { batch: Arc::new(batch), batch_bytes, rows }
    }
}

impl PartialEq for EventRows {
    fn eq(&self, other: &Self) -> bool {
        self.to_batch() == other.to_batch()
    }
}
