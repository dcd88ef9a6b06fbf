//! A lint finding for a person: message, place, source line, caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::{
    diagnostic::printable,
    lint::{LintFinding, LintSeverity},
};

/// Shows a finding with the line it is about, as plain text without colour. Without the text of
/// the file, or where the file has no such line, only message and place are shown.
pub fn with_caret(finding: &LintFinding, file: Option<&str>) -> String {
    let message = printable(&finding.message);
    let help = finding.help.as_deref().map(printable);
    let level = match finding.severity {
        LintSeverity::Warning => Level::WARNING,
        LintSeverity::Error => Level::ERROR,
    };
    let line = file.and_then(|text| line_of(text, finding.line)).filter(|line| !line.is_empty());
    let Some(line) = line else {
        let word = finding.severity.as_str();
        let place = format!("{}:{}", printable(&finding.origin), finding.line);
        let help = help.map(|help| format!("\n  = help: {help}")).unwrap_or_default();
        return format!("{word}[{}]: {message}\n --> {place}{help}", finding.code);
    };
    let span = span_in(line, finding.column, finding.columns);
    let mut annotation = AnnotationKind::Primary.span(span);
    if let Some(help) = &help {
        annotation = annotation.label(help.as_str());
    }
    let number = usize::try_from(finding.line).unwrap_or(1);
    let snippet = Snippet::source(line)
        .line_start(number)
        .path(printable(&finding.origin))
        .annotation(annotation);
    let title = level.primary_title(message.as_str()).id(finding.code);
    // The renderer shows C0 control characters as pictures but lets C1 ones through.
    Renderer::plain()
        .render(&[title.element(snippet)])
        .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn line_of(text: &str, number: u32) -> Option<&str> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    text.lines().nth(index)
}

/// Turns columns into bytes of the line. A finding about the whole line spans its words.
fn span_in(line: &str, column: u32, columns: u32) -> std::ops::Range<usize> {
    if columns == 0 && column <= 1 {
        let start = line.len() - line.trim_start().len();
        return start..line.trim_end().len().max(start);
    }
    let offset_of = |column: u32| {
        let index = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        line.char_indices().nth(index).map_or(line.len(), |(offset, _)| offset)
    };
    offset_of(column)..offset_of(column.saturating_add(columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::LintRule;

    #[test]
    fn a_caret_stands_under_the_characters_that_are_meant() {
        let finding = LintRule::Clock.finding("a/b.sql", 2, "no clock").at(9, 3);
        let shown = with_caret(&finding, Some("SELECT\n  '\u{e9}' + now()\n"));
        assert_eq!(
            shown,
            "error[clock]: no clock\n --> a/b.sql:2:9\n  |\n2 |   '\u{e9}' + now()\n  |         ^^^"
        );
    }

    #[test]
    fn a_place_that_is_not_there_is_only_named() {
        let finding = LintRule::Orphan.finding("a/b.md", 7, "no \u{1b}[2Jdetection");
        let expected = "error[orphan]: no \\u{1b}[2Jdetection\n --> a/b.md:7";
        assert_eq!(with_caret(&finding, None), expected);
        assert_eq!(with_caret(&finding, Some("one line")), expected);
    }

    #[test]
    fn a_finding_about_a_line_underlines_its_words() {
        let finding = LintRule::CaseName.finding("a.tests.json", 1, "twice");
        let shown = with_caret(&finding, Some("  {\u{9b}}  "));
        assert!(shown.ends_with("|   ^^^") && !shown.contains('\u{9b}'), "{shown}");
    }
}
