//! Tables of Parquet files, which keep the types of their columns.

use std::fs::File;

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, SchemaRef},
    error::ArrowError,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use trailhouse_detect::context::{
    COLUMNS_MAX, ContextError, ContextProblem as Problem, ROWS_MAX, TextTable,
};

use super::tables::Lookup;

/// Reads a whole file.
pub(super) fn read_parquet(file: File) -> Result<Lookup, Problem> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| broken(&error))?;
    let schema = SchemaRef::clone(builder.schema());
    if schema.fields().len() > COLUMNS_MAX {
        return Err(Problem::TooManyColumns { columns_max: COLUMNS_MAX });
    }
    let mut rows = 0;
    let mut batches = Vec::new();
    for batch in builder.build().map_err(|error| broken(&error))? {
        let batch = batch.map_err(|error| broken(&error))?;
        rows += batch.num_rows();
        if rows > ROWS_MAX {
            return Err(Problem::TooManyRows { rows_max: ROWS_MAX });
        }
        batches.push(batch);
    }
    Ok(Lookup { schema, batches })
}

/// Makes text of all columns, for tables that are text.
pub(super) fn text_table(origin: &str, table: &Lookup) -> Result<TextTable, ContextError> {
    let columns = table.schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    for batch in &table.batches {
        let more = text_rows(batch).map_err(|error| broken(&error).at(origin, None))?;
        rows.extend(more);
    }
    TextTable::from_rows(origin, columns, rows)
}

fn text_rows(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    let texts = batch.columns().iter().map(|column| cast(column, &DataType::Utf8View));
    let columns = texts.collect::<Result<Vec<_>, _>>()?;
    let value = |column: &dyn Array, row| {
        column.is_valid(row).then(|| column.as_string_view().value(row).to_owned())
    };
    let row = |row| columns.iter().map(|column| value(column.as_ref(), row)).collect();
    Ok((0..batch.num_rows()).map(row).collect())
}

fn broken(error: &dyn std::error::Error) -> Problem {
    Problem::BadFile { message: format!("not a readable Parquet file: {error}") }
}
