//! The rows of all leaves, within one budget of bytes.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

/// What one leaf has got.
#[derive(Debug, Default)]
struct Buffer {
    /// By partition of the scan, so that the order of the rows does not depend on which was faster.
    parts: BTreeMap<usize, Vec<RecordBatch>>,
    bytes: u64,
    is_given_up: bool,
}

/// Collects the rows of leaves. A leaf that takes too much of the budget is given up: it reads the
/// table itself.
#[derive(Debug)]
pub(crate) struct Buffers {
    leaves: Vec<Buffer>,
    bytes: u64,
    bytes_max: u64,
}

impl Buffers {
    pub(crate) fn new(leaves: usize, bytes_max: u64) -> Self {
        let leaves = std::iter::repeat_with(Buffer::default).take(leaves).collect();
        Self { leaves, bytes: 0, bytes_max }
    }

    /// Adds rows to a leaf. Over the budget the leaf that holds most is given up.
    pub(crate) fn push(&mut self, leaf: usize, partition: usize, rows: RecordBatch) {
        let Some(buffer) = self.leaves.get_mut(leaf).filter(|buffer| !buffer.is_given_up) else {
            return;
        };
        let bytes = u64::try_from(rows.get_array_memory_size()).unwrap_or(u64::MAX);
        buffer.bytes = buffer.bytes.saturating_add(bytes);
        buffer.parts.entry(partition).or_default().push(rows);
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > self.bytes_max {
            let largest = self.leaves.iter().enumerate().max_by_key(|(_, buffer)| buffer.bytes);
            match largest.map(|(leaf, _)| leaf) {
                Some(leaf) => self.give_up(leaf),
                None => break,
            }
        }
    }

    /// Forgets the rows of a leaf and takes no more of them.
    pub(crate) fn give_up(&mut self, leaf: usize) {
        if let Some(buffer) = self.leaves.get_mut(leaf) {
            self.bytes = self.bytes.saturating_sub(buffer.bytes);
            *buffer = Buffer { is_given_up: true, ..Buffer::default() };
        }
    }

    pub(crate) fn is_given_up(&self, leaf: usize) -> bool {
        self.leaves.get(leaf).is_none_or(|buffer| buffer.is_given_up)
    }

    /// Returns the rows of each leaf, or nothing where it was given up.
    pub(crate) fn into_rows(self) -> Vec<Option<Vec<RecordBatch>>> {
        let rows = self.leaves.into_iter().map(|buffer| {
            (!buffer.is_given_up).then(|| buffer.parts.into_values().flatten().collect())
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[test]
    fn over_the_budget_the_largest_is_given_up_and_the_others_stay() {
        let bytes = u64::try_from(rows(1000).get_array_memory_size()).unwrap();
        let mut buffers = Buffers::new(3, bytes + bytes / 2);
        buffers.push(0, 0, rows(10));
        buffers.push(1, 0, rows(1000));
        assert!(!buffers.is_given_up(1));
        buffers.push(1, 0, rows(1000));
        assert!(buffers.is_given_up(1));
        buffers.push(1, 0, rows(1));
        buffers.push(2, 1, rows(5));
        buffers.push(2, 0, rows(7));
        let rows = buffers.into_rows();
        let counts: Vec<Option<Vec<usize>>> = rows
            .iter()
            .map(|rows| Some(rows.as_ref()?.iter().map(RecordBatch::num_rows).collect()))
            .collect();
        assert_eq!(counts, [Some(vec![10]), None, Some(vec![7, 5])]);
    }
}
