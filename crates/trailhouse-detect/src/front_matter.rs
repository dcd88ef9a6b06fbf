//! Finds the front matter of a detection and the SQL below it.
//!
//! The front matter is TOML between two lines `-- +++`. Each of its lines is an SQL line comment:
//! `-- ` (or `--`) and then TOML. So the file stays plain SQL for every other tool, and no cron
//! expression or glob can end the comment, as `*/` would in a block comment. The first fence is
//! the first line of the file that is not blank.

use crate::diagnostic::{DetectionErrorCode as Code, DetectionErrors, LineStart, Report};

/// A detection file taken apart.
#[derive(Debug)]
pub(crate) struct FrontMatter<'a> {
    /// The TOML without its comment prefixes.
    pub(crate) toml: String,
    /// Where each line of the TOML lies in the file.
    pub(crate) lines: Vec<LineStart>,
    /// Where the SQL begins in the file: the first byte that is not white space.
    pub(crate) body_offset: usize,
    /// The SQL without white space and semicolons at its end.
    pub(crate) sql: &'a str,
}

/// Says whether the file means to be a detection: whether a comment in it looks like a fence or
/// like a key that every detection has. A detection whose fence is misspelt must not pass as
/// plain SQL, which no schedule runs.
pub(crate) fn is_meant(text: &str) -> bool {
    text.lines().filter_map(|line| comment(line.trim_start())).any(|rest| {
        let rest = rest.trim();
        let key = rest.split_once('=').map(|(key, _)| key.trim());
        rest.starts_with("++") || matches!(key, Some("schema" | "id" | "severity" | "title"))
    })
}

/// Takes a detection file apart.
pub(crate) fn split<'a>(origin: &str, text: &'a str) -> Result<FrontMatter<'a>, DetectionErrors> {
    let mut report = Report::new(origin, text);
    let found = split_reporting(text, &mut report);
    report.finish(found)
}

fn split_reporting<'a>(text: &'a str, report: &mut Report<'_>) -> Option<FrontMatter<'a>> {
    let mut offset = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = Vec::new();
    let mut toml = String::new();
    let mut opened_at = None;
    for line in text.get(offset..)?.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let is_fence = comment(line).is_some_and(|rest| rest.trim() == "+++");
        match (opened_at, is_fence) {
            (None, true) => opened_at = Some(start),
            (None, false) if line.trim().is_empty() => {}
            (None, false) => return refuse_start(start, line, report),
            (Some(_), true) => return close(text, toml, lines, offset, report),
            (Some(_), false) => take_line(line, start, &mut toml, &mut lines, report),
        }
    }
    match opened_at {
        Some(start) => refuse_open_end(text, start, report),
        None => refuse_start(0, "", report),
    }
}

/// Returns what follows the comment prefix of a line, or nothing where it is no comment.
fn comment(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("--")?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

fn take_line(
    line: &str,
    start: usize,
    toml: &mut String,
    lines: &mut Vec<LineStart>,
    report: &mut Report<'_>,
) {
    let Some(rest) = comment(line) else {
        let message = "a line of the front matter is not a comment".to_owned();
        let help = "begin it with `-- `, or close the front matter with `-- +++` above it";
        let end = start + line.trim_end().len();
        report.push(Code::NotAComment, start..end, message, Some(help.to_owned()));
        return;
    };
    lines.push(LineStart { extracted: toml.len(), file: start + (line.len() - rest.len()) });
    toml.push_str(rest);
}

fn close<'a>(
    text: &'a str,
    toml: String,
    lines: Vec<LineStart>,
    after_fence: usize,
    report: &mut Report<'_>,
) -> Option<FrontMatter<'a>> {
    let below = text.get(after_fence..)?;
    let trimmed = below.trim_start();
    let body_offset = after_fence + (below.len() - trimmed.len());
    let sql = trimmed_sql(trimmed);
    if sql.is_empty() {
        let message = "there is no SQL below the front matter".to_owned();
        report.push(Code::NoSql, text.len()..text.len(), message, None);
    }
    Some(FrontMatter { toml, lines, body_offset, sql })
}

/// Returns the SQL without white space around it and without semicolons at its end.
pub(crate) fn trimmed_sql(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.trim_start().trim_end_matches(|c: char| c.is_whitespace() || c == ';')
}

fn refuse_start<T>(start: usize, line: &str, report: &mut Report<'_>) -> Option<T> {
    let message = "the file does not begin with front matter".to_owned();
    let help = "write TOML in `-- ` lines between two lines `-- +++`";
    let span = start..start + line.trim_end().len();
    report.push(Code::NoFrontMatter, span, message, Some(help.to_owned()));
    None
}

fn refuse_open_end<T>(text: &str, start: usize, report: &mut Report<'_>) -> Option<T> {
    let message = "the front matter is not closed".to_owned();
    let help = "a second line `-- +++` must follow";
    let fence = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let span = start..start + fence.len();
    report.push(Code::FrontMatterNotClosed, span, message, Some(help.to_owned()));
    None
}
