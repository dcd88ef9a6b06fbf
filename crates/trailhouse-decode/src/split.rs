//! Where documents and records begin and end in JSON text that is not parsed yet.
//!
//! Only strings and brackets are looked at. On valid JSON the pieces are exactly its values; on
//! broken JSON they are what can be judged one by one, and the parser judges them.

use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::container::marks_event;

/// The text ends in the middle of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndsEarly;

/// What a document wraps its records in, told by its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// `{"Records": [record]}`
    Records,
    /// `[record]`
    Array,
    /// `{"logEvents": [{"message": "record"}]}`
    LogEvents,
    /// `{"Events": [{"CloudTrailEvent": "record"}]}`
    LookupEvents,
}

/// Returns the pieces of the text that stand for documents of their own, in order.
///
/// Where the first line is a whole document and more follows, each line stands for itself, so
/// that a broken line does not take the next ones with it. Else documents are found by their
/// brackets, with or without white space between them.
pub(crate) fn documents(text: &[u8]) -> Documents<'_> {
    let line_end = if first_line_is_whole(text) { line_end(text, 0) } else { text.len() };
    Documents { text, at: 0, line_end }
}

/// Says whether the text looks like one document a line, by its first two lines alone.
pub(crate) fn looks_like_lines(text: &[u8]) -> bool {
    let Some(line_end) = memchr(b'\n', text) else { return false };
    let (first, rest) = text.split_at_checked(line_end).unwrap_or((text, &[]));
    first.trim_ascii().ends_with(b"}") && rest.trim_ascii_start().starts_with(b"{")
}

/// An iterator over documents.
pub(crate) struct Documents<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the line ends that `at` lies in; the end of the text where lines mean nothing.
    line_end: usize,
}

impl Iterator for Documents<'_> {
    type Item = Result<Range<usize>, EndsEarly>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next_start()?;
        let end = match self.text.get(start) {
            Some(b'{' | b'[') => value_end(self.text, start, self.line_end),
            // Nothing that can be a record: all of the line is one piece that will be refused.
            _ => Some(self.line_end),
        };
        let is_last_line = self.line_end == self.text.len();
        if end.is_none() && is_last_line {
            self.at = self.text.len();
            return Some(Err(EndsEarly));
        }
        let end = end.unwrap_or(self.line_end);
        self.at = end;
        Some(Ok(start..end))
    }
}

impl Documents<'_> {
    /// Returns where the next document starts, and moves on to its line.
    fn next_start(&mut self) -> Option<usize> {
        loop {
            self.at = skip_blank(self.text, self.at, self.line_end);
            if self.at < self.line_end {
                return Some(self.at);
            }
            if self.line_end == self.text.len() {
                return None;
            }
            self.at = self.line_end.saturating_add(1);
            self.line_end = line_end(self.text, self.at);
        }
    }
}

/// Returns how a document wraps its records and where the first element starts.
pub(crate) fn wrapping(document: &[u8]) -> Option<(Wrapping, usize)> {
    if document.starts_with(b"[") {
        return Some((Wrapping::Array, 1));
    }
    let mut found = None;
    for (name, value) in members(document) {
        if marks_event(name) {
            return None;
        }
        let wrapping = match name {
            b"Records" => Wrapping::Records,
            b"logEvents" => Wrapping::LogEvents,
            b"Events" => Wrapping::LookupEvents,
            _ => continue,
        };
        if document.get(value.start) == Some(&b'[') {
            found = Some((wrapping, value.start.saturating_add(1)));
        }
    }
    found
}

/// Says whether the document is an object with a member that only events and log objects have.
pub(crate) fn looks_like_event(document: &[u8]) -> bool {
    members(document).any(|(name, _)| marks_event(name) || name == b"Records")
}

/// Returns the elements of the array whose content starts at `start`.
pub(crate) fn elements(document: &[u8], start: usize) -> ArrayElements<'_> {
    ArrayElements { document, at: Some(start), is_first: true }
}

/// An iterator over the elements of an array.
pub(crate) struct ArrayElements<'t> {
    document: &'t [u8],
    at: Option<usize>,
    is_first: bool,
}

impl Iterator for ArrayElements<'_> {
    type Item = Result<Range<usize>, EndsEarly>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = skip_blank(self.document, self.at.take()?, self.document.len());
        let Some(end) = element_end(self.document, start) else {
            return Some(Err(EndsEarly));
        };
        let is_empty_array = self.is_first && start == end && self.document.get(end) == Some(&b']');
        if is_empty_array {
            return None;
        }
        self.is_first = false;
        if self.document.get(end) == Some(&b',') {
            self.at = Some(end.saturating_add(1));
        }
        let element = self.document.get(start..end).unwrap_or_default().trim_ascii_end();
        Some(Ok(start..start.saturating_add(element.len())))
    }
}

/// Returns the members of the object that `document` is, up to where it stops looking like one:
/// the raw bytes of the name, and where the value lies.
fn members(document: &[u8]) -> impl Iterator<Item = (&[u8], Range<usize>)> {
    let length = document.len();
    let mut next = document.starts_with(b"{").then_some(1_usize);
    std::iter::from_fn(move || {
        let name_start = skip_blank(document, next.take()?, length);
        if document.get(name_start) != Some(&b'"') {
            return None;
        }
        let name_end = string_end(document, name_start, length)?;
        let name = document.get(name_start.saturating_add(1)..name_end.saturating_sub(1))?;
        let colon = skip_blank(document, name_end, length);
        if document.get(colon) != Some(&b':') {
            return None;
        }
        let start = skip_blank(document, colon.saturating_add(1), length);
        let end = element_end(document, start)?;
        if document.get(end) == Some(&b',') {
            next = Some(end.saturating_add(1));
        }
        Some((name, start..end))
    })
}

/// Returns the position of the comma or the closing bracket that ends the element at `start`.
fn element_end(text: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match text.get(at)? {
            b'"' => {
                at = string_end(text, at, text.len())?;
                continue;
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at = at.saturating_add(1);
    }
}

/// Returns where the bracket that opens at `start` is closed, behind it.
fn value_end(text: &[u8], start: usize, limit: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    while at < limit {
        match text.get(at)? {
            b'"' => {
                at = string_end(text, at, limit)?;
                continue;
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(1);
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Returns where the string that opens at `start` is closed, behind its quote.
fn string_end(text: &[u8], start: usize, limit: usize) -> Option<usize> {
    let mut at = start.saturating_add(1);
    loop {
        let tail = text.get(at..limit)?;
        let found = at.saturating_add(memchr2(b'"', b'\\', tail)?);
        match text.get(found)? {
            b'"' => return Some(found.saturating_add(1)),
            _ => at = found.saturating_add(2),
        }
    }
}

fn first_line_is_whole(text: &[u8]) -> bool {
    let start = skip_blank(text, 0, text.len());
    let line_end = line_end(text, start);
    if text.get(line_end..).unwrap_or_default().trim_ascii().is_empty() {
        return false;
    }
    value_end(text, start, line_end).is_some()
}

fn line_end(text: &[u8], start: usize) -> usize {
    let tail = text.get(start..).unwrap_or_default();
    memchr(b'\n', tail).map_or(text.len(), |offset| start.saturating_add(offset))
}

fn skip_blank(text: &[u8], start: usize, limit: usize) -> usize {
    let tail = text.get(start..limit).unwrap_or_default();
    let blank = tail.len().saturating_sub(tail.trim_ascii_start().len());
    start.saturating_add(blank)
}
