//! Lists of indicators: plain text, CSV, and what else says what to look for.

use trailhouse_model::EventTime;

use super::{
    error::{ContextError, ContextProblem as Problem, excerpt},
    indicator::{Indicator, IndicatorKind},
    text_table::{ROWS_MAX, TextRow, TextTable},
};

/// A list of indicators, and what of it cannot be looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntelList {
    /// What to look for, in the order of the file.
    pub indicators: Vec<Indicator>,
    /// What the file has besides.
    pub skipped: Vec<SkippedIndicator>,
}

/// An indicator that is not looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedIndicator {
    /// Its id in the file.
    pub id: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why an indicator is not looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SkipReason {
    /// Whoever published it took it back.
    #[error("it is revoked")]
    Revoked,
    /// It names only what no event has, like the hash of a file.
    #[error("no event has what it names: {path}")]
    NotInEvents {
        /// The path of the object.
        path: String,
    },
    /// A pattern that says more than that one of several values is seen.
    #[error("its pattern is not supported: {construct}")]
    Unsupported {
        /// What is not supported.
        construct: String,
    },
    /// Not in the language of STIX patterns.
    #[error("its pattern is written in `{language}`")]
    OtherLanguage {
        /// The language.
        language: String,
    },
}

/// The columns that a table of indicators may have.
const INDICATOR_COLUMNS: [&str; 6] =
    ["kind", "value", "source", "description", "valid_from", "valid_until"];

const KINDS: &str = "ip, cidr, domain, url, arn, access_key, user, account or user_agent";

impl IntelList {
    /// Reads a plain list: one value a line, of which the form tells the kind. What follows `#` at
    /// the start of a line or after white space is a comment.
    pub fn parse_plain(origin: &str, text: &str) -> Result<Self, ContextError> {
        let mut list = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (line, content) in (1_u32..).zip(text.lines()) {
            let value = without_comment(content).trim();
            if value.is_empty() {
                continue;
            }
            let Some(indicator) = Indicator::infer(value) else {
                let problem = Problem::UnknownIndicator { value: excerpt(value) };
                return Err(problem.at(origin, Some(line)));
            };
            list.push(origin, line, indicator)?;
        }
        Ok(list)
    }

    /// Makes a list of a table with the columns `value` and, as far as they are there, `kind`,
    /// `source`, `description`, `valid_from` and `valid_until`. Without a kind the form of the
    /// value tells it. Other columns have no meaning and are left out.
    pub fn from_table(origin: &str, table: &TextTable) -> Result<Self, ContextError> {
        let mut list = Self::default();
        let columns = INDICATOR_COLUMNS.map(|column| table.index(column));
        let [kind, value, source, description, from, until] = columns;
        if value.is_none() && !table.is_empty() {
            return Err(Problem::MissingColumn { column: "value" }.at(origin, Some(1)));
        }
        for row in table.rows() {
            let read = || -> Result<Indicator, Problem> {
                let value = row.value(value).ok_or(Problem::MissingValue { column: "value" })?;
                let mut indicator = typed(row.value(kind), value)?;
                indicator.source = row.value(source).map(str::to_owned);
                indicator.description = row.value(description).map(str::to_owned);
                indicator.valid_from = moment(row, from, "valid_from")?;
                indicator.valid_until = moment(row, until, "valid_until")?;
                Ok(indicator)
            };
            let indicator = read().map_err(|problem| problem.at(origin, Some(row.line)))?;
            list.push(origin, row.line, indicator)?;
        }
        Ok(list)
    }

    fn push(&mut self, origin: &str, line: u32, indicator: Indicator) -> Result<(), ContextError> {
        if self.indicators.len() >= ROWS_MAX {
            return Err(Problem::TooManyRows { rows_max: ROWS_MAX }.at(origin, Some(line)));
        }
        self.indicators.push(indicator);
        Ok(())
    }
}

fn without_comment(line: &str) -> &str {
    let starts_comment = |(at, _): &(usize, &str)| {
        line.get(..*at).is_some_and(|before| {
            before.is_empty() || before.ends_with(|ch: char| ch.is_whitespace())
        })
    };
    match line.match_indices('#').find(starts_comment) {
        Some((at, _)) => line.get(..at).unwrap_or_default(),
        None => line,
    }
}

fn typed(kind: Option<&str>, value: &str) -> Result<Indicator, Problem> {
    let Some(word) = kind else {
        return Indicator::infer(value)
            .ok_or_else(|| Problem::UnknownIndicator { value: excerpt(value) });
    };
    let kind = IndicatorKind::parse(word).ok_or_else(|| Problem::BadValue {
        column: "kind",
        value: excerpt(word),
        expected: KINDS,
    })?;
    Indicator::new(kind, value).ok_or_else(|| Problem::BadValue {
        column: "value",
        value: excerpt(value),
        expected: expected_form(kind),
    })
}

fn expected_form(kind: IndicatorKind) -> &'static str {
    match kind {
        IndicatorKind::Ip => "an address like 198.51.100.7",
        IndicatorKind::Cidr => "a network like 198.51.100.0/24",
        IndicatorKind::Domain => "a domain like evil.example",
        IndicatorKind::Url => "a URL that begins with https:// or http://",
        IndicatorKind::Arn => "an ARN",
        IndicatorKind::AccessKey => "an access key id that begins with AKIA or ASIA",
        IndicatorKind::Account => "twelve digits",
        IndicatorKind::User | IndicatorKind::UserAgent => "a text without control characters",
    }
}

fn moment(
    row: &TextRow,
    index: Option<usize>,
    column: &'static str,
) -> Result<Option<EventTime>, Problem> {
    let Some(text) = row.value(index) else { return Ok(None) };
    let time = EventTime::parse_rfc3339(text)
        .or_else(|_| EventTime::parse_rfc3339(&format!("{text}T00:00:00Z")));
    let expected = "a time like 2026-06-01T12:30:00Z, or a day like 2026-06-01";
    let wrong = |_| Problem::BadValue { column, value: excerpt(text), expected };
    time.map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(list: &IntelList) -> Vec<String> {
        list.indicators.iter().map(|it| format!("{} {}", it.kind, it.value)).collect()
    }

    #[test]
    fn plain_lists_have_comments_and_kinds_by_form() {
        let text = "# exits\n198.51.100.7 # seen twice\r\n\n  203.0.113.0/24\nevil.example\n\
                    https://evil.example/#top\n";
        let list = IntelList::parse_plain("intel/x.txt", text).unwrap();
        let expected = [
            "ip 198.51.100.7",
            "cidr 203.0.113.0/24",
            "domain evil.example",
            "url https://evil.example/#top",
        ];
        assert_eq!(values(&list), expected);
        let error = IntelList::parse_plain("intel/x.txt", "1.2.3.4\nnonsense\n").unwrap_err();
        let expected = "intel/x.txt:2: `nonsense` is no address, network, domain, URL, ARN, access \
                        key or account; use a CSV with a column `kind` for anything else";
        assert_eq!(error.to_string(), expected);
    }

    fn check_table(csv: &str, expected: Result<&[&str], &str>) {
        let table = TextTable::parse_csv("intel/x.csv", csv).unwrap();
        let list = IntelList::from_table("intel/x.csv", &table);
        let found = list.map(|list| values(&list)).map_err(|error| error.to_string());
        let expected = expected
            .map(|values| values.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(found, expected, "{csv}");
    }

    #[test]
    fn tables_are_mapped_by_the_names_of_their_columns() {
        check_table("value\n198.51.100.7\n", Ok(&["ip 198.51.100.7"]));
        check_table(
            "note,value,kind\nx,Pacu,user_agent\ny,mallory,user\n",
            Ok(&["user_agent Pacu", "user mallory"]),
        );
        check_table("name\nx\n", Err("intel/x.csv:1: the column `value` is missing"));
        check_table("kind,value\nip,\n", Err("intel/x.csv:2: `value` is empty"));
        check_table(
            "kind,value\nip,evil.example\n",
            Err(
                "intel/x.csv:2: `evil.example` is not a value of `value`: use an address like 198.51.100.7",
            ),
        );
        check_table(
            "kind,value\nadress,198.51.100.7\n",
            Err(
                "intel/x.csv:2: `adress` is not a value of `kind`: use ip, cidr, domain, url, arn, \
                 access_key, user, account or user_agent",
            ),
        );
        check_table(
            "value,valid_until\n198.51.100.7,soon\n",
            Err("intel/x.csv:2: `soon` is not a value of `valid_until`: use a time like \
                 2026-06-01T12:30:00Z, or a day like 2026-06-01"),
        );
    }

    #[test]
    fn times_may_be_days() {
        let csv = "value,valid_from,valid_until\n198.51.100.7,2026-06-01,2026-06-02T12:00:00Z\n";
        let table = TextTable::parse_csv("intel/x.csv", csv).unwrap();
        let list = IntelList::from_table("intel/x.csv", &table).unwrap();
        let at = |text| list.indicators[0].is_valid_at(EventTime::parse_rfc3339(text).unwrap());
        assert!(!at("2026-05-31T23:59:59Z"));
        assert!(at("2026-06-01T00:00:00Z"));
        assert!(at("2026-06-02T11:59:59Z"));
        assert!(!at("2026-06-02T12:00:00Z"));
    }
}
