//! Which leaves a row may belong to, found by its kind alone.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, UInt32Array},
    compute::take,
    datatypes::SchemaRef,
};
use datafusion::{
    error::DataFusionError,
    physical_plan::aggregates::{
        group_values::{GroupValues, new_group_values},
        order::GroupOrdering,
    },
};

use super::leaf::Leaf;

/// More kinds than this are forgotten and learnt anew.
const KINDS_MAX: usize = 65_536;

/// The rows of one batch that one leaf must look at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// All of them.
    All,
    /// These, in order.
    Some(Vec<u32>),
}

/// Learns the kinds of rows, and which leaves each kind can belong to. The predicates on kinds are
/// evaluated once for each kind, not for each row.
pub(crate) struct Dispatcher {
    leaves: Arc<[Leaf]>,
    /// The kind columns.
    schema: SchemaRef,
    /// Numbers the kinds.
    kinds: Box<dyn GroupValues>,
    /// For each kind the leaves that it can belong to, of those that ask for one.
    accepting: Vec<Vec<usize>>,
    /// Leaves whose predicate could not be evaluated.
    failed: Vec<usize>,
}

impl Dispatcher {
    /// Makes a dispatcher for rows with these kind columns.
    pub(crate) fn new(leaves: Arc<[Leaf]>, schema: SchemaRef) -> Result<Self, DataFusionError> {
        let kinds = new_group_values(SchemaRef::clone(&schema), &GroupOrdering::None)?;
        Ok(Self { leaves, schema, kinds, accepting: Vec::new(), failed: Vec::new() })
    }

    /// Returns the candidates of every leaf that has some.
    pub(crate) fn dispatch(
        &mut self,
        rows: usize,
        kind_columns: &[ArrayRef],
    ) -> Result<Vec<(usize, Candidates)>, DataFusionError> {
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); self.leaves.len()];
        if self.leaves.iter().any(|leaf| leaf.kind.is_some()) {
            let kinds = self.kinds_of(kind_columns)?;
            for (row, kind) in (0_u32..).zip(kinds) {
                for leaf in self.accepting.get(kind).into_iter().flatten() {
                    if let Some(found) = found.get_mut(*leaf) {
                        found.push(row);
                    }
                }
            }
        }
        let mut candidates = Vec::new();
        for (id, (leaf, found)) in self.leaves.iter().zip(found).enumerate() {
            if leaf.kind.is_none() || found.len() == rows {
                candidates.push((id, Candidates::All));
            } else if !found.is_empty() {
                candidates.push((id, Candidates::Some(found)));
            }
        }
        Ok(candidates)
    }

    /// Returns the leaves that have failed since the last call.
    pub(crate) fn take_failed(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.failed)
    }

    /// Returns the kind of each row.
    fn kinds_of(&mut self, columns: &[ArrayRef]) -> Result<Vec<usize>, DataFusionError> {
        if self.kinds.len() > KINDS_MAX {
            let schema = SchemaRef::clone(&self.schema);
            self.kinds = new_group_values(schema, &GroupOrdering::None)?;
            self.accepting.clear();
        }
        let known = self.accepting.len();
        let mut kinds = Vec::new();
        self.kinds.intern(columns, &mut kinds)?;
        // New kinds come in any order.
        let mut first_of_kind = vec![None; self.kinds.len().saturating_sub(known)];
        if !first_of_kind.is_empty() {
            for (row, kind) in (0_u32..).zip(&kinds) {
                let new = kind.checked_sub(known).and_then(|new| first_of_kind.get_mut(new));
                if let Some(first) = new {
                    first.get_or_insert(row);
                }
            }
            self.learn(columns, first_of_kind.into_iter().flatten().collect())?;
        }
        Ok(kinds)
    }

    fn learn(&mut self, columns: &[ArrayRef], rows: Vec<u32>) -> Result<(), DataFusionError> {
        let known = self.accepting.len();
        self.accepting.resize(known + rows.len(), Vec::new());
        let rows = UInt32Array::from(rows);
        let mut examples = Vec::with_capacity(columns.len());
        for column in columns {
            examples.push(take(column, &rows, None)?);
        }
        for (id, leaf) in self.leaves.iter().enumerate() {
            let Some(predicate) = &leaf.kind else { continue };
            let Ok(accepted) = predicate.test(examples.clone()) else {
                self.failed.push(id);
                continue;
            };
            for (accepting, accepted) in self.accepting.iter_mut().skip(known).zip(&accepted) {
                if accepted == Some(true) {
                    accepting.push(id);
                }
            }
        }
        Ok(())
    }
}

/// Returns the places of a table's columns in a batch of some of them.
pub(crate) fn columns_at(
    batch: &RecordBatch,
    places: &[usize],
) -> Result<Vec<ArrayRef>, DataFusionError> {
    let mut columns = Vec::with_capacity(places.len());
    for place in places {
        let column = batch
            .columns()
            .get(*place)
            .ok_or_else(|| DataFusionError::Internal(format!("a batch has no column {place}")))?;
        columns.push(Arc::clone(column));
    }
    Ok(columns)
}
