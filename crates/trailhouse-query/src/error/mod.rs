//! Why a query was not answered, and where in its text.

mod classify;
mod locate;
mod render;
mod suggest;

use std::{borrow::Cow, fmt, time::Duration};

use trailhouse_lake::LakeError;

use crate::{
    context::{INTEL, LOOKUP},
    output::escape::escape_terminal,
};

pub(crate) use self::{
    classify::classify,
    suggest::{Vocabulary, closest},
};

/// A place in SQL text: line and column, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column in characters.
    pub column: u64,
}

/// A stretch of SQL text, up to and without its end. Where both ends are the same it is one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The character after the last one.
    pub end: Position,
}

/// A query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is not one SQL statement.
    #[error("{message}")]
    Parse {
        /// What the parser expected and found.
        message: String,
        /// Where it was found.
        at: Option<Span>,
    },
    /// A column, or a field of a struct, that is not there.
    #[error("no column `{name}`{}", in_table(table.as_deref()))]
    UnknownColumn {
        /// The name as the query has it.
        name: String,
        /// The table it was looked for in, where the query said so or reads only one.
        table: Option<String>,
        /// The name that was likely meant.
        suggestion: Option<String>,
        /// Where the name stands.
        at: Option<Span>,
    },
    /// A table that is not there.
    #[error("no table `{name}`")]
    UnknownTable {
        /// The name as the query has it.
        name: String,
        /// The name that was likely meant.
        suggestion: Option<String>,
        /// Where the name stands.
        at: Option<Span>,
    },
    /// A function that is not there.
    #[error("no function `{name}`")]
    UnknownFunction {
        /// The name as the query has it.
        name: String,
        /// The name that was likely meant.
        suggestion: Option<String>,
        /// Where the name stands.
        at: Option<Span>,
    },
    /// The query makes no sense: types that do not fit, a column outside of its group, and so on.
    #[error("{message}")]
    Plan {
        /// What does not fit.
        message: String,
        /// Where it stands.
        at: Option<Span>,
    },
    /// A statement that would change something. Sessions only read.
    #[error("`{statement}` is refused: the session only reads")]
    Refused {
        /// The statement's first words.
        statement: String,
    },
    /// A limit of the session was passed.
    #[error("the query needs more memory than allowed: {message}")]
    Limit {
        /// Who asked for how much.
        message: String,
    },
    /// The query took longer than allowed.
    #[error("the query took longer than {} seconds", limit.as_secs_f64())]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// The query put out more rows than allowed.
    #[error("the query puts out more than {rows_max} rows")]
    TooManyRows {
        /// How many it may put out.
        rows_max: u64,
    },
    /// A parameter that the query does not have.
    #[error("no parameter `{name}`")]
    UnknownParameter {
        /// The name that was given.
        name: String,
        /// The name that was likely meant.
        suggestion: Option<String>,
    },
    /// The value of a parameter is not one SQL literal.
    #[error("the value of the parameter `{name}` is not a literal")]
    NotALiteral {
        /// The parameter.
        name: String,
    },
    /// A value made the query fail while it ran.
    #[error("{message}")]
    Execution {
        /// What failed.
        message: String,
    },
    /// The lake could not be opened.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file of the table could not be read.
    #[error("failed to read the table: {message}")]
    Table {
        /// What failed.
        message: String,
    },
    /// An assumption of the engine does not hold.
    #[error("the query engine failed: {message}")]
    Bug {
        /// What does not hold.
        message: String,
    },
}

impl QueryError {
    /// Says whether a limit of the session was passed, and not a mistake made.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Limit { .. } | Self::TimedOut { .. } | Self::TooManyRows { .. })
    }

    /// Returns where in the text the trouble is, where that is known.
    pub fn at(&self) -> Option<Span> {
        match self {
            Self::Parse { at, .. }
            | Self::UnknownColumn { at, .. }
            | Self::UnknownTable { at, .. }
            | Self::UnknownFunction { at, .. }
            | Self::Plan { at, .. } => *at,
            Self::Refused { .. }
            | Self::Limit { .. }
            | Self::TimedOut { .. }
            | Self::TooManyRows { .. }
            | Self::UnknownParameter { .. }
            | Self::NotALiteral { .. }
            | Self::Execution { .. }
            | Self::Lake(_)
            | Self::Table { .. }
            | Self::Bug { .. } => None,
        }
    }

    /// Returns the name that was likely meant.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::UnknownColumn { suggestion, .. }
            | Self::UnknownTable { suggestion, .. }
            | Self::UnknownFunction { suggestion, .. }
            | Self::UnknownParameter { suggestion, .. } => suggestion.as_deref(),
            Self::Parse { .. }
            | Self::Plan { .. }
            | Self::Refused { .. }
            | Self::Limit { .. }
            | Self::TimedOut { .. }
            | Self::TooManyRows { .. }
            | Self::NotALiteral { .. }
            | Self::Execution { .. }
            | Self::Lake(_)
            | Self::Table { .. }
            | Self::Bug { .. } => None,
        }
    }

    /// Returns what can be done about it, where that is not the suggestion.
    pub(crate) fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Refused { .. } => Some("use SELECT, EXPLAIN, SHOW or DESCRIBE".into()),
            Self::Limit { .. } => {
                let advice =
                    "allow more with --memory, or narrow the query by event_date or event_time";
                Some(advice.into())
            }
            Self::TimedOut { .. } | Self::TooManyRows { .. } => {
                Some("narrow its WHERE clause, or group its rows".into())
            }
            Self::UnknownTable { name, .. } => file_to_make(name).map(Cow::Owned),
            Self::Parse { .. }
            | Self::UnknownColumn { .. }
            | Self::UnknownFunction { .. }
            | Self::UnknownParameter { .. }
            | Self::NotALiteral { .. }
            | Self::Plan { .. }
            | Self::Execution { .. }
            | Self::Lake(_)
            | Self::Table { .. }
            | Self::Bug { .. } => None,
        }
    }

    /// Shows the error in its text, with a caret under the place and what was likely meant.
    ///
    /// The text of the query is escaped: nothing in it reaches the terminal as a command.
    pub fn render(&self, sql: &str) -> String {
        render::render(self, sql)
    }
}

/// Says which file makes a lookup or a list of indicators.
fn file_to_make(table: &str) -> Option<String> {
    let (schema, name) = table.split_once('.')?;
    let name = escape_terminal(name);
    match schema {
        LOOKUP => Some(format!(
            "make lookups/{name}.csv in the folder of --context, or in that of the pack"
        )),
        INTEL => Some(format!("make intel/{name}.txt, .csv or .json in the folder of --context")),
        _ => None,
    }
}

fn in_table(table: Option<&str>) -> impl fmt::Display {
    match table {
        Some(table) => format!(" in table `{table}`"),
        None => String::new(),
    }
}
