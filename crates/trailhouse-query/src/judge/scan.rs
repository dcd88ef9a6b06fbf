//! One scan that feeds many leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use arrow::{
    array::{RecordBatch, RecordBatchOptions, UInt32Array},
    compute::{filter, take},
    datatypes::{Schema, SchemaRef},
};
use datafusion::{
    common::runtime::JoinSet,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, SessionState, TaskContext},
    logical_expr::{Expr, utils::disjunction},
    physical_plan::{ExecutionPlan, execute_stream_partitioned},
};
use futures::StreamExt;

use super::{
    buffers::Buffers,
    compact::compact,
    cost::ScanCost,
    dispatch::{Candidates, Dispatcher, columns_at},
    kind::{cannot_fail, kind_columns},
    leaf::{Leaf, Predicate},
    merge::Merged,
};
use crate::opaque::OpaqueView;

/// With more different predicates on kinds than this, testing them all again and again costs more
/// than the rows that they would keep out.
const PREDICATES_MAX: usize = 32;

/// Returns what holds for every row that any of the leaves wants, where that is worth asking: it
/// rules out files, and wide columns of other rows are not decoded. Nothing where evaluating it
/// could fail, because then all leaves would.
pub(crate) fn wanted_rows(leaves: &[Leaf]) -> Option<Expr> {
    let mut predicates: Vec<&Expr> = Vec::new();
    for leaf in leaves {
        let predicate = leaf.kind_expr.as_ref().filter(|predicate| cannot_fail(predicate))?;
        if !predicates.contains(&predicate) {
            predicates.push(predicate);
        }
    }
    if predicates.len() > PREDICATES_MAX {
        return None;
    }
    disjunction(predicates.into_iter().cloned())
}

/// A scan for many leaves.
pub(crate) struct SharedScan {
    pub(crate) view: Arc<OpaqueView>,
    pub(crate) leaves: Vec<Leaf>,
    /// What holds for every row that any leaf wants.
    pub(crate) predicate: Vec<Expr>,
    /// A column that every leaf gets besides its own, as its last.
    pub(crate) extra_column: Option<usize>,
    pub(crate) bytes_max: u64,
    /// Files that hold the table's rows, where it has files.
    pub(crate) files: u64,
}

/// What a scan gave to each leaf.
pub(crate) struct Collected {
    /// In the order of the leaves; nothing where a leaf has to read the table itself.
    pub(crate) rows: Vec<Option<Vec<RecordBatch>>>,
    pub(crate) cost: ScanCost,
}

impl SharedScan {
    /// Returns the columns of the table that are read, in its order.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = BTreeSet::new();
        columns.extend(self.extra_column);
        let asks_for_kind = self.leaves.iter().any(|leaf| leaf.kind.is_some());
        if asks_for_kind {
            columns.extend(kind_columns(&self.schema()));
        }
        for leaf in &self.leaves {
            columns.extend(&leaf.spec.columns);
            columns.extend(leaf.rest.iter().flat_map(|predicate| &predicate.columns));
        }
        columns.into_iter().collect()
    }

    /// Plans the reading.
    pub(crate) async fn plan(
        &self,
        state: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let plan = self.view.select(&self.columns(), &self.predicate)?;
        state.create_physical_plan(&plan).await
    }

    /// Reads the table once and gives each leaf its rows.
    pub(crate) async fn collect(
        self,
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<Collected, DataFusionError> {
        let started = Instant::now();
        let merged = Merged::of(&self.leaves);
        let work = Arc::new(Work::new(&self, &merged.leaves)?);
        let streams = execute_stream_partitioned(Arc::clone(&plan), context)?;
        let mut tasks = JoinSet::new();
        for (partition, stream) in streams.into_iter().enumerate() {
            tasks.spawn(Arc::clone(&work).feed(partition, stream));
        }
        let mut rows_read = 0_u64;
        while let Some(done) = tasks.join_next().await {
            let read = done.map_err(|error| DataFusionError::External(Box::new(error)))??;
            rows_read = rows_read.saturating_add(read);
        }
        let mut cost = ScanCost::of(plan.as_ref(), started.elapsed());
        cost.rows = rows_read;
        cost.files_pruned = self.files.saturating_sub(cost.files);
        let buffers = std::mem::replace(&mut *work.buffers(), Buffers::new(0, 0));
        Ok(Collected { rows: merged.split(&buffers.into_rows())?, cost })
    }

    fn schema(&self) -> SchemaRef {
        use datafusion::catalog::TableProvider;
        self.view.schema()
    }
}

/// A leaf with places in the batches of the scan instead of the table.
struct Placed {
    schema: SchemaRef,
    columns: Vec<usize>,
    rest: Option<(Predicate, Vec<usize>)>,
}

/// What the partitions of a scan share.
struct Work {
    leaves: Arc<[Leaf]>,
    placed: Vec<Placed>,
    kinds: Vec<usize>,
    kind_schema: SchemaRef,
    buffers: Mutex<Buffers>,
}

impl Work {
    fn new(scan: &SharedScan, leaves: &[Leaf]) -> Result<Self, DataFusionError> {
        let table = scan.schema();
        let read: BTreeMap<usize, usize> =
            scan.columns().into_iter().enumerate().map(|(place, column)| (column, place)).collect();
        let place = |columns: &[usize]| -> Vec<usize> {
            columns.iter().filter_map(|column| read.get(column).copied()).collect()
        };
        let mut placed = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let columns: Vec<usize> =
                leaf.spec.columns.iter().copied().chain(scan.extra_column).collect();
            placed.push(Placed {
                schema: Arc::new(leaf_schema(&table, &columns)?),
                columns: place(&columns),
                rest: leaf.rest.clone().map(|rest| {
                    let columns = place(&rest.columns);
                    (rest, columns)
                }),
            });
        }
        let kind_columns: Vec<usize> = kind_columns(&table);
        Ok(Self {
            leaves: leaves.into(),
            placed,
            kinds: place(&kind_columns),
            kind_schema: Arc::new(table.project(&kind_columns)?),
            buffers: Mutex::new(Buffers::new(leaves.len(), scan.bytes_max)),
        })
    }

    /// Reads one partition to its end and returns how many rows it had.
    async fn feed(
        self: Arc<Self>,
        partition: usize,
        mut batches: SendableRecordBatchStream,
    ) -> Result<u64, DataFusionError> {
        let kinds = SchemaRef::clone(&self.kind_schema);
        let mut dispatcher = Dispatcher::new(Arc::clone(&self.leaves), kinds)?;
        let mut rows = 0_u64;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            rows = rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
            let kinds = columns_at(&batch, &self.kinds)?;
            let candidates = dispatcher.dispatch(batch.num_rows(), &kinds)?;
            for leaf in dispatcher.take_failed() {
                self.buffers().give_up(leaf);
            }
            for (leaf, candidates) in candidates {
                if self.buffers().is_given_up(leaf) {
                    continue;
                }
                match self.select(leaf, &batch, candidates) {
                    Ok(Some(rows)) => self.buffers().push(leaf, partition, rows),
                    Ok(None) => {}
                    // Its own scan will meet the same error, and only its question fails.
                    Err(_) => self.buffers().give_up(leaf),
                }
            }
        }
        Ok(rows)
    }

    /// Returns the rows of a batch that belong to a leaf.
    fn select(
        &self,
        leaf: usize,
        batch: &RecordBatch,
        candidates: Candidates,
    ) -> Result<Option<RecordBatch>, DataFusionError> {
        let Some(placed) = self.placed.get(leaf) else {
            return Ok(None);
        };
        let mut rows = match candidates {
            Candidates::All => UInt32Array::from_iter_values((0_u32..).take(batch.num_rows())),
            Candidates::Some(rows) => UInt32Array::from(rows),
        };
        if let Some((predicate, places)) = &placed.rest {
            let mut columns = columns_at(batch, places)?;
            if rows.len() < batch.num_rows() {
                for column in &mut columns {
                    *column = take(column, &rows, None)?;
                }
            }
            let passed = predicate.test(columns)?;
            rows = UInt32Array::from(filter(&rows, &passed)?.to_data());
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let mut columns = columns_at(batch, &placed.columns)?;
        for column in &mut columns {
            *column = compact(&take(column, &rows, None)?)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = SchemaRef::clone(&placed.schema);
        Ok(Some(RecordBatch::try_new_with_options(schema, columns, &options)?))
    }

    /// A thread that panicked has left rows of its own out, and its panic ends the scan.
    fn buffers(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leaf_schema(table: &Schema, columns: &[usize]) -> Result<Schema, DataFusionError> {
    Ok(table.project(columns)?)
}
