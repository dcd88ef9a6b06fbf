//! JSON and NDJSON.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    error::ArrowError,
    json::writer::{JsonFormat, LineDelimited, Writer, WriterBuilder},
};

use super::{OutputError, RowWriter, escape};

/// Writes rows as JSON objects with every column in every row, null or not.
pub(crate) struct JsonWriter<'out, F: JsonFormat> {
    /// Holds the text of one batch, until it is known to be harmless.
    encoder: Writer<Vec<u8>, F>,
    out: &'out mut (dyn Write + Send),
}

/// One array with one object a line.
#[derive(Debug, Default)]
pub(crate) struct ArrayOfLines;

impl JsonFormat for ArrayOfLines {
    fn start_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        writer.write_all(b"[\n")?;
        Ok(())
    }

    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        if !is_first_row {
            writer.write_all(b",\n")?;
        }
        Ok(())
    }

    fn end_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        writer.write_all(b"\n]\n")?;
        Ok(())
    }
}

impl<'out> JsonWriter<'out, ArrayOfLines> {
    /// Writes one array.
    pub(crate) fn array(out: &'out mut (dyn Write + Send)) -> Self {
        Self { encoder: encoder(), out }
    }
}

impl<'out> JsonWriter<'out, LineDelimited> {
    /// Writes one object a line.
    pub(crate) fn lines(out: &'out mut (dyn Write + Send)) -> Self {
        Self { encoder: encoder(), out }
    }
}

fn encoder<F: JsonFormat>() -> Writer<Vec<u8>, F> {
    WriterBuilder::new().with_explicit_nulls(true).build(Vec::new())
}

impl<F: JsonFormat> JsonWriter<'_, F> {
    fn pass_on(&mut self) -> Result<(), OutputError> {
        let encoded = std::mem::take(self.encoder.get_mut());
        let text = String::from_utf8(encoded)
            .map_err(|error| ArrowError::JsonError(error.utf8_error().to_string()))?;
        self.out.write_all(escape::escape_json(&text).as_bytes())?;
        let mut reused = text.into_bytes();
        reused.clear();
        *self.encoder.get_mut() = reused;
        Ok(())
    }
}

impl<F: JsonFormat + Send> RowWriter for JsonWriter<'_, F> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        self.encoder.write(batch)?;
        self.pass_on()
    }

    fn finish(mut self: Box<Self>) -> Result<(), OutputError> {
        self.encoder.finish()?;
        self.pass_on()
    }
}
