//! Leaves that want the same rows, kept once with the columns of all of them.

use std::collections::BTreeSet;

use arrow::{array::RecordBatch, error::ArrowError};

use super::leaf::{Leaf, LeafSpec};

/// Leaves of different columns and rows of their own, and who reads them.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) leaves: Vec<Leaf>,
    /// For each leaf as it was asked for: which merged one has its rows, and its own columns.
    readers: Vec<(usize, Vec<usize>)>,
}

impl Merged {
    /// Merges the leaves whose predicates are the same, in whatever order they stand.
    pub(crate) fn of(leaves: &[Leaf]) -> Self {
        let mut merged = Self::default();
        for leaf in leaves {
            let wants_the_same = |other: &Leaf| has_same_rows(&other.spec, &leaf.spec);
            let place = match merged.leaves.iter().position(wants_the_same) {
                Some(place) => place,
                None => {
                    merged.leaves.push(leaf.clone());
                    merged.leaves.len() - 1
                }
            };
            if let Some(other) = merged.leaves.get_mut(place) {
                let columns = other.spec.columns.iter().chain(&leaf.spec.columns);
                let columns: BTreeSet<usize> = columns.copied().collect();
                other.spec.columns = columns.into_iter().collect();
            }
            merged.readers.push((place, leaf.spec.columns.clone()));
        }
        merged
    }

    /// Returns the rows of each leaf as it was asked for, with its own columns and those that stand
    /// behind the columns of every leaf.
    pub(crate) fn split(
        &self,
        rows: &[Option<Vec<RecordBatch>>],
    ) -> Result<Vec<Option<Vec<RecordBatch>>>, ArrowError> {
        let split = self.readers.iter().map(|(place, columns)| {
            let (Some(leaf), Some(Some(rows))) = (self.leaves.get(*place), rows.get(*place)) else {
                return Ok(None);
            };
            let kept = &leaf.spec.columns;
            let own = columns.iter().filter_map(|column| kept.binary_search(column).ok());
            let own: Vec<usize> = own.collect();
            let project = |batch: &RecordBatch| {
                let behind = kept.len()..batch.num_columns();
                batch.project(&own.iter().copied().chain(behind).collect::<Vec<usize>>())
            };
            rows.iter().map(project).collect::<Result<Vec<_>, _>>().map(Some)
        });
        split.collect()
    }
}

/// Says whether two leaves differ at most in their columns.
fn has_same_rows(one: &LeafSpec, other: &LeafSpec) -> bool {
    let has_all = |one: &LeafSpec, other: &LeafSpec| {
        other.filters.iter().all(|filter| one.filters.contains(filter))
    };
    (one.table, one.first_day) == (other.table, other.first_day)
        && has_all(one, other)
        && has_all(other, one)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::logical_expr::{Expr, col, lit};

    use super::*;
    use crate::judge::tables::Judged;

    fn leaf(columns: &[usize], filters: &[Expr], first_day: Option<i32>) -> Leaf {
        let (columns, filters) = (columns.to_vec(), filters.to_vec());
        let spec = LeafSpec { table: Judged::Events, columns, filters, first_day };
        Leaf { spec, kind: None, kind_expr: None, rest: None }
    }

    /// One row; each column has the place that it has in the table, and the last one 99.
    fn row(columns: &[usize]) -> RecordBatch {
        let value = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
        let named = columns
            .iter()
            .map(|place| (format!("c{place}"), value(i64::try_from(*place).unwrap())));
        RecordBatch::try_from_iter(named.chain([("time".to_owned(), value(99))])).unwrap()
    }

    #[test]
    fn leaves_of_the_same_rows_are_one_and_each_gets_its_own_columns_in_their_order() {
        let (made, denied) = (col("event_name").eq(lit("a")), col("error_code").is_not_null());
        let leaves = [
            leaf(&[4, 1], &[made.clone(), denied.clone()], None),
            leaf(&[2], std::slice::from_ref(&made), None),
            leaf(&[3, 4], &[denied.clone(), made.clone()], None),
            leaf(&[3, 4], &[denied, made], Some(7)),
            leaf(&[], &[], None),
        ];
        let merged = Merged::of(&leaves);
        let columns: Vec<&[usize]> =
            merged.leaves.iter().map(|leaf| leaf.spec.columns.as_slice()).collect();
        assert_eq!(columns, [&[1, 3, 4][..], &[2], &[3, 4], &[]]);
        let rows =
            [Some(vec![row(&[1, 3, 4])]), None, Some(vec![row(&[3, 4])]), Some(vec![row(&[])])];
        let split = merged.split(&rows).unwrap();
        let expected = [
            Some(vec![row(&[4, 1])]),
            None,
            Some(vec![row(&[3, 4])]),
            Some(vec![row(&[3, 4])]),
            Some(vec![row(&[])]),
        ];
        assert_eq!(split, expected);
    }
}
