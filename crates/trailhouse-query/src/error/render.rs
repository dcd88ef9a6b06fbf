//! The display of an error, with its place in the text.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Position, QueryError, Span};
use crate::output::escape;

pub(crate) fn render(error: &QueryError, sql: &str) -> String {
    let message = error.to_string();
    let title = escape::visible_multiline(&message);
    let help =
        error.suggestion().map(|name| format!("did you mean `{}`?", escape::escape_terminal(name)));
    let source = SafeSource::new(sql);
    let mut group = match error.at().and_then(|span| source.range(span)) {
        Some(range) => {
            let annotation = AnnotationKind::Primary.span(range).label(help.as_deref());
            let snippet = Snippet::source(source.text.as_str()).annotation(annotation);
            Group::with_title(Level::ERROR.primary_title(title)).element(snippet)
        }
        None => {
            let group = Group::with_title(Level::ERROR.primary_title(title));
            match &help {
                Some(help) => group.element(Level::HELP.message(help.as_str())),
                None => group,
            }
        }
    };
    if let Some(advice) = error.advice() {
        group = group.element(Level::HELP.message(advice));
    }
    Renderer::plain().render(&[group])
}

/// SQL text that is safe to show, and where its characters went.
struct SafeSource {
    text: String,
    /// The byte in the safe text at which each line starts, and then each of its characters.
    lines: Vec<Vec<usize>>,
}

impl SafeSource {
    fn new(sql: &str) -> Self {
        let mut source = Self { text: String::with_capacity(sql.len()), lines: vec![Vec::new()] };
        let mut chars = sql.chars().peekable();
        while let Some(ch) = chars.next() {
            let start = source.text.len();
            if let Some(line) = source.lines.last_mut() {
                line.push(start);
            }
            if ch == '\n' {
                source.text.push('\n');
                source.lines.push(Vec::new());
            } else if ch != '\r' || chars.peek() != Some(&'\n') {
                let mut bytes = [0; 4];
                source.text.push_str(&escape::visible_multiline(ch.encode_utf8(&mut bytes)));
            }
        }
        let end = source.text.len();
        if let Some(line) = source.lines.last_mut() {
            line.push(end);
        }
        source
    }

    /// Returns the bytes of a span, at least one character unless that is the end of its line.
    fn range(&self, span: Span) -> Option<Range<usize>> {
        let start = self.byte(span.start)?;
        let end = self.byte(span.end).unwrap_or(start);
        let first = self.text.get(start..)?.chars().next().filter(|ch| *ch != '\n');
        let after_first = first.map_or(start, |ch| start + ch.len_utf8());
        Some(start..end.max(after_first))
    }

    fn byte(&self, at: Position) -> Option<usize> {
        let line = self.lines.get(usize::try_from(at.line.checked_sub(1)?).ok()?)?;
        let column = usize::try_from(at.column.checked_sub(1)?).ok()?;
        // The parser may point one past the end of a line.
        line.get(column).or_else(|| line.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown_column(name: &str, line: u64, start: u64, end: u64) -> QueryError {
        QueryError::UnknownColumn {
            name: name.to_owned(),
            table: Some("events".to_owned()),
            suggestion: Some("event_name".to_owned()),
            at: Some(Span {
                start: Position { line, column: start },
                end: Position { line, column: end },
            }),
        }
    }

    fn check(error: &QueryError, sql: &str, expected: &[&str]) {
        assert_eq!(error.render(sql), expected.join("\n"));
    }

    #[test]
    fn a_caret_stands_under_the_name() {
        let expected = [
            "error: no column `eventname` in table `events`",
            "  |",
            "1 | select eventname from events",
            "  |        ^^^^^^^^^ did you mean `event_name`?",
        ];
        check(&unknown_column("eventname", 1, 8, 17), "select eventname from events", &expected);
    }

    #[test]
    fn hostile_text_is_shown_escaped_and_the_caret_still_fits() {
        let sql = "SELECT '\u{1b}[2J',\n '\u{202e}\u{9b}', x\u{7}\r\nFROM events";
        let expected = [
            "error: no column `x\\u{7}` in table `events`",
            "  |",
            "2 |  '\\u{202e}\\u{9b}', x\\u{7}",
            "  |                    ^^^^^^ did you mean `event_name`?",
        ];
        check(&unknown_column("x\u{7}", 2, 8, 10), sql, &expected);
    }

    #[test]
    fn a_place_outside_of_the_text_is_no_panic() {
        for (line, column) in [(0, 0), (1, 0), (9, 9), (1, 999), (u64::MAX, u64::MAX)] {
            let text = unknown_column("x", line, column, column).render("SELECT x\r\n");
            assert!(text.contains("no column `x`"), "{text}");
        }
    }
}
