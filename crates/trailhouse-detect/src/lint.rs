//! What reads well but must not run, or will be regretted.
//!
//! | rule | level | what it asks |
//! | --- | --- | --- |
//! | `statement` | error | one SELECT, with or without WITH |
//! | `clock` | error | nothing that differs from run to run: `now()`, `current_date`, `random()`, ... |
//! | `time-bound` | error | no comparison of `event_time` or `event_date` with a fixed time |
//! | `portable` | warning | only what other SQL engines read alike; on request |
//! | `select-star` | error | output columns by name |
//! | `output-columns` | error | the columns of one of the two evidence shapes, all with names |
//! | `json-precedence` | error | parentheses around `a ->> 'b'` where another operator is beside it |
//! | `params` | error | the CTE `params` and the table `[params]` agree in names and defaults |
//! | `alert-key` | error | something to tell findings apart |
//! | `alert-columns` | error | `[alert]` names only output columns |
//! | `case-fires` | error | at least one case that fires |
//! | `case-quiet` | error | at least one case that does not |
//! | `case-events` | error | a case has events |
//! | `case-name` | error | names of cases are unique in their file |
//! | `duplicate-id` | error | ids are unique in the pack |
//! | `orphan` | error | a runbook or a file of cases lies beside its detection |
//! | `counts-by-arrival` | warning | `on = "event"` for what counts: how rows arrive would decide |
//! | `runbook` | warning | a runbook that says something |
//! | `techniques` | warning | at least one ATT&CK technique |
//! | `stranger` | warning | no files of an unknown kind |
//! | `expired` | warning | exceptions and silences that still apply |
//! | `far-end` | warning | exceptions and silences that end within half a year |
//! | `covers-all` | warning | an exception leaves something of what a detection finds |
//!
//! The rules look at text and tokens only. Whether tables, columns and functions exist is for the
//! engine to say, which plans the query.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    author::attack::{self, ATTACK_VERSION, Standing},
    cases::Case,
    catalog::{Pack, PackEntry},
    definition::Detection,
    diagnostic::{DetectionError, printable},
    lint_sql::lint_sql,
};

/// How bad a lint finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintSeverity {
    /// Better mended.
    Warning,
    /// The pack must not be used like this.
    Error,
}

impl LintSeverity {
    /// Returns the word that stands for the level.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A rule of the lint; see the table of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table of the module says what each rule asks")]
pub enum LintRule {
    Statement,
    Clock,
    TimeBound,
    Portable,
    SelectStar,
    OutputColumns,
    JsonPrecedence,
    Params,
    AlertKey,
    AlertColumns,
    CaseFires,
    CaseQuiet,
    CaseEvents,
    CaseName,
    DuplicateId,
    Orphan,
    CountsByArrival,
    Runbook,
    Techniques,
    Stranger,
    Expired,
    FarEnd,
    CoversAll,
}

impl LintRule {
    /// All rules.
    pub const ALL: [Self; 23] = [
        Self::Statement,
        Self::Clock,
        Self::TimeBound,
        Self::Portable,
        Self::SelectStar,
        Self::OutputColumns,
        Self::JsonPrecedence,
        Self::Params,
        Self::AlertKey,
        Self::AlertColumns,
        Self::CaseFires,
        Self::CaseQuiet,
        Self::CaseEvents,
        Self::CaseName,
        Self::DuplicateId,
        Self::Orphan,
        Self::CountsByArrival,
        Self::Runbook,
        Self::Techniques,
        Self::Stranger,
        Self::Expired,
        Self::FarEnd,
        Self::CoversAll,
    ];

    /// Returns the name of the rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Clock => "clock",
            Self::TimeBound => "time-bound",
            Self::Portable => "portable",
            Self::SelectStar => "select-star",
            Self::OutputColumns => "output-columns",
            Self::JsonPrecedence => "json-precedence",
            Self::Params => "params",
            Self::AlertKey => "alert-key",
            Self::AlertColumns => "alert-columns",
            Self::CaseFires => "case-fires",
            Self::CaseQuiet => "case-quiet",
            Self::CaseEvents => "case-events",
            Self::CaseName => "case-name",
            Self::DuplicateId => "duplicate-id",
            Self::Orphan => "orphan",
            Self::CountsByArrival => "counts-by-arrival",
            Self::Runbook => "runbook",
            Self::Techniques => "techniques",
            Self::Stranger => "stranger",
            Self::Expired => "expired",
            Self::FarEnd => "far-end",
            Self::CoversAll => "covers-all",
        }
    }

    /// Returns what the rule asks, in a few words.
    pub fn asks(self) -> &'static str {
        match self {
            Self::Statement => "one SELECT, with or without WITH",
            Self::Clock => "nothing that differs from run to run",
            Self::TimeBound => "no comparison of event_time or event_date with a fixed time",
            Self::Portable => "only what other SQL engines read alike",
            Self::SelectStar => "output columns by name",
            Self::OutputColumns => "the columns of one of the two evidence shapes, all with names",
            Self::JsonPrecedence => {
                "parentheses around a JSON operator where another operator is beside it"
            }
            Self::Params => "the CTE params and the table [params] agree",
            Self::AlertKey => "something to tell findings apart",
            Self::AlertColumns => "[alert] names only output columns",
            Self::CaseFires => "at least one case that fires",
            Self::CaseQuiet => "at least one case that does not fire",
            Self::CaseEvents => "a case has events",
            Self::CaseName => "names of cases are unique in their file",
            Self::DuplicateId => "ids are unique",
            Self::Orphan => "a runbook or a file of cases lies beside its detection",
            Self::CountsByArrival => "on = event for what counts: how rows arrive would decide",
            Self::Runbook => "a runbook that says something",
            Self::Techniques => "at least one ATT&CK technique, by an id that ATT&CK has",
            Self::Stranger => "no files of an unknown kind",
            Self::Expired => "no exception or silence that has ended",
            Self::FarEnd => "exceptions and silences end within half a year",
            Self::CoversAll => "an exception leaves something of what a detection finds",
        }
    }

    /// Returns how bad a finding of the rule is.
    pub fn severity(self) -> LintSeverity {
        match self {
            Self::CountsByArrival
            | Self::Portable
            | Self::Runbook
            | Self::Techniques
            | Self::Stranger
            | Self::Expired
            | Self::FarEnd
            | Self::CoversAll => LintSeverity::Warning,
            Self::Statement
            | Self::Clock
            | Self::TimeBound
            | Self::SelectStar
            | Self::OutputColumns
            | Self::JsonPrecedence
            | Self::Params
            | Self::AlertKey
            | Self::AlertColumns
            | Self::CaseFires
            | Self::CaseQuiet
            | Self::CaseEvents
            | Self::CaseName
            | Self::DuplicateId
            | Self::Orphan => LintSeverity::Error,
        }
    }

    /// Makes a finding of the rule about a line.
    pub fn finding(self, origin: &str, line: u32, message: impl Into<String>) -> LintFinding {
        LintFinding {
            code: self.as_str(),
            severity: self.severity(),
            origin: origin.to_owned(),
            line,
            column: 1,
            columns: 0,
            message: printable(&message.into()),
            help: None,
        }
    }
}

/// One thing that the lint does not like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintFinding {
    /// The name of the rule, or the code of an error that kept the file from being read.
    pub code: &'static str,
    /// How bad it is.
    pub severity: LintSeverity,
    /// The file.
    pub origin: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// How many characters of that line it concerns; 0 where it concerns the line.
    pub columns: u32,
    /// What is wrong.
    pub message: String,
    /// What to do, where the message does not say it.
    pub help: Option<String>,
}

impl LintFinding {
    /// Narrows the finding to some characters of its line.
    #[must_use]
    pub fn at(mut self, column: u32, columns: u32) -> Self {
        self.column = column;
        self.columns = columns;
        self
    }
}

impl From<&DetectionError> for LintFinding {
    fn from(error: &DetectionError) -> Self {
        Self {
            code: error.code.as_str(),
            severity: LintSeverity::Error,
            origin: error.origin.clone(),
            line: error.line,
            column: error.column,
            columns: error.columns,
            message: error.message.clone(),
            help: error.help.clone(),
        }
    }
}

/// Judges one detection without what lies beside it. `origin` only names the file in messages.
pub fn lint_detection(origin: &str, detection: &Detection) -> Vec<LintFinding> {
    let mut findings = lint_sql(origin, detection);
    findings.extend(lint_techniques(origin, detection));
    in_order(findings)
}

fn lint_techniques(origin: &str, detection: &Detection) -> Vec<LintFinding> {
    if detection.techniques.is_empty() {
        return vec![LintRule::Techniques.finding(origin, 1, "`mitre` names no technique")];
    }
    let mut findings = Vec::new();
    for named in &detection.techniques {
        if attack::standing(&named.technique) == Standing::Unknown {
            let message = format!("`{named}` is in no version of ATT&CK up to {ATTACK_VERSION}");
            findings.push(LintRule::Techniques.finding(origin, 1, message));
        }
    }
    findings
}

/// Judges a pack: its detections, what lies beside them, and how they stand to each other.
pub fn lint_pack(pack: &Pack) -> Vec<LintFinding> {
    let mut findings = Vec::new();
    for entry in &pack.entries {
        findings.extend(lint_detection(&entry.path, &entry.detection));
        findings.extend(lint_runbook(entry));
        findings.extend(lint_cases(entry));
    }
    findings.extend(lint_ids(pack));
    for path in &pack.orphans {
        findings.push(LintRule::Orphan.finding(path, 1, "there is no detection of this name here"));
    }
    for path in &pack.strangers {
        findings.push(LintRule::Stranger.finding(
            path,
            1,
            "the file is of no kind that a pack has",
        ));
    }
    in_order(findings)
}

fn in_order(mut findings: Vec<LintFinding>) -> Vec<LintFinding> {
    findings.sort_by(|a, b| (&a.origin, a.line, a.code).cmp(&(&b.origin, b.line, b.code)));
    findings
}

fn lint_runbook(entry: &PackEntry) -> Option<LintFinding> {
    match &entry.runbook {
        Some(text) if !text.trim().is_empty() => None,
        Some(_) => {
            Some(LintRule::Runbook.finding(&entry.runbook_path(), 1, "the runbook is empty"))
        }
        None => {
            let message = format!("there is no runbook {}", entry.runbook_path());
            Some(LintRule::Runbook.finding(&entry.path, 1, message))
        }
    }
}

fn lint_cases(entry: &PackEntry) -> Vec<LintFinding> {
    let path = entry.cases_path();
    let cases = entry.cases.as_deref().unwrap_or_default();
    let origin = if entry.cases.is_some() { path.as_str() } else { entry.path.as_str() };
    let mut findings = Vec::new();
    if !cases.iter().any(|case| case.fires) {
        let message = format!("{path} needs a case with \"fires\": true");
        findings.push(LintRule::CaseFires.finding(origin, 1, message));
    }
    if cases.iter().all(|case| case.fires) {
        let message = format!("{path} needs a near miss, a case with \"fires\": false");
        findings.push(LintRule::CaseQuiet.finding(origin, 1, message));
    }
    let mut names = BTreeSet::new();
    for case in cases {
        if !names.insert(case.name.as_str()) {
            let message = format!("another case is named `{}`", case.name);
            findings.push(LintRule::CaseName.finding(origin, case.line, message));
        }
        findings.extend(lint_events(origin, case));
    }
    findings
}

fn lint_events(origin: &str, case: &Case) -> Option<LintFinding> {
    let is_empty = case.events.is_empty() && case.history.is_empty();
    let message = format!("the case `{}` has no events", case.name);
    is_empty.then(|| LintRule::CaseEvents.finding(origin, case.line, message))
}

fn lint_ids(pack: &Pack) -> Vec<LintFinding> {
    let mut first_paths = BTreeMap::new();
    let mut findings = Vec::new();
    for entry in &pack.entries {
        let id = &entry.detection.id;
        if let Some(first) = first_paths.get(id) {
            let message = format!("the id `{id}` is already taken by {first}");
            findings.push(LintRule::DuplicateId.finding(&entry.path, 1, message));
        } else {
            first_paths.insert(id.clone(), entry.path.clone());
        }
    }
    findings
}
