//! From the engine's errors to ours.

use std::error::Error;

use datafusion::{
    common::{Column, Diagnostic, SchemaError, Span as EngineSpan},
    error::DataFusionError,
    sql::sqlparser::parser::ParserError,
};
use deltalake_core::DeltaTableError;

use super::{Position, QueryError, Span, Vocabulary};
use crate::context::{INTEL, LOOKUP};

/// Says in our words what the engine says, and looks up what was likely meant.
pub(crate) fn classify(error: &DataFusionError, vocabulary: &Vocabulary) -> QueryError {
    let (error, diagnostic) = innermost(error, None);
    let at = diagnostic.and_then(|diagnostic| diagnostic.span).map(span);
    match error {
        DataFusionError::SQL(parser_error, _) => parse_error(parser_error, at),
        DataFusionError::SchemaError(schema_error, _) => {
            schema_problem(schema_error, at, vocabulary)
        }
        DataFusionError::Plan(message) => plan_problem(message, diagnostic, vocabulary),
        DataFusionError::NotImplemented(message) => {
            QueryError::Plan { message: format!("not supported: {}", first_line(message)), at }
        }
        DataFusionError::Configuration(message) => {
            QueryError::Plan { message: message.clone(), at }
        }
        DataFusionError::ResourcesExhausted(message) => {
            QueryError::Limit { message: allocation(message) }
        }
        DataFusionError::ArrowError(source, _) => {
            QueryError::Execution { message: source.to_string() }
        }
        DataFusionError::Execution(message) => {
            QueryError::Execution { message: first_line(message) }
        }
        DataFusionError::ExecutionJoin(source) => QueryError::Bug { message: source.to_string() },
        DataFusionError::ParquetError(source) => {
            QueryError::Table { message: chain(source.as_ref()) }
        }
        DataFusionError::ObjectStore(source) => {
            QueryError::Table { message: chain(source.as_ref()) }
        }
        DataFusionError::IoError(source) => QueryError::Table { message: chain(source) },
        DataFusionError::External(source) => external(source.as_ref()),
        DataFusionError::Internal(message)
        | DataFusionError::Substrait(message)
        | DataFusionError::Ffi(message) => QueryError::Bug { message: first_line(message) },
        DataFusionError::Context(..)
        | DataFusionError::Diagnostic(..)
        | DataFusionError::Collection(_)
        | DataFusionError::Shared(_) => QueryError::Bug { message: error.to_string() },
    }
}

/// Takes off the wrappings of an error and keeps the first that names a place.
fn innermost<'error>(
    error: &'error DataFusionError,
    seen: Option<&'error Diagnostic>,
) -> (&'error DataFusionError, Option<&'error Diagnostic>) {
    if let DataFusionError::Diagnostic(diagnostic, inner) = error {
        let seen = seen.filter(|seen| seen.span.is_some()).or(Some(diagnostic));
        return innermost(inner, seen);
    }
    match wrapped(error) {
        Some(inner) => innermost(inner, seen),
        None => (error, seen),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other error wraps one of its kind")]
fn wrapped(error: &DataFusionError) -> Option<&DataFusionError> {
    match error {
        DataFusionError::Context(_, inner) => Some(inner),
        DataFusionError::Shared(inner) => Some(inner),
        DataFusionError::Collection(errors) => errors.first(),
        DataFusionError::External(source) => source.downcast_ref(),
        _ => None,
    }
}

/// Lookups and lists of indicators are known by their schema too.
fn table_as_written(name: &str) -> String {
    let mut parts = name.rsplit('.');
    match (parts.next().unwrap_or(name), parts.next()) {
        (table, Some(schema @ (LOOKUP | INTEL))) => format!("{schema}.{table}"),
        (table, Some(_) | None) => table.to_owned(),
    }
}

fn span(span: EngineSpan) -> Span {
    Span {
        start: Position { line: span.start.line, column: span.start.column },
        end: Position { line: span.end.line, column: span.end.column },
    }
}

fn parse_error(error: &ParserError, at: Option<Span>) -> QueryError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "the query is nested too deep",
    };
    let (message, place) = split_position(text);
    let at = at.or(place.map(|place| Span { start: place, end: place }));
    QueryError::Parse { message: lower_first(message), at }
}

/// Splits `message at Line: 1, Column: 8` into the message and the place.
fn split_position(text: &str) -> (&str, Option<Position>) {
    let Some((message, place)) = text.rsplit_once(" at Line: ") else {
        return (text, None);
    };
    let Some((line, column)) = place.split_once(", Column: ") else {
        return (text, None);
    };
    match (line.parse(), column.trim().parse()) {
        (Ok(line), Ok(column)) => (message, Some(Position { line, column })),
        (Ok(_) | Err(_), _) => (text, None),
    }
}

fn schema_problem(error: &SchemaError, at: Option<Span>, vocabulary: &Vocabulary) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let at = at.or_else(|| field.spans().first().map(span));
            unknown_column(field, valid_fields, at, vocabulary)
        }
        SchemaError::AmbiguousReference { field } => QueryError::Plan {
            message: format!(
                "column `{}` is in more than one table: write `table.{0}`",
                field.name
            ),
            at: at.or_else(|| field.spans().first().map(span)),
        },
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            QueryError::Plan { message: format!("column `{name}` is named twice"), at }
        }
    }
}

/// A name with points may be a field of a struct that was taken for a table's column.
fn unknown_column(
    field: &Column,
    valid_fields: &[Column],
    at: Option<Span>,
    vocabulary: &Vocabulary,
) -> QueryError {
    let relation = field.relation.as_ref().map(|relation| relation.table().to_owned());
    let is_table = relation.as_ref().is_some_and(|relation| {
        vocabulary.columns.contains_key(relation)
            || valid_fields
                .iter()
                .any(|valid| valid.relation.as_ref().is_some_and(|known| known.table() == relation))
    });
    let (name, table) = match relation {
        Some(relation) if is_table => (field.name.clone(), Some(relation)),
        Some(relation) => (format!("{relation}.{}", field.name), only_table(valid_fields)),
        None => (field.name.clone(), only_table(valid_fields)),
    };
    let in_scope = valid_fields.iter().map(|valid| valid.name.as_str());
    let suggestion = super::suggest::closest(&name, in_scope)
        .or_else(|| vocabulary.column(&name, table.as_deref()));
    QueryError::UnknownColumn { name, table, suggestion, at }
}

fn only_table(fields: &[Column]) -> Option<String> {
    let mut tables = fields.iter().map(|field| field.relation.as_ref());
    let first = tables.next()??;
    tables.all(|table| table == Some(first)).then(|| first.table().to_owned())
}

/// The engine says some things in text only.
fn plan_problem(
    message: &str,
    diagnostic: Option<&Diagnostic>,
    vocabulary: &Vocabulary,
) -> QueryError {
    let at = diagnostic.and_then(|diagnostic| diagnostic.span).map(span);
    if let Some(name) = quoted(message, "table '", "' not found") {
        let name = table_as_written(name);
        let suggestion = vocabulary.table(&name);
        return QueryError::UnknownTable { name, suggestion, at };
    }
    if let Some(name) = quoted(message, "Field ", " not found in struct") {
        let suggestion = vocabulary.field(name);
        return QueryError::UnknownColumn { name: name.to_owned(), table: None, suggestion, at };
    }
    let function = quoted(message, "Invalid function '", "'")
        .or_else(|| quoted(message, "table function '", "' not found"));
    if let Some(name) = function {
        let suggestion = vocabulary.function(name);
        return QueryError::UnknownFunction { name: name.to_owned(), suggestion, at };
    }
    for change in ["DDL not supported: ", "DML not supported: ", "Statement not supported: "] {
        if let Some(statement) = message.strip_prefix(change) {
            return QueryError::Refused { statement: statement.to_owned() };
        }
    }
    let message = match diagnostic {
        // The engine lists the whole SELECT clause in this one.
        Some(short) if message.contains("While expanding wildcard") => short.message.as_str(),
        Some(_) | None => message,
    };
    QueryError::Plan { message: lower_first(&first_line(message)), at }
}

fn quoted<'text>(text: &'text str, before: &str, after: &str) -> Option<&'text str> {
    text.strip_prefix(before)?.split_once(after).map(|(name, _)| name)
}

fn external(source: &(dyn Error + Send + Sync + 'static)) -> QueryError {
    match source.downcast_ref::<DeltaTableError>() {
        Some(error) => QueryError::Table { message: chain(error) },
        None => QueryError::Execution { message: chain(source) },
    }
}

/// Joins an error and its causes, without repeating what an error already says of its cause.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

/// Returns who asked for how much, and how much was left. The engine lists the largest consumers first.
fn allocation(message: &str) -> String {
    let cause = message.lines().find_map(|line| line.strip_prefix("Error: "));
    lower_first(&cause.map_or_else(|| first_line(message), str::to_owned))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or(text).to_owned()
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
