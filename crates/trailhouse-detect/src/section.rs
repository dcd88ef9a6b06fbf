//! Reads the keys of one TOML table strictly: what is unknown, missing or of another type is
//! reported with its place, and reading goes on.

mod values;

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{DetectionErrorCode as Code, DetectionErrors, Report};

/// The longest text that a key may hold.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;
/// The most entries that a list may have.
pub(crate) const LIST_ENTRIES_MAX: usize = 256;

/// The keys that a table may and must have.
pub(crate) struct Keys {
    pub(crate) known: &'static [&'static str],
    pub(crate) required: &'static [&'static str],
}

/// A value and where it stands.
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// What is wrong with a part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misplaced {
    /// The bytes of the text.
    pub(crate) part: Range<usize>,
    /// What is wrong, to stand behind the name of the key.
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

/// One table of a TOML document.
pub(crate) struct Section<'t> {
    /// The path of the table in its document, empty for the root.
    path: String,
    table: &'t DeTable<'t>,
    span: Range<usize>,
}

impl<'t> Section<'t> {
    /// Opens a table; reports every key that is not known and every required one that is missing.
    pub(crate) fn open(
        path: String,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        keys: &Keys,
        report: &mut Report<'_>,
    ) -> Self {
        let section = Self { path, table, span };
        section.report_unknown(keys, report);
        section.report_missing(keys, report);
        section
    }

    /// Opens the table under a key; absent where the key is.
    pub(crate) fn child(
        &self,
        key: &'static str,
        keys: &Keys,
        report: &mut Report<'_>,
    ) -> Option<Section<'t>> {
        let (table, span) = self.table(key, report)?;
        Some(Section::open(self.key_path(key), table, span, keys, report))
    }

    /// Opens each table of the list under a key.
    pub(crate) fn children(
        &self,
        key: &'static str,
        keys: &Keys,
        report: &mut Report<'_>,
    ) -> Vec<Section<'t>> {
        let Some(found) = self.value(key) else {
            return Vec::new();
        };
        let Some(list) = found.value.as_array() else {
            let wanted = format!("a list of tables, each under `[[{}]]`", self.key_path(key));
            self.wrong_type(key, &found, &wanted, report);
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(list.len());
        for entry in list.iter() {
            match entry.get_ref().as_table() {
                Some(table) => {
                    let path = self.key_path(key);
                    sections.push(Section::open(path, table, entry.span(), keys, report));
                }
                None => {
                    let entry = Found { value: entry.get_ref(), span: entry.span() };
                    self.wrong_type(key, &entry, "a list of tables", report);
                }
            }
        }
        sections
    }

    /// Opens the table under a key whose own keys are free.
    pub(crate) fn free_child(
        &self,
        key: &'static str,
        report: &mut Report<'_>,
    ) -> Option<Section<'t>> {
        let (table, span) = self.table(key, report)?;
        Some(Self { path: self.key_path(key), table, span })
    }

    /// Returns the names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'t str> {
        self.table.iter().map(|(key, _)| key.get_ref().as_ref())
    }

    /// Returns where the table stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the table under a key whose own keys are free.
    pub(crate) fn table(
        &self,
        key: &str,
        report: &mut Report<'_>,
    ) -> Option<(&'t DeTable<'t>, Range<usize>)> {
        let found = self.value(key)?;
        let table = found.value.as_table();
        if table.is_none() {
            self.wrong_type(key, &found, "a table", report);
        }
        table.map(|table| (table, found.span))
    }

    /// Returns the value of a key as it stands.
    pub(crate) fn value(&self, key: &str) -> Option<Found<&'t DeValue<'t>>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Found { value: value.get_ref(), span: value.span() })
    }

    /// Returns a text that is neither empty nor too long.
    pub(crate) fn text(&self, key: &str, report: &mut Report<'_>) -> Option<Found<&'t str>> {
        let found = self.value(key)?;
        self.checked_text(key, found, report)
    }

    /// Returns a text that one line can show.
    pub(crate) fn line(&self, key: &str, report: &mut Report<'_>) -> Option<String> {
        self.parsed(key, report, |text| {
            let is_line = !text.chars().any(char::is_control);
            is_line.then(|| text.to_owned()).ok_or("use one line without control characters")
        })
    }

    /// Returns what `parse` makes of a text; its error says what is allowed.
    pub(crate) fn parsed<T>(
        &self,
        key: &str,
        report: &mut Report<'_>,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let found = self.text(key, report)?;
        self.accept(key, &found, report, parse)
    }

    /// Returns what `parse` makes of a text; its error says which part of the text is wrong.
    pub(crate) fn parsed_in_parts<T>(
        &self,
        key: &str,
        report: &mut Report<'_>,
        parse: impl Fn(&str) -> Result<T, Misplaced>,
    ) -> Option<T> {
        let found = self.text(key, report)?;
        match parse(found.value) {
            Ok(value) => Some(value),
            Err(error) => {
                // The text lies in its quotes as it is, unless something in it is escaped.
                let is_plain = found.span.len() == found.value.len() + 2;
                let start = found.span.start + 1;
                let part = start + error.part.start..start + error.part.end;
                let span = if is_plain { part } else { found.span };
                let message = format!("`{}` {}", self.key_path(key), error.message);
                report.push(Code::BadValue, span, message, Some(error.help.to_owned()));
                None
            }
        }
    }

    /// Returns a list of texts, each through `parse`; absent where the key is.
    pub(crate) fn parsed_list<T>(
        &self,
        key: &str,
        report: &mut Report<'_>,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<Vec<T>> {
        let found = self.value(key)?;
        let Some(list) = found.value.as_array() else {
            self.wrong_type(key, &found, "a list of texts", report);
            return None;
        };
        if list.len() > LIST_ENTRIES_MAX {
            let message =
                format!("`{}` has more than {LIST_ENTRIES_MAX} entries", self.key_path(key));
            report.push(Code::BadValue, found.span, message, None);
            return None;
        }
        let mut parsed = Vec::with_capacity(list.len());
        for entry in list.iter() {
            let entry = Found { value: entry.get_ref(), span: entry.span() };
            let text = self.checked_text(key, entry, report);
            parsed.extend(text.and_then(|text| self.accept(key, &text, report, &parse)));
        }
        Some(parsed)
    }

    /// Reports that a key holds a value of another type than the format asks for.
    pub(crate) fn wrong_type(
        &self,
        key: &str,
        found: &Found<&DeValue<'_>>,
        wanted: &str,
        report: &mut Report<'_>,
    ) {
        let message =
            format!("`{}` must be {wanted}, not {}", self.key_path(key), type_of(found.value));
        report.push(Code::WrongType, found.span.clone(), message, Some(format!("write {wanted}")));
    }

    /// Reports a value that the key does not allow.
    pub(crate) fn bad_value(
        &self,
        key: &str,
        message: String,
        help: &str,
        report: &mut Report<'_>,
    ) {
        let span = self.value(key).map_or_else(|| self.span.clone(), |found| found.span);
        report.push(Code::BadValue, span, message, Some(help.to_owned()));
    }

    fn checked_text(
        &self,
        key: &str,
        found: Found<&'t DeValue<'t>>,
        report: &mut Report<'_>,
    ) -> Option<Found<&'t str>> {
        let Some(text) = found.value.as_str() else {
            self.wrong_type(key, &found, "a text in quotes", report);
            return None;
        };
        let complaint = if text.trim().is_empty() {
            "is empty"
        } else if text.len() > TEXT_BYTES_MAX {
            "is too long"
        } else {
            return Some(Found { value: text, span: found.span });
        };
        report.push(
            Code::BadValue,
            found.span,
            format!("`{}` {complaint}", self.key_path(key)),
            None,
        );
        None
    }

    fn accept<T>(
        &self,
        key: &str,
        found: &Found<&str>,
        report: &mut Report<'_>,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        match parse(found.value) {
            Ok(value) => Some(value),
            Err(help) => {
                let shown: String = found.value.chars().take(80).collect();
                let message = format!("`{shown}` is not a value of `{}`", self.key_path(key));
                report.push(Code::BadValue, found.span.clone(), message, Some(help.to_owned()));
                None
            }
        }
    }

    fn report_unknown(&self, keys: &Keys, report: &mut Report<'_>) {
        for (key, _) in self.table.iter() {
            let name = key.get_ref().as_ref();
            if keys.known.contains(&name) {
                continue;
            }
            let help = match nearest(name, keys.known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are: {}", keys.known.join(", ")),
            };
            let message = format!("unknown key `{}`", self.key_path(name));
            report.push(Code::UnknownKey, key.span(), message, Some(help));
        }
    }

    fn report_missing(&self, keys: &Keys, report: &mut Report<'_>) {
        for key in keys.required {
            if self.value(key).is_none() {
                let message = format!("the key `{}` is missing", self.key_path(key));
                let help = format!("add `{key} = ...`");
                report.push(Code::MissingKey, self.span.clone(), message, Some(help));
            }
        }
    }

    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Reads a TOML document: `read` gets its root table and the span of its first line, at which a
/// missing key is shown. Nothing is read from a document whose syntax is broken: what is missing
/// may only be missing because of that.
pub(crate) fn read_document<T>(
    text: &str,
    mut report: Report<'_>,
    read: impl FnOnce(&DeTable<'_>, Range<usize>, &mut Report<'_>) -> Option<T>,
) -> Result<T, DetectionErrors> {
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    for error in &syntax_errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        report.push(Code::Syntax, span, error.message().to_owned(), None);
    }
    if !syntax_errors.is_empty() {
        return report.finish(None);
    }
    let first_line = 0..text.find('\n').unwrap_or(text.len());
    let value = read(table.get_ref(), first_line, &mut report);
    report.finish(value)
}

/// Returns the word that a misspelt one most likely stands for.
pub(crate) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let scored = words.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    let (distance, known) = scored.min()?;
    let tolerated = known.len().max(3) / 3;
    (distance <= tolerated).then_some(known)
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    if value.is_str() {
        "a text"
    } else if value.is_array() {
        "a list"
    } else if value.is_table() {
        "a table"
    } else if value.is_bool() {
        "true or false"
    } else if value.is_datetime() {
        "a date"
    } else {
        "a number"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_none() {
        let words = ["every", "cron", "lookback"];
        assert_eq!(nearest("evry", &words), Some("every"));
        assert_eq!(nearest("lokback", &words), Some("lookback"));
        assert_eq!(nearest("colour", &words), None);
    }
}
