//! Leaves whose rows come when the plan runs, so that one plan serves many periods.

use std::{collections::HashMap, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    catalog::streaming::StreamingTable,
    datasource::provider_as_source,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext},
    logical_expr::{LogicalPlan, TableScan},
    physical_plan::{
        memory::MemoryStream, stream::RecordBatchStreamAdapter, streaming::PartitionStream,
    },
    prelude::SessionConfig,
};
use futures::stream;

use super::leaf::LeafSpec;

/// The rows of one run, by leaf.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    rows: HashMap<LeafSpec, Vec<RecordBatch>>,
}

impl Slots {
    pub(crate) fn put(&mut self, leaf: LeafSpec, rows: Vec<RecordBatch>) {
        self.rows.insert(leaf, rows);
    }

    /// Hands the rows to the plan that runs in a context.
    pub(crate) fn into_context(self, context: TaskContext) -> TaskContext {
        let config = context.session_config().clone().with_extension(Arc::new(self));
        context.with_session_config(config)
    }
}

/// One leaf of a plan that waits for its rows.
#[derive(Debug)]
struct Slot {
    leaf: LeafSpec,
    schema: SchemaRef,
}

impl Slot {
    fn rows(&self, config: &SessionConfig) -> Result<Vec<RecordBatch>, DataFusionError> {
        let slots = config.get_extension::<Slots>();
        let rows = slots.as_ref().and_then(|slots| slots.rows.get(&self.leaf));
        let rows = rows.ok_or_else(|| {
            DataFusionError::Internal("a plan ran without the rows of a leaf".to_owned())
        })?;
        let exact = rows.iter().map(|batch| batch.clone().with_schema(Arc::clone(&self.schema)));
        exact.map(|batch| batch.map_err(DataFusionError::from)).collect()
    }
}

impl PartitionStream for Slot {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let rows = self.rows(context.session_config());
        match rows.and_then(|rows| MemoryStream::try_new(rows, Arc::clone(&schema), None)) {
            Ok(rows) => Box::pin(rows),
            Err(error) => {
                Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter([Err(error)])))
            }
        }
    }
}

/// Makes a leaf wait for its rows.
pub(crate) fn slot_as_leaf(
    scan: TableScan,
    leaf: LeafSpec,
) -> Result<LogicalPlan, DataFusionError> {
    let schema = Arc::new(scan.projected_schema.as_arrow().clone());
    let slot = Slot { leaf, schema: Arc::clone(&schema) };
    let table = StreamingTable::try_new(schema, vec![Arc::new(slot)])?;
    Ok(LogicalPlan::TableScan(TableScan {
        source: provider_as_source(Arc::new(table)),
        projection: None,
        filters: Vec::new(),
        fetch: None,
        ..scan
    }))
}

/// Returns a state whose plans can run again and again, each time over few rows.
pub(crate) fn repeatable(state: &SessionState) -> SessionState {
    let mut config = state.config().clone().with_target_partitions(1);
    // It shares the catalogues of the first state, and would put an empty one in their place.
    config = config.with_create_default_catalog_and_schema(false);
    // What a filter learnt from one period would hide rows of the next.
    config.options_mut().optimizer.enable_dynamic_filter_pushdown = false;
    config.options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
    config.options_mut().optimizer.enable_topk_dynamic_filter_pushdown = false;
    config.options_mut().optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build()
}
