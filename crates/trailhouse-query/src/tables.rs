//! The tables of a lake as the query engine reads them.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
    error::ArrowError,
};
use datafusion::{
    catalog::{MemTable, Session, TableProvider},
    datasource::empty::EmptyTable,
    error::DataFusionError,
};
use deltalake_core::{DeltaTable, delta_datafusion::FileSelection, kernel::Add};
use trailhouse_lake::TableName;

use crate::needle::NeedleTable;

/// Providers by table name.
pub(crate) type Providers = BTreeMap<&'static str, Arc<dyn TableProvider>>;

/// Returns a provider of a loaded table. Partitions, file statistics and the Bloom filters of events
/// prune its files, Parquet statistics its row groups and pages.
pub(crate) async fn whole_table<S>(
    table: &DeltaTable,
    session: Arc<S>,
) -> Result<Arc<dyn TableProvider>, DataFusionError>
where
    S: Session + 'static,
{
    let stored = table.table_provider().with_session(session).await?;
    Ok(as_asked(stored, Some(table.clone())))
}

/// Returns a provider of some files of a loaded table, which must be active in it.
pub(crate) async fn some_files<S>(
    table: &DeltaTable,
    files: Vec<Add>,
    session: Arc<S>,
) -> Result<Arc<dyn TableProvider>, DataFusionError>
where
    S: Session + 'static,
{
    let selection = FileSelection::from_adds(files);
    let stored =
        table.table_provider().with_session(session).with_file_selection(selection).await?;
    Ok(as_asked(stored, None))
}

/// Whatever is read of a stored table is read through this.
fn as_asked(stored: Arc<dyn TableProvider>, whole: Option<DeltaTable>) -> Arc<dyn TableProvider> {
    NeedleTable::over(stored, TableName::Events.needle_columns(), whole)
}

/// Returns a provider of rows in memory, in the types that a stored table is read with.
pub(crate) fn rows_in_memory(
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema = as_read(schema);
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    let mut read = Vec::with_capacity(batches.len());
    for batch in batches {
        read.push(cast_batch(batch, &schema)?);
    }
    Ok(Arc::new(MemTable::try_new(schema, vec![read])?))
}

fn cast_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = batch.column_by_name(field.name()).ok_or_else(|| {
            ArrowError::SchemaError(format!("a batch has no column `{}`", field.name()))
        })?;
        columns.push(cast(column, field.data_type())?);
    }
    RecordBatch::try_new(SchemaRef::clone(schema), columns)
}

/// Stored text is read as string views. Rows in memory must have the same types, or a detection
/// could pass its cases and fail on the lake.
fn as_read(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(field_as_read).collect();
    Arc::new(Schema::new(fields))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other types are read as stored")]
fn field_as_read(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::List(element) => DataType::List(field_as_read(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field_as_read).collect()),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}
