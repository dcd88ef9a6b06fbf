//! Writes rows in every output format.
//!
//! Every text format escapes what could reach a terminal as a command; see [`escape`]. JSON and
//! NDJSON keep the exact value all the same, because an escape in a JSON string is that value.
//! Columns that hold JSON text stay strings in every format; lists and structs are nested in JSON
//! and written as JSON text in tables, CSV and TSV.

mod cells;
mod columnar;
mod delimited;
pub mod escape;
mod format;
mod json;
mod table;

use std::io::{self, Write};

use arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use parquet::errors::ParquetError;

pub use self::format::{Format, FormatError};
use crate::{error::QueryError, stream::QueryStream};

/// How a table is fitted to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableLimits {
    /// Columns of the terminal; without it nothing is cut.
    pub width: Option<usize>,
    /// Rows to show; the rest is counted. Without it all rows are shown.
    pub rows_max: Option<usize>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows of the result, whether a table showed them or only counted them.
    pub rows: u64,
}

/// Rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The query failed while its rows were written.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The file, pipe or terminal refused the bytes.
    #[error("failed to write the result")]
    Io(#[from] io::Error),
    /// A value has no form in this format.
    #[error("failed to encode the result")]
    Encode(#[source] ArrowError),
    /// The rows do not make a Parquet file.
    #[error("failed to encode the result as Parquet")]
    Parquet(#[source] ParquetError),
}

impl From<ArrowError> for OutputError {
    fn from(error: ArrowError) -> Self {
        if let ArrowError::IoError(_, source) = error {
            return Self::Io(source);
        }
        Self::Encode(error)
    }
}

impl From<ParquetError> for OutputError {
    fn from(error: ParquetError) -> Self {
        if let ParquetError::External(source) = error {
            return match source.downcast::<io::Error>() {
                Ok(source) => Self::Io(*source),
                Err(source) => Self::Parquet(ParquetError::External(source)),
            };
        }
        Self::Parquet(error)
    }
}

/// Takes the batches of one result, in order.
pub trait RowWriter: Send {
    /// Writes the rows of a batch, or holds them until the end where the format needs all.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError>;

    /// Ends the output. Without any batch it is a valid, empty result.
    fn finish(self: Box<Self>) -> Result<(), OutputError>;
}

/// Makes the writer of a format. The limits matter to tables only.
pub fn row_writer<'out>(
    format: Format,
    schema: &SchemaRef,
    limits: TableLimits,
    out: &'out mut (dyn Write + Send),
) -> Result<Box<dyn RowWriter + 'out>, OutputError> {
    Ok(match format {
        Format::Table => Box::new(table::TableWriter::new(schema, limits, out)),
        Format::Json => Box::new(json::JsonWriter::array(out)),
        Format::Ndjson => Box::new(json::JsonWriter::lines(out)),
        Format::Csv => Box::new(delimited::DelimitedWriter::csv(schema, out)?),
        Format::Tsv => Box::new(delimited::DelimitedWriter::tsv(schema, out)?),
        Format::Parquet => Box::new(columnar::ParquetRows::new(schema, out)?),
        Format::Arrow => Box::new(columnar::ArrowFile::new(schema, out)?),
        Format::ArrowStream => Box::new(columnar::ArrowStream::new(schema, out)?),
    })
}

/// Writes a whole result. Memory is one batch, except for a table, which holds the rows it shows.
pub async fn write_result(
    mut rows: QueryStream,
    format: Format,
    limits: TableLimits,
    out: &mut (dyn Write + Send),
) -> Result<Written, OutputError> {
    let schema = rows.schema();
    let mut writer = row_writer(format, &schema, limits, &mut *out)?;
    let mut written = Written::default();
    while let Some(batch) = rows.next_batch().await? {
        written.rows = written.rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(0));
        writer.write(&batch)?;
    }
    writer.finish()?;
    out.flush()?;
    Ok(written)
}
