//! The title of a finding: a text with `{column}` in it.

use crate::finding::Row;

/// The most characters of one value that stand in a title: values come from attackers.
const VALUE_CHARS_MAX: usize = 200;

/// A title with the names of columns whose values go into it.
///
/// `{user_name}` stands for the value of the column `user_name`; `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TitleTemplate {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

impl TitleTemplate {
    /// Reads a template; the error says what is allowed.
    pub fn parse(source: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from_brace) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = from_brace.strip_prefix("{{") {
                text.push('{');
                rest = after;
            } else if let Some(after) = from_brace.strip_prefix("}}") {
                text.push('}');
                rest = after;
            } else {
                let inside = from_brace.strip_prefix('{').and_then(|after| after.split_once('}'));
                let (column, after) = inside.ok_or("write `{column}`, or `{{` for a brace")?;
                if !is_column_name(column) {
                    return Err("write the name of an output column between the braces");
                }
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Column(column.to_owned()));
                rest = after;
            }
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self { source: source.to_owned(), parts })
    }

    /// Returns the template as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Returns the names of the columns it asks for.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Column(name) => Some(name.as_str()),
        })
    }

    /// Puts the values of a row into the template. A value that is null or missing is `-`, a long
    /// one is cut. Control characters stay: whoever prints the title escapes it for its target.
    pub fn fill(&self, row: &Row) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Column(name) => push_value(&mut filled, row, name),
            }
        }
        filled
    }
}

/// Says whether the text can be the name of a column: lower case, digits and underscores.
pub(crate) fn is_column_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let rest_fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    starts_well && text.len() <= 128 && text.bytes().all(rest_fits)
}

fn push_value(filled: &mut String, row: &Row, column: &str) {
    let Some(value) = row.get(column).and_then(crate::finding::shown) else {
        filled.push('-');
        return;
    };
    let mut chars = value.chars();
    filled.extend(chars.by_ref().take(VALUE_CHARS_MAX));
    if chars.next().is_some() {
        filled.push_str("...");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(template: &str, expected: &str) {
        let row = Row::from([
            ("name".to_owned(), json!("eve")),
            ("events".to_owned(), json!(3)),
            ("nothing".to_owned(), json!(null)),
            ("long".to_owned(), json!("x".repeat(1000))),
        ]);
        let filled = match TitleTemplate::parse(template) {
            Ok(template) => template.fill(&row),
            Err(_) => "refused".to_owned(),
        };
        assert_eq!(filled, expected, "{template}");
    }

    #[test]
    fn values_go_where_their_column_is_named() {
        check("no column", "no column");
        check("{name} did {events}", "eve did 3");
        check("{nothing} and {missing}", "- and -");
        check("{{name}} is {name}", "{name} is eve");
        check("{long}", &format!("{}...", "x".repeat(200)));
        for template in ["{name", "name}", "{}", "{Name}", "{a b}", "{na{me}"] {
            check(template, "refused");
        }
    }
}
