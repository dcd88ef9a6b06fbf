//! Reading rows back.

use std::{collections::BTreeSet, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, cast::AsArray,
};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::filter::filter_record_batch;
use deltalake_core::{
    datafusion::{
        common::DataFusionError,
        prelude::{DataFrame, SessionContext, col, lit},
    },
    delta_datafusion::FileSelection,
    kernel::Snapshot,
};
use futures::TryStreamExt;
use trailhouse_model::EventTime;

use crate::{error::LakeError, log::TableLog, tables::TableName};

/// Makes the table's rows at a snapshot known to a session under the table's name.
pub(crate) async fn register(
    session: &SessionContext,
    log: &TableLog,
    snapshot: Snapshot,
) -> Result<(), LakeError> {
    let failed = |error: DataFusionError| LakeError::rows(log.table, "read rows")(error);
    let table = log.delta_table();
    let provider =
        table.table_provider().with_snapshot(Arc::new(snapshot)).await.map_err(failed)?;
    session.register_table(log.table.as_str(), provider).map_err(failed)?;
    Ok(())
}

/// Returns the rows of some files of the table at a snapshot, by their paths in the log.
pub(crate) async fn rows_of_files(
    session: &SessionContext,
    log: &TableLog,
    snapshot: &Snapshot,
    paths: impl IntoIterator<Item = &str>,
) -> Result<DataFrame, LakeError> {
    let failed = |error: DataFusionError| LakeError::rows(log.table, "read rows")(error);
    let table = log.delta_table();
    let provider = table
        .table_provider()
        .with_snapshot(Arc::new(snapshot.clone()))
        .with_file_selection(FileSelection::from_file_paths(paths))
        .await
        .map_err(failed)?;
    session.read_table(provider).map_err(failed)
}

/// Returns the rows of the table at a snapshot.
pub(crate) async fn rows(log: &TableLog, snapshot: Snapshot) -> Result<DataFrame, LakeError> {
    let session = SessionContext::new();
    register(&session, log, snapshot).await?;
    session.table(log.table.as_str()).await.map_err(LakeError::rows(log.table, "read rows"))
}

/// More values are not written into the query: who takes a predicate apart recurses for each.
pub(crate) const VALUES_IN_QUERY_MAX: usize = 256;

/// Returns the rows whose column has one of the values.
pub(crate) async fn rows_with(
    log: &TableLog,
    snapshot: Snapshot,
    column: &str,
    values: &BTreeSet<String>,
) -> Result<Vec<RecordBatch>, LakeError> {
    let failed = |error: DataFusionError| LakeError::rows(log.table, "read rows")(error);
    let rows = rows(log, snapshot).await?;
    if values.len() <= VALUES_IN_QUERY_MAX {
        let values = values.iter().map(|value| lit(value.as_str())).collect();
        let rows = rows.filter(col(column).in_list(values, false)).map_err(failed)?;
        return rows.collect().await.map_err(failed);
    }
    let mut stream = rows.execute_stream().await.map_err(failed)?;
    let mut found = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        let texts = Columns { table: log.table, batch: &batch }.texts(column)?;
        let is_wanted = |text: Option<&str>| Some(text.is_some_and(|text| values.contains(text)));
        let mask: BooleanArray = texts.iter().map(is_wanted).collect();
        let rows =
            filter_record_batch(&batch, &mask).map_err(LakeError::rows(log.table, "read rows"))?;
        if rows.num_rows() > 0 {
            found.push(rows);
        }
    }
    Ok(found)
}

/// One column of the rows that came back, whatever its encoding.
pub(crate) struct Columns<'a> {
    pub(crate) table: TableName,
    pub(crate) batch: &'a RecordBatch,
}

impl Columns<'_> {
    fn cast(&self, name: &str, data_type: &DataType) -> Result<ArrayRef, LakeError> {
        let mismatch = || LakeError::SchemaMismatch { table: self.table, column: name.to_owned() };
        let column = self.batch.column_by_name(name).ok_or_else(mismatch)?;
        arrow_cast::cast(column, data_type).map_err(|_| mismatch())
    }

    /// Returns a column in the type in which the table stores it.
    pub(crate) fn as_stored(&self, field: &Field) -> Result<ArrayRef, LakeError> {
        self.cast(field.name(), field.data_type())
    }

    /// Returns the rows in the columns and types of a stored schema.
    pub(crate) fn all_as_stored(&self, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
        let columns = schema.fields().iter().map(|field| self.as_stored(field));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(LakeError::rows(self.table, "read rows"))
    }

    pub(crate) fn texts(&self, name: &str) -> Result<StringArray, LakeError> {
        Ok(self.cast(name, &DataType::Utf8)?.as_string().clone())
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<BinaryArray, LakeError> {
        Ok(self.cast(name, &DataType::Binary)?.as_binary().clone())
    }

    pub(crate) fn ints(&self, name: &str) -> Result<Int32Array, LakeError> {
        Ok(self.cast(name, &DataType::Int32)?.as_primitive().clone())
    }

    pub(crate) fn longs(&self, name: &str) -> Result<Int64Array, LakeError> {
        Ok(self.cast(name, &DataType::Int64)?.as_primitive().clone())
    }

    pub(crate) fn times(&self, name: &str) -> Result<TimestampMicrosecondArray, LakeError> {
        let column = TableName::schema(self.table);
        let field =
            column.field_with_name(name).map_err(LakeError::rows(self.table, "read rows"))?;
        Ok(self.cast(name, field.data_type())?.as_primitive().clone())
    }

    pub(crate) fn lists(&self, name: &str) -> Result<ListArray, LakeError> {
        let element = Field::new("element", DataType::Utf8, true);
        Ok(self.cast(name, &DataType::List(Arc::new(element)))?.as_list().clone())
    }
}

/// Returns the text of a row, or nothing where it is null.
pub(crate) fn text_at(column: &StringArray, row: usize) -> Option<String> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// Returns the time of a row, or nothing where it is null.
pub(crate) fn time_at(column: &TimestampMicrosecondArray, row: usize) -> Option<EventTime> {
    column.is_valid(row).then(|| EventTime::from_micros(column.value(row)))
}
