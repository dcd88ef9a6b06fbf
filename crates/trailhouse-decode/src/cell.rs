//! One JSON value into one cell, and into `_extra` where the cell cannot reproduce it.

use trailhouse_model::EventTime;

use crate::{
    columns::{BooleanColumn, TextColumn, TimeColumn},
    extra::Extra,
    json::{write_number, write_value},
    value::{Members, Shape, Value},
};

/// How CloudTrail writes a boolean member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BooleanForm {
    /// `true` or `false`.
    Literal,
    /// `"true"` or `"false"`.
    Text,
}

/// Fills a text cell. Numbers and booleans become their text, objects and arrays no text at all.
pub(crate) fn put_text(
    column: &mut TextColumn,
    extra: &mut Extra,
    row: usize,
    name: &str,
    value: Value<'_>,
) {
    match value.shape() {
        Shape::Null => {}
        Shape::String(text) => column.push(row, text),
        Shape::Number(number) => {
            column.push_with(row, |out| write_number(out, &number));
            put_extra(extra, name, value);
        }
        Shape::Bool(flag) => {
            column.push(row, if flag { "true" } else { "false" });
            put_extra(extra, name, value);
        }
        Shape::Array(_) | Shape::Object(_) => put_extra(extra, name, value),
    }
}

/// Fills a JSON cell, which holds any value.
pub(crate) fn put_json(column: &mut TextColumn, row: usize, value: Value<'_>) {
    if !matches!(value.shape(), Shape::Null) {
        column.push_with(row, |out| write_value(out, value));
    }
}

/// Fills a boolean cell from either form.
pub(crate) fn put_boolean(
    column: &mut BooleanColumn,
    extra: &mut Extra,
    row: usize,
    name: &str,
    (value, form): (Value<'_>, BooleanForm),
) {
    if matches!(value.shape(), Shape::Null) {
        return;
    }
    if let Some(flag) = read_boolean(value) {
        column.push(row, flag);
    }
    let is_exact = match (value.shape(), form) {
        (Shape::Bool(_), BooleanForm::Literal) => true,
        (Shape::String(text), BooleanForm::Text) => matches!(text, "true" | "false"),
        _ => false,
    };
    if !is_exact {
        put_extra(extra, name, value);
    }
}

/// Reads a boolean from either form.
pub(crate) fn read_boolean(value: Value<'_>) -> Option<bool> {
    match value.shape() {
        Shape::Bool(flag) => Some(flag),
        Shape::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Shape::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Shape::Null | Shape::Number(_) | Shape::String(_) | Shape::Array(_) | Shape::Object(_) => {
            None
        }
    }
}

/// Fills a time cell. Only whole seconds in the form that CloudTrail writes come back exactly.
pub(crate) fn put_time(
    column: &mut TimeColumn,
    extra: &mut Extra,
    row: usize,
    name: &str,
    value: Value<'_>,
) {
    if matches!(value.shape(), Shape::Null) {
        return;
    }
    let text = value.text().unwrap_or_default();
    let time = EventTime::parse_rfc3339(text);
    if let Ok(time) = time {
        column.push(row, time);
    }
    let is_canonical = matches!(text.as_bytes(), [.., b'Z'] if text.len() == 20)
        && text.as_bytes().get(10) == Some(&b'T');
    if time.is_err() || !is_canonical {
        put_extra(extra, name, value);
    }
}

/// Keeps a member whose place no column reproduces.
pub(crate) fn put_extra(extra: &mut Extra, name: &str, value: Value<'_>) {
    extra.member(name, |out| write_value(out, value));
}

/// Returns the members of a struct, none of one that is absent. Anything that is no object is kept
/// whole, and nothing is returned.
pub(crate) fn struct_members<'t>(
    extra: &mut Extra,
    name: &str,
    value: Option<Value<'t>>,
) -> Option<Members<'t>> {
    let Some(value) = value else { return Some(Members::NONE) };
    match value.shape() {
        Shape::Null => Some(Members::NONE),
        Shape::Object(members) => Some(members),
        Shape::Bool(_) | Shape::Number(_) | Shape::String(_) | Shape::Array(_) => {
            put_extra(extra, name, value);
            None
        }
    }
}
