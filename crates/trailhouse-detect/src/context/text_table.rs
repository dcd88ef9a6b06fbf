//! Tables of text, and how they are read from CSV and from the cases of a detection.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::{ContextError, ContextProblem as Problem};

/// The most rows of one table.
pub const ROWS_MAX: usize = 1_000_000;
/// The most columns of one table.
pub const COLUMNS_MAX: usize = 256;
/// The longest value.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// A table whose columns are all text. A value that is empty is null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTable {
    /// Each row has a value for each column; no name is there twice.
    columns: Vec<String>,
    rows: Vec<TextRow>,
}

/// A row and the line of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextRow {
    pub(crate) line: u32,
    values: Vec<Option<String>>,
}

impl TextTable {
    /// Makes a table without rows.
    pub fn empty(columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Reads CSV: the first line names the columns, values are separated by commas, lines end with
    /// or without a carriage return, a byte order mark is skipped, and lines without any character
    /// are. `origin` only names the file in messages.
    pub fn parse_csv(origin: &str, text: &str) -> Result<Self, ContextError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = CsvReader { origin, rest: text, line: 1 };
        let Some((line, columns)) = reader.record()? else {
            return Err(Problem::NoHeader.at(origin, None));
        };
        let columns: Vec<String> =
            columns.into_iter().map(|column| column.trim().to_owned()).collect();
        check_columns(&columns).map_err(|problem| problem.at(origin, Some(line)))?;
        let mut table = Self { columns, rows: Vec::new() };
        while let Some((line, values)) = reader.record()? {
            let (found, expected) = (values.len(), table.columns.len());
            if found != expected {
                return Err(Problem::ValueCount { found, expected }.at(origin, Some(line)));
            }
            let values = values.into_iter().map(|value| (!value.is_empty()).then_some(value));
            table.push(origin, line, values.collect())?;
        }
        Ok(table)
    }

    /// Makes a table of rows that have a value for each column.
    pub fn from_rows(
        origin: &str,
        columns: Vec<String>,
        rows: impl IntoIterator<Item = Vec<Option<String>>>,
    ) -> Result<Self, ContextError> {
        check_columns(&columns).map_err(|problem| problem.at(origin, None))?;
        let mut table = Self { columns, rows: Vec::new() };
        for (line, values) in (1_u32..).zip(rows) {
            let (found, expected) = (values.len(), table.columns.len());
            if found != expected {
                return Err(Problem::ValueCount { found, expected }.at(origin, Some(line)));
            }
            table.push(origin, line, values)?;
        }
        Ok(table)
    }

    /// Makes a table of JSON objects, as a case of a detection brings them. Numbers and truth
    /// values are kept as text.
    pub fn from_objects(origin: &str, rows: &[Map<String, Value>]) -> Result<Self, ContextError> {
        let mut columns: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for name in rows.iter().flat_map(Map::keys) {
            if seen.insert(name) {
                columns.push(name.clone());
            }
        }
        if !columns.is_empty() {
            check_columns(&columns).map_err(|problem| problem.at(origin, None))?;
        }
        let mut table = Self { columns, rows: Vec::new() };
        for (line, row) in (1_u32..).zip(rows) {
            let values = table.columns.iter().map(|column| row.get(column).and_then(text_of));
            let values = values.collect();
            table.push(origin, line, values)?;
        }
        Ok(table)
    }

    /// Adds a row of values in the order of the columns.
    fn push(
        &mut self,
        origin: &str,
        line: u32,
        values: Vec<Option<String>>,
    ) -> Result<(), ContextError> {
        if self.rows.len() >= ROWS_MAX {
            return Err(Problem::TooManyRows { rows_max: ROWS_MAX }.at(origin, Some(line)));
        }
        if values.iter().flatten().any(|value| value.len() > VALUE_BYTES_MAX) {
            let problem = Problem::LongValue { bytes_max: VALUE_BYTES_MAX };
            return Err(problem.at(origin, Some(line)));
        }
        self.rows.push(TextRow { line, values });
        Ok(())
    }

    /// Returns the names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Counts the rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Says whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the values of a column in the order of the rows; nothing where it is not there.
    pub fn column(&self, name: &str) -> Option<impl Iterator<Item = Option<&str>>> {
        let index = self.index(name)?;
        Some(self.rows.iter().map(move |row| row.value(Some(index))))
    }

    /// Adds columns without values where they are not there, so that SQL may name them.
    #[must_use]
    pub fn with_columns(mut self, columns: &[&str]) -> Self {
        for column in columns {
            if self.index(column).is_none() {
                self.columns.push((*column).to_owned());
                for row in &mut self.rows {
                    row.values.push(None);
                }
            }
        }
        self
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    pub(crate) fn rows(&self) -> &[TextRow] {
        &self.rows
    }

    /// Replaces the values of a column by what a function makes of each row.
    pub(crate) fn map_column(
        &mut self,
        index: usize,
        map: impl Fn(&TextRow, &str) -> Result<String, ContextError>,
    ) -> Result<(), ContextError> {
        for row in &mut self.rows {
            let mapped = row.value(Some(index)).map(|value| map(row, value)).transpose()?;
            if let Some(value) = row.values.get_mut(index) {
                *value = mapped;
            }
        }
        Ok(())
    }
}

impl TextRow {
    /// Returns the value of a column that may not be there.
    pub(crate) fn value(&self, index: Option<usize>) -> Option<&str> {
        self.values.get(index?)?.as_deref()
    }
}

fn check_columns(columns: &[String]) -> Result<(), Problem> {
    if columns.len() > COLUMNS_MAX {
        return Err(Problem::TooManyColumns { columns_max: COLUMNS_MAX });
    }
    let mut seen = BTreeSet::new();
    for column in columns {
        if column.is_empty() {
            return Err(Problem::UnnamedColumn);
        }
        if !seen.insert(column) {
            return Err(Problem::ColumnTwice { column: super::error::excerpt(column) });
        }
    }
    Ok(())
}

fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (!value.is_null() && !text.is_empty()).then_some(text)
}

struct CsvReader<'t> {
    origin: &'t str,
    rest: &'t str,
    line: u32,
}

impl CsvReader<'_> {
    /// Returns the next record and the line on which it begins.
    fn record(&mut self) -> Result<Option<(u32, Vec<String>)>, ContextError> {
        while let Some(rest) = strip_line_end(self.rest) {
            self.rest = rest;
            self.line = self.line.saturating_add(1);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            if values.len() > COLUMNS_MAX {
                let problem = Problem::TooManyColumns { columns_max: COLUMNS_MAX };
                return Err(problem.at(self.origin, Some(line)));
            }
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            if let Some(rest) = strip_line_end(self.rest) {
                self.rest = rest;
                self.line = self.line.saturating_add(1);
            }
            return Ok(Some((line, values)));
        }
    }

    fn value(&mut self) -> Result<String, ContextError> {
        match self.rest.strip_prefix('"') {
            Some(rest) => self.quoted(rest),
            None => self.bare(),
        }
    }

    fn bare(&mut self) -> Result<String, ContextError> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        let ends_line = rest.starts_with('\n');
        let value = value.strip_suffix('\r').filter(|_| ends_line).unwrap_or(value);
        if value.contains('"') {
            return Err(Problem::StrayQuote.at(self.origin, Some(self.line)));
        }
        if value.contains('\r') {
            return Err(Problem::StrayReturn.at(self.origin, Some(self.line)));
        }
        self.rest = rest;
        Ok(value.to_owned())
    }

    fn quoted(&mut self, after_mark: &str) -> Result<String, ContextError> {
        let (origin, opened_on) = (self.origin, self.line);
        let mut value = String::new();
        let mut rest = after_mark;
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                return Err(Problem::OpenQuote.at(origin, Some(opened_on)));
            };
            value.push_str(part);
            let breaks = part.bytes().filter(|byte| *byte == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            match after.strip_prefix('"') {
                Some(after) => {
                    value.push('"');
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        let is_end = rest.is_empty() || rest.starts_with(',') || strip_line_end(rest).is_some();
        if !is_end {
            return Err(Problem::StrayQuote.at(origin, Some(self.line)));
        }
        // The part that is left is a suffix of what was left before.
        let consumed = self.rest.len() - rest.len();
        self.rest = self.rest.split_at(consumed).1;
        Ok(value)
    }
}

fn strip_line_end(text: &str) -> Option<&str> {
    text.strip_prefix('\n').or_else(|| text.strip_prefix("\r\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, String> {
        let table = TextTable::parse_csv("t.csv", text).map_err(|error| error.to_string())?;
        let values =
            |row: &TextRow| row.values.iter().map(|v| v.clone().unwrap_or_default()).collect();
        Ok(table.rows().iter().map(values).collect())
    }

    fn check(text: &str, expected: &[&[&str]]) {
        let expected: Vec<Vec<String>> =
            expected.iter().map(|row| row.iter().map(|v| (*v).to_owned()).collect()).collect();
        assert_eq!(read(text), Ok(expected), "{text:?}");
    }

    fn check_error(text: &str, expected: &str) {
        assert_eq!(read(text).unwrap_err(), expected, "{text:?}");
    }

    #[test]
    fn csv_is_read_as_spreadsheets_write_it() {
        check("a,b\n1,2\n", &[&["1", "2"]]);
        check("\u{feff}a,b\r\n1,2\r\n\r\n3,4", &[&["1", "2"], &["3", "4"]]);
        check("a,b\n\"x, \"\"y\"\"\n z\",\n", &[&["x, \"y\"\n z", ""]]);
        check("a,b\r\n\"1\",\"2\"\r\n", &[&["1", "2"]]);
        check("a\n", &[]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        check_error("", "t.csv: the first line must name the columns");
        check_error("a,a\n", "t.csv:1: the column `a` is there twice");
        check_error("a,\n", "t.csv:1: a column has no name");
        check_error("a,b\n1,2\n3\n", "t.csv:3: the row has 1 values, the header has 2");
        check_error("a,b\n\"x\ny\",2\n3,4,5\n", "t.csv:4: the row has 3 values, the header has 2");
        check_error("a\n\nx\n\"y\nz", "t.csv:4: a quotation mark opens here and is not closed");
        let stray = "a value with a quotation mark must be quoted as a whole, and the mark doubled";
        check_error("a\nx\"y\n", &format!("t.csv:2: {stray}"));
        check_error("a\n\"x\"y\n", &format!("t.csv:2: {stray}"));
        check_error("a,b\n1\r2,3\n", "t.csv:2: a carriage return stands within a line");
        let wide = vec!["c"; COLUMNS_MAX + 1].join(",");
        check_error(&wide, "t.csv:1: there are more than 256 columns");
        let long = format!("a\n{}\n", "x".repeat(VALUE_BYTES_MAX + 1));
        check_error(&long, "t.csv:2: a value has more than 65536 bytes");
    }

    #[test]
    fn objects_become_rows_of_all_their_columns() {
        let rows: Vec<Map<String, Value>> =
            serde_json::from_str(r#"[{"a": "x", "b": 1}, {"c": true, "a": null}]"#).unwrap();
        let table = TextTable::from_objects("case", &rows).unwrap();
        assert_eq!(table.columns(), ["a", "b", "c"]);
        let column = |name| table.column(name).unwrap().collect::<Vec<_>>();
        assert_eq!(column("a"), [Some("x"), None]);
        assert_eq!(column("b"), [Some("1"), None]);
        assert_eq!(column("c"), [None, Some("true")]);
    }

    proptest! {
        #[test]
        fn what_is_written_as_csv_is_read_again(
            rows in prop::collection::vec(prop::collection::vec("[a-z,\"\r\n \u{e9}]{1,8}", 3), 0..8),
        ) {
            let mut text = String::from("a,b,c\r\n");
            for row in &rows {
                let quoted: Vec<String> =
                    row.iter().map(|value| format!("\"{}\"", value.replace('"', "\"\""))).collect();
                text.push_str(&quoted.join(","));
                text.push_str("\r\n");
            }
            prop_assert_eq!(read(&text), Ok(rows));
        }

        #[test]
        fn any_text_is_a_table_or_an_error(text in "[ab,\"\r\n\u{feff}]{0,40}") {
            if let Ok(table) = TextTable::parse_csv("t.csv", &text) {
                let width = table.columns().len();
                prop_assert!(table.rows().iter().all(|row| row.values.len() == width));
            }
        }
    }
}
