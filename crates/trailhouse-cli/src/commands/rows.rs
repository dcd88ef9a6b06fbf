//! Small results that are not queries, in every output format.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray, UInt64Array},
    datatypes::{DataType, Field, Schema},
};
use trailhouse_query::{OutputError, TableLimits, row_writer};
use trailhouse_service::{FailureKind, ServiceError};

use crate::{args::Global, terminal::OutputTarget};

/// A column of a small result.
pub(super) enum Cells {
    Text(Vec<Option<String>>),
    Count(Vec<u64>),
}

/// Writes columns of the same length.
pub(super) fn write(global: &Global, columns: Vec<(&str, Cells)>) -> Result<(), ServiceError> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (name, cells) in columns {
        let array: ArrayRef = match cells {
            Cells::Text(values) => Arc::new(StringArray::from(values)),
            Cells::Count(values) => Arc::new(UInt64Array::from(values)),
        };
        fields.push(Field::new(name, data_type(&array), true));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|error| ServiceError::new(FailureKind::Bug, error.to_string()))?;
    let mut target = OutputTarget::open(global)?;
    let limits = TableLimits { width: target.width, rows_max: None };
    let written = row_writer(target.format, &schema, limits, &mut target.writer)
        .and_then(|mut writer| {
            writer.write(&batch)?;
            writer.finish()
        })
        .and_then(|()| Ok(target.writer.flush()?));
    output_result(written)
}

fn data_type(array: &ArrayRef) -> DataType {
    array.data_type().clone()
}

/// Tells what kept a result from being written. A reader that went away is no error: it has seen
/// what it wanted.
pub(super) fn output_result<T>(written: Result<T, OutputError>) -> Result<(), ServiceError> {
    match written {
        Ok(_) => Ok(()),
        Err(OutputError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(OutputError::Query(error)) => {
            Err(ServiceError::new(FailureKind::Query, error.to_string()))
        }
        Err(error @ (OutputError::Io(_) | OutputError::Encode(_) | OutputError::Parquet(_))) => {
            Err(ServiceError::new(FailureKind::Usage, trailhouse_service::error_chain(&error)))
        }
    }
}
