//! What is wrong with a file of a pack, with a caret under the place.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// What kind of mistake an error names. The text of a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetectionErrorCode {
    /// The file is too large or not UTF-8.
    NotText,
    /// The file does not begin with a fence.
    NoFrontMatter,
    /// The second fence is missing.
    FrontMatterNotClosed,
    /// A line between the fences is not a comment.
    NotAComment,
    /// The TOML or JSON cannot be parsed.
    Syntax,
    /// A key that the format does not have.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another type than the key asks for.
    WrongType,
    /// A value that the key does not allow.
    BadValue,
    /// There is no SQL below the front matter.
    NoSql,
    /// The pack has no usable manifest, or a file lies where none belongs.
    BadPack,
}

impl DetectionErrorCode {
    /// All codes, in order.
    pub const ALL: [Self; 11] = [
        Self::NotText,
        Self::NoFrontMatter,
        Self::FrontMatterNotClosed,
        Self::NotAComment,
        Self::Syntax,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::BadValue,
        Self::NoSql,
        Self::BadPack,
    ];

    /// Returns what the code stands for.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NotText => "the file is too large or not UTF-8",
            Self::NoFrontMatter => "the file does not begin with front matter",
            Self::FrontMatterNotClosed => "the front matter is not closed",
            Self::NotAComment => "a line of the front matter is not a comment",
            Self::Syntax => "the TOML or JSON cannot be parsed",
            Self::UnknownKey => "the format does not have this key",
            Self::MissingKey => "a key that must be there is missing",
            Self::WrongType => "the value has another type than the key asks for",
            Self::BadValue => "the key does not allow this value",
            Self::NoSql => "there is no SQL below the front matter",
            Self::BadPack => "the manifest is missing, or a file lies where none belongs",
        }
    }

    /// Returns the code as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotText => "E-DET-001",
            Self::NoFrontMatter => "E-DET-002",
            Self::FrontMatterNotClosed => "E-DET-003",
            Self::NotAComment => "E-DET-004",
            Self::Syntax => "E-DET-005",
            Self::UnknownKey => "E-DET-006",
            Self::MissingKey => "E-DET-007",
            Self::WrongType => "E-DET-008",
            Self::BadValue => "E-DET-009",
            Self::NoSql => "E-DET-010",
            Self::BadPack => "E-DET-011",
        }
    }
}

impl fmt::Display for DetectionErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One mistake in one file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}:{column}: {message}")]
pub struct DetectionError {
    /// What kind of mistake.
    pub code: DetectionErrorCode,
    /// The file, as the caller named it.
    pub origin: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// How many characters of that line it concerns; 0 for a place between two.
    pub columns: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Message, source line and caret as plain text without colour.
    pub rendered: String,
}

/// All mistakes of one file, in the order of the file; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first}")]
pub struct DetectionErrors {
    /// The first mistake.
    pub first: Box<DetectionError>,
    /// The others.
    pub rest: Vec<DetectionError>,
}

impl DetectionErrors {
    /// Returns all mistakes, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &DetectionError> {
        std::iter::once(self.first.as_ref()).chain(&self.rest)
    }
}

impl From<DetectionError> for DetectionErrors {
    fn from(error: DetectionError) -> Self {
        Self { first: Box::new(error), rest: Vec::new() }
    }
}

impl IntoIterator for DetectionErrors {
    type Item = DetectionError;
    type IntoIter =
        std::iter::Chain<std::iter::Once<DetectionError>, std::vec::IntoIter<Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(*self.first).chain(self.rest)
    }
}

/// Where one line of an extracted text starts, there and in the file it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineStart {
    pub(crate) extracted: usize,
    pub(crate) file: usize,
}

/// Collects the mistakes of one file. Spans that are pushed refer to the extracted text and are
/// moved to where the same bytes lie in the file.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    origin: &'a str,
    text: &'a str,
    lines: Vec<LineStart>,
    errors: Vec<DetectionError>,
}

impl<'a> Report<'a> {
    /// Starts a report on a file whose spans are used as they are.
    pub(crate) fn new(origin: &'a str, text: &'a str) -> Self {
        Self::of_lines(origin, text, Vec::new())
    }

    /// Starts a report on a text that was taken out of a file line by line.
    pub(crate) fn of_lines(origin: &'a str, text: &'a str, lines: Vec<LineStart>) -> Self {
        Self { origin, text, lines, errors: Vec::new() }
    }

    pub(crate) fn push(
        &mut self,
        code: DetectionErrorCode,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let start = self.in_file(span.start);
        // The end is found through the last byte inside: one past it may lie on the next line,
        // whose comment prefix is no part of the span.
        let end = if span.end > span.start { self.in_file(span.end - 1) + 1 } else { start };
        self.errors.push(error_at(self.origin, self.text, code, start..end, message, help));
    }

    /// Counts the mistakes so far.
    pub(crate) fn mistakes(&self) -> usize {
        self.errors.len()
    }

    /// Ends the report: the value where nothing is wrong, else all that is.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, DetectionErrors> {
        self.errors.sort_by_key(|error| (error.line, error.column));
        let mut errors = self.errors.into_iter();
        match (errors.next(), value) {
            (None, Some(value)) => Ok(value),
            (Some(first), _) => {
                Err(DetectionErrors { first: Box::new(first), rest: errors.collect() })
            }
            (None, None) => {
                let message = "failed to read the file".to_owned();
                Err(without_place(self.origin, DetectionErrorCode::Syntax, message).into())
            }
        }
    }

    fn in_file(&self, offset: usize) -> usize {
        let after = self.lines.partition_point(|line| line.extracted <= offset);
        match after.checked_sub(1).and_then(|index| self.lines.get(index)) {
            Some(line) => line.file + (offset - line.extracted),
            None => offset,
        }
    }
}

/// Makes the error for these bytes of a file.
pub(crate) fn error_at(
    origin: &str,
    text: &str,
    code: DetectionErrorCode,
    span: Range<usize>,
    message: String,
    help: Option<String>,
) -> DetectionError {
    describe(origin, text, code, char_range(text, span), message, help)
}

/// Holds a range inside the text and widens it to whole characters.
fn char_range(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// Makes the error for a file as a whole, without a place in it.
pub(crate) fn without_place(
    origin: &str,
    code: DetectionErrorCode,
    message: String,
) -> DetectionError {
    let message = printable(&message);
    let rendered = format!("error[{code}]: {message}\n --> {}", printable(origin));
    DetectionError {
        code,
        origin: origin.to_owned(),
        line: 1,
        column: 1,
        columns: 0,
        message,
        help: None,
        rendered,
    }
}

/// Returns the text with control characters written out, so that it is safe in a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Returns the line, counted from 1, in which the byte lies.
pub(crate) fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    count(breaks).saturating_add(1)
}

/// Returns the column of a byte, in characters counted from 1.
pub(crate) fn column_at(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    count(before.rsplit('\n').next().unwrap_or(before).chars().count()).saturating_add(1)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn describe(
    origin: &str,
    text: &str,
    code: DetectionErrorCode,
    span: Range<usize>,
    message: String,
    help: Option<String>,
) -> DetectionError {
    let concerned = text.get(span.clone()).unwrap_or_default();
    let on_first_line = concerned.lines().next().unwrap_or_default();
    let message = printable(&message);
    let help = help.map(|help| printable(&help));
    let mut annotation = AnnotationKind::Primary.span(span.clone());
    if let Some(help) = &help {
        annotation = annotation.label(help.as_str());
    }
    let title = Level::ERROR.primary_title(message.as_str()).id(code.as_str());
    let snippet = Snippet::source(text).path(printable(origin)).annotation(annotation);
    // The renderer shows C0 control characters as pictures but lets C1 ones through.
    let rendered = Renderer::plain()
        .render(&[title.element(snippet)])
        .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
    DetectionError {
        code,
        origin: origin.to_owned(),
        line: line_at(text, span.start),
        column: column_at(text, span.start),
        columns: count(on_first_line.chars().count()),
        message,
        help,
        rendered,
    }
}
