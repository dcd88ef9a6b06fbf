//! What is wrong with a file of the site folder.

use std::fmt;

/// A file of the site folder cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", Place { origin, line: *.line })]
pub struct ContextError {
    /// The file.
    pub origin: String,
    /// Its line, counted from 1, where one line is to blame.
    pub line: Option<u32>,
    /// What is wrong.
    pub problem: ContextProblem,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextProblem {
    /// More bytes than are read.
    #[error("the file has more than {bytes_max} bytes")]
    TooLarge {
        /// The most.
        bytes_max: u64,
    },
    /// More rows than are kept.
    #[error("there are more than {rows_max} rows")]
    TooManyRows {
        /// The most.
        rows_max: usize,
    },
    /// More files than a folder may have.
    #[error("there are more than {files_max} files")]
    TooManyFiles {
        /// The most.
        files_max: usize,
    },
    /// More columns than are kept.
    #[error("there are more than {columns_max} columns")]
    TooManyColumns {
        /// The most.
        columns_max: usize,
    },
    /// A value that is too long.
    #[error("a value has more than {bytes_max} bytes")]
    LongValue {
        /// The most.
        bytes_max: usize,
    },
    /// Bytes that are no text.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// No first line with the names of the columns.
    #[error("the first line must name the columns")]
    NoHeader,
    /// A column without a name.
    #[error("a column has no name")]
    UnnamedColumn,
    /// Two columns of one name.
    #[error("the column `{column}` is there twice")]
    ColumnTwice {
        /// The name.
        column: String,
    },
    /// A row with another number of values than the header.
    #[error("the row has {found} values, the header has {expected}")]
    ValueCount {
        /// The values of the row.
        found: usize,
        /// The columns of the header.
        expected: usize,
    },
    /// A quotation mark that is not closed.
    #[error("a quotation mark opens here and is not closed")]
    OpenQuote,
    /// A quotation mark within a value that does not begin with one, or text after the closing one.
    #[error("a value with a quotation mark must be quoted as a whole, and the mark doubled")]
    StrayQuote,
    /// A carriage return that ends no line.
    #[error("a carriage return stands within a line")]
    StrayReturn,
    /// A column that the table must have.
    #[error("the column `{column}` is missing")]
    MissingColumn {
        /// The name.
        column: &'static str,
    },
    /// A row without a value that it must have.
    #[error("`{column}` is empty")]
    MissingValue {
        /// The columns of which one must have a value.
        column: &'static str,
    },
    /// A value that the column does not take.
    #[error("`{value}` is not a value of `{column}`: use {expected}")]
    BadValue {
        /// The column.
        column: &'static str,
        /// The value, cut.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// A line of a plain list that is nothing that can be looked for.
    #[error(
        "`{value}` is no address, network, domain, URL, ARN, access key or account; \
         use a CSV with a column `kind` for anything else"
    )]
    UnknownIndicator {
        /// The line, cut.
        value: String,
    },
    /// No JSON, or not of the form that it should have.
    #[error("{message}")]
    Json {
        /// What is wrong.
        message: String,
    },
    /// A file or table name that SQL could not use as it stands.
    #[error("`{name}` cannot be a table: use lower-case letters, digits and underscores")]
    BadName {
        /// The name.
        name: String,
    },
    /// A table that no site has.
    #[error(
        "`{name}` is no table of a site: use accounts, assets, honeytokens, lookup.<name> or \
         intel.<name>"
    )]
    UnknownTable {
        /// The name.
        name: String,
    },
    /// A file that is none of those that a site folder may hold.
    #[error("this file has no meaning here: {expected}")]
    Stranger {
        /// What may be here.
        expected: &'static str,
    },
    /// Two files that make one table.
    #[error("the table `{table}` is made by another file too")]
    TableTwice {
        /// The table.
        table: String,
    },
    /// A file that cannot be opened or read.
    #[error("failed to read it: {message}")]
    Unreadable {
        /// Why.
        message: String,
    },
    /// A Parquet file or a database of addresses that is broken or of another kind.
    #[error("{message}")]
    BadFile {
        /// What is wrong.
        message: String,
    },
}

impl ContextProblem {
    /// Says where the problem is.
    pub fn at(self, origin: &str, line: Option<u32>) -> ContextError {
        ContextError { origin: origin.to_owned(), line, problem: self }
    }
}

/// Cuts what a message shows of a file, and leaves out what a terminal would obey.
pub(crate) fn excerpt(value: &str) -> String {
    value.chars().filter(|ch| !ch.is_control()).take(80).collect()
}

struct Place<'e> {
    origin: &'e str,
    line: Option<u32>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.origin)?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}
