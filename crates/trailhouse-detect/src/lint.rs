//! What reads well but must not run, or will be regretted.
//!
//! | rule | level | what it asks |
//! | --- | --- | --- |
//! | `statement` | error | one SELECT, with or without WITH |
//! | `clock` | error | nothing that differs from run to run: `now()`, `current_date`, `random()`, ... |
//! | `time-bound` | error | no comparison of `event_time` or `event_date` with a fixed time |
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
//! | `runbook` | warning | a runbook that says something |
//! | `techniques` | warning | at least one ATT&CK technique |
//! | `stranger` | warning | no files of an unknown kind |
//!
//! The rules look at text and tokens only. Whether tables, columns and functions exist is for the
//! engine to say, which plans the query.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
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
    Runbook,
    Techniques,
    Stranger,
}

impl LintRule {
    /// Returns the name of the rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Clock => "clock",
            Self::TimeBound => "time-bound",
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
            Self::Runbook => "runbook",
            Self::Techniques => "techniques",
            Self::Stranger => "stranger",
        }
    }

    /// Returns how bad a finding of the rule is.
    pub fn severity(self) -> LintSeverity {
        match self {
            Self::Runbook | Self::Techniques | Self::Stranger => LintSeverity::Warning,
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

    pub(crate) fn finding(
        self,
        origin: &str,
        line: u32,
        message: impl Into<String>,
    ) -> LintFinding {
        LintFinding {
            code: self.as_str(),
            severity: self.severity(),
            origin: origin.to_owned(),
            line,
            message: printable(&message.into()),
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
    /// What is wrong and what to do.
    pub message: String,
}

impl From<&DetectionError> for LintFinding {
    fn from(error: &DetectionError) -> Self {
        let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        Self {
            code: error.code.as_str(),
            severity: LintSeverity::Error,
            origin: error.origin.clone(),
            line: error.line,
            message: format!("{}{help}", error.message),
        }
    }
}

/// Judges one detection without what lies beside it. `origin` only names the file in messages.
pub fn lint_detection(origin: &str, detection: &Detection) -> Vec<LintFinding> {
    let mut findings = lint_sql(origin, detection);
    if detection.techniques.is_empty() {
        findings.push(LintRule::Techniques.finding(origin, 1, "`mitre` names no technique"));
    }
    in_order(findings)
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
