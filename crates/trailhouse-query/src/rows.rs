//! Rows as JSON values, for findings.

use std::collections::BTreeMap;

use arrow::{
    array::RecordBatch,
    error::ArrowError,
    json::writer::{LineDelimited, WriterBuilder},
};
use serde_json::Value;

/// Rows could not become JSON.
#[derive(Debug, thiserror::Error)]
#[error("failed to read rows as JSON")]
pub struct RowsError(#[source] ArrowError);

/// Returns each row as its columns by name. Nulls are there as null, times are RFC 3339 text in
/// UTC, integers are exact, lists and structs are nested.
pub fn rows_as_json(batches: &[RecordBatch]) -> Result<Vec<BTreeMap<String, Value>>, RowsError> {
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    for batch in batches {
        writer.write(batch).map_err(RowsError)?;
    }
    writer.finish().map_err(RowsError)?;
    let lines = writer.into_inner();
    let mut rows = Vec::new();
    for row in serde_json::Deserializer::from_slice(&lines).into_iter() {
        rows.push(row.map_err(|error| RowsError(ArrowError::JsonError(error.to_string())))?);
    }
    Ok(rows)
}
