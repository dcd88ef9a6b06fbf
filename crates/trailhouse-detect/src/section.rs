//! Reads the keys of one TOML table strictly: what is unknown, missing or of another type is
//! reported with its place, and reading goes on.

use std::{ops::Range, time::Duration};

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{DetectionErrorCode as Code, Report};

/// The longest text that a key may hold.
const TEXT_BYTES_MAX: usize = 4096;
/// The most entries that a list may have.
const LIST_ENTRIES_MAX: usize = 256;
/// The longest period: ten years of 366 days.
const PERIOD_SECONDS_MAX: u64 = 10 * 366 * 86_400;

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

    /// Returns the choice whose word stands under the key.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[T],
        word: fn(T) -> &'static str,
        report: &mut Report<'_>,
    ) -> Option<T> {
        let found = self.text(key, report)?;
        let choice = choices.iter().copied().find(|choice| word(*choice) == found.value);
        if choice.is_none() {
            let words: Vec<&str> = choices.iter().map(|choice| word(*choice)).collect();
            let message = format!("`{}` is not a value of `{}`", found.value, self.key_path(key));
            let help = format!("use one of: {}", words.join(", "));
            report.push(Code::BadValue, found.span, message, Some(help));
        }
        choice
    }

    /// Returns a period like `30s`, `5m`, `24h`, `30d` or `2w`.
    pub(crate) fn period(&self, key: &str, report: &mut Report<'_>) -> Option<Duration> {
        self.parsed(key, report, parse_period)
    }

    /// Returns a whole number from 1 up to `u32`.
    pub(crate) fn count(&self, key: &str, report: &mut Report<'_>) -> Option<u32> {
        let found = self.value(key)?;
        let number = found.value.as_integer();
        let parsed =
            number.and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        let count = parsed.filter(|count| *count > 0);
        if count.is_none() {
            self.wrong_type(key, &found, "a whole number above 0", report);
        }
        count
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

/// Returns the word that a misspelt one most likely stands for.
pub(crate) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let scored = words.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    let (distance, known) = scored.min()?;
    let tolerated = known.len().max(3) / 3;
    (distance <= tolerated).then_some(known)
}

/// Reads a period: a whole number and one of `s`, `m`, `h`, `d`, `w`.
fn parse_period(text: &str) -> Result<Duration, &'static str> {
    const HELP: &str = "use a number and a unit: 30s, 5m, 24h, 30d or 2w";
    let (number, unit_seconds) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "s")) => (number, 1),
        Some((number, "m")) => (number, 60),
        Some((number, "h")) => (number, 3600),
        Some((number, "d")) => (number, 86_400),
        Some((number, "w")) => (number, 7 * 86_400),
        _ => return Err(HELP),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HELP);
    }
    let number: u64 = number.parse().map_err(|_| HELP)?;
    let seconds = number.checked_mul(unit_seconds).ok_or(HELP)?;
    if seconds == 0 || seconds > PERIOD_SECONDS_MAX {
        return Err("use a period above 0 and up to ten years");
    }
    Ok(Duration::from_secs(seconds))
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

    fn check(text: &str, seconds: Option<u64>) {
        assert_eq!(parse_period(text).ok(), seconds.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn periods_are_a_number_and_a_unit() {
        check("30s", Some(30));
        check("5m", Some(300));
        check("24h", Some(86_400));
        check("2w", Some(1_209_600));
        for text in [
            "",
            "m",
            "5",
            "0s",
            "-5m",
            "+5m",
            "5 m",
            "5x",
            "1.5h",
            "99999999999999999999w",
            "5\u{e9}",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_none() {
        let words = ["every", "cron", "lookback"];
        assert_eq!(nearest("evry", &words), Some("every"));
        assert_eq!(nearest("lokback", &words), Some("lookback"));
        assert_eq!(nearest("colour", &words), None);
    }
}
