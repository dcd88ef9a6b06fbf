//! A table for people: aligned columns, cut to the terminal, with nothing in it that a terminal
//! would obey.

use std::{borrow::Cow, io::Write};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
    json::writer::EncoderOptions,
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{OutputError, RowWriter, TableLimits, cells::ColumnCells, escape};

/// Holds the rows to show until the widths are known.
pub(crate) struct TableWriter<'out> {
    columns: Vec<Column>,
    limits: TableLimits,
    rows_held: usize,
    rows_more: usize,
    options: EncoderOptions,
    out: &'out mut (dyn Write + Send),
}

struct Column {
    name: String,
    is_number: bool,
    may_be_cut: bool,
    cells: Vec<String>,
    width: usize,
}

const NULL: &str = "NULL";
const CUT: char = '\u{2026}';
const GAP: &str = "  ";
/// A column of text is not made narrower than this; instead the last columns are left out.
const WIDTH_MIN: usize = 12;
/// Longer text is cut as it is read, where there is a terminal width at all.
const CELL_WIDTH_MAX: usize = 512;

impl<'out> TableWriter<'out> {
    pub(crate) fn new(
        schema: &SchemaRef,
        limits: TableLimits,
        out: &'out mut (dyn Write + Send),
    ) -> Self {
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let name = escape::escape_terminal(field.name()).into_owned();
            let width = name.width();
            let is_number = is_number(field.data_type());
            let may_be_cut = may_be_cut(field.data_type());
            columns.push(Column { name, is_number, may_be_cut, cells: Vec::new(), width });
        }
        let limits = TableLimits { width: limits.width.map(|width| width.max(1)), ..limits };
        let options = EncoderOptions::default();
        Self { columns, limits, rows_held: 0, rows_more: 0, options, out }
    }

    fn hold(&mut self, batch: &RecordBatch, rows: usize) -> Result<(), OutputError> {
        let mut cells = ColumnCells::of_batch(batch, &self.options)?;
        for (column, cells) in self.columns.iter_mut().zip(&mut cells) {
            for row in 0..rows {
                let text = cells.text(row)?;
                column.push(text.as_deref(), self.limits.width);
            }
        }
        Ok(())
    }

    /// Returns the lines under the last row: what is not shown.
    fn notes(&self, columns_shown: usize) -> String {
        let mut notes = String::new();
        if self.rows_more > 0 {
            self.note(&mut notes, self.rows_more, "row", "");
        }
        let hidden = self.columns.get(columns_shown..).unwrap_or_default();
        if !hidden.is_empty() {
            let names: Vec<&str> = hidden.iter().map(|column| column.name.as_str()).collect();
            self.note(&mut notes, hidden.len(), "column", &format!(": {}", names.join(", ")));
        }
        notes
    }

    fn note(&self, notes: &mut String, count: usize, noun: &str, what: &str) {
        let plural = if count == 1 { "" } else { "s" };
        let line = format!("{CUT} {count} more {noun}{plural}{what}");
        notes.push_str(&cut(&line, self.limits.width.unwrap_or(CELL_WIDTH_MAX)));
        notes.push('\n');
    }
}

impl Column {
    fn push(&mut self, text: Option<&str>, terminal: Option<usize>) {
        let shown = match text {
            Some(text) => escape::escape_terminal(text),
            None => Cow::Borrowed(NULL),
        };
        let shown = match terminal {
            Some(_) => cut(&shown, CELL_WIDTH_MAX),
            None => shown,
        };
        self.width = self.width.max(shown.width());
        self.cells.push(shown.into_owned());
    }

    fn width_min(&self) -> usize {
        if self.may_be_cut { self.width.min(WIDTH_MIN) } else { self.width }
    }

    fn push_padded(&self, line: &mut String, text: &str, width: usize, is_last: bool) {
        let text = cut(text, width);
        let padding = width.saturating_sub(text.width());
        let spaces = std::iter::repeat_n(' ', padding);
        if self.is_number {
            line.extend(spaces);
            line.push_str(&text);
        } else {
            line.push_str(&text);
            if !is_last {
                line.extend(spaces);
            }
        }
    }
}

/// Divides the width among the columns. Columns that need little get it; the rest share what is
/// left, never less than their minimum. Returns the widths of the columns that fit, at least one.
fn fit(columns: &[Column], width: Option<usize>) -> Vec<usize> {
    let Some(width) = width else {
        return columns.iter().map(|column| column.width).collect();
    };
    let mut widths = Vec::new();
    let mut left = width;
    for column in columns {
        let gap = if widths.is_empty() { 0 } else { GAP.len() };
        let minimum = column.width_min();
        if minimum + gap > left && !widths.is_empty() {
            break;
        }
        let minimum = minimum.min(width);
        left = left.saturating_sub(minimum + gap);
        widths.push(minimum);
    }
    share(columns, &mut widths, left);
    widths
}

/// Gives every column that wants more an equal share, again and again. A round ends with too
/// little left or with a column content, so there are at most as many rounds as columns.
fn share(columns: &[Column], widths: &mut [usize], mut left: usize) {
    loop {
        let wants = |has: usize, column: &Column| column.width.saturating_sub(has);
        let hungry = widths.iter().zip(columns).filter(|(has, column)| wants(**has, column) > 0);
        let hungry = hungry.count();
        if hungry == 0 || left < hungry {
            return;
        }
        let portion = left / hungry;
        for (has, column) in widths.iter_mut().zip(columns) {
            let more = portion.min(wants(*has, column));
            *has += more;
            left -= more;
        }
    }
}

/// Cuts text to a display width, with an ellipsis where something is missing.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    // No character takes more columns than bytes.
    if text.len() <= width || text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut short = String::new();
    let mut used = 1;
    for ch in text.chars() {
        used += ch.width().unwrap_or(0);
        if used > width {
            break;
        }
        short.push(ch);
    }
    short.push(CUT);
    Cow::Owned(short)
}

fn is_number(data_type: &DataType) -> bool {
    value_type(data_type).is_numeric()
}

/// Half of a number or of a time says something else than the whole.
fn may_be_cut(data_type: &DataType) -> bool {
    let data_type = value_type(data_type);
    !data_type.is_numeric() && !data_type.is_temporal()
}

fn value_type(data_type: &DataType) -> &DataType {
    if let DataType::Dictionary(_, value) = data_type { value } else { data_type }
}

impl RowWriter for TableWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        let room = match self.limits.rows_max {
            Some(rows_max) => rows_max.saturating_sub(self.rows_held),
            None => usize::MAX,
        };
        let rows = batch.num_rows().min(room);
        self.rows_held += rows;
        self.rows_more += batch.num_rows() - rows;
        if rows == 0 { Ok(()) } else { self.hold(batch, rows) }
    }

    fn finish(self: Box<Self>) -> Result<(), OutputError> {
        let widths = fit(&self.columns, self.limits.width);
        let last = widths.len().saturating_sub(1);
        let mut line = String::new();
        for (index, (column, width)) in self.columns.iter().zip(&widths).enumerate() {
            line.push_str(if index == 0 { "" } else { GAP });
            column.push_padded(&mut line, &column.name, *width, index == last);
        }
        line.push('\n');
        for (index, width) in widths.iter().enumerate() {
            line.push_str(if index == 0 { "" } else { GAP });
            line.extend(std::iter::repeat_n('-', *width));
        }
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        for row in 0..self.rows_held {
            line.clear();
            for (index, (column, width)) in self.columns.iter().zip(&widths).enumerate() {
                line.push_str(if index == 0 { "" } else { GAP });
                let cell = column.cells.get(row).map_or("", String::as_str);
                column.push_padded(&mut line, cell, *width, index == last);
            }
            line.push('\n');
            self.out.write_all(line.as_bytes())?;
        }
        self.out.write_all(self.notes(widths.len()).as_bytes())?;
        Ok(())
    }
}
