//! Parquet and Arrow IPC.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    datatypes::SchemaRef,
    ipc::writer::{FileWriter, StreamWriter},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use super::{OutputError, RowWriter};

/// Writes a Parquet file.
pub(crate) struct ParquetRows<'out>(ArrowWriter<&'out mut (dyn Write + Send)>);

impl<'out> ParquetRows<'out> {
    /// Starts the file.
    pub(crate) fn new(
        schema: &SchemaRef,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, OutputError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        Ok(Self(ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties))?))
    }
}

impl RowWriter for ParquetRows<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        self.0.write(batch)?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), OutputError> {
        self.0.close()?;
        Ok(())
    }
}

/// Writes an Arrow IPC file, which a reader can enter at any batch.
pub(crate) struct ArrowFile<'out>(FileWriter<&'out mut (dyn Write + Send)>);

impl<'out> ArrowFile<'out> {
    /// Starts the file.
    pub(crate) fn new(
        schema: &SchemaRef,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, OutputError> {
        Ok(Self(FileWriter::try_new(out, schema)?))
    }
}

impl RowWriter for ArrowFile<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        self.0.write(batch)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), OutputError> {
        self.0.finish()?;
        Ok(())
    }
}

/// Writes an Arrow IPC stream, which a reader can take from a pipe.
pub(crate) struct ArrowStream<'out>(StreamWriter<&'out mut (dyn Write + Send)>);

impl<'out> ArrowStream<'out> {
    /// Starts the stream.
    pub(crate) fn new(
        schema: &SchemaRef,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, OutputError> {
        Ok(Self(StreamWriter::try_new(out, schema)?))
    }
}

impl RowWriter for ArrowStream<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        self.0.write(batch)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), OutputError> {
        self.0.finish()?;
        Ok(())
    }
}
