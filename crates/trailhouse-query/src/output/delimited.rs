//! CSV and TSV.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
    json::writer::EncoderOptions,
};

use super::{OutputError, RowWriter, cells::ColumnCells, escape};

/// Writes rows with a delimiter, under a header line.
pub(crate) struct DelimitedWriter<'out> {
    dialect: Dialect,
    /// Whether a column's cells are text that could be taken for a formula.
    may_be_formula: Vec<bool>,
    options: EncoderOptions,
    line: String,
    out: &'out mut (dyn Write + Send),
}

#[derive(Clone, Copy)]
enum Dialect {
    /// RFC 4180: CRLF line ends, quotes doubled. An absent value is empty, an empty text is `""`.
    Csv,
    /// One line a row whatever the cells hold: tab, line feed and backslash are escaped. An absent
    /// value is `\N`.
    Tsv,
}

impl<'out> DelimitedWriter<'out> {
    /// Starts a CSV file.
    pub(crate) fn csv(
        schema: &SchemaRef,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, OutputError> {
        Self::start(Dialect::Csv, schema, out)
    }

    /// Starts a TSV file.
    pub(crate) fn tsv(
        schema: &SchemaRef,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, OutputError> {
        Self::start(Dialect::Tsv, schema, out)
    }

    fn start(
        dialect: Dialect,
        schema: &SchemaRef,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, OutputError> {
        let may_be_formula =
            schema.fields().iter().map(|field| !is_number(field.data_type())).collect();
        let options = EncoderOptions::default();
        let mut writer = Self { dialect, may_be_formula, options, line: String::new(), out };
        for (index, field) in schema.fields().iter().enumerate() {
            writer.delimit(index);
            writer.dialect.push_cell(&mut writer.line, Some(field.name()), true);
        }
        writer.end_line()?;
        Ok(writer)
    }

    fn delimit(&mut self, column: usize) {
        if column > 0 {
            self.line.push(match self.dialect {
                Dialect::Csv => ',',
                Dialect::Tsv => '\t',
            });
        }
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        self.line.push_str(match self.dialect {
            Dialect::Csv => "\r\n",
            Dialect::Tsv => "\n",
        });
        self.out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl Dialect {
    fn push_cell(self, line: &mut String, text: Option<&str>, may_be_formula: bool) {
        let Some(text) = text else {
            match self {
                Self::Csv => {}
                Self::Tsv => line.push_str("\\N"),
            }
            return;
        };
        match self {
            Self::Csv => push_csv(line, text, may_be_formula),
            Self::Tsv => push_tsv(line, text),
        }
    }
}

/// Writes a cell that neither a terminal nor a spreadsheet obeys. Semicolons and tabs are quoted
/// too, because in some countries a spreadsheet splits at them.
fn push_csv(line: &mut String, text: &str, may_be_formula: bool) {
    let text = if may_be_formula { escape::not_a_formula(text) } else { text.into() };
    let text = escape::visible_multiline(&text);
    if text.is_empty() || text.contains(['"', ',', ';', '\n', '\t']) {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(&text);
    }
}

fn push_tsv(line: &mut String, text: &str) {
    if text.contains('\\') {
        line.push_str(&escape::escape_terminal(&text.replace('\\', "\\\\")));
    } else {
        line.push_str(&escape::escape_terminal(text));
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || matches!(data_type, DataType::Boolean)
}

impl RowWriter for DelimitedWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        let options = self.options.clone();
        let mut columns = ColumnCells::of_batch(batch, &options)?;
        for row in 0..batch.num_rows() {
            for (index, cells) in columns.iter_mut().enumerate() {
                self.delimit(index);
                let may_be_formula = self.may_be_formula.get(index).copied().unwrap_or(true);
                let text = cells.text(row)?;
                self.dialect.push_cell(&mut self.line, text.as_deref(), may_be_formula);
            }
            self.end_line()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), OutputError> {
        Ok(())
    }
}
