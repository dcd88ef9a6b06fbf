//! Exceptions: findings that are known to be harmless, with a reason, an owner and an end.

use std::{fmt, sync::Arc};

use trailhouse_model::{ObjectId, Severity};

use super::{
    condition::check_condition,
    place::{Place, SiteFile},
    selector::RuleSelector,
    silence::{SILENCE_KEYS, Silence, read_silence},
};
use crate::{
    definition::{is_slug, parse_tag},
    diagnostic::{DetectionErrors, Report},
    section::{Keys, Section, read_document},
    words::CalendarDay,
};

/// The name of an exception: the key `id`, or else made from what it says, so that it stays when
/// its reason, its end or its place in the file changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExceptionId(String);

impl ExceptionId {
    /// Takes a name that was stored.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExceptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What an exception does to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExceptionMode {
    /// It does not alert.
    Suppress,
    /// Its severity is at most this.
    Downgrade(Severity),
    /// It carries this tag.
    Tag(String),
}

/// A table `[[exception]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its name.
    pub id: ExceptionId,
    /// The rules whose findings it is about.
    pub rule: RuleSelector,
    /// Which findings: an SQL condition over the rule's output columns.
    pub condition: String,
    /// Why they are harmless.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day, in UTC, on which it applies.
    pub expires: CalendarDay,
    /// What it does.
    pub mode: ExceptionMode,
    /// The most findings of one day to which it applies; any number where it is absent.
    pub hits_per_day_max: Option<u32>,
    /// Where its condition stands.
    pub place: Place,
}

/// What a file of exceptions holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionFile {
    /// Its exceptions, in order.
    pub exceptions: Vec<Exception>,
    /// Its silences, in order.
    pub silences: Vec<Silence>,
}

impl ExceptionMode {
    /// Reads `suppress`, `downgrade:low` or `tag:known`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const HELP: &str = "use suppress, downgrade:LEVEL or tag:WORD";
        match text.split_once(':') {
            None if text == "suppress" => Ok(Self::Suppress),
            Some(("downgrade", level)) => level.parse().map(Self::Downgrade).map_err(|_| HELP),
            Some(("tag", word)) if !word.is_empty() => parse_tag(word).map(Self::Tag),
            Some(_) | None => Err(HELP),
        }
    }
}

impl fmt::Display for ExceptionMode {
    /// Writes the text that [`ExceptionMode::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suppress => f.write_str("suppress"),
            Self::Downgrade(level) => write!(f, "downgrade:{level}"),
            Self::Tag(word) => write!(f, "tag:{word}"),
        }
    }
}

impl Exception {
    /// Says whether it applies on that day.
    pub fn is_current(&self, today: CalendarDay) -> bool {
        today <= self.expires
    }

    /// Returns what a suppressed finding has in `suppressed_by`.
    pub fn label(&self) -> String {
        format!("exception:{}", self.id)
    }
}

const FILE_KEYS: Keys = Keys { known: &["exception", "silence"], required: &[] };
const EXCEPTION_KEYS: Keys = Keys {
    known: &["id", "rule", "where", "reason", "owner", "expires", "mode", "max_hits_per_day"],
    required: &["rule", "where", "reason", "owner", "expires"],
};

/// Reads a file of exceptions and silences. `origin` only names the file in messages.
pub fn parse_exceptions(origin: &str, text: String) -> Result<ExceptionFile, DetectionErrors> {
    let file = Arc::new(SiteFile { origin: origin.to_owned(), text });
    let report = Report::new(&file.origin, &file.text);
    read_document(&file.text, report, |table, first_line, report| {
        let root = Section::open(String::new(), table, first_line, &FILE_KEYS, report);
        let mut found = ExceptionFile::default();
        for section in root.children("exception", &EXCEPTION_KEYS, report) {
            found.exceptions.extend(read_exception(&section, &file, report));
        }
        for section in root.children("silence", &SILENCE_KEYS, report) {
            let place = Place::new(&file, section.span());
            found.silences.extend(read_silence(&section, place, report));
        }
        Some(found)
    })
}

fn read_exception(
    section: &Section<'_>,
    file: &Arc<SiteFile>,
    report: &mut Report<'_>,
) -> Option<Exception> {
    let id = section.parsed("id", report, |text| {
        is_slug(text).then(|| text.to_owned()).ok_or("use lower-case words joined by dashes")
    });
    let rule = section.parsed("rule", report, RuleSelector::parse);
    let condition = section.parsed("where", report, check_condition);
    let span = section.value("where").map_or_else(|| section.span(), |found| found.span);
    let reason = section.line("reason", report);
    let owner = section.line("owner", report);
    let expires = section.day("expires", report);
    let mode = section.parsed("mode", report, ExceptionMode::parse);
    let hits_per_day_max = section.count("max_hits_per_day", report);
    let (rule, condition) = (rule?, condition?);
    let mode = mode.unwrap_or(ExceptionMode::Suppress);
    let id = id.unwrap_or_else(|| made_up_id(&file.origin, &rule, &condition, &mode));
    Some(Exception {
        id: ExceptionId(id),
        rule,
        condition,
        reason: reason?,
        owner: owner?,
        expires: expires?,
        mode,
        hits_per_day_max,
        place: Place::new(file, span),
    })
}

fn made_up_id(origin: &str, rule: &RuleSelector, condition: &str, mode: &ExceptionMode) -> String {
    let name = origin.rsplit('/').next().unwrap_or(origin);
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    let (rule, mode) = (rule.to_string(), mode.to_string());
    let parts = [b"exception", rule.as_bytes(), condition.as_bytes(), mode.as_bytes()];
    let digits: String = ObjectId::from_parts(&parts).to_string().chars().take(8).collect();
    format!("{stem}-{digits}")
}
